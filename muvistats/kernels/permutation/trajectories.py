"""Contrasts of groups at every step of time, for many arrangements of the groups at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...types import Floats, Ints, Statistic
from ..ranks.effects import FLOOR, LEAST, differences, wald
from ..ranks.unit_statistics import group_sums
from ..scale import unit_factor
from .arrangements import additive_residuals, dense_codes, indicator
from .cluster_sums import alike

#: Arrangements whose sums are held at once.
_DRAWS = 32


def plain_statistic(values: Floats, row: Ints, k: int, df: float) -> Statistic:
    """Classic t, or F of several groups, at every step when units change groups.

    Parameters
    ----------
    values : ndarray of float, shape (row, time)
        Values without NaN, less the effects that are no part of the question.
    row : ndarray of int, shape (row,)
        Unit of each row; some units may have none.
    k : int
        Number of groups.
    df : float
        Residual degrees of freedom: rows less what the effects and the groups take.

    Returns
    -------
    callable
        From groups of the units, (arrangement, unit), to the statistic, (arrangement, time): of two
        groups Student's t of the first less the second, else F.
    """
    centred = _centred(values)
    total = (centred**2).sum(axis=0)
    by_unit = indicator(row) @ np.column_stack([centred, np.ones(len(values))])

    def statistic(codes: Ints) -> Floats:
        sums = group_sums(codes[:, : len(by_unit)], by_unit, k)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums[..., :-1] / sums[..., -1:]
            between = (sums[..., :-1] * means).sum(axis=1)
            f = between / (k - 1) / (np.maximum(total - between, 0.0) / df)
            if k > 2:
                return np.asarray(f)
            return np.asarray(np.sign(means[:, 0] - means[:, 1]) * np.sqrt(f))

    return statistic


def studentized_statistic(values: Floats, row: Ints, k: int, clusters: Sequence[Ints]) -> Statistic:
    """Differences of group means over errors robust to clusters, at every step.

    Parameters
    ----------
    values : ndarray of float, shape (row, time)
        Values without NaN, less the effects that are no part of the question.
    row : ndarray of int, shape (row,)
        Unit of each row; some units may have none.
    k : int
        Number of groups.
    clusters : sequence of one or two ndarray of int, each shape (row,)
        Participants, or participants and items, coded from 0 without gaps.

    Returns
    -------
    callable
        From groups of the units, (arrangement, unit), to the statistic, (arrangement, time): of two
        groups t of the first less the second, else the Wald statistic.

    Notes
    -----
    As `CrossedRanks` has it for ranks: with two kinds of clusters the covariance of the
    means is ``V_1 + V_2 - V_12``, in no direction of their differences smaller than a quarter of
    V_12; with one kind it is V_1.
    """
    kinds = list(clusters)
    if len(kinds) > 1:
        kinds.append(dense_codes(*kinds))
    sums = _Sums(_centred(values), row, kinds)

    def statistic(codes: Ints) -> Floats:
        out = np.empty((len(codes), values.shape[1]))
        for start in range(0, len(codes), _DRAWS):
            some = slice(start, start + _DRAWS)
            gaps, covariances = sums.of(codes[some], k)
            inner = covariances[-1]
            whole = covariances[0] if len(kinds) == 1 else covariances[0] + covariances[1] - inner
            floor = FLOOR if len(kinds) > 1 else LEAST
            out[some] = _standardized(gaps, whole, inner, floor)
        return out

    return statistic


def _centred(values: Floats) -> Floats:
    """Values less their mean, in a unit of their size: squares must not vanish."""
    centred = values - values.mean(axis=0)
    return np.asarray(centred * unit_factor(centred, axis=0))


def _standardized(gaps: Floats, whole: Floats, inner: Floats, floor: float) -> Floats:
    """T of two groups, or Wald statistic of more, (arrangement, time)."""
    whole, inner = differences(whole), differences(inner)
    if gaps.shape[1] == 1:
        spread = np.maximum(whole[:, 0, 0], floor * inner[:, 0, 0]).reshape(len(gaps), -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(gaps[:, 0] / np.sqrt(spread))
    n, _, steps = gaps.shape
    flat = np.moveaxis(gaps, 1, 2).reshape(n * steps, -1)
    known = np.isfinite(flat).all(axis=1) & (np.diagonal(inner, axis1=1, axis2=2) > 0).all(axis=1)
    out = np.full(n * steps, np.nan)
    out[known] = wald(flat[known], whole[known], inner[known])
    return out.reshape(n, steps)


class _Whole(NamedTuple):
    """Clusters that change groups as a whole: what their sums S of n values make of each unit.

    Columns of `by_unit` are S^2 at each time, n S too unless all n are one `size`, and n^2.
    """

    by_unit: Floats
    size: float  # NaN where clusters differ


class _Block(NamedTuple):
    """Clusters of like size: their rows, filled up with one that holds nothing, and values."""

    rows: Ints  # (cluster, place)
    values: Floats  # (cluster, place, time + 1), the last column is 1
    totals: Floats  # (cluster, 1, time + 1)


class _Sums:
    """Sums of values over groups and clusters, for arrangements of the groups of the units."""

    def __init__(self, values: Floats, row: Ints, kinds: Sequence[Ints]) -> None:
        self._row, self._variance = row, values.var(axis=0)
        self._by_unit = indicator(row) @ np.column_stack([values, np.ones(len(values))])
        self._kinds = [
            _whole(values, row, codes) or list(_blocks(values, codes)) for codes in kinds
        ]

    def of(self, codes: Ints, k: int) -> tuple[Floats, list[Floats]]:
        """Means less the last, (arrangement, group, time), and the covariances of each kind.

        Covariances are (arrangement x time, group, group).
        """
        codes = codes[:, : len(self._by_unit)]
        sums = group_sums(codes, self._by_unit, k)
        number = sums[..., -1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums[..., :-1] / number
        covariances = [self._covariance(kind, codes, means, number) for kind in self._kinds]
        return means[:, :-1] - means[:, -1:], covariances

    def _covariance(
        self, kind: _Whole | list[_Block], codes: Ints, means: Floats, number: Floats
    ) -> Floats:
        n, k, steps = means.shape
        out = np.zeros((k, k, n, steps))
        if isinstance(kind, _Whole):
            found = group_sums(codes, kind.by_unit, k)
            products = kind.size * number * means
            if np.isnan(kind.size):
                products = found[..., steps:-1]
            scores = found[..., :steps] - 2 * means * products + means**2 * found[..., -1:]
            out[np.arange(k), np.arange(k)] = scores.transpose(1, 0, 2)
        else:
            groups = np.column_stack([codes[:, self._row], np.full(n, -1)])
            for block in kind:
                each = _scores(block, groups, means)
                for g in range(k):
                    for h in range(g + 1):
                        out[g, h] += np.einsum("cat,cat->at", each[g], each[h])
        with np.errstate(divide="ignore", invalid="ignore"):
            for g in range(k):
                out[g, g] = np.maximum(out[g, g], 0.0) + LEAST * self._variance * number[:, g]
                for h in range(g + 1):
                    out[g, h] /= number[:, g] * number[:, h]
                    out[h, g] = out[g, h]
        return out.transpose(2, 3, 0, 1).reshape(n * steps, k, k)


def _scores(block: _Block, groups: Ints, means: Floats) -> list[Floats]:
    """Sums over clusters of values less the mean of their group, (cluster, arrangement, time)."""
    out, rest = [], block.totals
    k = means.shape[1]
    at = groups[:, block.rows].transpose(1, 0, 2)  # (cluster, arrangement, place)
    for g in range(k):
        sums = rest if g == k - 1 else (at == g).astype(np.float64) @ block.values
        rest = rest - sums
        out.append(sums[..., :-1] - means[:, g] * sums[..., -1:])
    return out


def _whole(values: Floats, row: Ints, codes: Ints) -> _Whole | None:
    """Clusters that change groups as a whole; None where units cut them."""
    first = np.unique(codes, return_index=True)[1]
    unit = row[first]
    if not np.array_equal(unit[codes], row):
        return None
    sums, sizes = indicator(codes) @ values, np.bincount(codes).astype(np.float64)[:, None]
    even = np.ptp(sizes) == 0
    columns = [sums**2, sizes**2] if even else [sums**2, sums * sizes, sizes**2]
    return _Whole(indicator(unit) @ np.hstack(columns), float(sizes[0, 0]) if even else np.nan)


def _blocks(values: Floats, codes: Ints) -> Iterator[_Block]:
    """Clusters in blocks of like size."""
    padded = np.column_stack([values, np.ones(len(values))])
    padded = np.concatenate([padded, np.zeros((1, padded.shape[1]))])
    for _, rows in alike(codes):
        inside = padded[rows]
        yield _Block(rows, inside, inside.sum(axis=1, keepdims=True))


def adjusted_difference(
    values: Floats, first: Ints, nuisance: Sequence[Ints], clusters: Sequence[Ints]
) -> tuple[Floats, Floats]:
    """Difference of two groups at every step, adjusted by least squares, and its error.

    Parameters
    ----------
    values : ndarray of float, shape (row, time)
        Values without NaN.
    first : ndarray of int, shape (row,)
        1 in the first group, 0 in the second.
    nuisance : sequence of ndarray of int, each shape (row,)
        Factors whose effects are taken out of values and groups.
    clusters : sequence of one or two ndarray of int, each shape (row,)
        Clusters of the error, coded from 0 without gaps.

    Returns
    -------
    difference, std_error : ndarray of float, shape (time,)
        Least-squares coefficient and its cluster-robust error; NaN where the groups are not told
        apart within the factors.

    Notes
    -----
    ``V_1 + V_2 - V_12``, no smaller than a quarter of V_12, times ``m / (m - 1)`` with the smaller
    number m of clusters.
    """
    z = additive_residuals(first[:, None].astype(np.float64), nuisance)
    weight = float((z**2).sum())
    if weight <= 1e-9 * len(z):
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    found = (z.T @ (values - values.mean(axis=0)))[0] / weight
    rest = additive_residuals(values, nuisance) - z * found
    return found, _error(z * rest / weight, clusters)


def group_mean(values: Floats, clusters: Sequence[Ints]) -> tuple[Floats, Floats]:
    """Mean of a group at every step, and its cluster-robust error.

    Parameters
    ----------
    values : ndarray of float, shape (row, time)
        Values without NaN.
    clusters : sequence of one or two ndarray of int, each shape (row,)
        Clusters of the error, coded from 0 without gaps.

    Returns
    -------
    mean, std_error : ndarray of float, shape (time,)
        The mean, and its error as in `adjusted_difference`.
    """
    mean = values.mean(axis=0)
    return mean, _error((values - mean) / len(values), clusters)


def _error(scores: Floats, clusters: Sequence[Ints]) -> Floats:
    """Standard error of a sum of scores that go together within clusters."""
    unit = unit_factor(scores, axis=0)
    scores = scores * unit
    kinds = [*clusters, dense_codes(*clusters)] if len(clusters) > 1 else list(clusters)
    parts = [((indicator(codes) @ scores) ** 2).sum(axis=0) for codes in kinds]
    fewest = min(int(codes.max(initial=0)) + 1 for codes in clusters)
    whole = parts[0] if len(parts) == 1 else np.maximum(sum(parts[:2]) - parts[2], FLOOR * parts[2])
    factor = fewest / (fewest - 1) if fewest > 1 else np.nan
    return np.asarray(np.sqrt(whole * factor) / unit[0])
