"""Tests of counted choices that respect how a factor was assigned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ...errors import DesignError, MuvistatsError
from ...formula import build_design, columns_of, factor
from ...kernels.permutation.additive import additive_residuals
from ...kernels.permutation.arrangements import PermutationTest, conditional_test, permutation_test
from ...kernels.permutation.label_statistics import (
    ConditionalStatistic,
    CrossedStatistic,
    UnitStatistic,
)
from ...results.frame import join_reasons
from ...types import Floats, Ints, Mask, Row
from ..models.estimation import estimate
from ..shared.assignment import (
    assignment,
    codes_of,
    item_strata,
    participant_units,
    permutation_columns,
    within_item_units,
)
from ..shared.study import need

#: Choices whose residuals are smaller than this part of their spread have nothing left.
_NOTHING = 1e-8

METHODS = {
    "within_item": "labels less participant and item effects, permuted within items",
    "participant": "whole participants permuted",
    "observed": "conditional randomization given participant, item and modality",
}

NOT_ADJUSTED = (
    "not adjusted: the study says that the factor was observed, so items and participants may "
    "differ between its levels"
)


class Plan(NamedTuple):
    """How a factor was assigned, and how many arrangements are drawn."""

    assigned: str | None
    strata: str | None
    n_resamples: int
    rng: np.random.Generator
    n_jobs: int


@dataclass(frozen=True)
class Choices:
    """Choices of annotations, and the group of each.

    Parameters
    ----------
    frame : DataFrame
        All rows, those that do not enter included.
    by : str
        The factor.
    use : ndarray of bool, shape (row,)
        Rows that enter.
    chosen : ndarray of float, shape (used row, choice)
        1 where a choice was made, 0 where not.
    codes : ndarray of int, shape (used row,)
        Group of each row.
    groups, names : list of str
        Names of the groups and of the choices.
    """

    frame: pd.DataFrame
    by: str
    use: Mask
    chosen: Floats
    codes: Ints
    groups: list[str]
    names: list[str]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each choice was made, (group, choice)."""
        indicator = self.codes[None, :] == np.arange(len(self.groups))[:, None]
        counts: Floats = indicator.astype(float) @ self.chosen
        return np.rint(counts).astype(np.int64)

    @property
    def annotations(self) -> npt.NDArray[np.int64]:
        """Rows of each group."""
        return np.bincount(self.codes, minlength=len(self.groups)).astype(np.int64)

    def filled(self) -> Choices:
        """The groups in which something was chosen, and the choices that somebody made."""
        counts = self.counts
        rows, columns = counts.sum(axis=1) > 0, counts.sum(axis=0) > 0
        keep = rows[self.codes]
        use = self.use.copy()
        use[use] = keep
        return replace(
            self,
            use=use,
            chosen=self.chosen[keep][:, columns],
            codes=(np.cumsum(rows) - 1)[self.codes[keep]],
            groups=[name for name, there in zip(self.groups, rows, strict=True) if there],
            names=[name for name, there in zip(self.names, columns, strict=True) if there],
        )

    def within(self, keep: Mask) -> Choices:
        """The rows that are kept, a mask over all rows."""
        inside = keep[self.use]
        return replace(
            self, use=self.use & keep, chosen=self.chosen[inside], codes=self.codes[inside]
        )


@dataclass(frozen=True)
class DesignTest:
    """What a test that respects the design found.

    Parameters
    ----------
    row : dict
        Columns of the test of all groups and choices.
    cells : dict of str to ndarray, each (group, choice)
        Columns of each of them: observed, deviation, std_residual, p_value, p_adjusted, mc_error.
    common : dict
        Columns of every cell.
    choices : Choices
        What entered.
    """

    row: Row
    choices: Choices
    cells: dict[str, Floats] = field(default_factory=dict)
    common: Row = field(default_factory=dict)


def needs_strata(frame: pd.DataFrame, by: str, plan: Plan) -> str:
    """How the factor was assigned; strata are for factors of participants.

    Raises
    ------
    DesignError
        When nothing says how it was assigned, or strata are asked for elsewhere.
    """
    need(frame, "item", "participant")
    how = assignment(frame, by, plan.assigned)
    if plan.strata is not None and how != "participant":
        raise DesignError(
            f"strata={plan.strata!r}: strata are for factors of participants; {by!r} is {how}"
        )
    return how


