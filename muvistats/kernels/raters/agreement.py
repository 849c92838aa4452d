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

from ...arguments import check_choice
from ...errors import DesignError
from ...types import Floats
from ..scale import unit_factor

Ints = npt.NDArray[np.integer]

#: Values in one block of groups: fits the processor's cache and bounds the memory.
_BLOCK = 100_000

#: A mean of raters with less than this part of their variance does not move.
_CANCELLED = 1e-13


@dataclass(frozen=True, slots=True)
class _Batch:
    """Groups of one size: `values` is (group, rater, time).

    `used` tells the steps that enter, (group, time); None where all do.
    """

    groups: npt.NDArray[np.intp]
    rows: npt.NDArray[np.intp]
    values: Floats
    used: npt.NDArray[np.bool_] | None

    @property
    def steps(self) -> Floats:
        """Number of time steps of each group that enter, shape (group, 1)."""
        if self.used is None:
            return np.full((len(self.groups), 1), float(self.values.shape[-1]))
        steps: Floats = np.sum(self.used, axis=-1, keepdims=True, dtype=float)
        return steps

    def moments(self) -> tuple[Floats, Floats]:
        """Means (group, rater) and covariances by 1/n (group, rater, rater).

        Values are taken relative to the first one, so that a constant rater has zero variance
        to the last bit and no rounding error passes for a correlation. Means are relative to the
        first value of the group. Both are in a unit of the group, a power of two.
        """
        values = self.values * unit_factor(self.values, (-2, -1))
        if self.used is None:
            first = values[..., :1]
            centred = values - first
        else:
            start = self.used.argmax(axis=-1)
            first = np.take_along_axis(values, start[:, None, None], axis=-1)
            centred = np.where(self.used[:, None, :], values - first, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (centred @ np.ones(centred.shape[-1]))[..., None] / self.steps[..., None]
            centred -= mean
            if self.used is not None:
                centred *= self.used[:, None, :]
            covariances = centred @ centred.swapaxes(-1, -2) / self.steps[..., None]
        return (first - first[:, :1] + mean)[..., 0], covariances


def ccc(x: npt.ArrayLike, y: npt.ArrayLike, *, ddof: int = 0) -> Floats:
    """Lin's concordance correlation coefficient along the last axis.

    Parameters
    ----------
    x, y : array-like of float, shape (..., time)
        Paired sequences on one scale; pairs with a NaN, or a masked value, are left out.
    ddof : {0, 1}
        Moments by 1/n or 1/(n - 1).

    Returns
    -------
    ndarray of float, shape (...)
        The coefficient, between -1 and 1; a single number for two plain sequences. NaN where
        fewer than two pairs are left, or where both are the same constant. A constant and a
        sequence that moves have 0, and so have two different constants.

    Raises
    ------
    DesignError
        When the sequences are no numbers or have no common shape, or `ddof` is neither 0 nor 1.

    See Also
    --------
    interrater_ccc : Each rater of a study against the others.
    noise_ceiling : What a model could reach at best.

    Notes
    -----
    ``CCC = 2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2)``. It is Pearson's r times a factor that falls
    from 1 as means or spreads differ. Values are taken relative to the first of a sequence, so
    that one that never moves has no variance to the last bit, and in units of the largest, so that
    the smallest and largest numbers have a concordance too.

    References
    ----------
    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> from muvistats import ccc
    >>> print(ccc([0, 1, 2, 3], [1, 2, 3, 4]))  # 2 * 1.25 / (1.25 + 1.25 + 1)
    0.7142857142857143
    """
    check_choice("ddof", ddof, (0, 1))
    x, y = (_sequence(values) for values in (x, y))
    try:
        x, y = np.broadcast_arrays(x, y)
    except ValueError as error:
        raise DesignError(f"x {x.shape} and y {y.shape} have no common shape") from error
    both = ~(np.isnan(x) | np.isnan(y))
    n = both.sum(axis=-1)
    if x.shape[-1] == 0:
        return np.full(n.shape, np.nan)[()]
    start = both.argmax(axis=-1)[..., None]
    x, y = (np.where(both, values, 0.0) for values in (x, y))
    unit = np.minimum(unit_factor(x), unit_factor(y))
    with np.errstate(divide="ignore", invalid="ignore"):
        first_x, mean_x, dx = _centred(x * unit, both, start, n)
        first_y, mean_y, dy = _centred(y * unit, both, start, n)
        gap = first_x - first_y + (mean_x - mean_y)
        products = 2 * (dx * dy).sum(axis=-1) / (n - ddof)
        spread = ((dx**2).sum(axis=-1) + (dy**2).sum(axis=-1)) / (n - ddof)
        out: Floats = np.where(n > 1, products / (spread + gap**2), np.nan)[()]
    return out


def _sequence(values: npt.ArrayLike) -> Floats:
    """Numbers of what a user gave; what a mask hides is NaN."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(float), np.nan)
    try:
        kind = complex if np.iscomplexobj(values) else float
        numbers = np.atleast_1d(np.asarray(values, dtype=kind))
    except (TypeError, ValueError):
        kind = None
    if kind is not float:
        raise DesignError("ccc takes two sequences of numbers")
    return numbers


def _centred(
    x: Floats, both: npt.NDArray[np.bool_], start: Ints, n: Ints
) -> tuple[Floats, Floats, Floats]:
    """First values, means less these, and values less their mean, 0 where they do not enter."""
    first = np.take_along_axis(x, start, axis=-1)
    moved = np.where(both, x - first, 0.0)
    mean = moved.sum(axis=-1, keepdims=True) / n[..., None]
    return first[..., 0], mean[..., 0], np.where(both, moved - mean, 0.0)


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
        _, cov = batch.moments()
        totals = cov.sum(axis=-1)
        weight = _positive_correlation(totals, cov, totals.sum(axis=-1, keepdims=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            series = (weight[:, None, :] @ batch.values)[:, 0] / weight.sum(axis=-1)[:, None]
        gold[batch.groups] = series if batch.used is None else np.where(batch.used, series, np.nan)
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
        out[batch.rows] = _with_others(*batch.moments(), batch.steps, ddof)
    return out


def _with_others(means: Floats, cov: Floats, steps: Floats, ddof: int) -> Floats:
    """Concordance of each rater with the estimator of the others, from moments, (group, rater)."""
    weight = _weights_of_others(cov)
    variances = np.diagonal(cov, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        products = 2 * (weight * cov).sum(axis=-1)
        spread = variances + ((weight @ cov) * weight).sum(axis=-1)
        gap = means - (weight * means[:, None, :]).sum(axis=-1)
        bessel = steps / (steps - ddof) if ddof else np.ones_like(steps)
        return np.asarray(products * bessel / (spread * bessel + gap**2))


def lost_by_others(values: Floats, starts: Ints, ddof: int = 0) -> Floats:
    """What the concordances of the other raters lose, in sum, when a rater leaves the group.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by group.
    starts : ndarray of int, shape (group,)
        First row of each group; the first is 0.
    ddof : {0, 1}
        As in `leave_one_out_ccc`.

    Returns
    -------
    ndarray of float, shape (annotation,)
        The loss, over the time steps of the whole group; 0 from raters who would have no value
        without this one, as in groups of two, and NaN of a rater without values.
    """
    out = np.full(len(values), np.nan)
    for batch in _batches(values, starts):
        means, cov = batch.moments()
        whole = _with_others(means, cov, batch.steps, ddof)
        for rater in range(len(means[0])):
            rest = np.delete(np.arange(len(means[0])), rater)
            if len(rest) < 2:
                out[batch.rows[:, rater]] = 0.0
                continue
            left = _with_others(means[:, rest], cov[:, rest[:, None], rest], batch.steps, ddof)
            out[batch.rows[:, rater]] = np.nan_to_num(whole[:, rest] - left).sum(axis=1)
    return out


def leave_one_out_ewe(values: Floats, starts: Ints) -> Floats:
    """Weighted estimator of the other raters of each annotation, step by step.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by group.
    starts : ndarray of int, shape (group,)
        First row of each group; the first is 0.

    Returns
    -------
    ndarray of float, shape (annotation, time)
        The series that `leave_one_out_ccc` compares with; NaN where it is not defined.
    """
    out = np.full(values.shape, np.nan)
    for batch in _batches(values, starts):
        series = _weights_of_others(batch.moments()[1]) @ batch.values
        out[batch.rows] = (
            series if batch.used is None else np.where(batch.used[:, None, :], series, np.nan)
        )
    return out


def ceiling_ccc(values: Floats, starts: Ints) -> Floats:
    """Concordance that the true mean trajectory would reach with the weighted estimator.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by group.
    starts : ndarray of int, shape (group,)
        First row of each group; the first is 0.

    Returns
    -------
    ndarray of float, shape (group,)
        Between 0 and 1; NaN with fewer than two raters or where the estimator does not move.

    Notes
    -----
    For the true trajectory T and the estimator G, ``CCC = 2 cov(T, G) / (V_T + V_G + B)``. A rater
    left out is T plus noise that G does not know, so the mean covariance of raters with the
    estimator of the others stands for ``cov(T, G)``, and the mean covariance between raters for
    ``V_T``. B is the variance of the raters' means, divided by the effective number of raters
    ``(sum w)^2 / sum w^2``. The estimator of the others has one rater less than G, so the ceiling
    is a little too low: by up to .06 where the truth reaches .4 to .8 with five raters, less with
    more raters or clearer ones. Raters without any common truth still get about .2, because each
    group is cut at 0.
    """
    out = np.full(len(starts), np.nan)
    for batch in _batches(values, starts):
        raters = batch.values.shape[1]
        if raters < 2:
            continue
        means, cov = batch.moments()
        variances = np.diagonal(cov, axis1=-2, axis2=-1)
        total = cov.sum(axis=(-2, -1))
        weight = _positive_correlation(cov.sum(axis=-1), cov, total[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = weight.sum(axis=-1) ** 2 / (weight**2).sum(axis=-1)
            weight /= weight.sum(axis=-1, keepdims=True)
            products = (_weights_of_others(cov) * cov).sum(axis=-1)
            known = ~np.isnan(products)
            covariance = np.where(known, products, 0.0).sum(axis=-1) / known.sum(axis=-1)
            true = (total - variances.sum(axis=-1)) / (raters * (raters - 1))
            estimator = ((weight[:, None, :] @ cov)[:, 0] * weight).sum(axis=-1)
            offset = means.var(axis=-1, ddof=1) / effective
            ceiling = 2 * covariance / (np.maximum(true, 0.0) + estimator + offset)
        out[batch.groups] = np.where(estimator > 0, np.clip(ceiling, 0.0, 1.0), np.nan)
    return out


def ceiling_without_one(values: Floats, starts: Ints) -> Floats:
    """Ceiling of the group of each rater when the rater is left out of it.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by group.
    starts : ndarray of int, shape (group,)
        First row of each group; the first is 0.

    Returns
    -------
    ndarray of float, shape (annotation,)
        `ceiling_ccc` of the other raters; NaN for a rater without values, and with fewer than two
        others.
    """
    out = np.full(len(values), np.nan)
    for batch in _batches(values, starts):
        groups, raters, steps = batch.values.shape
        if raters < 3:
            continue
        stacked = batch.values
        if batch.used is not None:
            stacked = np.where(batch.used[:, None, :], stacked, np.nan)
        for j in range(raters):
            others = np.delete(stacked, j, axis=1).reshape(-1, steps)
            out[batch.rows[:, j]] = ceiling_ccc(others, np.arange(groups) * (raters - 1))
    return out


def shared_variance(values: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """What raters share over time, what each has, and how far their levels lie apart.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by group.
    starts : ndarray of int, shape (group,)
        First row of each group; the first is 0.

    Returns
    -------
    parts : ndarray of float, shape (group, 3)
        Mean covariance of two raters, mean variance of a rater, variance of the raters' means
        (divisor n - 1); NaN with fewer than two raters.
    without : ndarray of float, shape (annotation, 3)
        The same without this rater; NaN with fewer than two others.

    Notes
    -----
    For means of k raters each, ``cov = C`` and the mean squared distance of two such means is
    ``2 (V - C + B) / k``: their concordance is that of Spearman and Brown from ``C / (V + B)``.
    """
    parts, without = np.full((len(starts), 3), np.nan), np.full((len(values), 3), np.nan)
    for batch in _batches(values, starts):
        means, cov = batch.moments()
        unit = unit_factor(batch.values, (-2, -1))[:, 0] ** 2
        n, variances = cov.shape[-1], np.diagonal(cov, axis1=-2, axis2=-1)
        total, own = cov.sum(axis=(-2, -1))[:, None], variances.sum(axis=-1, keepdims=True)
        means = means - means.mean(axis=-1, keepdims=True)
        squares = (means**2).sum(axis=-1, keepdims=True)
        if n > 1:
            all_of_them = [(total - own) / (n * (n - 1)), own / n, squares / (n - 1)]
            parts[batch.groups] = np.concatenate(all_of_them, axis=-1) / unit
        if n > 2:
            total = total - 2 * cov.sum(axis=-1) + variances
            own = own - variances
            squares = squares - means**2 * n / (n - 1)
            others = [(total - own) / ((n - 1) * (n - 2)), own / (n - 1), squares / (n - 2)]
            without[batch.rows] = np.stack(others, axis=-1) / unit[..., None]
    return parts, without


def _weights_of_others(cov: Floats) -> Floats:
    """Weights [g, j, i] of rater i when rater j is left out; NaN where none is positive."""
    raters = cov.shape[-1]
    itself = np.eye(raters, dtype=bool)
    if raters == 2:
        variances = np.diagonal(cov, axis1=-2, axis2=-1)
        weight = np.where(itself, 0.0, (variances > 0)[:, None, :] * 1.0)
    else:
        with_sum = cov.sum(axis=-1)[:, None, :] - cov
        with_sum[:, itself] = 0.0
        sum_variance = with_sum.sum(axis=-1, keepdims=True)
        weight = _positive_correlation(with_sum, cov[:, None], sum_variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        normalised: Floats = weight / weight.sum(axis=-1, keepdims=True)
    return normalised


def _positive_correlation(covariance: Floats, cov: Floats, sum_variance: Floats) -> Floats:
    """Correlation of raters with a sum of raters, 0 for what is negative or undefined.

    Raters may cancel each other out; what is left of their sum then is rounding error.
    """
    variances = np.diagonal(cov, axis1=-2, axis2=-1)
    moves = sum_variance > _CANCELLED * variances.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = covariance / np.sqrt(variances * sum_variance)
    return np.where(moves & np.isfinite(r), np.maximum(r, 0.0), 0.0)


def _batches(values: Floats, starts: Ints) -> Iterator[_Batch]:
    """Groups of each size, without raters who have no value at all, in blocks of bounded size.

    Groups with missing steps stand apart, so that the others need no mask.
    """
    observed = ~np.isnan(values) if np.isnan(values.sum()) else None
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    rated = np.arange(len(values))
    kind = np.zeros(len(starts), dtype=np.int64)
    if observed is not None:
        rated = np.flatnonzero(observed.any(axis=1))
        kind[group[rated[~observed[rated].all(axis=1)]]] = 1
    sizes = np.bincount(group[rated], minlength=len(starts))
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    kind += 2 * sizes
    for code in np.unique(kind[sizes > 0]):
        every, size = np.flatnonzero(kind == code), code // 2
        step = max(1, _BLOCK // (size * values.shape[1]))
        for block in range(0, len(every), step):
            groups = every[block : block + step]
            rows = rated[first[groups][:, None] + np.arange(size)]
            stacked = values[rows]
            if observed is None or code % 2 == 0:
                yield _Batch(groups, rows, stacked, None)
            else:
                used = observed[rows].all(axis=1)
                yield _Batch(groups, rows, np.where(used[:, None, :], stacked, 0.0), used)
