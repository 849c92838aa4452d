"""One door for rank tests: what is compared, as published or as the design asks for.

`samples` makes one sample for each row that is asked for; `test_groups` and `test_pair` test a
sample by the design and return finished columns. The published tests stand beside the public
functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from ...formula import columns_of, factor
from ...kernels.permutation.arrangements import (
    Statistic,
    additive_residuals,
    between_statistic,
    crossed_statistic,
    difference_statistic,
    permutation_test,
    robust_statistic,
)
from ...kernels.ranks.effects import (
    Dominance,
    Effects,
    clustered_effects,
    dominance_interval,
    equivalence_p,
    mean_ranks,
    share_interval,
)
from ...results.frame import join_reasons
from ...types import Floats, Ints, Mask, Row
from ..shared.study import (
    Groups,
    Resampling,
    Units,
    assignment,
    codes_of,
    item_strata,
    participant_units,
    permutation_columns,
    within_item_units,
    within_modalities,
)
from .by_model import Modelled, Shift, model_groups, model_pair

Alternative = Literal["two-sided", "less", "greater"]

#: Values that differ by less than this part of their spread are ties after an adjustment.
_TIE = 1e-8

#: Why an effect has no interval.
NO_INTERVAL = "no interval: too few participants or items, or the groups do not overlap"

METHODS = {
    "within_item": "values less participant and item effects, permuted within items",
    "participant": "participants permuted, cluster-robust errors",
    "observed": "mixed model of the values, within items and participants",
}


@dataclass(frozen=True)
class Question:
    """What is asked of a rank test.

    Parameters
    ----------
    response, factor : str
        Both sides of a formula.
    dependence : tuple of str
        Rows to give.
    assigned : str or None
        How the factor was assigned, where the study does not say it or is overruled.
    strata : str or None
        Another trait within whose levels participants are permuted.
    conf_level : float
        Confidence level.
    alternative : {"two-sided", "less", "greater"}
        Whether the first of two groups differs, is lower or is higher.
    equivalence_margin : float or None
        Rank-biserial correlations nearer to 0 than this count as no difference.
    """

    response: str
    factor: str
    dependence: tuple[str, ...]
    assigned: str | None
    strata: str | None
    conf_level: float
    alternative: Alternative = "two-sided"
    equivalence_margin: float | None = None


@dataclass(frozen=True)
class Sample:
    """What one row of a result compares.

    Parameters
    ----------
    question : Question
        What is asked.
    frame : DataFrame
        All rows, those with missing values included: they tell who had which list.
    recorded : Groups
        Groups of the values as they were recorded.
    groups : Groups
        The same values as they are ranked, that is, after any adjustment.
    how : str
        How the factor was assigned; empty for the published test, which does not ask.
    note : str
        What is to be said of the adjustment.
    """

    question: Question
    frame: pd.DataFrame
    recorded: Groups
    groups: Groups
    how: str = ""
    note: str = ""

    @property
    def dependence(self) -> str:
        """Which row this is."""
        return "design" if self.how else "independent"

    @property
    def is_modelled(self) -> bool:
        """Whether a mixed model of the values tests the groups; otherwise something is permuted.

        This and `_statistic`, which says what is permuted, are all that chooses a method.
        """
        return self.how == "observed"

    @property
    def method(self) -> str:
        """How the design is respected, in words."""
        words, strata = METHODS[self.how], self.question.strata
        if self.how == "within_item":
            inside = within_modalities(self.frame, self.question.factor)
            return words + (" and modalities" if inside else "")
        return words + (f", within {strata}" if strata else "")

    @property
    def rows(self) -> pd.DataFrame:
        """Rows that enter."""
        return self.frame[self.groups.use]

    @property
    def clusters(self) -> tuple[Ints, Ints]:
        """Participant and item of each row."""
        return codes_of(self.rows["participant"]), codes_of(self.rows["item"])

    @property
    def units(self) -> Units:
        """What moves together when the factor is permuted."""
        by, use = self.question.factor, self.groups.use
        if self.how == "within_item":
            return within_item_units(self.frame, by, use)
        return participant_units(self.frame, by, use, strata=self.question.strata)

    @property
    def mean_ranks(self) -> Floats:
        """Mean rank of each group among the values as they are ranked."""
        return mean_ranks(self.groups.values, self.groups.codes, len(self.groups.levels))

    @property
    def effects(self) -> Effects:
        """Relative effects of the groups, with errors by participants and items."""
        groups, nested = self.groups, self.how == "participant"
        k = len(groups.levels)
        return clustered_effects(groups.values, groups.codes, k, self.clusters, nested=nested)

    @property
    def modelled(self) -> Modelled:
        """What the mixed model needs."""
        groups, rows = self.groups, self.rows
        also = "modality" in rows and "modality" not in columns_of(self.question.factor, self.frame)
        modality = codes_of(rows["modality"]) if also else None
        return Modelled(groups.values, groups.codes, len(groups.levels), *self.clusters, modality)

    def of_pair(self, first: int, second: int) -> tuple[Sample, Mask]:
        """The sample of two of the groups, and which values these are."""
        groups = self.groups
        members = (groups.codes == first) | (groups.codes == second)
        use = groups.use.copy()
        use[use] = members
        pair = replace(
            groups,
            values=groups.values[members],
            codes=(groups.codes[members] == second).astype(np.intp),
            levels=[groups.levels[first], groups.levels[second]],
            use=use,
        )
        return replace(self, groups=pair), members


# ------------------------------------------------------------------------- samples


def samples(frame: pd.DataFrame, groups: Groups, question: Question) -> list[Sample]:
    """A sample for each row that is asked for, its values adjusted as the assignment asks for.

    Parameters
    ----------
    frame : DataFrame
        An annotation frame.
    groups : Groups
        Groups of the response in this frame.
    question : Question
        What is asked.

    Raises
    ------
    DesignError
        When nothing says how the factor was assigned, or strata are asked for elsewhere.
    """
    published = Sample(question, frame, groups, groups)
    return [
        published if dependence == "independent" else _by_design(published)
        for dependence in question.dependence
    ]


def _by_design(sample: Sample) -> Sample:
    """The sample with values adjusted as the assignment of the factor asks for."""
    question, groups = sample.question, sample.groups
    how = assignment(sample.frame, question.factor, question.assigned, question.strata)
    sample = replace(sample, how=how)
    if groups.problem or sample.is_modelled:
        return sample
    if how == "within_item":
        codes = [codes_of(sample.rows["participant"]), item_strata(sample.rows, question.factor)]
        values, note = _less_effects(groups.values, codes)
        return replace(sample, groups=replace(groups, values=values), note=note)
    return sample if question.strata is None else _within_strata(sample, question.strata)


def _within_strata(sample: Sample, strata: str) -> Sample:
    """The sample of the rows that have a stratum, values less the means of the strata."""
    groups = sample.groups
    known = factor(strata, sample.frame).notna().to_numpy()
    inside = known[groups.use]
    n_without = int((~inside).sum())
    present, codes = np.unique(groups.codes[inside], return_inverse=True)
    recorded = replace(
        groups,
        values=groups.values[inside],
        codes=codes,
        levels=[groups.levels[code] for code in present],
        n_missing=groups.n_missing + n_without,
        use=groups.use & known,
    )
    levels = factor(strata, sample.frame[recorded.use]).cat.codes.to_numpy().astype(np.intp)
    values = _less_effects_of(recorded.values, [levels])
    note = f"{n_without} rows have no {strata} and were left out" if n_without else ""
    return replace(sample, recorded=recorded, groups=replace(recorded, values=values), note=note)


def _less_effects(values: Floats, codes: Sequence[Ints]) -> tuple[Floats, str]:
    """Values less effects of participants and items; of items alone where nothing would remain."""
    for factors, note in (
        (codes, ""),
        (codes[1:], "participant effects were not removed: nothing would be left"),
        ([], "neither participant nor item effects were removed: nothing would be left"),
    ):
        residuals = _less_effects_of(values, factors)
        if np.ptp(residuals) > 0:
            return residuals, note
    return values, ""


def _less_effects_of(values: Floats, factors: Sequence[Ints]) -> Floats:
    """Residuals of an additive model, without the noise of arithmetic, so that ties stay ties."""
    residuals = additive_residuals(values[:, None], factors)[:, 0] if factors else values
    unit = _TIE * float(np.ptp(values)) if len(values) else 0.0
    return np.round(residuals / unit) * unit if unit > 0 else residuals


# ------------------------------------------------------------------------- tests


def test_groups(sample: Sample, resampling: Resampling) -> Row:
    """Test of all groups by the design.

    Parameters
    ----------
    sample : Sample
        What is compared.
    resampling : Resampling
        Arrangements, and draws behind the interval.

    Returns
    -------
    dict
        Columns of the test and of epsilon squared; the warning says what is missing.
    """
    groups = sample.groups
    if groups.problem:
        reason = join_reasons(groups.problem, sample.note, groups.note)
        return {"statistic_name": "H", "warning": reason}
    effects: Effects | Shift | None
    if sample.is_modelled:
        test, effects = model_groups(sample.modelled)
    else:
        test, effects = _permuted_groups(sample, resampling)
    share = _share_columns(effects, sample)
    return test | share | {"warning": _reasons(test, share, groups)}


def test_pair(sample: Sample, pair: tuple[int, int], resampling: Resampling) -> Row:
    """Test of two groups by the design; ranks are those among all groups.

    Parameters
    ----------
    sample : Sample
        What is compared.
    pair : tuple of two int
        The two groups.
    resampling : Resampling
        Arrangements.

    Returns
    -------
    dict
        Columns of the test, with the difference of mean ranks or of adjusted means as `estimate`,
        and of the rank-biserial correlation; the warning says what is missing.
    """
    groups = sample.groups
    if groups.problem:
        return {"warning": join_reasons(groups.problem, sample.note, groups.note)}
    two, members = sample.of_pair(*pair)
    effects: Effects | Shift | None
    if sample.is_modelled:
        test, effects = model_pair(two.modelled, sample.question.alternative)
    else:
        test, effects = _permuted_pair(two, stats.rankdata(groups.values)[members], resampling)
    dominance = _dominance_columns(effects, sample.question)
    return test | dominance | {"warning": _reasons(test, dominance, groups)}


def _permuted_groups(sample: Sample, resampling: Resampling) -> tuple[Row, Effects]:
    """Columns of a permutation test of all groups, and their effects."""
    ranks, units = stats.rankdata(sample.groups.values), sample.units
    statistic, lonely = _statistic(sample, ranks, units)
    row = _permuted(statistic, units, resampling, sample.note, lonely)
    name, df = "H" if lonely else "chi2", len(sample.groups.levels) - 1.0
    return row | {"statistic_name": name, "df": df}, sample.effects


def _permuted_pair(
    sample: Sample, ranks: Floats, resampling: Resampling
) -> tuple[Row, Effects | None]:
    """Columns of a permutation test of two groups, and their effects where values differ."""
    codes, units = sample.groups.codes, sample.units
    row: Row = {"estimate": ranks[codes == 0].mean() - ranks[codes == 1].mean()}
    if np.ptp(ranks) == 0:
        return row | {"statistic_name": "t", "warning": "all values are equal"}, None
    statistic, lonely = _statistic(sample, ranks, units, sample.question.alternative)
    row |= _permuted(statistic, units, resampling, sample.note, lonely)
    signed, _ = _statistic(sample, ranks, units, "greater")
    row["statistic"] = signed(units.codes[None, :])[0, 0]
    return row | {"statistic_name": "z" if lonely else "t"}, sample.effects


def _statistic(
    sample: Sample, ranks: Floats, units: Units, alternative: str | None = None
) -> tuple[Statistic, str]:
    """What is permuted, chosen by how the factor was assigned, and why it is not studentized.

    Without an alternative it is that of all groups, else the difference of two.
    """
    k = len(sample.groups.levels)
    if sample.how == "within_item":
        return crossed_statistic(ranks, units.row, k, sample.clusters, alternative), ""
    few = np.bincount(units.codes, minlength=k) < 2
    if not few.any():
        return robust_statistic(ranks, units.row, k, alternative), ""
    names = [name for name, is_few in zip(sample.groups.levels, few, strict=True) if is_few]
    lonely = f"a single participant in {', '.join(names)}: not studentized"
    if alternative is None:
        return between_statistic(ranks, units.row, k), lonely
    variance = float(ranks.var(ddof=1))
    return difference_statistic(ranks, units.row, variance, alternative), lonely


def _permuted(statistic: Statistic, units: Units, resampling: Resampling, *notes: str) -> Row:
    """Columns of a permutation test."""
    test = permutation_test(statistic, units.codes, units.strata, **resampling._asdict())
    columns = permutation_columns(test)
    reason = join_reasons(columns["warning"], *notes)
    return columns | {"statistic": test.observed[0], "warning": reason}


def _reasons(test: Row, effect: Row, groups: Groups) -> str:
    return join_reasons(test.get("warning", ""), effect.get("warning", ""), groups.note)


# ------------------------------------------------------------------------- effect sizes


def _share_columns(effects: Effects | Shift | None, sample: Sample) -> Row:
    """Epsilon squared, with its interval or the reason why it has none."""
    if effects is None:
        return {}
    if isinstance(effects, Shift):
        share, within, effects = effects.share, effects.sd**2, effects.effects
    else:
        ranks = stats.rankdata(sample.groups.values)
        share = effects.share_of_ranks(ranks)
        within = effects.variance_of_ranks(ranks) * (1 - share)
    low, high = share_interval(effects, share, within, sample.question.conf_level)
    reason = NO_INTERVAL if np.isnan(low) else ""
    return {"effect_size": share, "conf_low": low, "conf_high": high, "warning": reason}


def _dominance_columns(effects: Effects | Shift | None, question: Question) -> Row:
    """Rank-biserial correlation with its interval and, with a margin, p of equivalence."""
    if effects is None:
        return {}
    if isinstance(effects, Effects):
        return biserial_columns(effects.dominance(), question, NO_INTERVAL)
    margin = question.equivalence_margin
    delta, low, high = effects.dominance(question.conf_level)
    row: Row = {"effect_size": delta, "conf_low": low, "conf_high": high}
    return row if margin is None else row | {"p_equivalence": effects.equivalence_p(margin)}


def biserial_columns(dominance: Dominance, question: Question, no_interval: str) -> Row:
    """Rank-biserial correlation with its interval and, with a margin, p of equivalence.

    Parameters
    ----------
    dominance : Dominance
        The correlation and its error.
    question : Question
        Confidence level and margin.
    no_interval : str
        What is said where there is no interval.
    """
    low, high = dominance_interval(dominance, question.conf_level)
    row: Row = {"effect_size": dominance.delta, "conf_low": low, "conf_high": high}
    if question.equivalence_margin is not None:
        row["p_equivalence"] = equivalence_p(dominance, question.equivalence_margin)
    return row | {"warning": no_interval if np.isnan(low) else ""}
