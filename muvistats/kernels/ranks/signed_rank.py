"""Differences of pairs by their signed ranks: effect size, and the median with its interval."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ...types import Floats

#: Pairs up to which the distribution of the sum of signed ranks is counted out.
_COUNTED = 200


def signed_rank_biserial(differences: Floats) -> float:
    """Rank-biserial correlation of pairs.

    Parameters
    ----------
    differences : ndarray of float, shape (n,)
        Differences of the pairs; those of 0 are left out.

    Returns
    -------
    float
        Share of the ranks of absolute differences that is positive, less the negative share:
        1 where all differences are positive; NaN where all are 0.

    References
    ----------
    Kerby, D. S. (2014). The simple difference formula: An approach to teaching nonparametric
    correlation. Comprehensive Psychology, 3. https://doi.org/10.2466/11.IT.3.1

    Examples
    --------
    >>> signed_rank_biserial(np.array([1.0, 2.0, -3.0, 0.0]))
    0.0
    """
    used = differences[differences != 0]
    if not len(used):
        return np.nan
    ranks = stats.rankdata(np.abs(used))
    return float(ranks @ np.sign(used) / ranks.sum())


def pseudomedian(differences: Floats, conf_level: float) -> tuple[float, float, float]:
    """Hodges and Lehmann's estimate of the centre of differences, with its interval.

    Parameters
    ----------
    differences : ndarray of float, shape (n,)
        Differences of the pairs.
    conf_level : float
        Confidence level.

    Returns
    -------
    estimate, low, high : float
        The median of the means of all pairs of differences, each with itself too, and those of
        the means between which the signed rank test does not reject. The limits are NaN where
        there are too few pairs for this level. Counted out up to 200 pairs, beyond by the normal
        approximation; with ties the interval is a little too wide.

    References
    ----------
    Hodges, J. L., & Lehmann, E. L. (1963). Estimates of location based on rank tests. The Annals
    of Mathematical Statistics, 34(2), 598-611. https://doi.org/10.1214/aoms/1177704172

    Examples
    --------
    >>> pseudomedian(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 0.95)
    (3.5, 1.0, 6.0)
    """
    n = len(differences)
    if not n:
        return np.nan, np.nan, np.nan
    rows, columns = np.triu_indices(n)
    means = np.sort((differences[rows] + differences[columns]) / 2)
    place = _critical(n, (1 - conf_level) / 2)
    estimate = float(np.median(means))
    if not place:
        return estimate, np.nan, np.nan
    return estimate, float(means[place - 1]), float(means[len(means) - place])


def _critical(n: int, tail: float) -> int:
    """Smallest sum of signed ranks that is not in the lower tail; 0 where none is below it."""
    if n > _COUNTED:
        centre = n * (n + 1) / 4
        spread = float(np.sqrt(n * (n + 1) * (2 * n + 1) / 24))
        return int(np.floor(centre - stats.norm.isf(tail) * spread))
    chances = np.ones(1)
    for rank in range(1, n + 1):
        longer = np.zeros(len(chances) + rank)
        longer[: len(chances)] += chances / 2
        longer[rank:] += chances / 2
        chances = longer
    return int(np.searchsorted(np.cumsum(chances), tail * (1 + 1e-12)))
