"""Rank tests that respect how a factor was assigned: what is ranked, moved and reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ...errors import DesignError
from ...formula import columns_of, factor
from ...kernels.permutation.additive import additive_residuals
from ...kernels.permutation.arrangements import PermutationTest, Statistic, permutation_test
from ...kernels.permutation.rank_statistics import (
    between_statistic,
    crossed_statistic,
    difference_statistic,
    robust_statistic,
)
from ...kernels.ranks.effects import dominance_interval, equivalence_p, mean_ranks
from ...kernels.ranks.relative_effects import Effects, clustered_effects, share_interval
from ...results.frame import join_reasons
from ...types import Floats, Ints, Row
from ..shared.assignment import (
    Units,
    assignment,
    codes_of,
    item_strata,
    participant_units,
    permutation_columns,
    within_item_units,
)
from ..shared.groups import Groups
from ..shared.study import need
from .by_model import Modelled, Shift, model_groups, model_pair

#: Values that differ by less than this part of their spread are ties after an adjustment.
_TIE = 1e-8

#: Why an effect has no interval.
NO_INTERVAL = "no interval: too few participants or items, or the groups do not overlap"

METHODS = {
    "within_item": "values less participant and item effects, permuted within",
    "participant": "participants permuted, cluster-robust errors",
    "observed": "mixed model of the values, within items and participants",
}


class Resampling(NamedTuple):
    """How many arrangements are drawn, and how."""

    n_resamples: int
    rng: np.random.Generator
    n_jobs: int = 1


@dataclass(frozen=True)
class Ranked:
    """What a rank test that respects the design works on.

    Parameters
    ----------
    frame : DataFrame
        All rows, those with missing values included: they tell who had which list.
    by : str
        The factor.
    groups : Groups
        Groups of the values as they are ranked, that is, after any adjustment.
    how : str
        How the factor was assigned.
    strata : str or None
        Another trait within whose levels participants are permuted.
    note : str
        What is to be said of the adjustment.
    """

    frame: pd.DataFrame
    by: str
    groups: Groups
    how: str
    strata: str | None
    note: str

    @property
    def method(self) -> str:
        """How the design is respected, in words."""
        words = METHODS[self.how]
        if self.how == "within_item":
            free = "modality" in self.frame and columns_of(self.by, self.frame) != ("modality",)
            return words + (" items and modalities" if free else " items")
        return words + (f", within {self.strata}" if self.strata else "")

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
        """What moves together, groups coded as in `groups`."""
        use = self.groups.use
        if self.how == "within_item":
            units = within_item_units(self.frame, self.by, use)
        else:
            units = participant_units(self.frame, self.by, use, strata=self.strata)
        return replace(units, codes=np.unique(units.codes, return_inverse=True)[1].ravel())

    def pair(self, first: int, second: int) -> Ranked:
        """Two of the groups; values and ranks are those among all groups."""
        groups = self.groups
        keep = (groups.codes == first) | (groups.codes == second)
        use = groups.use.copy()
        use[use] = keep
        codes = (groups.codes[keep] == second).astype(np.intp)
        levels = [groups.levels[first], groups.levels[second]]
        return replace(
            self,
            groups=replace(groups, values=groups.values[keep], codes=codes, levels=levels, use=use),
        )


def ranked(
    frame: pd.DataFrame,
    by: str,
    groups: Groups,
    *,
    assigned: str | None = None,
    strata: str | None = None,
) -> Ranked:
    """Adjust the values of groups as the assignment of the factor asks for.

    Parameters
    ----------
    frame : DataFrame
        An annotation frame.
    by : str
        The factor.
    groups : Groups
        Its groups in this frame.
    assigned : str, optional
        Overrides what the study says of the factor.
    strata : str, optional
        Another trait within whose levels participants are permuted.

    Raises
    ------
    DesignError
        When nothing says how the factor was assigned, or strata are asked for elsewhere.
    """
    need(frame, "item", "participant")
    how = assignment(frame, by, assigned)
    if strata is not None and how != "participant":
        raise DesignError(
            f"strata={strata!r}: strata are for factors of participants; {by!r} is {how}"
        )
    made = Ranked(frame, by, groups, how, strata, "")
    if groups.problem or how == "observed":
        return made
    if how == "within_item":
        codes = [codes_of(made.rows["participant"]), item_strata(made.rows, by)]
        values, note = _less_effects(groups.values, codes)
        return replace(made, groups=replace(groups, values=values), note=note)
    if strata is None:
        return made
    known = factor(strata, frame).notna().to_numpy()
    inside = known[groups.use]
    levels = factor(strata, frame[groups.use & known]).cat.codes.to_numpy().astype(np.intp)
    part = replace(
        groups,
        values=_rounded(
            additive_residuals(groups.values[inside][:, None], [levels])[:, 0],
            groups.values[inside],
        ),
        codes=groups.codes[inside],
        use=groups.use & known,
    )
    gone = int((~inside).sum())
    note = f"{gone} rows have no {strata} and were left out" if gone else ""
    return replace(made, groups=_used(part), note=note)


def _used(groups: Groups) -> Groups:
    """Groups that still hold a value."""
    there = np.unique(groups.codes)
    return replace(
        groups,
        codes=np.searchsorted(there, groups.codes).astype(np.intp),
        levels=[groups.levels[code] for code in there],
    )


def _less_effects(values: Floats, codes: Sequence[Ints]) -> tuple[Floats, str]:
    """Values less the effects of participants and items; of items alone where nothing is left."""
    for factors, note in (
        (codes, ""),
        (codes[1:], "participant effects were not removed: nothing would be left"),
        ([], "neither participant nor item effects were removed: nothing would be left"),
    ):
        left = additive_residuals(values[:, None], factors)[:, 0] if factors else values
        out = _rounded(left, values)
        if np.ptp(out) > 0:
            return out, note
    return values, ""


def _rounded(values: Floats, before: Floats) -> Floats:
    """Values without the noise of arithmetic, so that ties stay ties."""
    unit = _TIE * float(np.ptp(before))
    return np.round(values / unit) * unit if unit > 0 else values


def _modelled(data: Ranked) -> Modelled:
    """What the mixed model needs."""
    rows = data.rows
    also = "modality" in rows and "modality" not in columns_of(data.by, data.frame)
    return Modelled(
        data.groups.values,
        data.groups.codes,
        len(data.groups.levels),
        *data.clusters,
        codes_of(rows["modality"]) if also else None,
    )


def compare_groups(data: Ranked, plan: Resampling) -> tuple[Row, Effects | Shift | None]:
    """Test of all groups, and their relative effects.

    Parameters
    ----------
    data : Ranked
        Two groups or more.
    plan : Resampling
        Arrangements.

    Returns
    -------
    row : dict
        Columns of the test.
    effects : Effects or None
        None where they cannot be had; the row says why.
    """
    groups, k = data.groups, len(data.groups.levels)
    if data.how == "observed":
        return model_groups(_modelled(data))
    ranks, units = stats.rankdata(groups.values), data.units
    effects = clustered_effects(
        groups.values, groups.codes, k, data.clusters, nested=data.how == "participant"
    )
    lonely = ""
    if data.how == "within_item":
        wald = crossed_statistic(ranks, units.row, k, data.clusters)
    elif lonely := _lonely(units, groups):
        wald = between_statistic(ranks, units.row, k)
    else:
        wald = robust_statistic(ranks, units.row, k)
    found, row = _permuted(wald, units, plan, data, lonely)
    name = "H" if lonely else "chi2"
    return row | {"statistic": found.observed[0], "statistic_name": name, "df": k - 1.0}, effects


def compare_pair(
    data: Ranked, plan: Resampling, alternative: str = "two-sided", ranks: Floats | None = None
) -> tuple[Row, Effects | Shift | None]:
    """Test of two groups, and their relative effects among each other.

    Parameters
    ----------
    data : Ranked
        Two groups.
    plan : Resampling
        Arrangements.
    alternative : {"two-sided", "less", "greater"}
        Whether the first group differs, is lower or higher.
    ranks : ndarray of float, optional
        Ranks of all values that were compared, these two groups among them, with one rank for
        each row of the frame; by default the ranks of the two groups.

    Returns
    -------
    row : dict
        Columns of the test; `estimate` is the difference of the mean ranks.
    effects : Effects or None
        None where they cannot be had; the row says why.
    """
    groups = data.groups
    if data.how == "observed":
        return model_pair(_modelled(data), alternative)
    own = stats.rankdata(groups.values) if ranks is None else ranks[groups.use]
    means = [own[groups.codes == code].mean() for code in range(2)]
    row: Row = {"estimate": means[0] - means[1]}
    units = data.units
    effects = clustered_effects(
        groups.values, groups.codes, 2, data.clusters, nested=data.how == "participant"
    )
    if np.ptp(own) == 0:
        return row | {"statistic_name": "t", "warning": "all values are equal"}, None
    lonely = ""

    def turned(direction: str) -> Statistic:
        if data.how == "within_item":
            return crossed_statistic(own, units.row, 2, data.clusters, direction)
        if lonely:
            return difference_statistic(own, units.row, float(own.var(ddof=1)), direction)
        return robust_statistic(own, units.row, 2, direction)

    if data.how == "participant":
        lonely = _lonely(units, groups)
    _, columns = _permuted(turned(alternative), units, plan, data, lonely)
    row["statistic"] = turned("greater")(units.codes[None, :])[0, 0]
    return row | columns | {"statistic_name": "z" if lonely else "t"}, effects


def _lonely(units: Units, groups: Groups) -> str:
    few = np.bincount(units.codes, minlength=len(groups.levels)) < 2
    names = [name for name, is_few in zip(groups.levels, few, strict=True) if is_few]
    return f"a single participant in {', '.join(names)}: not studentized" if names else ""


def _permuted(
    statistic: Statistic, units: Units, plan: Resampling, data: Ranked, note: str = ""
) -> tuple[PermutationTest, Row]:
    found = permutation_test(
        statistic,
        units.codes,
        units.strata,
        n_resamples=plan.n_resamples,
        rng=plan.rng,
        n_jobs=plan.n_jobs,
    )
    columns = permutation_columns(found)
    return found, columns | {"warning": join_reasons(columns["warning"], data.note, note)}


def as_recorded(data: Ranked, groups: Groups) -> Groups:
    """Groups of the rows that are ranked, with the values that were recorded."""
    if len(data.groups.values) == len(groups.values):
        return groups
    return replace(
        data.groups,
        values=groups.values[data.groups.use[groups.use]],
        n_missing=len(data.frame) - len(data.groups.values),
    )


def group_ranks(data: Ranked) -> Floats:
    """Mean rank of each group among the values as they are ranked."""
    return mean_ranks(data.groups.values, data.groups.codes, len(data.groups.levels))


def share_columns(
    effects: Effects | Shift | None, data: Ranked, conf_level: float, plan: Resampling
) -> Row:
    """Epsilon squared, with its interval or the reason why it has none."""
    if effects is None:
        return {}
    if isinstance(effects, Shift):
        share, effects = effects.share, effects.effects
    else:
        n, ranks = len(data.groups.values), stats.rankdata(data.groups.values)
        weights = effects.size / effects.size.sum()
        between = float(weights @ (effects.effects - weights @ effects.effects) ** 2)
        share = between * n**3 / float(((ranks - ranks.mean()) ** 2).sum())
    low, high = share_interval(effects, share, conf_level, plan.n_resamples, plan.rng)
    reason = ""
    if np.isnan(low):
        reason = "no interval: n_resamples is 0" if not plan.n_resamples else NO_INTERVAL
    return {"effect_size": share, "conf_low": low, "conf_high": high, "warning": reason}


def dominance_columns(
    effects: Effects | Shift | None, conf_level: float, margin: float | None = None
) -> Row:
    """Rank-biserial correlation with its interval and, with a margin, p of equivalence."""
    if effects is None:
        return {}
    if isinstance(effects, Shift):
        delta, low, high = effects.dominance(conf_level)
        row: Row = {"effect_size": delta, "conf_low": low, "conf_high": high}
        return row if margin is None else row | {"p_equivalence": effects.equivalence_p(margin)}
    found = effects.dominance()
    low, high = dominance_interval(found, conf_level)
    row = {"effect_size": found.delta, "conf_low": low, "conf_high": high}
    if margin is not None:
        row["p_equivalence"] = equivalence_p(found, margin)
    return row | {"warning": NO_INTERVAL if np.isnan(low) else ""}
