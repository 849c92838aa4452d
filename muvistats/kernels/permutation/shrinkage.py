"""Values less effects of one factor and shrunken effects of another, variances from moments."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ...types import Floats, Ints
from ..scale import unit_factor

#: Sweeps after which effects are taken as they are.
_SWEEPS = 500

#: Largest step of an effect in the last sweep, as part of the spread of the values.
_TOLERANCE = 1e-10

#: Moments that differ by less than this part of themselves say nothing of two variances.
_SINGULAR = 1e-9

#: Rows of a product of counts that are held at once.
_ROWS = 512


def shrunken_residuals(values: Floats, fixed: Ints, random: Ints) -> tuple[Floats, Floats]:
    """What is left of values by generalised least squares, and how far effects were shrunken.

    Parameters
    ----------
    values : ndarray of float, shape (n, column)
        Values without NaN.
    fixed, random : ndarray of int, each shape (n,)
        Levels of a factor whose effects are taken out, and of one whose effects are shrunken
        first; coded from 0 without gaps.

    Returns
    -------
    residuals : ndarray of float, shape (n, column)
        ``y - b - u``, summing to 0 over each level of `fixed`.
    weight : ndarray of float, shape (random level, column)
        Part of a level's own mean that was taken out, ``n / (n + lambda)``.

    Notes
    -----
    Per column, u are best linear unbiased predictions in the model ``y = b[fixed] + u[random] +
    e``, and ``lambda = var(e) / var(u)`` with both variances from two moments of the values less
    the means of `fixed`: their sum of squares, and that of their sums over levels of `random`
    (MINQUE(0)). So nothing is taken out where levels do not differ, or hold one value each, and
    all of the effects where values differ between levels only. The residuals are proportional
    to ``V^-1 (y - X b)`` with V the covariance in this model.

    References
    ----------
    Rao, C. R. (1971). Minimum variance quadratic unbiased estimation of variance components.
    Journal of Multivariate Analysis, 1(4), 445-456. https://doi.org/10.1016/0047-259X(71)90019-4

    Robinson, G. K. (1991). That BLUP is a good thing: the estimation of random effects.
    Statistical Science, 6(1), 15-32. https://doi.org/10.1214/ss/1177011926
    """
    size = np.bincount(random).astype(np.float64)[:, None]
    ratio = variance_ratio(values, fixed, random)
    shrink = np.divide(1.0, size + ratio, out=np.zeros((len(size), len(ratio))))
    by_fixed, by_random = indicator(fixed), indicator(random)
    each = np.bincount(fixed).astype(np.float64)[:, None]
    spread = np.abs(values - values.mean(axis=0)).max(initial=0.0)
    effect = np.zeros_like(shrink)
    for _ in range(_SWEEPS if np.isfinite(ratio).any() else 0):
        rest = values - (by_fixed @ (values - effect[random]) / each)[fixed]
        new = (by_random @ rest) * shrink
        step, effect = float(np.abs(new - effect).max()), new
        if step <= _TOLERANCE * spread:
            break
    rest = values - effect[random]
    return rest - (by_fixed @ rest / each)[fixed], size * shrink


def variance_ratio(values: Floats, fixed: Ints, random: Ints) -> Floats:
    """Variance of single values over that of the effects of a factor, per column.

    Parameters
    ----------
    values, fixed, random
        As in `shrunken_residuals`.

    Returns
    -------
    ndarray of float, shape (column,)
        From 0 to inf; inf where nothing says that levels of `random` differ.
    """
    n, n_fixed = len(values), int(fixed.max(initial=-1)) + 1
    by_fixed, by_random = indicator(fixed), indicator(random)
    each = np.bincount(fixed).astype(np.float64)
    rest = values - (by_fixed @ values / each[:, None])[fixed]
    rest = rest * unit_factor(rest, axis=0)  # a ratio has no unit, and squares must not vanish
    table: Any = sparse.csr_array(by_random @ by_fixed.T)
    size, df = np.bincount(random).astype(np.float64), float(n - n_fixed)
    first = n - float((table.power(2).sum(axis=0) / each).sum())
    second = _squared_products(table, size, each)
    squares, sums = (rest**2).sum(axis=0), ((by_random @ rest) ** 2).sum(axis=0)
    if df * second - first**2 <= _SINGULAR * df * second:
        return np.full(values.shape[1], np.inf)
    between, within = df * sums - first * squares, second * squares - first * sums
    out = np.full(values.shape[1], np.inf)
    np.divide(np.maximum(within, 0.0), between, out=out, where=between > _SINGULAR * df * sums)
    return out


def _squared_products(table: Any, size: Floats, each: Floats) -> float:
    """Sum of squares of ``diag(size) - C diag(1 / each) C'`` for counts C."""
    scaled, total = (table * (1 / each)[None, :]).tocsr(), 0.0
    for start in range(0, len(size), _ROWS):
        stop = min(start + _ROWS, len(size))
        part = -(scaled[start:stop] @ table.T).toarray()
        part[np.arange(stop - start), np.arange(start, stop)] += size[start:stop]
        total += float((part**2).sum())
    return total


def indicator(codes: Ints) -> Any:
    """Rows of each level as a sparse matrix, (level, row): its product with values sums them."""
    n = len(codes)
    shape = (int(codes.max(initial=-1)) + 1, n)
    return sparse.csc_array((np.ones(n), codes, np.arange(n + 1)), shape=shape)
