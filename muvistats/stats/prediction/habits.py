"""Habits of raters: how each differs from the others who rated the same, learnt from some items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...kernels.regression.shrinkage import shrunken
from ...types import Floats, Ints, Mask


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings of one dimension and what is known of those who gave them.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings; NaN where there is none. One column where levels are rated.
    time : ndarray of float, shape (time,)
        Seconds.
    item, cell, person : ndarray of int, shape (annotation,)
        Item, item in its modality, and rater of each annotation, from 0.
    n_people : int
        Number of raters.
    profile : ndarray of float, shape (annotation, trait)
        What is known of the rater, and of the rater and the item; NaN where it is not.
    """

    values: Floats
    time: Floats
    item: Ints
    cell: Ints
    person: Ints
    n_people: int
    profile: Floats


@dataclass(frozen=True, slots=True)
class Habits:
    """What sets raters apart from the average one, each of shape (person,); 0 for the average.

    `level` is added to the prediction, `spread` multiplies how far its level lies from the
    `centre`, `reach` how far it moves about its level, and `delay` is in seconds. `profile`
    (trait,) is added for each unit by which a trait exceeds `profile_mean`.
    """

    level: Floats
    spread: Floats
    reach: Floats
    delay: Floats
    centre: float
    profile: Floats
    profile_mean: Floats

    def applied(self, average: Floats, ratings: Ratings, rows: Ints) -> Floats:
        """Predictions of some annotations from that of the average, (row, time)."""
        mean, course, slope = parts_of(average, ratings.time)
        person = ratings.person[rows]
        level = self.level[person] + self.spread[person] * np.nan_to_num(mean - self.centre)
        level += np.nan_to_num(ratings.profile[rows] - self.profile_mean) @ self.profile
        moved = self.reach[person][:, None] * course - self.delay[person][:, None] * slope
        out: Floats = average + level[:, None] + moved
        return out


def sums_of_cells(values: Floats, cell: Ints, use: Mask, n_cells: int) -> tuple[Floats, Ints]:
    """Sum and number of the known values of each cell, (cell, column)."""
    known = use[:, None] & ~np.isnan(values)
    total, count = np.zeros((n_cells, values.shape[1])), np.zeros((n_cells, values.shape[1]), int)
    np.add.at(total, cell, np.where(known, values, 0.0))
    np.add.at(count, cell, known)
    return total, count


def mean_of_others(values: Floats, cell: Ints, use: Mask) -> tuple[Floats, Ints]:
    """Mean over the others of a cell who are used, and how many they are, (annotation, column)."""
    total, count = sums_of_cells(values, cell, use, int(cell.max(initial=-1)) + 1)
    own = use[:, None] & ~np.isnan(values)
    left = count[cell] - own
    rest = total[cell] - np.where(own, values, 0.0)
    return np.divide(rest, left, out=np.full_like(values, np.nan), where=left > 0), left


def parts_of(series: Floats, time: Floats) -> tuple[Floats, Floats, Floats]:
    """Level of each series, its course about it, and the course of its slope by the second.

    Where a step is missing, both courses are 0; a series without any has the level NaN.
    """
    known = ~np.isnan(series)
    count = known.sum(axis=1)
    slope = np.zeros_like(series)
    _, first, which = np.unique(
        np.packbits(known, axis=1), axis=0, return_index=True, return_inverse=True
    )
    for place, steps in enumerate(known[first]):
        if steps.sum() > 1:
            where = np.ix_(which.ravel() == place, steps)
            slope[where] = np.gradient(series[where], time[steps], axis=1)
    safe = np.maximum(count, 1)
    mean = np.where(count > 0, np.where(known, series, 0.0).sum(axis=1) / safe, np.nan)
    course = np.where(known, series - mean[:, None], 0.0)
    slope = np.where(known, slope - (slope.sum(axis=1) / safe)[:, None], 0.0)
    return mean, course, slope