def design_test(whole: Choices, plan: Plan) -> DesignTest:
    """Test the choices of groups as the assignment of the factor asks for.

    Parameters
    ----------
    whole : Choices
        Choices and groups.
    plan : Plan
        Assignment, stratum, number of arrangements and source of randomness.

    Returns
    -------
    DesignTest
        NaN with a reason where there is nothing to test.
    """
    how = needs_strata(whole.frame, whole.by, plan)
    note = _override(whole.frame, whole.by, how)
    if plan.strata is not None:
        known = factor(plan.strata, whole.frame).notna().to_numpy()
        gone = int((whole.use & ~known).sum())
        note = join_reasons(note, f"{gone} rows have no {plan.strata}" if gone else "")
        whole = whole.within(known)
    data = whole.filled()
    base: Row = {"method": _method(data, how, plan), "dependence": "design", "n_resamples": 0}
    if min(len(data.groups), len(data.names)) < 2:
        reason = (
            "fewer than two groups or two columns" if len(data.codes) else "nothing was counted"
        )
        return DesignTest(base | {"warning": join_reasons(reason, note)}, data)
    made = {"within_item": _crossed, "participant": _units, "observed": _conditional}[how]
    statistic, test, left, reason = made(data, plan)
    if statistic is None or test is None:
        return DesignTest(base | {"warning": join_reasons(reason, note)}, data)
    return _filled_in(data, base, statistic, test, left, join_reasons(reason, note))


def _override(frame: pd.DataFrame, by: str, how: str) -> str:
    known = frame.attrs.get("assigned", {})
    observed = any(known.get(name) == "observed" for name in columns_of(by, frame))
    return NOT_ADJUSTED if observed and how != "observed" else ""


def _method(data: Choices, how: str, plan: Plan) -> str:
    words = METHODS[how]
    if how == "within_item" and "modality" in data.frame:
        words += " and modalities" if columns_of(data.by, data.frame) != ("modality",) else ""
    return words + (f", within {plan.strata}" if plan.strata else "")


Statistic = UnitStatistic | CrossedStatistic | ConditionalStatistic
Made = tuple[Statistic | None, PermutationTest | None, Mask, str]


def _units(data: Choices, plan: Plan) -> Made:
    """Whole participants change groups."""
    units = participant_units(data.frame, data.by, data.use, strata=plan.strata)
    codes = np.unique(units.codes, return_inverse=True)[1].ravel()
    strata = np.unique(units.strata, return_inverse=True)[1].ravel()
    counts = np.zeros((len(codes), len(data.names)))
    np.add.at(counts, units.row, data.chosen)
    statistic = UnitStatistic(counts, strata, codes, len(data.groups))
    left = _left(statistic.excess, counts)
    if left.sum() < 2:
        return None, None, left, "nothing differs between participants"
    few = np.bincount(codes) < 2
    names = [name for name, is_few in zip(data.groups, few, strict=True) if is_few]
    note = f"one participant only in {', '.join(names)}" if names else ""
    test = permutation_test(
        statistic,
        codes,
        strata,
        n_resamples=plan.n_resamples,
        rng=plan.rng,
        n_jobs=plan.n_jobs,
        apart=1,
    )
    return statistic, test, left, note


def _excess(chosen: Floats) -> Floats:
    """Choices less what the number of choices of the row leads one to expect."""
    expected: Floats = chosen.sum(axis=1, keepdims=True) * (chosen.sum(axis=0) / chosen.sum())
    return chosen - expected


def _left(residuals: Floats, values: Floats) -> Mask:
    """Choices that still vary."""
    spread = np.abs(values - values.mean(axis=0)).max(axis=0)
    varies: Mask = np.abs(residuals).max(axis=0) > _NOTHING * np.maximum(spread, 1e-300)
    out: Mask = varies & (spread > 0)
    return out


def _crossed(data: Choices, plan: Plan) -> Made:
    """The factor is permuted within items."""
    rows = data.frame[data.use]
    units = within_item_units(data.frame, data.by, data.use)
    codes = np.unique(units.codes, return_inverse=True)[1].ravel()
    item, participant = codes_of(rows["item"]), codes_of(rows["participant"])
    stratum = codes_of(pd.Series(item_strata(rows, data.by)))
    values = _excess(data.chosen)
    left = _left(additive_residuals(values, [stratum, participant]), values)
    if left.sum() < 2:
        return None, None, left, "nothing is left of the labels without participants and items"
    statistic = CrossedStatistic(
        values[:, left], units.row, stratum, item, participant, codes, len(data.groups)
    )
    test = permutation_test(
        statistic,
        codes,
        units.strata,
        n_resamples=plan.n_resamples,
        rng=plan.rng,
        n_jobs=plan.n_jobs,
        apart=1,
    )
    bad = np.isnan(test.observed[0]) and not test.note
    reason = "the factor cannot be told from participants" if bad else ""
    return statistic, test, left, reason


