"""One door for rank tests: what is compared, as published or as the design asks for.

`samples` makes one sample for each row that is asked for; `test_groups` and `test_pair` test a
sample by the design and return finished columns. The published tests stand beside the public
functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from ...formula import columns_of, factor
from ...kernels.permutation.arrangements import (
    dense_codes,
    less_means,
    permutation_test,
    raised_by,
    raised_for_few,
    rarest,
    without_effects,
)
from ...kernels.ranks.dominance import (
    Dominance,
    dominance_interval,
    equivalence_p,
    mean_ranks,
)
from ...kernels.ranks.effects import (
    CrossedRanks,
    Effects,
    clustered_effects,
    share_interval,
)
from ...kernels.ranks.unit_statistics import (
    between_statistic,
    difference_statistic,
    robust_statistic,
)
from ...results.frame import join_reasons
from ...types import Floats, Ints, Mask, Row, Statistic
from ..shared.study import (
    FEWEST,
    NO_DESIGN,
    Groups,
    Resampling,
    Units,
    assignment,
    codes_of,
    few_with_traits,
    item_strata,
    item_units,
    participant_units,
    people_codes,
    permutation_columns,
    shared_items,
    too_few,
    untold,
    within_item_units,
    within_modalities,
)
from .by_model import Modelled, Shift, model_groups, model_pair

Alternative = Literal["two-sided", "less", "greater"]

#: Why an effect has no interval.
NO_INTERVAL = "no interval: too few participants or items, or the groups do not overlap"

#: What is said of tests of ratings without ids of their raters.
WITHOUT_IDS = "ratings have no ids of participants: each is taken as another person's"

#: What is said of a method: permuted, and modelled.
METHODS = {
    "unknown": "the frame does not name its items",
    "within_item": "values less participant and item effects, permuted within items",
    "participant": "values less item effects, participants permuted, two-way clustered errors",
    "few_items": "values less item effects, participants permuted, clustered errors",
    "item": "values less participant effects, whole items permuted, two-way clustered errors",
    "observed": "mixed model of the values, within items and participants",
}
MODELLED = "mixed model of the values with reactions of participants and items"

#: From so many participants and items on arrangements hold their level where people or items react
#: to the factor. With fewer a mixed model does, in studies of up to so many rows.
MANY, LARGEST = 40, 10_000

#: What is said where a level is not known to hold.
_BEYOND, _REACT = "outside of the calibrated range, p is too small where ", "react differently"


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
    raised : float
        Factor of the variance between participants that makes up for the adjustment.
    """

    question: Question
    frame: pd.DataFrame
    recorded: Groups
    groups: Groups
    how: str = ""
    note: str = ""
    raised: float = 1.0

    @property
    def dependence(self) -> str:
        """Which row this is."""
        return "design" if self.how else "independent"

    @property
    def is_modelled(self) -> bool:
        """Whether a mixed model of the values tests the groups; otherwise something is permuted.

        This and `_statistic`, which says what is permuted, are all that chooses a method.
        """
        if self.how not in ("within_item", "item"):
            return self.how == "observed"
        return min(self.fewest[0], self.rare[0]) < MANY and len(self.recorded.values) <= LARGEST

    @property
    def method(self) -> str:
        """How the design is respected, in words."""
        words, strata = METHODS["few_items" if self.few_items else self.how], self.question.strata
        if self.how in ("within_item", "item") and self.is_modelled:
            words = MODELLED
        elif self.how == "within_item":
            inside = within_modalities(self.frame, self.question.factor)
            return words + (" and modalities" if inside else "")
        return words + (f", within {strata}" if strata else "")

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows that enter."""
        return self.frame[self.groups.use]

    @cached_property
    def clusters(self) -> tuple[Ints, Ints]:
        """Participant of each row, and its item or what moves in the item's place."""
        item = self.units.row if self.how == "item" else codes_of(self.rows["item"])
        return people_codes(self.rows), item

    @cached_property
    def fewest(self) -> tuple[int, str]:
        """Smaller number of participants or items, and which of them it is."""
        numbers = [int(codes.max(initial=-1)) + 1 for codes in self.clusters]
        return min(zip(numbers, ("participants", "items"), strict=True))

    @cached_property
    def rare(self) -> tuple[float, str, str]:
        """Fewest participants or items of a group that most of them lack, which, and the group.

        How they react to that group only they can tell. From `FEWEST` on it must have two rows of
        each: reactions are else part of the errors.
        """
        codes = self.groups.codes * (self.how != "participant")  # nobody lacks a level of a trait
        rare = [rarest(some, codes, 2, FEWEST) for some in self.clusters]
        (count, code), kind = min(zip(rare, ("participants", "items"), strict=True))
        return count, kind, [*self.groups.levels, ""][code]

    @cached_property
    def units(self) -> Units:
        """What moves together when the factor is permuted."""
        by, use = self.question.factor, self.groups.use
        if self.how == "within_item":
            return within_item_units(self.frame, by, use)
        own = item_units if self.how == "item" else participant_units
        return own(self.frame, by, use, strata=self.question.strata)

    @property
    def mean_ranks(self) -> Floats:
        """Mean rank of each group among the values as they are ranked."""
        return mean_ranks(self.groups.values, self.groups.codes, len(self.groups.levels))

    @property
    def problem(self) -> str:
        """Why the design allows no test of the groups; empty where it allows one."""
        if self.groups.problem or self.how == "participant":
            return self.groups.problem
        count, kind = self.fewest
        if few := too_few(count, kind):
            return few
        if self.how == "within_item" and _is_constant(self.units):
            return "the factor is constant within every stratum: nothing can be permuted"
        return ""

    @property
    def too_rare(self) -> str:
        """Why groups of which one is rare are not compared; empty where they can be."""
        count, kind, level = self.rare
        return f"{level}: {too_few(int(count), kind)}" if count < FEWEST else ""

    @cached_property
    def few_items(self) -> str:
        """Why a trait of participants is tested for these items only; empty where it is not."""
        count = int(self.clusters[1].max(initial=-1)) + 1 if self.how == "participant" else FEWEST
        return too_few(count, "items")

    @property
    def uncalibrated(self) -> str:
        """What is to be said of a permutation where its level is not known to hold."""
        if self.how == "participant":
            return join_reasons(few_with_traits(len(self.units.codes)), self.few_items)
        count, kind = self.fewest
        if self.is_modelled or count >= MANY:
            return ""
        return f"{count} {kind} and {len(self.groups.values)} rows: {_BEYOND}{kind} {_REACT}"

    @property
    def rarity(self) -> str:
        """What is to be said of a group that few participants or items have."""
        count, kind, level = self.rare
        return f"{level} has {count:.0f} {kind} only: {_BEYOND}{kind} {_REACT}" * (count < MANY)

    @property
    def effects(self) -> Effects:
        """Relative effects of the groups, with errors by participants and items."""
        groups, nested = self.groups, self.how in ("participant", "item")
        # of items, those within the groups come first
        clusters = self.clusters[::-1] if self.how == "item" else self.clusters
        k = len(groups.levels)
        return clustered_effects(groups.values, groups.codes, k, clusters, nested=nested)

    @property
    def modelled(self) -> Modelled:
        """What the mixed model needs."""
        question, rows = self.question, self.rows
        fixed: list[Ints] = []
        also: list[Ints] = []
        if "modality" in rows and "modality" not in columns_of(question.factor, self.frame):
            fixed.append(codes_of(rows["modality"]))
            also += [item_strata(rows, question.factor)] if self.how == "within_item" else []
        if question.strata is not None and self.units.strata.max() > 0:
            fixed.append(self.units.strata[self.units.row])
        groups = self.recorded
        return Modelled(
            groups.values,
            groups.codes,
            len(groups.levels),
            self.clusters,
            tuple(also),
            tuple(fixed),
            observed=self.how == "observed",
        )

    def of_pair(self, first: int, second: int) -> tuple[Sample, Mask]:
        """The sample of two of the groups, and which values these are."""
        groups = self.groups
        members = (groups.codes == first) | (groups.codes == second)
        use = groups.use.copy()
        use[use] = members
        recorded, pair = (
            replace(
                some,
                values=some.values[members],
                codes=(groups.codes[members] == second).astype(np.intp),
                levels=[groups.levels[first], groups.levels[second]],
                use=use,
            )
            for some in (self.recorded, groups)
        )
        return replace(self, recorded=recorded, groups=pair), members


