"""Tests of estimates whose values share items and participants: variances, medians, t.

Variances have the square of the unit of the estimates. Callers bring these to a unit of their own
size (`scale.unit_factor`), so that no square vanishes or overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from ...progress import in_parts
from ...types import Floats, Ints
from ..permutation.arrangements import dense_codes
from ..scale import unit_factor

#: Weights of values in one batch of resamples.
_BATCH = 2_000_000

#: Share of resamples that must give an estimate.
_DEFINED = 0.9

#: Part of the variance over cells that one over whole units is no less than.
PART = 0.1


@dataclass(frozen=True, slots=True)
class Variance:
    """Variances of estimates, and how well they are known.

    Parameters
    ----------
    value : ndarray of float, shape (estimate,)
        Variances; NaN where not defined.
    mc : ndarray of float, shape (estimate,)
        Their own variances from the number of resamples; 0 where none were drawn.
    """

    value: Floats
    mc: Floats


def draw_variance(draws: Floats, n_units: int) -> Variance:
    """Variances of estimates over resamples of units.

    Parameters
    ----------
    draws : ndarray of float, shape (n_resamples, estimate)
        Resampled estimates; NaN where a resample gave none.
    n_units : int
        Number of units that were drawn; the variance over resamples is smaller than that over
        samples by (n_units - 1) / n_units, which is made up for.

    Returns
    -------
    Variance
        NaN with one unit, or where fewer than nine in ten resamples gave an estimate.
    """
    count = (~np.isnan(draws)).sum(axis=0)
    known = (count >= max(_DEFINED * len(draws), 2)) & (n_units > 1)
    value = np.full(draws.shape[1:], np.nan)
    if known.any():
        value[known] = np.nanvar(draws[:, known], axis=0, ddof=1) * n_units / (n_units - 1)
    return Variance(value, 2 * value**2 / np.maximum(count - 1, 1))


def influence_variance(influence: Floats, units: Ints, *, out_of: int | None = None) -> Variance:
    """Variances of estimates from the influence of each value, when whole units are sampled.

    Parameters
    ----------
    influence : ndarray of float, shape (n, estimate)
        What the estimates gain, to first order, as a value counts for more.
    units : ndarray of int, shape (n,)
        Unit of each value.
    out_of : int, optional
        Number n of the factor n / (n - 1), that of the units where it is not given. Where values
        are what a jackknife loses, single ratings have that of the raters: what is of no rater
        then falls out of the difference of the two.

    Returns
    -------
    Variance
        Sum over units of the squared sum of influences, times n / (n - 1); NaN if n is 1.
    """
    sums = unit_sums(influence, units)
    n = len(sums) if out_of is None else out_of
    factor = n / (n - 1) if n > 1 else np.nan
    value: Floats = np.square(sums).sum(axis=0) * factor
    return Variance(value, np.zeros_like(value))


def unit_sums(influence: Floats, units: Ints) -> Floats:
    """Influences (n, estimate) summed over the values of each unit, (unit, estimate)."""
    codes = dense_codes(units)
    sums = np.zeros((int(codes.max(initial=-1)) + 1, influence.shape[1]))
    np.add.at(sums, codes, influence)
    return sums


def two_way(
    first: Variance,
    second: Variance,
    cells: Variance,
    n_units: int,
    *,
    least: Literal["first", "smaller"] = "first",
) -> Variance:
    """Variances over two crossed kinds of units, from those over each and over their cells.

    Parameters
    ----------
    first, second : Variance
        When units of the one or of the other kind are sampled.
    cells : Variance
        When the cells of both are sampled one by one: what both of the others count.
    n_units : int
        Number of units of the rarer kind.
    least : {"first", "smaller"}
        What the sum may not fall below, as it does where `cells` is large by chance: `first`, or
        the smaller of `first` and `second`, and a tenth of `cells`. With ten units of a kind the
        sum lies below `first` in half of all studies, and means then get limits that are too wide.
        Where all three are over resamples, the sum is not known well enough to go lower.

    Returns
    -------
    Variance
        ``first + second - cells``, but no less than that, times n_units / (n_units - 1): each
        kind of units leaves a little of the other's spread out of its own.
    """
    factor = n_units / (n_units - 1) if n_units > 1 else np.nan
    floor = first.value
    if least == "smaller":  # which a few units may make as small as rounding
        floor = np.maximum(np.minimum(first.value, second.value), PART * cells.value)
    value = np.maximum(first.value + second.value - cells.value, floor)
    return Variance(factor * value, factor**2 * (first.mc + second.mc + cells.mc))


def effective_df(influence: Floats) -> Floats:
    """Degrees of freedom of a variance when some units count for more than others.

    Parameters
    ----------
    influence : ndarray of float, shape (unit, estimate)
        What each unit adds to the estimates.

    Returns
    -------
    ndarray of float, shape (estimate,)
        ``3 (sum I^2)^2 / sum I^4 - 1``, at least 1 and at most units - 1, which it is when the
        influences are normal with one variance.
    """
    square = np.square(influence * unit_factor(influence, axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        units = 3 * square.sum(axis=0) ** 2 / np.square(square).sum(axis=0)
    out: Floats = np.clip(units - 1, 1.0, max(len(influence) - 1, 1))
    return out


@dataclass(frozen=True, slots=True)
class Inference:
    """Test of estimates against 0 and their confidence limits, each of shape (estimate,)."""

    std_error: Floats
    t: Floats
    p_value: Floats
    mc_error: Floats
    low: Floats
    high: Floats


def infer(estimate: Floats, variance: Variance, df: float | Floats, conf_level: float) -> Inference:
    """Student's t of estimates with their variances.

    Parameters
    ----------
    estimate : ndarray of float, shape (estimate,)
        Estimates.
    variance : Variance
        Their variances; without a positive one there is neither test nor limits.
    df : float or ndarray of float, shape (estimate,)
        Degrees of freedom; below 1 there is neither test nor limits.
    conf_level : float
        Confidence level.

    Returns
    -------
    Inference
        `mc_error` is the standard error that p has because the number of resamples is finite.
    """
    value = np.where((variance.value > 0) & (np.asarray(df) >= 1), variance.value, np.nan)
    error = np.sqrt(value)
    t = estimate / error
    safe = np.maximum(df, 1.0)
    half = stats.t.ppf((1 + conf_level) / 2, safe) * error
    slope = np.abs(t) * stats.t.pdf(t, safe) / value  # of p, by the variance
    return Inference(
        error,
        t,
        np.asarray(2 * stats.t.sf(np.abs(t), safe)),
        slope * np.sqrt(variance.mc),
        estimate - half,
        estimate + half,
    )


def bootstrap_medians(
    values: Floats,
    units: Ints,
    *,
    groups: Ints,
    n_groups: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Medians of groups of values when whole units are drawn with replacement.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    units : ndarray of int, shape (n,)
        Units that are drawn, coded from 0.
    groups : ndarray of int, shape (n,)
        Group of each value.
    n_groups, n_resamples : int
        Numbers.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of float, shape (n_resamples, n_groups)
        Medians, the mean of the middle two where there are two; NaN where a group was not drawn.
    """
    n_units = int(units.max(initial=-1)) + 1
    out = np.full((n_resamples, n_groups), np.nan)
    sort = np.argsort(values, kind="stable")
    members = [sort[groups[sort] == group] for group in range(n_groups)]
    for some in in_parts(n_resamples, _BATCH // max(len(values), n_units, 1), "Resamples"):
        count = some.stop - some.start
        often = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=count)
        often = often.astype(np.int32)
        for group, rows in enumerate(members):
            if not len(rows):
                continue
            reached = often[:, units[rows]].cumsum(axis=1, dtype=np.int32)
            total = reached[:, -1:]
            lower = (2 * reached >= total).argmax(axis=1)
            upper = (2 * reached > total).argmax(axis=1)
            middle = (values[rows[lower]] + values[rows[upper]]) / 2
            out[some, group] = np.where(total[:, 0] > 0, middle, np.nan)
    return out