def _conditional(data: Choices, plan: Plan) -> Made:
    """Groups are drawn anew from their probabilities, given participant, item and modality."""
    rows = data.frame[data.use]
    cells = [codes_of(rows["item"]), codes_of(rows["participant"])]
    if "modality" in rows and "modality" not in columns_of(data.by, data.frame):
        cells[0] = codes_of(rows.groupby(["item", "modality"], observed=True).ngroup())
    values = _excess(data.chosen)
    residuals = additive_residuals(values, cells)
    left = _left(residuals, values)
    if left.sum() < 2:
        return None, None, left, "nothing is left of the labels without participants and items"
    probabilities, reason = _probabilities(data, rows)
    if probabilities is None:
        return None, None, left, f"no model of {data.by}: {reason}"
    statistic = ConditionalStatistic(residuals[:, left], probabilities, data.codes)
    test = conditional_test(
        statistic,
        data.codes,
        probabilities,
        n_resamples=plan.n_resamples,
        rng=plan.rng,
        n_jobs=plan.n_jobs,
        apart=1,
    )
    return statistic, test, left, reason


def _probabilities(data: Choices, rows: pd.DataFrame) -> tuple[Floats | None, str]:
    """Probability of each group for each row, by logistic mixed models."""
    frame = pd.DataFrame({name: codes_of(rows[name]).astype(str) for name in _KEYS}, dtype=object)
    fixed = "1"
    if "modality" in rows and "modality" not in columns_of(data.by, data.frame):
        modality = codes_of(rows["modality"])
        frame["modality"] = modality.astype(str).astype(object)
        fixed = "modality" if modality.max() > modality.min() else "1"
    k, reasons = len(data.groups), []
    out = np.empty((len(rows), k))
    for group in range(1, k) if k == 2 else range(k):
        frame["y"] = (data.codes == group).astype(float)
        try:
            design = build_design(f"y ~ {fixed} + (1 | participant) + (1 | item)", frame)
            fit = estimate(design, family="binomial", reml=False, df="normal")
        except MuvistatsError as error:
            return None, str(error)
        eta = design.fixed.matrix[:, fit.kept] @ fit.beta
        for part, modes in zip(design.random, fit.modes, strict=True):
            eta = eta + (part.columns * modes[part.codes]).sum(axis=1)
        if not (fit.converged and np.isfinite(eta).all()) or len(fit.separated):
            return None, join_reasons("it could not be estimated", *fit.reasons)
        reasons += list(fit.reasons)
        out[:, group] = special.expit(eta)
    if k == 2:
        out[:, 0] = 1 - out[:, 1]
    else:  # each level against all others, made to add up to 1
        out /= out.sum(axis=1, keepdims=True)
    return out, join_reasons(*dict.fromkeys(reasons))


_KEYS = ("participant", "item")


def _filled_in(
    data: Choices, base: Row, statistic: Statistic, test: PermutationTest, left: Mask, reason: str
) -> DesignTest:
    """Columns of a test that was made."""
    counts = data.counts.astype(np.float64)
    k = len(data.groups)
    tested = np.arange(len(left)) if isinstance(statistic, UnitStatistic) else np.flatnonzero(left)
    shape = (k, len(tested))

    def spread(values: Sequence[float] | Floats) -> Floats:
        out = np.full(counts.shape, np.nan)
        out[:, tested] = np.reshape(values, shape)
        out[:, ~left] = np.nan
        return out

    codes = statistic.codes[None, :]
    deviation = spread(statistic.deviations(codes)[0])
    null = spread(statistic.null_sd)
    columns = permutation_columns(test)
    warning = join_reasons(columns.pop("warning"), reason)
    whole = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    phi2 = np.nansum((deviation**2 - null**2) / whole) / counts.sum()
    if isinstance(statistic, UnitStatistic):
        name = "chi-square within strata" if ", within" in base["method"] else "chi-square"
    else:
        name = "sum of squared standardized residuals"
    row = (
        base
        | columns
        | {
            "statistic": test.observed[0],
            "statistic_name": name,
            "effect_size": min(1.0, float(np.sqrt(max(0.0, phi2) / (min(counts.shape) - 1)))),
            "effect_size_name": "Cramer's V, corrected by the design",
            "warning": warning,
        }
    )
    cells = {
        "observed": counts,
        "deviation": deviation,
        "std_residual": spread(statistic.residuals(codes)[0]),
        "p_value": spread(test.p_value[1:]),
        "p_adjusted": spread(test.p_max[1:]),
        "mc_error": spread(test.mc_error[1:]),
    }
    common = base | {"n_resamples": test.n_resamples, "warning": warning}
    return DesignTest(row, data, cells, common)
