"""Wald statistic of mean ranks, robust to participants and items, for many arrangements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ...types import Floats, Ints

#: From groups of the units, (arrangement, unit), to a statistic, (arrangement, variable).
Statistic = Callable[[Ints], Floats]

#: Smallest clustered variance, as part of that of independent rows. A larger one makes the test
#: reject too often where effects differ between clusters, a smaller one costs power without it.
_FLOOR = 0.25

#: Smallest variance of a group of clusters, as part of the variance of independent values.
_LEAST = 1e-9

#: Arrangements whose sums are held at once: so many, or fewer where units are many.
_DRAWS, _CELLS = 128, 10_000_000

#: From so many rows on sums are taken in single precision; ties are no matter then.
_MANY = 4096


def crossed_statistic(
    ranks: Floats,
    row: Ints,
    k: int,
    clusters: tuple[Ints, Ints],
    alternative: str | None = None,
) -> Statistic:
    """Wald statistic of mean ranks, errors robust to two crossed kinds of clusters.

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows.
    row : ndarray of int, shape (row,)
        Unit of each row.
    k : int
        Number of groups.
    clusters : tuple of two ndarray of int, each shape (row,)
        Participant and item of each row, coded from 0.
    alternative : {"two-sided", "less", "greater"}, optional
        For two groups: their t instead of the Wald statistic, turned so that large values speak
        against the null.

    Returns
    -------
    callable
        From groups of the units, (arrangement, unit), to the statistic, (arrangement, 1).

    Notes
    -----
    The covariance of the mean ranks is ``V_1 + V_2 - V_12``, from residual ranks summed over the
    clusters of each kind and over their intersections, without small-sample factors. In no
    direction of their differences is it taken as smaller than a quarter of V_12, the covariance of
    independent rows. A residual sum is ``S - m N`` with the sum S and the number N of a cluster's
    ranks in a group and the group's mean m, so that one sparse product with the indicators of a
    group gives all that is needed.
    """
    sums = _Sums.of(ranks, row, clusters)
    least = _LEAST * float(ranks.var())
    narrow = sums.matrix.astype(np.float32) if len(ranks) >= _MANY else sums.matrix

    def statistic(codes: Ints) -> Floats:
        matrix = sums.matrix if len(codes) == 1 else narrow
        out = np.empty((len(codes), 1))
        step = max(8, min(_DRAWS, _CELLS // codes.shape[1]))
        for start in range(0, len(codes), step):
            some = slice(start, start + step)
            gaps, whole, inner = _gaps(sums, matrix, codes[some], k, least)
            if alternative is None:
                out[some, 0] = _wald(gaps, whole, inner)
            else:
                spread = np.maximum(whole[:, 0, 0], _FLOOR * inner[:, 0, 0])
                out[some, 0] = directed(gaps[:, 0] / np.sqrt(spread), alternative)
        return out

    return statistic


def directed(z: Floats, alternative: str) -> Floats:
    """Standardized differences such that large ones speak against the null."""
    if alternative == "two-sided":
        return np.abs(z)
    return z if alternative == "greater" else -z


class _Sums(NamedTuple):
    """What a unit adds to sums of ranks and of rows over clusters, and to the sum of squares."""

    matrix: Any  # (sum, unit): ranks and then rows for each kind of cluster, squares last
    totals: Floats  # (sum, 1), over all units
    ends: list[int]  # where the parts of the matrix end
    single: bool  # whether nobody met an item twice

    @classmethod
    def of(cls, ranks: Floats, row: Ints, clusters: tuple[Ints, Ints]) -> _Sums:
        values = ranks - ranks.mean()
        n_items = int(clusters[1].max()) + 1
        both = np.unique(clusters[0] * n_items + clusters[1], return_inverse=True)[1]
        single = int(both.max()) + 1 == len(ranks)
        kinds = [*clusters] if single else [*clusters, both]
        parts = [(codes, weight) for codes in kinds for weight in (values, np.ones(len(values)))]
        parts.append((np.zeros(len(values), dtype=np.intp), values**2))
        units = int(row.max()) + 1
        tables = [
            sparse.coo_array((weight, (codes, row)), shape=(int(codes.max()) + 1, units)).tocsr()
            for codes, weight in parts
        ]
        matrix: Any = sparse.vstack(tables, format="csr")
        totals = np.asarray(matrix.sum(axis=1), dtype=np.float64)[:, None]
        return cls(matrix, totals, np.cumsum([len(t.indptr) - 1 for t in tables]).tolist(), single)


def _gaps(
    sums: _Sums, matrix: Any, codes: Ints, k: int, least: float
) -> tuple[Floats, Floats, Floats]:
    """Mean ranks less that of the last group, their covariance, and that of independent rows."""
    groups = np.ascontiguousarray(codes.T)
    n = groups.shape[1]
    z = np.concatenate([groups == g for g in range(k - 1)], axis=1).astype(matrix.dtype)
    found = np.empty((len(sums.totals), k, n))
    found[:, :-1] = (matrix @ z).reshape(-1, k - 1, n)
    np.subtract(sums.totals[:, :, None], found[:, :-1].sum(axis=1, keepdims=True), found[:, -1:])
    starts = [0, *sums.ends[:-1]]
    size = found[starts[1] : sums.ends[1]].sum(axis=0)  # (group, arrangement)
    mean = found[: sums.ends[0]].sum(axis=0) / size
    kinds = [
        (found[starts[at] : sums.ends[at]] - mean * found[starts[at + 1] : sums.ends[at + 1]])
        / size
        for at in range(0, len(sums.ends) - 1, 2)
    ]
    if sums.single:
        square = found[-1] / size**2 - mean**2 / size
        inner = np.eye(k) * np.maximum(square, 0.0).T[:, None, :]
    else:
        inner = _products(kinds.pop())
    inner += np.eye(k) * (least / size).T[:, None, :]
    whole = _products(kinds[0]) + _products(kinds[1]) - inner
    return (mean[:-1] - mean[-1:]).T, _contrasts(whole), _contrasts(inner)


def _products(scores: Floats) -> Floats:
    """Cross products over clusters of the scores of groups, (arrangement, group, group)."""
    k, n = scores.shape[1:]
    out = np.empty((n, k, k))
    for g in range(k):
        for h in range(g + 1):
            out[:, g, h] = out[:, h, g] = (scores[:, g] * scores[:, h]).sum(axis=0)
    return out


def _contrasts(covariance: Floats) -> Floats:
    """Covariance of all but the last less the last."""
    last = covariance[:, :-1, -1:]
    return np.asarray(
        covariance[:, :-1, :-1] - last - last.transpose(0, 2, 1) + covariance[:, -1:, -1:]
    )


def _wald(gaps: Floats, whole: Floats, least: Floats) -> Floats:
    """Wald statistic of differences; the covariance is no smaller than part of another one."""
    if gaps.shape[1] == 1:
        spread = np.maximum(whole[:, 0, 0], _FLOOR * least[:, 0, 0])
        return np.asarray(gaps[:, 0] ** 2 / spread)
    if gaps.shape[1] == 2:
        return _wald_of_two(gaps, whole, least)
    root = np.linalg.inv(np.linalg.cholesky(least))
    values, axes = np.linalg.eigh(root @ whole @ root.transpose(0, 2, 1))
    sides = (axes.transpose(0, 2, 1) @ (root @ gaps[:, :, None]))[:, :, 0]
    return np.asarray((sides**2 / np.maximum(values, _FLOOR)).sum(axis=1))


def _wald_of_two(gaps: Floats, whole: Floats, least: Floats) -> Floats:
    """`_wald` of two differences, in closed form."""
    first = 1 / np.sqrt(least[:, 0, 0])  # inverse of the Cholesky factor of `least`
    slope = least[:, 0, 1] * first
    second = 1 / np.sqrt(least[:, 1, 1] - slope**2)
    cross = -slope * first * second
    a = whole[:, 0, 0] * first**2
    b = whole[:, 0, 0] * cross * first + whole[:, 0, 1] * first * second
    c = whole[:, 0, 0] * cross**2 + 2 * whole[:, 0, 1] * cross * second + whole[:, 1, 1] * second**2
    x, y = gaps[:, 0] * first, gaps[:, 0] * cross + gaps[:, 1] * second
    middle, half = (a + c) / 2, (a - c) / 2
    reach = np.hypot(half, b)
    high, low = np.maximum(middle + reach, _FLOOR), np.maximum(middle - reach, _FLOOR)
    # share of the square that lies along the axis with the larger eigenvalue
    double = np.divide(half * (x**2 - y**2) + 2 * b * x * y, reach, out=x * 0, where=reach > 0)
    square = x**2 + y**2
    return np.asarray((square + double) / (2 * high) + (square - double) / (2 * low))
