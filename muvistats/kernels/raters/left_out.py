"""Chance-corrected agreement when one rater is left out: a jackknife over people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...types import Floats, Ints
from ..sampling.multiway import Variance
from ..scale import centred, unit_factor
from .reliability import nominal_unit


def interval_sums_lost(values: Floats, units: Ints, n_units: int) -> Floats:
    """What the sums of `interval_sums` lose with each rating.

    Parameters
    ----------
    values, units, n_units
        As in `interval_sums`.

    Returns
    -------
    ndarray of float, shape (n, 4)
        Sums of the unit less those without the rating; the whole of a unit with two ratings, and
        0 for one that cannot be paired.
    """
    m = np.bincount(units, minlength=n_units).astype(float)[units]
    out = np.zeros((len(values), 4))
    paired = m > 1
    if not paired.any():
        return out
    units, m, x = units[paired], m[paired], centred(values[paired])
    x = x * unit_factor(x)
    total = np.bincount(units, x, n_units)[units]
    off = x - total / m
    within = np.bincount(units, off**2, n_units)[units]
    square = np.bincount(units, x**2, n_units)[units]
    rest = np.maximum(within - off**2 * m / (m - 1), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = m * within / (m - 1) - (m - 1) * rest / (m - 2)
    whole = np.stack([m, total, square, m * within / (m - 1)], axis=1)
    part = np.stack([np.ones_like(x), x, x**2, lost], axis=1)
    out[paired] = np.where((m > 2)[:, None], part, whole)
    return out


def nominal_sums_lost(chosen: Floats, units: Ints, n_units: int) -> Floats:
    """What the sums of `nominal_sums` lose with each rating of one label.

    Parameters
    ----------
    chosen : ndarray of float, shape (n,)
        1 chosen, 0 not, NaN where missing.
    units, n_units
        As in `nominal_sums`.

    Returns
    -------
    ndarray of float, shape (n, 7)
        Sums of the unit less those without the rating; 0 where it is missing.
    """
    known = ~np.isnan(chosen)
    x = np.where(known, chosen, 0.0)
    m: Floats = np.bincount(units, known, n_units)[units].astype(np.float64)
    r: Floats = np.bincount(units, x, n_units)[units].astype(np.float64)
    lost: Floats = nominal_unit(m, r) - nominal_unit(m - 1, r - x)
    return np.where(known[:, None], lost, 0.0)


def jackknife_variance(
    total: Floats, lost: Floats, people: Ints, statistic: Callable[[Floats], Floats]
) -> tuple[Variance, Variance]:
    """Variances of functions of sums when people, and when single ratings, are left out.

    Parameters
    ----------
    total : ndarray of float, shape (sum,)
        Sums of all ratings.
    lost : ndarray of float, shape (n, sum)
        What they lose with each rating.
    people : ndarray of int, shape (n,)
        Person of each rating, coded from 0 without gaps.
    statistic : callable
        From sums, shape (m, sum), to numbers, shape (m, estimate).

    Returns
    -------
    people, ratings : Variance
        ``(G - 1) / G`` times the sum of squares of what the statistic is without each, less their
        mean; NaN where it is not defined without somebody.
    """
    by_person = np.stack([np.bincount(people, column) for column in lost.T], axis=1)
    return spread_of(statistic(total - by_person)), spread_of(statistic(total - lost))


def spread_of(values: Floats) -> Variance:
    """Variances of estimates from what they are without each unit, shape (unit, estimate)."""
    n = max(len(values), 1)
    value = (n - 1) / n * np.square(values - values.mean(axis=0)).sum(axis=0)
    return Variance(value, np.zeros_like(value))
