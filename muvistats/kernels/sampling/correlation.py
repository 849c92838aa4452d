"""Correlations of many rows or columns at once, with missing tails and constant series."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from ...types import Array, Floats
from ..scale import unit_factor

#: A spread smaller than this fraction of the largest value is rounding error.
_FLAT = 1e-14

#: Correlations this close to 1 differ from it by rounding error.
_ONE = 1e-12


def group_means(values: Array, codes: Array, k: int) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Mean over the rows of each group, step by step.

    Parameters
    ----------
    values : ndarray, shape (n, t)
        Series, NaN where missing.
    codes : ndarray of int, shape (n,)
        Group of each row, 0 to k - 1.
    k : int
        Number of groups.

    Returns
    -------
    means : ndarray, shape (k, t)
        Mean of the rows that hold a value; NaN at a step that one of them lacks, so that the
        mean never jumps because a row ends.
    sizes : ndarray of int, shape (k,)
        Rows of each group that hold a value.
    """
    if np.isnan(values.sum()):  # a quick look first: what has no gap is not copied
        some = ~np.isnan(values).all(axis=1)
        values, codes = values[some], codes[some]
    sizes = np.bincount(codes, minlength=k)
    means = np.full((k, values.shape[1]), np.nan)
    if len(codes):
        if (codes[1:] < codes[:-1]).any():
            order = np.argsort(codes, kind="stable")
            values, codes = values[order], codes[order]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        used = codes[starts]
        means[used] = np.add.reduceat(values, starts, axis=0) / sizes[used, None]
    return means, sizes


