"""Rank statistics of many arrangements of units at once, for `permutation_test`."""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints
from .arrangements import Statistic, group_sums

#: Smallest clustered variance, as part of that of independent rows. A larger one makes the test
#: reject too often where effects differ between clusters, a smaller one costs power without it.
_FLOOR = 0.25

#: Smallest variance of a group of clusters, as part of the variance of independent values.
_LEAST = 1e-9


def directed(z: Floats, alternative: str) -> Floats:
    """Standardized differences such that large ones speak against the null."""
    if alternative == "two-sided":
        return np.abs(z)
    return z if alternative == "greater" else -z


def _sums_of_units(ranks: Floats, row: Ints) -> tuple[Floats, Floats]:
    """Sum of centred ranks and number of rows of each unit."""
    size = int(row.max()) + 1
    total = np.bincount(row, ranks - ranks.mean(), size).astype(np.float64)
    return total, np.bincount(row, minlength=size).astype(np.float64)


def between_statistic(ranks: Floats, row: Ints, k: int) -> Statistic:
    """Kruskal and Wallis' H when units change groups.

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows.
    row : ndarray of int, shape (row,)
        Unit of each row.
    k : int
        Number of groups.

    Returns
    -------
    callable
        From groups of the units, (arrangement, unit), to H, (arrangement, 1).
    """
    columns = np.stack(_sums_of_units(ranks, row), axis=1)
    factor = (len(ranks) - 1) / ((ranks - ranks.mean()) ** 2).sum()

    def statistic(codes: Ints) -> Floats:
        sums = group_sums(codes, columns, k)
        h: Floats = (sums[..., 0] ** 2 / sums[..., 1]).sum(axis=1, keepdims=True) * factor
        return h

    return statistic


def difference_statistic(
    ranks: Floats, row: Ints, variance: float, alternative: str = "two-sided"
) -> Statistic:
    """Standardized difference of the mean ranks of two groups when units change groups.

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows, perhaps among further ones.
    row : ndarray of int, shape (row,)
        Unit of each row.
    variance : float
        Variance of the ranks.
    alternative : {"two-sided", "less", "greater"}
        Direction of the first group.

    Returns
    -------
    callable
        From groups of the units, (arrangement, unit), to Dunn's z, (arrangement, 1), turned so
        that large values speak against the null.
    """
    columns = np.stack(_sums_of_units(ranks, row), axis=1)

    def statistic(codes: Ints) -> Floats:
        sums = group_sums(codes, columns, 2)
        size = sums[..., 1]
        difference = sums[:, 0, 0] / size[:, 0] - sums[:, 1, 0] / size[:, 1]
        z = difference / np.sqrt(variance * (1 / size).sum(axis=1))
        return directed(z, alternative)[:, None]

    return statistic


def robust_statistic(ranks: Floats, row: Ints, k: int, alternative: str | None = None) -> Statistic:
    """Wald statistic of mean ranks with cluster-robust errors when clusters change groups.

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows.
    row : ndarray of int, shape (row,)
        Cluster of each row, for example its participant; all its rows are in one group.
    k : int
        Number of groups.
    alternative : {"two-sided", "less", "greater"}, optional
        For two groups: their t instead of the Wald statistic, turned so that large values speak
        against the null.

    Returns
    -------
    callable
        From groups of the clusters, (arrangement, cluster), to the statistic, (arrangement, 1).

    Notes
    -----
    With the mean m of a group and the sums S of its clusters of n ranks, the variance of m is
    ``sum (S - n m)^2 / N^2``, that of least squares on group indicators with errors clustered,
    without a small-sample factor, which would not change p. The Wald statistic is
    ``sum_g (m_g - m)^2 / V_g``, m being the mean weighted by 1 / V.
    """
    total, size = _sums_of_units(ranks, row)
    columns = np.stack([total, size, total**2, total * size, size**2], axis=1)
    least = _LEAST * float(ranks.var())

    def statistic(codes: Ints) -> Floats:
        parts = np.moveaxis(group_sums(codes, columns, k), 2, 0)
        total, number = parts[0], parts[1]
        mean = total / number
        spread = (parts[2] - 2 * mean * parts[3] + mean**2 * parts[4]) / number**2
        spread = np.maximum(spread, least / number)
        if alternative is not None:
            t = (mean[:, 0] - mean[:, 1]) / np.sqrt(spread.sum(axis=1))
            return directed(t, alternative)[:, None]
        weight = 1 / spread
        square = (weight * mean**2).sum(axis=1) - (weight * mean).sum(axis=1) ** 2 / weight.sum(
            axis=1
        )
        return np.asarray(np.maximum(square, 0.0)[:, None])

    return statistic


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
    direction is it taken as smaller than a quarter of V_12, the covariance of independent rows.
    """
    values = ranks - ranks.mean()
    columns = np.stack(_sums_of_units(ranks, row), axis=1)
    both = np.unique(np.stack(clusters, axis=1), axis=0, return_inverse=True)[1].ravel()
    kinds = [(codes, int(codes.max()) + 1) for codes in (*clusters, both)]
    single = kinds[2][1] == len(ranks)  # nobody met an item twice
    least = _LEAST * float(ranks.var())

    def statistic(codes: Ints) -> Floats:
        sums = group_sums(codes, columns, k)
        size = sums[..., 1]
        mean = sums[..., 0] / size
        groups = codes[:, row].astype(np.intp)
        lines = np.arange(len(codes))[:, None]
        scores = ((values - mean[lines, groups]) / size[lines, groups]).ravel()
        first, second, *several = (
            _products(scores, (lines * number + cluster) * k + groups, (len(codes), number, k))
            for cluster, number in (kinds[:2] if single else kinds)
        )
        inner = several[0] if several else np.zeros_like(first)
        diagonal = np.arange(k)
        if single:
            cells = (lines * k + groups).ravel()
            squares = np.bincount(cells, scores**2, len(codes) * k)
            inner[:, diagonal, diagonal] = squares.reshape(len(codes), k)
        inner[:, diagonal, diagonal] += least / size
        whole = first + second - inner
        if alternative is None:
            return _wald(mean, whole, inner)[:, None]
        contrast = np.array([1.0, -1.0])
        spread = np.maximum(contrast @ whole @ contrast, _FLOOR * (contrast @ inner @ contrast))
        return directed((mean @ contrast) / np.sqrt(spread), alternative)[:, None]

    return statistic


def _products(scores: Floats, cells: Ints, shape: tuple[int, int, int]) -> Floats:
    """Cross products over clusters of the sums of scores, (arrangement, group, group)."""
    sums = np.bincount(cells.ravel(), scores, int(np.prod(shape))).reshape(shape)
    return np.asarray(sums.transpose(0, 2, 1) @ sums)


def _wald(mean: Floats, whole: Floats, least: Floats) -> Floats:
    """Wald statistic of equal means; the covariance is no smaller than part of another one."""
    values, vectors = np.linalg.eigh(least)
    root = vectors / np.sqrt(values)[:, None, :]  # least = (root root')^-1
    turned, axes = np.linalg.eigh(root.transpose(0, 2, 1) @ whole @ root)
    white = root @ axes / np.sqrt(np.maximum(turned, _FLOOR))[:, None, :]
    side = (mean[:, None, :] @ white)[:, 0]
    ones = white.sum(axis=1)
    square = (side**2).sum(axis=1) - (side * ones).sum(axis=1) ** 2 / (ones**2).sum(axis=1)
    return np.asarray(np.maximum(square, 0.0))
