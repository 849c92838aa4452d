"""Statistics of ranks when whole units, such as participants, change groups.

Each is a function from groups of the units, for many arrangements at once.
"""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints, Statistic
from .effects import LEAST, directed


def group_sums(codes: Ints, values: Floats, n_groups: int) -> Floats:
    """Sums of values of units over the groups, for many arrangements at once.

    Parameters
    ----------
    codes : ndarray of int, shape (arrangement, unit)
        Groups of the units.
    values : ndarray of float, shape (unit, column)
        Values of the units.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray of float, shape (arrangement, n_groups, column)
        Sums.
    """
    out = np.empty((len(codes), n_groups, values.shape[1]))
    total = values.sum(axis=0)
    for group in range(n_groups - 1):
        out[:, group] = (codes == group).astype(np.float64) @ values
    out[:, -1] = total - out[:, :-1].sum(axis=1)
    return out


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
    least = LEAST * float(ranks.var())

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
