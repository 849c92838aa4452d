"""Trajectories of the groups of a factor, in blocks of steps at which the same rows are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import xarray as xr
from scipy import sparse

from ...arguments import check_number
from ...dataset.access import annotation_frame
from ...dataset.interval import interval_of
from ...errors import DesignError
from ...formula import factor
from ...kernels.permutation.arrangements import (
    additive_residuals,
    dense_codes,
    shrunken_residuals,
)
from ...kernels.permutation.trajectories import plain_statistic, studentized_statistic
from ...results.frame import join_reasons, plain_name
from ...types import Floats, Ints, Mask, Statistic
from ..agreement.concordance import dynamic_dimensions
from ..ranks.by_design import WITHOUT_IDS, Question, Sample
from ..shared.study import (
    FEWEST,
    Groups,
    Units,
    assignment,
    groups_of,
    item_strata,
    offered,
    person_effects,
    require_factor,
    shared_items,
    too_few,
    untold,
)

Which = Literal["studentized", "plain"]

#: What is left of values that is less than this part of their spread, or a spread that is less
#: than this part of them, is rounding.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class Trajectories:
    """What a test over time compares.

    Parameters
    ----------
    sample : Sample
        Rows, groups, and how the factor was assigned.
    values : ndarray of float, shape (row, time)
        Values of the rows that enter; NaN where one is missing.
    start, end : ndarray of float, shape (time,)
        Where each step starts and ends, in s.
    which : {"studentized", "plain"}
        The statistic.
    """

    sample: Sample
    values: Floats
    start: Floats
    end: Floats
    which: Which

    @property
    def groups(self) -> Groups:
        """Groups of the rows that enter."""
        return self.sample.groups

    @property
    def problem(self) -> str:
        """Why nothing is tested at any time; empty where something may be."""
        if self.which == "studentized":
            return self.sample.problem
        return self.groups.problem

    @property
    def note(self) -> str:
        """What is to be said of the data, in one line."""
        sample, few = self.sample, ""
        without = "" if "participant" in sample.rows else WITHOUT_IDS
        if sample.how == "participant" and self.which == "studentized":
            few = too_few(int(sample.clusters[1].max(initial=-1)) + 1, "items")
        rarity = sample.rarity if self.which == "studentized" else ""
        return join_reasons(without, few, rarity, self.groups.note)

    @cached_property
    def units(self) -> Units:
        """What moves together when the factor is permuted, coded as the groups are."""
        units = self.sample.units
        first = np.unique(units.row, return_index=True)[1]
        return replace(units, codes=self.groups.codes[first])

    @cached_property
    def nuisance(self) -> tuple[Ints, Ints]:
        """Factor whose effects are taken out, and one whose effects are shrunken first.

        Groups of people who met no item in common keep what their items are like.
        """
        rows, how = self.sample.rows, self.sample.how
        if how == "within_item":
            return item_strata(rows, self.sample.question.factor), person_effects(rows)
        strata = self.units.strata[self.units.row]
        if how == "item":
            return strata, person_effects(rows)
        if self.which == "plain":
            return strata, np.zeros_like(strata)
        return strata, shared_items(self.sample.clusters[1], self.groups.codes)[0]

    def blocks(self) -> list[Block]:
        """Steps at which the same rows are known, together."""
        patterns, number = np.unique(~np.isnan(self.values), axis=1, return_inverse=True)
        return [
            Block(self, np.flatnonzero(number == place), pattern)
            for place, pattern in enumerate(patterns.T)
        ]


@dataclass(frozen=True)
class Block:
    """Steps at which the same rows are known.

    Parameters
    ----------
    whole : Trajectories
        What the block is a part of.
    steps : ndarray of int, shape (step,)
        Its steps.
    use : ndarray of bool, shape (row,)
        Its rows.
    """

    whole: Trajectories
    steps: Ints
    use: Mask

    @cached_property
    def values(self) -> Floats:
        """Values as recorded, (row, step)."""
        return self.whole.values[np.ix_(self.use, self.steps)]

    @property
    def codes(self) -> Ints:
        """Group of each row."""
        return self.whole.groups.codes[self.use]

    @property
    def clusters(self) -> tuple[Ints, ...]:
        """Participants, and items where the test is about them too, without gaps.

        Of a trait of participants it is so from as many items on as tell of items in general.
        """
        sample = self.whole.sample
        people, items = (dense_codes(codes[self.use]) for codes in sample.clusters)
        few = self.whole.which == "plain" or int(items.max(initial=-1)) + 1 < FEWEST
        return (people,) if sample.how == "participant" and few else (people, items)

    @cached_property
    def nuisance(self) -> tuple[Ints, Ints]:
        """Factor whose effects are taken out, and one whose effects are shrunken, without gaps.

        Where each row is another person's (or item's), their effects cannot be told from noise.
        """
        fixed, random = (dense_codes(codes[self.use]) for codes in self.whole.nuisance)
        return fixed, random if random.max() + 1 < len(random) else np.zeros_like(random)

    @property
    def problem(self) -> str:
        """Why nothing is tested at these steps; empty where something is."""
        levels, how = self.whole.groups.levels, self.whole.sample.how
        there = np.bincount(self.codes, minlength=len(levels))
        absent = [name for name, count in zip(levels, there, strict=True) if not count]
        if absent:
            return f"no values in {', '.join(absent)} at this time"
        if self.whole.which == "plain":
            return "" if self.df > 0 else "no degrees of freedom are left at this time"
        if how != "participant":
            kinds = zip(self.clusters, ("participants", "items"), strict=True)
            if few := join_reasons(*(too_few(int(c.max()) + 1, kind) for c, kind in kinds)):
                return few
        if how == "within_item":
            return ""
        units = np.unique(np.stack([self.whole.units.row[self.use], self.codes]), axis=1)[1]
        alone = np.bincount(units, minlength=len(levels)) < 2
        names = [name for name, is_alone in zip(levels, alone, strict=True) if is_alone]
        return f"a single {how} in {', '.join(names)} at this time" if names else ""

    @property
    def df(self) -> float:
        """Residual degrees of freedom of the classic analysis of variance."""
        fixed, random = self.nuisance
        n, n_fixed, n_random = len(fixed), int(fixed.max()) + 1, int(random.max()) + 1
        size = n_fixed + n_random
        links = sparse.coo_array((np.ones(n), (fixed, random + n_fixed)), shape=(size, size))
        parts = sparse.csgraph.connected_components(links, directed=False)[0]
        return n - (size - parts) - (len(self.whole.groups.levels) - 1)

    @property
    def df_error(self) -> float:
        """Degrees of freedom of an error: those of clusters, or of the rows where these count."""
        if self.whole.which == "plain":
            return self.df
        return min(int(codes.max()) for codes in self.clusters)

    def statistic(self) -> Statistic:
        """From groups of all units to the statistic at the steps of the block."""
        row, k = self.whole.units.row[self.use], len(self.whole.groups.levels)
        if self.whole.which == "plain":
            values = additive_residuals(self.values, self.nuisance)
            values[:, np.ptp(values, axis=0) <= _ROUNDING * np.abs(self.values).max(axis=0)] = 0.0
            return plain_statistic(values, row, k, self.df)
        return studentized_statistic(self.residuals, row, k, self.clusters)

    @cached_property
    def residuals(self) -> Floats:
        """Values less what is no part of the question, as in the rank tests; 0 where all are one.

        Where nothing is left, shrunken effects stay, and where still nothing is, the others do.
        """
        fixed, random = self.nuisance
        values = self.values - self.values.mean(axis=0)
        spread = np.ptp(values, axis=0)
        values[:, spread <= _ROUNDING * np.abs(self.values).max(axis=0)] = 0.0
        choices = [additive_residuals(values, [fixed]), values]
        if random.max() > 0:
            choices.insert(0, shrunken_residuals(values, fixed, random)[0])
        left = [np.ptp(choice, axis=0) > _ROUNDING * spread for choice in choices]
        return np.select([each[None, :] for each in left], choices, 0.0)


def trajectories_of(
    data: xr.DataTree,
    question: Question,
    *,
    which: Which,
    window: float | None,
    pair: tuple[str, str] | None,
) -> Trajectories:
    """Trajectories of the groups that are compared.

    Parameters
    ----------
    data : DataTree
        The study.
    question : Question
        Response, factor and assignment.
    which : {"studentized", "plain"}
        The statistic.
    window : float or None
        Length of the windows whose means are compared, in s; single samples where None.
    pair : tuple of str or None
        Two levels that are compared; all where None.

    Raises
    ------
    DataError
        When the response is no rated dimension that varies over time.
    DesignError
        When the factor has no such levels, nobody assigned it, or a window is too long.
    """
    (name,) = dynamic_dimensions(data, plain_name(question.response))
    require_factor(data, question.factor)
    frame = annotation_frame(data)
    how = assignment(frame, question.factor, question.assigned, question.strata)
    if how == "observed":
        unknown = untold(frame, question.factor, question.assigned)
        raise DesignError(
            f"{unknown or f'{question.factor!r} was assigned by nobody'}, so nothing can be "
            "permuted: kruskal and mixed_model compare such groups"
        )
    annotations = data["annotations"].dataset
    part, n_unknown = offered(frame, question.factor), 0
    if question.strata is not None:
        known = factor(question.strata, part).notna().to_numpy()
        part, n_unknown = part[known], int((~known).sum())
    groups = _chosen(groups_of(part, name, question.factor), question, pair)
    rows = part.index.to_numpy()[groups.use]
    values = annotations[name].transpose("annotation", "time").to_numpy()[rows]
    groups = replace(
        groups,
        values=values[~np.isnan(values)],  # all samples, not their medians
        n_missing=groups.n_missing + n_unknown,
    )
    sample = Sample(question, part, groups, groups, how=how)
    start, end, values = _windows(annotations["time"].to_numpy(), values, window)
    return Trajectories(sample, values, start, end, which)


def _chosen(groups: Groups, question: Question, pair: tuple[str, str] | None) -> Groups:
    """The groups, or two of them in the order that was asked for."""
    if pair is None:
        return groups
    wrong = [name for name in pair if name not in groups.levels]
    if wrong or len(set(pair)) != 2:
        known = ", ".join(groups.levels) or "none with values"
        raise DesignError(
            f"groups must be two different levels of {question.factor!r} ({known}), not {pair!r}"
        )
    order = [groups.levels.index(name) for name in pair]
    place = np.full(len(groups.levels), -1)
    place[order] = (0, 1)
    codes = place[groups.codes]
    use = groups.use.copy()
    use[use] = codes >= 0
    return replace(groups, codes=codes[codes >= 0], levels=list(pair), empty=[], use=use)


def _windows(time: Floats, values: Floats, window: float | None) -> tuple[Floats, Floats, Floats]:
    """Start and end of each step, and its values: samples, or means of those of a window."""
    interval = interval_of(time)
    if window is None:
        return time, time + interval, values
    length = round(check_number("window", window, above=0) / interval)
    count = len(time) // length if length else 0
    if not count:
        found = "holds no sample" if not length else "is longer than the excerpt"
        raise DesignError(f"a window of {window:g} s {found}")
    start = time[: count * length : length]
    means = values[:, : count * length].reshape(len(values), count, length).mean(axis=2)
    return start, start + length * interval, means
