"""Evaluator Weighted Estimator and Lin's concordance for stacked annotations.

Annotations are rows of one array, sorted so that the raters of a group (an item in a modality)
stand together; `starts` holds the first row of each group. Groups of one size are handled at
once, through the matrix of covariances between their raters, so no loop runs over groups.

A time step at which any rater of a group is missing is left out for that whole group; a rater
without a single value does not belong to the group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ccc", "ewe", "leave_one_out_ccc"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class _Batch:
    """All groups of one size: `values` is (group, rater, time), 0 where `used` is False."""

    groups: npt.NDArray[np.intp]
    rows: npt.NDArray[np.intp]
    values: Floats
    used: npt.NDArray[np.bool_]

    @property
    def steps(self) -> Floats:
        """Number of time steps of each group that enter, shape (group, 1)."""
        steps: Floats = np.sum(self.used, axis=-1, keepdims=True, dtype=float)
        return steps

    def moments(self) -> tuple[Floats, Floats]:
        """Means (group, rater) and covariances by 1/n (group, rater, rater).

        A constant rater has zero variance to the last bit, so that no rounding error passes for
        a correlation.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            means = self.values.sum(axis=-1) / self.steps
        centred = np.where(self.used[:, None, :], self.values - means[..., None], 0.0)
        low = np.where(self.used[:, None, :], self.values, np.inf).min(axis=-1)
        high = np.where(self.used[:, None, :], self.values, -np.inf).max(axis=-1)
        centred[low >= high] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            covariances = centred @ centred.swapaxes(-1, -2) / self.steps[..., None]
        return means, covariances


def ccc(x: Floats, y: Floats, ddof: int = 0) -> Floats:
    """Lin's concordance correlation coefficient along the last axis.

    Parameters
    ----------
    x, y : ndarray of float, shape (..., time)
        Paired sequences; pairs with a NaN are left out.
    ddof : {0, 1}
        Moments by 1/n or 1/(n - 1).

    Returns
    -------
    ndarray of float, shape (...)
        The coefficient; NaN where fewer than two pairs are left or both are the same constant.
    """
    both = ~(np.isnan(x) | np.isnan(y))
    n = both.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x = np.where(both, x, 0.0).sum(axis=-1) / n
        mean_y = np.where(both, y, 0.0).sum(axis=-1) / n
        dx = np.where(both, x - mean_x[..., None], 0.0)
        dy = np.where(both, y - mean_y[..., None], 0.0)
        products = 2 * (dx * dy).sum(axis=-1) / (n - ddof)
        spread = ((dx**2).sum(axis=-1) + (dy**2).sum(axis=-1)) / (n - ddof)
        return np.where(n > 1, products / (spread + (mean_x - mean_y) ** 2), np.nan)


def ewe(values: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """Evaluator Weighted Estimator of each group.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by group.
    starts : ndarray of int, shape (group,)
        First row of each group; the first is 0.

    Returns
    -------
    gold_standard : ndarray of float, shape (group, time)
        Weighted mean of the raters; NaN at steps that do not enter, or without a weight.
    weights : ndarray of float, shape (annotation,)
        Correlation of the rater with the unweighted mean of the group, 0 where it is negative
        or undefined.
    """
    gold = np.full((len(starts), values.shape[1]), np.nan)
    weights = np.zeros(len(values))
    for batch in _batches(values, starts):
        _, covariances = batch.moments()
        weight = _positive_correlation(
            covariances.sum(axis=-1),
            np.diagonal(covariances, axis1=-2, axis2=-1),
            covariances.sum(axis=(-2, -1))[:, None],
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            series = (weight[:, None, :] @ batch.values)[:, 0] / weight.sum(axis=-1)[:, None]
        gold[batch.groups] = np.where(batch.used, series, np.nan)
        weights[batch.rows] = weight
    return gold, weights


def leave_one_out_ccc(values: Floats, starts: Ints, ddof: int = 0) -> Floats:
    """Concordance of each rater with the weighted estimator of the others in the group.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by group.
    starts : ndarray of int, shape (group,)
        First row of each group; the first is 0.
    ddof : {0, 1}
        Moments by 1/n or 1/(n - 1).

    Returns
    -------
    ndarray of float, shape (annotation,)
        The coefficient. A rater who never moved has 0 as long as the others did; NaN for a
        rater without others, without values, or whose others have no positive weight.

    Notes
    -----
    Weights are recomputed without the rater: the correlation of each other rater with the mean
    of the others, 0 where negative or undefined. With two raters the other has weight 1.
    """
    out = np.full(len(values), np.nan)
    for batch in _batches(values, starts):
        raters = batch.values.shape[1]
        if raters < 2:
            continue
        means, cov = batch.moments()
        variances = np.diagonal(cov, axis1=-2, axis2=-1)
        totals = cov.sum(axis=-1)
        # [g, j, i]: rater i against the sum of the raters other than j
        with_sum = totals[:, None, :] - cov
        sum_variance = totals.sum(axis=-1)[:, None] - 2 * totals + variances
        weight = _positive_correlation(with_sum, variances[:, None, :], sum_variance[..., None])
        weight[:, np.arange(raters), np.arange(raters)] = 0.0
        if raters == 2:
            weight = np.where(np.eye(2, dtype=bool), 0.0, (variances > 0)[:, None, :] * 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight /= weight.sum(axis=-1, keepdims=True)
            products = 2 * (weight * cov).sum(axis=-1)
            spread = variances + ((weight @ cov) * weight).sum(axis=-1)
            gap = means - (weight * means[:, None, :]).sum(axis=-1)
            bessel = (batch.steps / (batch.steps - ddof)) if ddof else np.ones_like(batch.steps)
            out[batch.rows] = products * bessel / (spread * bessel + gap**2)
    return out


def _positive_correlation(covariance: Floats, variance1: Floats, variance2: Floats) -> Floats:
    """Correlation, with 0 for what is negative or undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        r = covariance / np.sqrt(variance1 * variance2)
    return np.where(np.isfinite(r), np.maximum(r, 0.0), 0.0)


def _batches(values: Floats, starts: Ints) -> Iterator[_Batch]:
    """Groups of each size, without raters who have no value at all."""
    observed = ~np.isnan(values)
    group = np.repeat(np.arange(len(starts)), np.diff([*starts, len(values)]))
    rated = np.flatnonzero(observed.any(axis=1))
    sizes = np.bincount(group[rated], minlength=len(starts))
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for size in np.unique(sizes[sizes > 0]):
        groups = np.flatnonzero(sizes == size)
        rows = rated[first[groups][:, None] + np.arange(size)]
        used = observed[rows].all(axis=1)
        stacked = np.where(used[:, None, :], values[rows], 0.0)
        yield _Batch(groups, rows, stacked, used)