def learn(ratings: Ratings, use: Mask, *, known: bool = True) -> Habits:
    """Habits from some annotations, each beside the mean of the others who are used.

    Parameters
    ----------
    ratings : Ratings
        All ratings.
    use : ndarray of bool, shape (annotation,)
        Those that may be looked at.
    known : bool
        Whether habits are wanted, or the profile alone, for raters who are not known.

    Returns
    -------
    Habits
        Of all raters; a rater without a used annotation has those of the average.

    Notes
    -----
    One after the other: traits, by ridge regression over raters, so that a trait predicts raters
    who are left out; level and spread of the levels; reach and delay of the course. Each habit is
    the slope of a rater on what the others show, less that of all raters, shrunken by one penalty
    for all of them, which predicts items that are left out best.
    """
    others, _ = mean_of_others(ratings.values, ratings.cell, use)
    reference = np.where(np.isnan(ratings.values), np.nan, others)
    rows = np.flatnonzero(use & ~np.isnan(reference).all(axis=1))
    nobody, zero = np.zeros(ratings.n_people), np.zeros(ratings.profile.shape[1])
    if not len(rows):
        return Habits(nobody, nobody, nobody, nobody, 0.0, zero, zero)
    person, reference = ratings.person[rows], reference[rows]
    level, course, _ = parts_of(ratings.values[rows] - reference, ratings.time)
    traits, profile_mean = _traits(ratings, use, rows)
    profile = _of_traits(traits, level, person)
    if not known:
        return Habits(nobody, nobody, nobody, nobody, 0.0, profile, profile_mean)

    pairs = person * (int(ratings.item.max()) + 1) + ratings.item[rows]
    unit = np.unique(pairs, return_inverse=True)[1]
    people = len(np.unique(person))
    one = np.full((len(rows), 1), people / max(people - 1, 1))  # the average has the rater in it
    rest = (level - traits @ profile)[:, None]
    levels, rest = _habit(one, rest, unit, person, nobody)
    mean, others_course, slope = parts_of(reference, ratings.time)
    centre = float(mean.mean())
    spread, _ = _habit(*_apart(mean[:, None] - centre, rest), unit, person, nobody)
    weight = 1 / np.sqrt((~np.isnan(reference)).sum(axis=1, keepdims=True))
    moved = course * weight
    reach, moved = _habit(*_apart(others_course * weight, moved), unit, person, nobody)
    delay, _ = _habit(*_apart(-slope * weight, moved), unit, person, nobody)
    return Habits(levels, spread, reach, delay, centre, profile, profile_mean)


def _apart(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Predictor, and target without what all raters have in common."""
    size = (x**2).sum()
    common = (x * y).sum() / size if size > 0 else 0.0
    return x, y - common * x


def _habit(x: Floats, y: Floats, unit: Ints, person: Ints, nobody: Floats) -> tuple[Floats, Floats]:
    """Slope of each person, shrunken, and what it leaves of the target.

    Items of a person are the units that are left out.
    """
    group = np.zeros(int(unit.max()) + 1, dtype=np.int64)
    group[unit] = person
    pairs = ((x, x), (x, y), (y, y))
    xx, xy, yy = (np.bincount(unit, (a * b).sum(axis=1)).astype(float) for a, b in pairs)
    found, _ = shrunken(xx[:, None, None], xy[:, None], yy, group)
    out = nobody.copy()
    out[: len(found)] = found[:, 0]
    return out, y - out[person][:, None] * x


def _traits(ratings: Ratings, use: Mask, rows: Ints) -> tuple[Floats, Floats]:
    """Traits of the rows less those of the others of their cells, and means of traits."""
    there = np.where(use[:, None], ratings.profile, np.nan)[rows]
    count = np.maximum((~np.isnan(there)).sum(axis=0), 1)
    others, _ = mean_of_others(ratings.profile, ratings.cell, use)
    return np.nan_to_num(ratings.profile - others)[rows], np.nansum(there, axis=0) / count


def _of_traits(traits: Floats, level: Floats, person: Ints) -> Floats:
    """What a unit of each trait adds to the level; people are the units that are left out."""
    spread = traits.std(axis=0)
    varies = spread > 0
    out = np.zeros(traits.shape[1])
    if not varies.any():
        return out
    x = traits[:, varies] / spread[varies]
    unit = np.unique(person, return_inverse=True)[1]
    n, k = int(unit.max()) + 1, x.shape[1]
    xx, xy, yy = np.zeros((n, k, k)), np.zeros((n, k)), np.zeros(n)
    np.add.at(xx, unit, x[:, :, None] * x[:, None, :])
    np.add.at(xy, unit, x * level[:, None])
    np.add.at(yy, unit, level**2)
    out[varies] = shrunken(xx, xy, yy, np.zeros(n, dtype=np.int64))[0][0] / spread[varies]
    return out