def _is_constant(units: Units) -> bool:
    """Whether the units of each stratum are all of one group."""
    both = dense_codes(units.strata, units.codes)
    return bool(both.max(initial=-1) == units.strata.max(initial=-1))


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
        When parts of the factor were assigned differently, or strata are asked for elsewhere.
    """
    published = Sample(question, frame, groups, groups)
    return [
        published if dependence == "independent" else _by_design(published)
        for dependence in question.dependence
    ]


def _by_design(sample: Sample) -> Sample:
    """The sample with values adjusted as the assignment of the factor asks for."""
    question, groups = sample.question, sample.groups
    if "item" not in sample.frame:
        return replace(sample, how="unknown", groups=replace(groups, untestable=NO_DESIGN))
    how = assignment(sample.frame, question.factor, question.assigned, question.strata)
    sample = replace(sample, how=how, note=untold(sample.frame, question.factor, question.assigned))
    if groups.problem or how == "observed":
        return sample
    if question.strata is not None:
        sample = _within_strata(sample, question.strata)
        groups = sample.groups
    (crossed, kept), kind = (people_codes(sample.rows), ""), "participant"
    within, raised = np.zeros_like(crossed), 1.0
    if how == "within_item":
        within = item_strata(sample.rows, question.factor)
        raised = raised_by(within, groups.codes, len(groups.levels))
    elif how == "participant":
        (crossed, kept), kind = shared_items(sample.clusters[1], groups.codes), "item"
        within = sample.units.strata[sample.units.row]
    values, taken = without_effects(groups.values, within, crossed)
    note = ("participant and item effects were kept", f"{kind} effects were not removed", "")[taken]
    note += ": nothing would be left" * (taken < 2)
    without = WITHOUT_IDS if "participant" not in sample.rows else ""
    note = join_reasons(sample.note, kept, note, without)
    return replace(sample, groups=replace(groups, values=values), note=note, raised=raised)


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
    note = f"{n_without} rows have no {strata} and were left out" if n_without else ""
    sample = replace(sample, recorded=recorded, groups=recorded, note=note)
    values = less_means(recorded.values, sample.units.strata[sample.units.row])
    return replace(sample, groups=replace(recorded, values=values))


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
    if problem := sample.problem or sample.too_rare:
        reason = join_reasons(problem, sample.note, groups.note)
        return {"statistic_name": "H", "warning": reason}
    effects: Effects | Shift | None
    if sample.is_modelled:
        test, effects = model_groups(sample.modelled)
        if sample.how != "observed":
            effects = sample.effects
    else:
        test, effects = _permuted_groups(sample, resampling)
    share = _share_columns(effects, sample)
    return test | share | {"warning": _reasons(test, share, sample, sample.rarity)}


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
    if sample.problem:
        return {"warning": join_reasons(sample.problem, sample.note, groups.note)}
    two, members = sample.of_pair(*pair)
    if two.too_rare:
        return {"warning": join_reasons(two.too_rare, sample.note, groups.note)}
    effects: Effects | Shift | None
    if sample.is_modelled:
        test, effects = model_pair(two.modelled, sample.question.alternative)
        if sample.how != "observed":
            effects = two.effects
    else:
        test, effects = _permuted_pair(two, stats.rankdata(groups.values)[members], resampling)
    dominance = _dominance_columns(effects, sample.question)
    return test | dominance | {"warning": _reasons(test, dominance, sample, two.rarity)}


def _permuted_groups(sample: Sample, resampling: Resampling) -> tuple[Row, Effects]:
    """Columns of a permutation test of all groups, and their effects."""
    ranks, units = stats.rankdata(sample.groups.values), sample.units
    statistic, lonely = _statistic(sample, ranks, units)
    row = _permuted(statistic, units, resampling, lonely)
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
    row |= _permuted(statistic, units, resampling, lonely)
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
    few = np.bincount(units.codes, minlength=k) < 2
    if sample.how == "within_item" or not (few.any() or sample.few_items):
        clusters, raised = sample.clusters, sample.raised
        if sample.how == "participant":  # those that move as a whole come last
            clusters, raised = clusters[::-1], raised_for_few(clusters[1])
        return CrossedRanks(ranks, units.row, k, clusters, alternative, raised), ""
    if not few.any():
        return robust_statistic(ranks, units.row, k, alternative), ""
    names = [name for name, is_few in zip(sample.groups.levels, few, strict=True) if is_few]
    lonely = f"a single {sample.how} in {', '.join(names)}: not studentized"
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


def _reasons(test: Row, effect: Row, sample: Sample, rarity: str) -> str:
    said = (found.get("warning", "") for found in (test, effect))
    return join_reasons(*said, sample.note, rarity or sample.uncalibrated, sample.groups.note)


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