def pearson_rows(first: Array, second: Array) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Pearson correlation of each row of one array with the same row of another.

    Parameters
    ----------
    first, second : ndarray, shape (n, t)
        Series; steps at which either is NaN do not enter.

    Returns
    -------
    r : ndarray, shape (n,)
        NaN where fewer than two steps are left or a series is constant over them.
    steps : ndarray of int, shape (n,)
        Steps that entered.
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    steps = both.sum(axis=1)
    x, y = _centred(first, both, steps), _centred(second, both, steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return _bounded(r), steps


def _centred(values: Array, use: npt.NDArray[np.bool_], steps: npt.NDArray[np.intp]) -> Floats:
    """Rows less their mean, 0 where unused; rows without spread become NaN.

    Each row is in a unit of its own size, and differences from its first value are taken before
    its mean, so that neither its unit nor its origin costs digits.
    """
    kept = np.where(use, values, 0.0)
    kept = kept * unit_factor(kept)
    if not kept.shape[1]:
        return kept
    first = np.take_along_axis(kept, use.argmax(axis=1)[:, None], axis=1)
    moved = np.where(use, kept - first, 0.0)
    mean = moved.sum(axis=1) / np.maximum(steps, 1)
    centred = np.where(use, moved - mean[:, None], 0.0)
    spread = np.abs(centred).max(axis=1, initial=0.0)
    flat = spread <= _FLAT * np.abs(kept).max(axis=1, initial=0.0)
    return np.where(flat[:, None], np.nan, centred * unit_factor(centred))


def _bounded(r: Floats) -> Floats:
    """Correlations that differ from -1 or 1 by rounding error alone, set to it."""
    return np.where(np.abs(r) > 1 - _ONE, np.sign(r), r)


def pearson_matrix(values: Array) -> Floats:
    """Pearson correlations between the columns of an array.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Values without NaN.

    Returns
    -------
    ndarray, shape (p, p)
        Correlations; NaN for a constant column, and everywhere with fewer than two rows.
    """
    if len(values) < 2:
        return np.full((values.shape[1], values.shape[1]), np.nan)
    use = np.full(values.shape, fill_value=True)
    rows = np.full(values.shape[1], len(values))
    centred = _centred(values.T, use.T, rows)
    length = np.sqrt((centred**2).sum(axis=1))
    return _bounded((centred @ centred.T) / np.outer(length, length))


def centre_within(values: Array, codes: Array, k: int) -> tuple[Floats, Floats]:
    """Split values into what varies within groups and the means of the groups.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each row, 0 to k - 1, every group used.
    k : int
        Number of groups.

    Returns
    -------
    within : ndarray, shape (n, p)
        Values less the mean of their group.
    between : ndarray, shape (k, p)
        Means of the groups.
    """
    between, _ = group_means(values, codes, k)
    return values - between[codes], between


def correlation_p(r: Array, df: float) -> Floats:
    """Two-sided p of correlations, ``t = r sqrt(df / (1 - r^2))`` with df degrees of freedom.

    Parameters
    ----------
    r : ndarray
        Correlations.
    df : float
        Number of pairs less 2, and less what was estimated to centre them.

    Returns
    -------
    ndarray
        p-values; NaN where r is, and everywhere with df below 1.
    """
    if df < 1:
        return np.full(np.shape(r), np.nan)
    r = np.asarray(r)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(r) * np.sqrt(df / ((1 - r) * (1 + r)))
    return np.asarray(2 * stats.t.sf(t, df))


def fisher_interval(r: Array, df: float, conf_level: float) -> tuple[Floats, Floats]:
    """Confidence limits of correlations by Fisher's z.

    Parameters
    ----------
    r : ndarray
        Correlations.
    df : float
        Degrees of freedom as in `correlation_p`, so that the standard error is
        ``1 / sqrt(df - 1)``.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : ndarray
        Limits; NaN where r is NaN, -1 or 1, and everywhere with df below 2.
    """
    inside = np.where(np.abs(r) < 1, r, np.nan)
    if df < 2:
        return np.full(np.shape(r), np.nan), np.full(np.shape(r), np.nan)
    half = stats.norm.ppf((1 + conf_level) / 2) / np.sqrt(df - 1)
    z = np.arctanh(inside)
    return np.tanh(z - half), np.tanh(z + half)


def fisher_limits(
    value: float, reach: float, ends: tuple[float, float] = (-1.0, 1.0)
) -> tuple[float, float]:
    """Limits that keep between the ends of a scale.

    Parameters
    ----------
    value : float
        What is estimated, a correlation or the mean of several.
    reach : float
        Half the width that limits on the scale itself would have.
    ends : tuple of float
        Least and largest value that is possible.

    Returns
    -------
    low, high : float
        Limits that reach as far on the scale of Fisher's z, to first order; NaN for a value at
        one of the ends.

    Notes
    -----
    With ``x`` the value on a scale from -1 to 1, ``z = atanh(x)`` and ``dz = dx / (1 - x^2)``.
    """
    middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    x = (value - middle) / half
    if np.isnan(reach) or abs(x) >= 1:
        return np.nan, np.nan
    z, far = np.arctanh(x), reach / half / ((1 - x) * (1 + x))
    return float(middle + half * np.tanh(z - far)), float(middle + half * np.tanh(z + far))


def fisher_mean(r: Array, conf_level: float) -> tuple[float, float, float]:
    """Mean correlation on Fisher's z scale with confidence limits by Student's t.

    Parameters
    ----------
    r : ndarray, shape (n,)
        Correlations without NaN.
    conf_level : float
        Confidence level.

    Returns
    -------
    mean, low, high : float
        ``tanh(mean(z))`` and ``tanh(mean(z) -+ t sd(z) / sqrt(n))`` with n - 1 degrees of freedom.
        NaN when a correlation is -1 or 1, and limits NaN with fewer than two.
    """
    if len(r) == 0 or np.abs(r).max() >= 1:
        return np.nan, np.nan, np.nan
    z = np.arctanh(r)
    middle = float(z.mean())
    if len(r) < 2:
        return float(np.tanh(middle)), np.nan, np.nan
    half = stats.t.ppf((1 + conf_level) / 2, len(r) - 1) * z.std(ddof=1) / np.sqrt(len(r))
    return float(np.tanh(middle)), float(np.tanh(middle - half)), float(np.tanh(middle + half))
