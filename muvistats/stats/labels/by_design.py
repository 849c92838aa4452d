"""Tests of counted choices that respect how a factor was assigned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ...dataset.access import NO_PEOPLE
from ...errors import MuvistatsError
from ...formula import build_design, columns_of, factor
from ...kernels.contingency import beyond_chance
from ...kernels.permutation.arrangements import (
    PermutationTest,
    additive_residuals,
    conditional_test,
    permutation_test,
    raised_for_few,
    shrunken_residuals,
)
from ...kernels.permutation.label_statistics import (
    ConditionalStatistic,
    CrossedStatistic,
    UnitStatistic,
)
from ...results.frame import join_reasons
from ...types import Floats, Ints, Mask, Row
from ..models.estimation import estimate
from ..shared.study import (
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
    was_observed,
    within_item_units,
    within_modalities,
)

#: Choices whose residuals are smaller than this part of their spread have nothing left.
_NOTHING = 1e-8

METHODS = {
    "within_item": "labels less participant and item effects, permuted within items",
    "participant": "labels less item effects, participants permuted, two-way clustered errors",
    "few_items": "whole participants permuted",
    "item": "labels less participant effects, whole items permuted, two-way clustered errors",
    "observed": "conditional randomization given participant, item and modality",
}

#: Participants below which an observed factor is tested with next to no power.
_SEEN = 15

NOT_ADJUSTED = (
    "not adjusted: the study says that the factor was observed, so items and participants may "
    "differ between its levels"
)


class Plan(NamedTuple):
    """How a factor was assigned, within which strata, and how many arrangements are drawn."""

    assigned: str | None
    strata: str | None
    resampling: Resampling


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


def assignment_of(choices: Choices, plan: Plan) -> str:
    """How the factor was assigned.

    Raises
    ------
    DesignError
        When its parts were assigned differently, or strata are asked for elsewhere.
    """
    return assignment(choices.frame, choices.by, plan.assigned, plan.strata)


def problem_of(choices: Choices) -> str:
    """Why filled choices cannot be compared; empty when they can."""
    if not len(choices.codes):
        return "nothing was counted"
    few = min(len(choices.groups), len(choices.names)) < 2
    return "fewer than two groups or two columns" if few else ""


def design_test(offered: Choices, plan: Plan) -> DesignTest:
    """Test the choices of groups as the assignment of the factor asks for.

    Parameters
    ----------
    offered : Choices
        Choices and groups, empty ones included.
    plan : Plan
        Assignment, stratum, number of arrangements and source of randomness.

    Returns
    -------
    DesignTest
        NaN with a reason where there is nothing to test.
    """
    frame, by = offered.frame, offered.by
    how = assignment_of(offered, plan)
    note = NOT_ADJUSTED if was_observed(frame, by) and how != "observed" else ""
    note = join_reasons(note, untold(frame, by, plan.assigned))
    if plan.strata is not None:
        known = factor(plan.strata, frame).notna().to_numpy()
        n_without = int((offered.use & ~known).sum())
        note = join_reasons(note, f"{n_without} rows have no {plan.strata}" if n_without else "")
        offered = offered.within(known)
    data = offered.filled()
    base: Row = {"method": _method(data, how, plan), "dependence": "design", "n_resamples": 0}
    problem = problem_of(data)
    if not problem:
        try:
            tested = _TESTS[how](data, plan)
        except UntestableError as error:
            problem = str(error)
        else:
            return _filled_in(data, base, tested, join_reasons(tested.note, note))
    return DesignTest(base | {"warning": join_reasons(problem, note)}, data)


def _method(data: Choices, how: str, plan: Plan) -> str:
    words = METHODS["few_items" if how == "participant" and _few_items(data) else how]
    if how == "within_item" and within_modalities(data.frame, data.by):
        words += " and modalities"
    return words + (f", within {plan.strata}" if plan.strata else "")


class UntestableError(Exception):
    """Why there is no test."""


Statistic = UnitStatistic | CrossedStatistic | ConditionalStatistic


class TestedChoices(NamedTuple):
    """A test that was made: which choices still varied, and what is to be said of it."""

    statistic: Statistic
    test: PermutationTest
    varies: Mask
    note: str = ""


def _by_participants(data: Choices, plan: Plan) -> TestedChoices:
    """Whole participants change groups."""
    units = participant_units(data.frame, data.by, data.use, strata=plan.strata)
    note = join_reasons(_single(data, units, "participant"), few_with_traits(len(units.codes)))
    few = _few_items(data)
    if not few:
        item, strata = codes_of(data.frame[data.use]["item"]), units.strata[units.row]
        shrunken, kept = shared_items(item, data.codes)
        clusters, raised = (item, units.row), raised_for_few(item)
        found = _crossed(data, plan, units, strata, clusters, shrunken, raised, kind="items")
        return found._replace(note=join_reasons(found.note, kept, note))
    counts = np.zeros((len(units.codes), len(data.names)))
    np.add.at(counts, units.row, data.chosen)
    statistic = UnitStatistic(counts, units.strata, units.codes, len(data.groups))
    varies = _varying(statistic.excess, counts)
    if varies.sum() < 2:
        raise UntestableError("nothing differs between participants")
    test = permutation_test(
        statistic, units.codes, units.strata, **plan.resampling._asdict(), apart=1
    )
    return TestedChoices(statistic, test, varies, join_reasons(note, few))


def _few_items(data: Choices) -> str:
    """Why a trait of participants is tested for these items only; empty where it is not."""
    return too_few(data.frame.loc[data.use, "item"].nunique(), "items")


def _single(data: Choices, units: Units, kind: str) -> str:
    """Groups that hold one participant, or one item."""
    few = np.bincount(units.codes) < 2
    names = [name for name, is_few in zip(data.groups, few, strict=True) if is_few]
    return f"one {kind} only in {', '.join(names)}" if names else ""


def _excess(chosen: Floats) -> Floats:
    """Choices less what the number of choices of the row leads one to expect."""
    expected: Floats = chosen.sum(axis=1, keepdims=True) * (chosen.sum(axis=0) / chosen.sum())
    return chosen - expected


def _varying(residuals: Floats, values: Floats) -> Mask:
    """Choices that still vary."""
    spread = np.abs(values - values.mean(axis=0)).max(axis=0)
    varies: Mask = np.abs(residuals).max(axis=0) > _NOTHING * np.maximum(spread, 1e-300)
    out: Mask = varies & (spread > 0)
    return out


def _residuals(values: Floats, cells: list[Ints]) -> tuple[Floats, Mask]:
    """Values less additive effects, and which choices still vary."""
    residuals = additive_residuals(values, cells)
    return residuals, _left(residuals, values)


def _left(residuals: Floats, values: Floats) -> Mask:
    """Choices that still vary without participants and items; at least two do."""
    varies = _varying(residuals, values)
    if varies.sum() < 2:
        raise UntestableError("nothing is left of the labels without participants and items")
    return varies


def _within_items(data: Choices, plan: Plan) -> TestedChoices:
    """The factor is permuted within items."""
    rows = data.frame[data.use]
    units = within_item_units(data.frame, data.by, data.use)
    stratum = codes_of(pd.Series(item_strata(rows, data.by)))
    participant = people_codes(rows)
    if _is_trait(participant, data.codes):
        raise UntestableError("the factor cannot be told from participants")
    _refuse_few(participant, codes_of(rows["item"]))
    return _crossed(data, plan, units, stratum, (participant, codes_of(rows["item"])))


def _by_items(data: Choices, plan: Plan) -> TestedChoices:
    """Whole items change groups."""
    units = item_units(data.frame, data.by, data.use, strata=plan.strata)
    participant = people_codes(data.frame[data.use])
    if _is_trait(participant, data.codes):
        raise UntestableError("the factor cannot be told from participants")
    _refuse_few(participant, units.row)
    found = _crossed(data, plan, units, units.strata[units.row], (participant, units.row))
    return found._replace(note=join_reasons(found.note, _single(data, units, "item")))


def _is_trait(participant: Ints, codes: Ints) -> bool:
    """Whether most rows are of participants with several rows, all of the same group."""
    several = np.bincount(participant)[participant] > 1
    lowest = np.full(int(participant.max()) + 1, codes.max())
    np.minimum.at(lowest, participant, codes)
    varies = bool((codes > lowest[participant]).any())
    return bool(several.mean() > 0.5) and not varies


def _crossed(
    data: Choices,
    plan: Plan,
    units: Units,
    stratum: Ints,
    clusters: tuple[Ints, Ints],
    shrunken: Ints | None = None,
    raised: float = 1.0,
    kind: str = "participants",
) -> TestedChoices:
    """Units change groups within strata, errors by clusters that cross them and their own."""
    crossed, own = clusters
    values = _excess(data.chosen)
    shrunken = crossed if shrunken is None else shrunken
    varies = _left(shrunken_residuals(values, stratum, shrunken)[0], values)
    statistic = CrossedStatistic(
        values[:, varies],
        unit=units.row,
        stratum=stratum,
        own=own,
        crossed=crossed,
        shrunken=shrunken,
        raised=raised,
        codes=units.codes,
        n_groups=len(data.groups),
    )
    test = permutation_test(
        statistic, units.codes, units.strata, **plan.resampling._asdict(), apart=1
    )
    bad = np.isnan(test.observed[0]) and not test.note
    note = f"the factor cannot be told from {kind}" if bad else ""
    return TestedChoices(statistic, test, varies, note)


def _refuse_few(participant: Ints, item: Ints) -> None:
    """Refuse to say anything of people or items in general from a handful of them."""
    for codes, kind in ((participant, "participants"), (item, "items")):
        if few := too_few(int(codes.max()) + 1, kind):
            raise UntestableError(few)


def _conditional(data: Choices, plan: Plan) -> TestedChoices:
    """Groups are drawn anew from their probabilities, given participant, item and modality."""
    rows = data.frame[data.use]
    if "participant" not in rows:
        raise UntestableError(NO_PEOPLE)
    participant, item = (codes_of(rows[name]) for name in _KEYS)
    _refuse_few(participant, item)
    cells = [item, participant]
    if "modality" in rows and "modality" not in columns_of(data.by, data.frame):
        cells[0] = codes_of(rows.groupby(["item", "modality"], observed=True).ngroup())
    residuals, varies = _residuals(_excess(data.chosen), cells)
    probabilities, note = _probabilities(data, rows)
    statistic = ConditionalStatistic(
        residuals[:, varies], probabilities, data.codes, (participant, item)
    )
    test = conditional_test(
        statistic, data.codes, probabilities, **plan.resampling._asdict(), apart=1
    )
    n_people = int(participant.max()) + 1
    weak = f"{n_people} participants: with fewer than {_SEEN} there is next to no power"
    return TestedChoices(
        statistic, test, varies, join_reasons(note, weak if n_people < _SEEN else "")
    )


#: The test by how the factor was assigned.
_TESTS = {
    "within_item": _within_items,
    "participant": _by_participants,
    "item": _by_items,
    "observed": _conditional,
}


def _probabilities(data: Choices, rows: pd.DataFrame) -> tuple[Floats, str]:
    """Probability of each group for each row by logistic mixed models, and what they said."""
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
            raise UntestableError(f"no model of {data.by}: {error}") from error
        eta = design.fixed.matrix[:, fit.kept] @ fit.beta
        for part, modes in zip(design.random, fit.modes, strict=True):
            eta = eta + (part.columns * modes[part.codes]).sum(axis=1)
        if not (fit.converged and np.isfinite(eta).all()) or fit.is_separated:
            reason = join_reasons("it could not be estimated", *fit.reasons)
            raise UntestableError(f"no model of {data.by}: {reason}")
        reasons += list(fit.reasons)
        out[:, group] = special.expit(eta)
    if k == 2:
        out[:, 0] = 1 - out[:, 1]
    else:  # each level against all others, made to add up to 1
        out /= out.sum(axis=1, keepdims=True)
    return out, join_reasons(*dict.fromkeys(reasons))


_KEYS = ("participant", "item")


def _filled_in(data: Choices, base: Row, tested: TestedChoices, reason: str) -> DesignTest:
    """Columns of a test that was made."""
    statistic, test, varies, _ = tested
    counts = data.counts.astype(np.float64)
    k = len(data.groups)
    every = isinstance(statistic, UnitStatistic)
    columns_tested = np.arange(len(varies)) if every else np.flatnonzero(varies)
    shape = (k, len(columns_tested))

    def spread(values: Sequence[float] | Floats) -> Floats:
        out = np.full(counts.shape, np.nan)
        out[:, columns_tested] = np.reshape(values, shape)
        out[:, ~varies] = np.nan
        return out

    codes = statistic.codes[None, :]
    deviation = spread(statistic.deviations(codes)[0])
    null = spread(statistic.null_sd)
    columns = permutation_columns(test)
    warning = join_reasons(columns.pop("warning"), reason)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    found, by_chance = (np.nansum(of**2 / expected) / counts.sum() for of in (deviation, null))
    phi2 = beyond_chance(float(found), float(by_chance))
    name = "sum of squared standardized residuals"
    if every:
        name = "chi-square within strata" if ", within" in base["method"] else "chi-square"
    row = (
        base
        | columns
        | {
            "statistic": test.observed[0],
            "statistic_name": name,
            "effect_size": min(1.0, float(np.sqrt(phi2 / (min(counts.shape) - 1)))),
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
