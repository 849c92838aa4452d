"""Dominance weights from covariances, and covariances that rater noise does not enter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ...types import Floats, Ints

#: Predictors whose determinant of correlations is below this hold the same information.
_COLLINEAR = 1e-9


def dominance_weights(covariance: Floats) -> tuple[Floats, Floats]:
    """Share of each predictor in the variance of a target, from covariances alone.

    Parameters
    ----------
    covariance : ndarray of float, shape (..., p + 1, p + 1)
        Covariances of p predictors and, in the last place, the target.

    Returns
    -------
    r_squared : ndarray of float, shape (...)
        Of the regression on all predictors; above 1 where covariances that were corrected for
        noise do not fit together.
    weights : ndarray of float, shape (..., p)
        General dominance weights, which are Shapley values of R squared; they sum to it.

    Notes
    -----
    The weight of a predictor is what it adds to R squared, averaged over all orders in which
    predictors can enter. Undefined, and NaN, where a variance is not positive or the predictors
    have no positive definite correlations; then no regression has these covariances.
    """
    size = covariance.shape[-1]
    p = size - 1
    variances = np.diagonal(covariance, axis1=-2, axis2=-1)
    positive = (variances > 0).all(axis=-1)
    sd = np.sqrt(np.where(variances > 0, variances, 1.0))
    correlation = covariance / (sd[..., :, None] * sd[..., None, :])
    correlation = np.where(np.isnan(correlation), 0.0, correlation)
    among = correlation[..., :p, :p].copy()
    among[..., np.arange(p), np.arange(p)] = 1.0
    smallest = np.linalg.eigvalsh(among)[..., 0]
    defined = positive & (smallest > _COLLINEAR) & ~np.isnan(covariance).any(axis=(-2, -1))
    among = np.where(defined[..., None, None], among, np.eye(p))
    with_target = correlation[..., :p, p]
    explained: dict[tuple[int, ...], Floats] = {(): np.zeros(defined.shape)}
    weights = np.zeros((*defined.shape, p))
    for used in range(1, p + 1):
        order = 1 / (p * math.comb(p - 1, used - 1))
        for subset in combinations(range(p), used):
            part = with_target[..., list(subset)]
            block = among[..., list(subset), :][..., :, list(subset)]
            slope = np.linalg.solve(block, part[..., None])[..., 0]
            explained[subset] = (slope * part).sum(axis=-1)
            for name in subset:
                rest = tuple(other for other in subset if other != name)
                weights[..., name] += order * (explained[subset] - explained[rest])
    whole = explained[tuple(range(p))]
    return np.where(defined, whole, np.nan), np.where(defined[..., None], weights, np.nan)


def within_bounds(corrected: Floats, raw: Floats) -> Floats:
    """Covariances free of as much noise as leaves them possible.

    Parameters
    ----------
    corrected : ndarray of float, shape (..., k, k)
        Covariances that noise was taken out of; they may not fit together.
    raw : ndarray of float, shape (..., k, k)
        The same with the noise in them: covariances of series.

    Returns
    -------
    ndarray of float, shape (..., k, k)
        ``corrected + share (raw - corrected)`` with the smallest share of the noise at which no
        combination of the series has a negative variance: 0 where they fit together as they are.
        R squared is then at most 1. NaN where a series rests.

    Notes
    -----
    With the smallest generalised eigenvalue m of `corrected` by `raw`, the share is
    ``-m / (1 - m)`` where m is negative: on the way from `corrected` to `raw` the smallest
    eigenvalue goes from m to 1.
    """
    sd = np.sqrt(np.maximum(np.diagonal(raw, axis1=-2, axis2=-1), 0.0))
    size = sd[..., :, None] * sd[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        base, part = raw / size, corrected / size
    fine = np.isfinite(base).all(axis=(-2, -1)) & np.isfinite(part).all(axis=(-2, -1))
    eye = np.eye(raw.shape[-1])
    base = np.where(fine[..., None, None], base, eye)
    part = np.where(fine[..., None, None], part, eye)
    values, vectors = np.linalg.eigh(base)
    whitened = vectors / np.sqrt(np.maximum(values, _COLLINEAR))[..., None, :]
    least = np.linalg.eigvalsh(whitened.swapaxes(-1, -2) @ part @ whitened)[..., 0]
    least = np.minimum(least, 0.0)[..., None, None]
    share = -least / (1 - least)
    out: Floats = np.where(fine[..., None, None], corrected + share * (raw - corrected), np.nan)
    return out


@dataclass(frozen=True, slots=True)
class Products:
    """Products of deviations between groups of raters, of each item.

    Parameters
    ----------
    products : ndarray of float, shape (item, group, group)
        Mean product over pairs of raters; NaN for an item without such a pair.
    noise : ndarray of float, shape (item, group)
        What raters' own noise adds to the square of the group's mean.
    means : ndarray of float, shape (item, group)
        Mean deviation of the group, averaged over steps.
    slope : ndarray of float, shape (annotation, group)
        Derivative of the products of the annotation's own group with any group, to the weight
        of the annotation; the product with its own group counts once.
    steps : ndarray of int, shape (item,)
        Time steps that entered.
    raters : ndarray of int, shape (item, group)
        Annotations that entered.
    entered : ndarray of bool, shape (annotation,)
        Which they were.
    """

    products: Floats
    noise: Floats
    means: Floats
    slope: Floats
    steps: npt.NDArray[np.int64]
    raters: npt.NDArray[np.int64]
    entered: npt.NDArray[np.bool_]


def item_products(
    values: Floats,
    starts: Ints,
    group: Ints,
    person: Ints,
    weight: Floats,
    *,
    n_groups: int,
    within: bool,
    apart: bool,
) -> Products:
    """Mean products of deviations between groups of raters, item by item.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Values, sorted by item; NaN steps of an annotation are left out for the whole item, and
        annotations without a value do not enter.
    starts : ndarray of int, shape (item,)
        First annotation of each item.
    group, person : ndarray of int, shape (annotation,)
        Group (coded from 0) and rater of each annotation.
    weight : ndarray of float, shape (annotation,)
        Weight of each annotation in the mean of its group.
    n_groups : int
        Number of groups.
    within : bool
        Whether each annotation's mean over the steps is taken out first.
    apart : bool
        Whether only products between different raters enter. Noise of a rater is then in no
        product, so that products are unbiased for those of the raters' common mean.

    Returns
    -------
    Products
        Of each item.
    """
    k, n = n_groups, len(starts)
    out = Products(
        np.full((n, k, k), np.nan),
        np.zeros((n, k)),
        np.full((n, k), np.nan),
        np.zeros((len(values), k)),
        np.zeros(n, dtype=np.int64),
        np.zeros((n, k), dtype=np.int64),
        np.zeros(len(values), dtype=bool),
    )
    ends = np.append(starts[1:], len(values))
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        rows = np.arange(start, end)
        rows = rows[~np.isnan(values[rows]).all(axis=1)]
        block = values[rows]
        block = block[:, ~np.isnan(block).any(axis=0)] if len(rows) else block[:, :0]
        member = np.zeros((len(rows), k))
        member[np.arange(len(rows)), group[rows]] = weight[rows]
        out.raters[i] = np.bincount(group[rows], minlength=k)
        out.steps[i] = block.shape[1]
        out.entered[rows] = block.shape[1] > 0
        if within and block.shape[1]:
            block = block - block.mean(axis=1, keepdims=True)
        if block.shape[1]:
            _one_item(out, i, rows, block, member, group[rows], person[rows], apart)
    return out


def _one_item(
    out: Products,
    i: int,
    rows: Ints,
    block: Floats,
    member: Floats,
    group: Ints,
    person: Ints,
    apart: bool,
) -> None:
    cross = block @ block.T / block.shape[1]
    pairs = person[:, None] != person if apart else np.full(cross.shape, fill_value=True)
    sums, counts = (cross * pairs) @ member, pairs @ member
    with np.errstate(divide="ignore", invalid="ignore"):
        total = member.T @ counts
        products = (member.T @ sums) / total
        out.products[i] = products
        out.means[i] = member.T @ block.mean(axis=1) / member.sum(axis=0)
        size = member.sum(axis=0)
        out.noise[i] = np.diagonal(member.T @ cross @ member) / size**2 - np.diagonal(products)
        slope = (sums - products[group] * counts) / total[group]
    own = np.arange(len(group)), group
    slope[own] *= 2
    own_weight = member[own]
    out.slope[rows] = np.nan_to_num(slope * own_weight[:, None])


def pooled_covariance(products: Products, weights: Floats, *, between: bool, apart: bool) -> Floats:
    """Covariance matrix of the groups over all items.

    Parameters
    ----------
    products : Products
        Of the items that enter.
    weights : ndarray of float, shape (draw, item)
        How often each item counts.
    between : bool
        Whether values differ between items only, so that their mean is taken out here.
    apart : bool
        Whether products are those of different raters; then what noise adds to the mean over
        items is put back.

    Returns
    -------
    ndarray of float, shape (draw, group, group)
        Covariances, by 1 / number of items.
    """
    n, k = products.means.shape
    share = weights / weights.sum(axis=1, keepdims=True)
    out: Floats = (share @ products.products.reshape(n, k * k)).reshape(-1, k, k)
    if between:
        means = share @ products.means
        out = out - means[:, :, None] * means[:, None, :]
        if apart:
            out[:, np.arange(k), np.arange(k)] += np.square(share) @ products.noise
    return out
