"""Agreement on ordered ratings: mid-ranks, weighted kappa, Kendall's W.

Chance terms are linear in the ratings to first order, so that what they change by when ratings are
resampled or left out is a sum over those ratings, and nothing is ranked anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...types import Floats, Ints
from ..sampling.multiway import Variance, influence_variance
from ..scale import centred, unit_factor


def ordinal_scores(values: Floats, units: Ints, n_units: int) -> Floats:
    """Mid-ranks among the ratings that can be paired.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Ratings without NaN; only their order counts.
    units : ndarray of int, shape (n,)
        Unit of each rating.
    n_units : int
        Number of units.

    Returns
    -------
    ndarray of float, shape (n,)
        Differences of mid-ranks are Krippendorff's ordinal metric, so that his ordinal alpha is
        the interval alpha of these scores. 0 for a rating without another in its unit.
    """
    paired = np.bincount(units, minlength=n_units)[units] > 1
    scores = np.zeros(len(values))
    if paired.any():
        scores[paired] = stats.rankdata(values[paired])
    return scores


def rank_influence(scores: Floats, units: Ints, n_units: int) -> Floats:
    """What ordinal alpha gains, to first order, through the mid-ranks as a rating counts for more.

    Parameters
    ----------
    scores, units, n_units
        `ordinal_scores` and what they were made of.

    Returns
    -------
    ndarray of float, shape (n,)
        They add up to 0: where every rating counts for more, alpha stays.

    Notes
    -----
    A rating lifts the mid-rank of every higher one by 1 and that of its equals by 1/2.
    """
    m = np.bincount(units, minlength=n_units).astype(float)
    out = np.zeros(len(scores))
    paired = m[units] > 1
    x, own, n = scores[paired], units[paired], int(paired.sum())
    if not n or np.ptp(x) == 0:
        return out
    mean = np.bincount(own, x, n_units)[own] / m[own]
    off, weight = x - x.mean(), m[own] / (m[own] - 1)
    within, spread = float((weight * (x - mean) ** 2).sum()), float((off**2).sum())
    slope = -2 * (n - 1) / (n * spread) * (weight * (x - mean) - within / spread * off)
    _, level = np.unique(x, return_inverse=True)
    by_level = np.bincount(level, slope)
    above = by_level[::-1].cumsum()[::-1] - by_level
    out[paired] = (above + by_level / 2)[level]
    return out


def mean_distances(values: Floats, weights: Floats, groups: Ints, *, quadratic: bool) -> Floats:
    """Weighted mean distance of each value from those of its group, itself included.

    Parameters
    ----------
    values, weights : ndarray of float, shape (n,)
        Values and how much they count, above 0.
    groups : ndarray of int, shape (n,)
        Group of each value, coded from 0.
    quadratic : bool
        Squared distances, in place of absolute ones.

    Returns
    -------
    ndarray of float, shape (n,)
        ``sum w_j d(x_i, x_j) / sum w_j`` over the group of i.
    """
    whole = np.bincount(groups, weights)
    if quadratic:
        centre = (np.bincount(groups, weights * values) / whole)[groups]
        spread = np.bincount(groups, weights * (values - centre) ** 2) / whole
        out: Floats = (values - centre) ** 2 + spread[groups]
        return out
    order = np.lexsort((values, groups))
    x, w, g = values[order], weights[order], groups[order]
    first = np.searchsorted(g, g)

    def below(each: Floats) -> Floats:
        """Sum over the values of the group up to each."""
        total = np.concatenate([[0.0], each.cumsum()])
        inside: Floats = total[1:] - total[first]
        return inside

    sums = np.bincount(groups, weights * values)[g]
    found = np.empty(len(x))
    found[order] = (x * (2 * below(w) - whole[g]) - (2 * below(w * x) - sums)) / whole[g]
    return np.maximum(found, 0.0)


@dataclass(frozen=True, slots=True)
class KappaParts:
    """Weighted kappa as sums over units, and without each rater and rating.

    Parameters
    ----------
    sums : ndarray of float, shape (unit, 3)
        1, the mean distance d of pairs in the unit, and what the unit adds to the chance term.
    chance : float
        Mean distance that is expected by chance.
    without_person, without_rating : ndarray of float
        Kappa without each of them.
    """

    sums: Floats
    chance: float
    without_person: Floats
    without_rating: Floats

    def kappa(self, sums: Floats) -> Floats:
        """Kappa of sums over units, shape (..., 3), each unit as often as it counts."""
        units, distance, shift = np.moveaxis(sums, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            out: Floats = 1 - distance / units / (self.chance + shift)
        return out


def weighted_kappa_parts(
    values: Floats, units: Ints, people: Ints, *, quadratic: bool, by_rater: bool
) -> KappaParts:
    """Weighted kappa of ratings of which each unit has two or more.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Ratings without NaN.
    units, people : ndarray of int, shape (n,)
        Unit and rater of each, coded from 0 without gaps.
    quadratic : bool
        Squared distances, in place of absolute ones.
    by_rater : bool
        Chance from the distribution of each rater (Cohen for two, Conger for more); else from one
        distribution of all, units counting alike (Fleiss).

    Returns
    -------
    KappaParts
        ``kappa = 1 - D_o / D_e`` with mean distances: the weights of a kappa are 1 less a
        distance in units of the largest, which falls out.
    """
    values, ones = centred(values), np.ones(len(values))
    values = values * unit_factor(values)
    m = np.bincount(units).astype(float)
    own = m[units] * mean_distances(values, ones, units, quadratic=quadratic)
    pairs = np.bincount(units, own)
    distance = pairs / (m * (m - 1))
    each = _by_rater if by_rater else _by_all
    chance, influence, person = each(values, units, people, quadratic=quadratic)
    sums = np.stack([np.ones_like(m), distance, np.bincount(units, influence)], axis=1)
    size = m[units]
    with np.errstate(divide="ignore", invalid="ignore"):
        less = (pairs[units] - 2 * own) / ((size - 1) * (size - 2))
    part = np.stack([np.zeros(len(values)), distance[units] - less, influence], axis=1)
    lost = np.where((size > 2)[:, None], part, sums[units])
    total = sums.sum(axis=0)
    by_person = np.stack([np.bincount(people, column) for column in lost.T], axis=1)
    if person is not None:
        by_person[:, 2] = -person
    found = KappaParts(sums, chance, np.empty(0), np.empty(0))
    return KappaParts(sums, chance, found.kappa(total - by_person), found.kappa(total - lost))


def _by_all(
    values: Floats, units: Ints, people: Ints, *, quadratic: bool
) -> tuple[float, Floats, None]:
    """Chance distance of one distribution, and the influence of each rating on it."""
    del people
    weights = 1 / np.bincount(units)[units]
    every = np.zeros(len(values), dtype=np.intp)
    distances = mean_distances(values, weights, every, quadratic=quadratic)
    total = float(weights.sum())
    chance = float(weights @ distances) / total
    return chance, 2 * weights * (distances - chance) / total, None


def _by_rater(
    values: Floats, units: Ints, people: Ints, *, quadratic: bool
) -> tuple[float, Floats, Floats]:
    """Mean chance distance of pairs of raters, influences, and its change without each rater."""
    del units
    n = np.bincount(people).astype(float)
    raters = len(n)
    weights = 1 / n[people]
    every = np.zeros(len(values), dtype=np.intp)
    pooled = raters * mean_distances(values, weights, every, quadratic=quadratic)
    others = pooled - mean_distances(values, weights, people, quadratic=quadratic)
    of_rater = np.bincount(people, weights * others)  # sum over the other raters
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = raters * (raters - 1)
        chance = float(np.divide(of_rater.sum(), pairs))
        influence = 2 * weights * (others - of_rater[people]) / pairs
        change = -2 * (of_rater - of_rater.mean()) / ((raters - 1) * (raters - 2))
    return chance, influence, np.asarray(change)


@dataclass(frozen=True, slots=True)
class KendallW:
    """Kendall's W with its test and its variances over targets, raters and single ratings."""

    estimate: float
    statistic: float
    df: int
    p_value: float
    by_target: Variance
    by_rater: Variance
    by_rating: Variance


