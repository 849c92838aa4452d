"""Two samples compared by rank: Dunn's z, the rank-biserial correlation, equivalence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from ...types import Array, Floats


class Dunn(NamedTuple):
    """Dunn's comparisons, one entry per pair (i, j), i < j, in lexicographic order."""

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    difference: Floats
    z: Floats


class Dominance(NamedTuple):
    """Probability-based comparison of two samples."""

    delta: float
    std_error: float
    df: float


def mean_ranks(values: Array, codes: Array, k: int) -> Floats:
    """Mean midrank per group, NaN for an empty group.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value, 0 to k - 1.
    k : int
        Number of groups.

    Returns
    -------
    ndarray, shape (k,)
        Mean ranks; ties get the mean of their ranks.
    """
    size = np.bincount(codes, minlength=k)
    total = np.bincount(codes, weights=stats.rankdata(values), minlength=k)
    means: Floats = np.divide(total, size, out=np.full(k, np.nan), where=size > 0)
    return means


def dunn(values: Array, codes: Array, k: int) -> Dunn:
    """Dunn's z for each pair of groups, ties corrected.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value, 0 to k - 1.
    k : int
        Number of groups.

    Returns
    -------
    Dunn
        Pairs, mean rank of the first minus mean rank of the second, and z. NaN where a group is
        empty or all values are equal.

    Notes
    -----
    ``z = (R_i - R_j) / sqrt((n (n + 1) / 12 - sum(t^3 - t) / (12 (n - 1))) (1/n_i + 1/n_j))``
    with mean midranks R over all groups and t the sizes of the ties.
    """
    first, second = np.triu_indices(k, 1)
    n = len(values)
    size = np.bincount(codes, minlength=k).astype(float)
    means = mean_ranks(values, codes, k)
    ties = np.unique(values, return_counts=True)[1].astype(float)
    difference = means[first] - means[second]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n * (n + 1) / 12 - (ties**3 - ties).sum() / (12 * np.float64(n - 1))
        z = difference / np.sqrt(variance * (1 / size[first] + 1 / size[second]))
    return Dunn(first, second, difference, np.where(len(ties) > 1, z, np.nan))


def dominance(first: Array, second: Array) -> Dominance:
    """Rank-biserial correlation of two samples with its Brunner-Munzel standard error.

    Parameters
    ----------
    first, second : ndarray, shapes (n1,) and (n2,)
        Values without NaN, at least one each.

    Returns
    -------
    Dominance
        delta = P(first > second) - P(first < second), also known as Cliff's delta and equal to
        ``2 U / (n1 n2) - 1``; its standard error, NaN with fewer than two values in a sample;
        Satterthwaite's degrees of freedom, NaN where the standard error is 0 or NaN.

    Notes
    -----
    The placements ``p_i = P(second < x_i) + P(second = x_i) / 2`` of the first sample, and the
    like of the second, have variances s1 and s2 (divisor n - 1); the squared standard error of
    delta is ``4 (s1 / n1 + s2 / n2)``. The samples need not have equal spread or be without ties.
    """
    n1, n2 = len(first), len(second)
    ranks = stats.rankdata(np.concatenate([first, second]))
    placed1 = (ranks[:n1] - stats.rankdata(first)) / n2
    placed2 = (ranks[n1:] - stats.rankdata(second)) / n1
    delta = float(2 * placed1.mean() - 1)
    if n1 < 2 or n2 < 2:
        return Dominance(delta, np.nan, np.nan)
    part1, part2 = placed1.var(ddof=1) / n1, placed2.var(ddof=1) / n2
    spread = part1**2 / (n1 - 1) + part2**2 / (n2 - 1)
    df = float((part1 + part2) ** 2 / spread) if spread > 0 else np.nan
    return Dominance(delta, float(2 * np.sqrt(part1 + part2)), df)


def dominance_interval(found: Dominance, conf_level: float) -> tuple[float, float]:
    """Confidence limits of the rank-biserial correlation, kept within [-1, 1].

    Parameters
    ----------
    found : Dominance
        What `dominance` returned.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : float
        ``tanh(atanh(delta) -+ t se / (1 - delta^2))``; NaN where the standard error is 0 or NaN.
    """
    if np.isnan(found.df) or abs(found.delta) >= 1:
        return np.nan, np.nan
    half = stats.t.ppf((1 + conf_level) / 2, found.df) * found.std_error / (1 - found.delta**2)
    middle = np.arctanh(found.delta)
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def equivalence_p(found: Dominance, margin: float) -> float:
    """p-value of the two one-sided tests that delta lies within (-margin, margin).

    Parameters
    ----------
    found : Dominance
        What `dominance` returned.
    margin : float
        Largest delta that counts as equivalent.

    Returns
    -------
    float
        The larger p of the tests of ``delta <= -margin`` and ``delta >= margin``, each
        ``t = (delta +- margin) / se``; NaN where the standard error is 0 or NaN.
    """
    if np.isnan(found.df):
        return np.nan
    above = stats.t.sf((found.delta + margin) / found.std_error, found.df)
    below = stats.t.cdf((found.delta - margin) / found.std_error, found.df)
    return float(max(above, below))
