"""Mean and variance, under permutation within groups, of a sum of squares between items.

Exact and without resampling: every group (a participant, or several with one list) permutes its
rows, independently of the other groups.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy import sparse

from ...progress import in_parts
from ...types import Floats, Ints
from ...workers import few_threads

#: Numbers that one batch of pairs of groups may hold.
_BATCH = 2_000_000


@few_threads(0)
def between_groups_moments(
    values: Floats, item: Ints, group: Ints, weight: Floats, block: Ints | None = None
) -> tuple[float, float]:
    """Mean and variance of the weighted sum of squared item sums.

    Parameters
    ----------
    values : ndarray of float, shape (row, column)
        Values; every column sums to 0 within each group.
    item, group : ndarray of int, shape (row,)
        Codes; rows are sorted by group.
    weight : ndarray of float, shape (item,)
        Weight of each item, one over its number of ratings.
    block : ndarray of int, shape (row,), optional
        Products of two groups of the same block are left out of the sum.

    Returns
    -------
    mean, variance : float
        Moments of sum over items of weight * |sum of the values on the item|^2.

    Notes
    -----
    With P the projection on items and x the values, the sum of squares between items is
    sum over participants p, q of tr(P_pq x_q x_p'). The terms p != q have mean 0, are
    uncorrelated, and have variance |P_pq|^2 |x_p x_q'|^2 / ((n_p - 1)(n_q - 1)) with P_pq
    centred in both directions. The terms p = q have the moments of tr(A K) for two symmetric
    matrices of which one is permuted.

    References
    ----------
    Kazi-Aoual, F., Hitier, S., Sabatier, R., & Lebreton, J.-D. (1995). Refined approximations
    to permutation tests for multivariate inference. Computational Statistics & Data Analysis,
    20(6), 643-656.
    """
    _, first_rows, group = np.unique(group, return_index=True, return_inverse=True)
    blocks = np.arange(len(first_rows)) if block is None else block[first_rows]
    sizes = np.bincount(group).astype(float)
    shape = (len(sizes), len(weight))
    counts: Any = sparse.csr_array((np.ones(len(item)), (group, item)), shape=shape)  # sums repeats
    times = np.asarray(counts[group, item]).ravel()
    if shape[0] * shape[1] <= _BATCH:
        counts = counts.toarray()
    cross = _cross_products(values, group, len(sizes))

    n = sizes
    free = np.where(n > 1, n - 1, np.inf)

    # Pairs of groups, some groups at a time.
    variance = 0.0
    for some in in_parts(len(n), _BATCH // len(n), "Pairs of groups"):
        one = counts[some]
        squares = _dense((one * weight**2) @ counts.T)
        rows = _dense((one * weight**2) @ (counts * counts).T)  # squared row sums
        columns = _dense((one * one * weight**2) @ counts.T)
        sums = _dense((one * weight) @ counts.T)
        spread = squares - rows / n - columns / n[some, None] + sums**2 / np.outer(n[some], n)
        terms = spread * (cross[some] @ cross.T) / np.outer(free[some], free)
        variance += 2 * float(terms[blocks[some, None] != blocks].sum())

    # One group with itself.
    a = _centred_kernel_sums(item, group, n, weight, times)
    norms = (values**2).sum(axis=1)
    k = (_total(group, norms), (cross**2).sum(axis=1), _total(group, norms**2))
    mean = float((a[0] * k[0] / free).sum())
    return mean, max(0.0, variance + float(_own_variance(n, a, k).sum()))


def _dense(values: Any) -> Floats:
    return np.asarray(values if isinstance(values, np.ndarray) else values.toarray())


def _total(group: Ints, values: Floats) -> Floats:
    return np.bincount(group, values).astype(np.float64)


def _cross_products(values: Floats, group: Ints, n_groups: int) -> Floats:
    """Cross products of the columns within each group, one flat row per group."""
    columns = values.shape[1]
    edges = np.searchsorted(group, np.arange(n_groups + 1))
    parts = [values[a:b].T @ values[a:b] for a, b in itertools.pairwise(edges)]
    return np.array(parts).reshape(n_groups, columns * columns)


def _centred_kernel_sums(
    item: Ints, group: Ints, n: Floats, weight: Floats, times: Floats
) -> tuple[Floats, Floats, Floats]:
    """Trace, trace of the square, and sum of squared diagonal of each group's item kernel."""
    row_sum = times * weight[item]
    total = _total(group, row_sum)
    diagonal = weight[item] - 2 * row_sum / n[group] + (total / n**2)[group]
    square = _total(group, times * weight[item] ** 2)
    square = square - 2 * _total(group, row_sum**2) / n + (total / n) ** 2
    return _total(group, diagonal), square, _total(group, diagonal**2)


def _own_variance(
    n: Floats, a: tuple[Floats, Floats, Floats], k: tuple[Floats, Floats, Floats]
) -> Floats:
    """Variance of tr(A K) when the rows and columns of K are permuted together."""
    out = np.zeros(len(n))
    first = n > 2  # with two rows a permutation changes nothing
    m = n[first]
    left, right = (((n - 1) * s - t**2)[first] for t, s, _ in (a, k))
    out[first] = 2 * left * right / ((m + 1) * (m - 1) ** 2 * (m - 2))
    second = n > 3  # with three rows this part is zero
    m = n[second]
    left, right = ((n * (n + 1) * d - (n - 1) * (t**2 + 2 * s))[second] for t, s, d in (a, k))
    out[second] += left * right / (m * (m + 1) * (m - 1) * (m - 2) * (m - 3))
    return out