def kendall_w(ratings: Floats) -> KendallW:
    """Kendall's coefficient of concordance, corrected for ties.

    Parameters
    ----------
    ratings : ndarray of float, shape (target, rater)
        Complete ratings.

    Returns
    -------
    KendallW
        NaN where no rater tells targets apart.

    Notes
    -----
    ``W = sum_i R_i^2 / (k sum_ij c_ij^2)`` with c the mid-ranks of each rater less their mean, R
    their sums and k the raters. Variances are squares of influences: of targets (through the ranks
    of the others too), of raters, and of single ratings.
    """
    n, k = ratings.shape
    ranks = stats.rankdata(ratings, axis=0)
    c = ranks - (n + 1) / 2
    sums, squares = c.sum(axis=1), (c**2).sum()
    whole = k * squares
    nothing = Variance(np.full(1, np.nan), np.zeros(1))
    if whole == 0:
        return KendallW(np.nan, np.nan, n - 1, np.nan, nothing, nothing, nothing)
    w = float((sums**2).sum() / whole)
    slope = 2 * (sums[:, None] - w * k * c) / whole
    moved = _through_ranks(ranks, slope)
    target = (sums**2 - w * k * (c**2).sum(axis=1)) / whole + moved.sum(axis=1)
    rating = (2 * sums[:, None] * c - w * (k * c**2 + squares / n)) / whole + moved
    statistic = k * (n - 1) * w
    every = np.arange(n * k)
    return KendallW(
        w,
        statistic,
        n - 1,
        float(stats.chi2.sf(statistic, n - 1)),
        influence_variance(target[:, None], every[:n]),
        influence_variance(rating.sum(axis=0)[:, None], every[:k]),
        influence_variance(rating.reshape(-1, 1), every),
    )


def _through_ranks(ranks: Floats, slope: Floats) -> Floats:
    """Influence of each rating on a function of the ranks of its rater with these slopes."""
    order = np.argsort(ranks, axis=0)
    ordered = np.take_along_axis(ranks, order, axis=0)
    total = np.take_along_axis(slope, order, axis=0).cumsum(axis=0)
    out = np.empty_like(slope)
    for j, column in enumerate(ordered.T):
        reached = np.concatenate([[0.0], total[:, j]])
        low, high = (np.searchsorted(column, column, side=side) for side in ("left", "right"))
        out[order[:, j], j] = reached[-1] - (reached[low] + reached[high]) / 2
    return np.asarray(out - out.mean(axis=0))
