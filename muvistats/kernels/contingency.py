"""Effect sizes, limits and residuals of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from ..types import Floats

#: Shares that differ by less are the same.
_ROUNDING = 1e-12


def _sides(n: float, shape: tuple[int, int]) -> float:
    """Bergsma's reduced smaller side of the table, less one."""
    rows, columns = (side - (side - 1) ** 2 / (n - 1) for side in shape)
    return min(rows, columns) - 1


def beyond_chance(found: float, by_chance: float) -> float:
    """What was found less what chance makes; 0 where that is less, or the same up to rounding."""
    return found - by_chance if found > by_chance * (1 + _ROUNDING) else 0.0


def cramers_v(statistic: float, n: float, shape: tuple[int, int]) -> float:
    """Bias-corrected Cramer's V.

    Parameters
    ----------
    statistic : float
        Pearson's chi-square.
    n : float
        Sum of the table.
    shape : tuple of int
        Rows and columns, at least 2 each.

    Returns
    -------
    float
        V in [0, 1], NaN when the table is too small for the correction.

    Notes
    -----
    With r rows and c columns, ``phi2 = max(0, chi2 / n - (r - 1)(c - 1) / (n - 1))``,
    ``r' = r - (r - 1)^2 / (n - 1)``, c' likewise, and ``V = sqrt(phi2 / (min(r', c') - 1))``.
    """
    rows, columns = shape
    if n <= 1 or _sides(n, shape) <= 0:
        return np.nan
    phi2 = beyond_chance(statistic / n, (rows - 1) * (columns - 1) / (n - 1))
    return min(1.0, float(np.sqrt(phi2 / _sides(n, shape))))


def noncentrality_interval(statistic: float, df: float, conf_level: float) -> tuple[float, float]:
    """Confidence limits of the noncentrality of a chi-square statistic.

    Parameters
    ----------
    statistic, df : float
        Observed chi-square and its degrees of freedom.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : float
        The noncentralities at which the statistic stands at its upper and lower
        ``(1 - conf_level) / 2`` quantile; 0 where even the central distribution is past it.
    """
    tail = (1 - conf_level) / 2
    top = statistic + 20 * np.sqrt(statistic + df) + 100

    def solve(target: float) -> float:
        def gap(noncentrality: float) -> float:
            if noncentrality == 0:
                return float(stats.chi2.cdf(statistic, df) - target)
            return float(stats.ncx2.cdf(statistic, df, noncentrality) - target)

        if gap(0.0) <= 0:
            return 0.0
        return float(optimize.brentq(gap, 0.0, top, xtol=1e-10, rtol=1e-12))

    return solve(1 - tail), solve(tail)


def cramers_v_interval(
    statistic: float, n: float, shape: tuple[int, int], conf_level: float
) -> tuple[float, float]:
    """Confidence limits of Cramer's V by inversion of the noncentral chi-square.

    Parameters
    ----------
    statistic : float
        Pearson's chi-square.
    n : float
        Sum of the table.
    shape : tuple of int
        Rows and columns, at least 2 each.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : float
        ``sqrt(noncentrality / n / (min(r', c') - 1))`` at the two limits of the noncentrality,
        on the scale of `cramers_v`, cut off at 1; NaN where V is.
    """
    if n <= 1 or _sides(n, shape) <= 0:
        return np.nan, np.nan
    df = (shape[0] - 1) * (shape[1] - 1)
    limits = noncentrality_interval(statistic, df, conf_level)
    low, high = (min(1.0, float(np.sqrt(limit / n / _sides(n, shape)))) for limit in limits)
    return low, high


def standardized_residuals(observed: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Expected counts and standardized (adjusted) Pearson residuals of a two-way table.

    Parameters
    ----------
    observed : ndarray, shape (r, c)
        Counts.

    Returns
    -------
    expected, residuals : ndarray, shape (r, c)
        ``E = row * column / n`` and ``(O - E) / sqrt(E (1 - row / n)(1 - column / n))``; residuals
        are NaN where a row or column is empty or holds the whole table.
    """
    counts = np.asarray(observed, dtype=float)
    n = counts.sum()
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = rows * columns / n
        variance = expected * ((n - rows) / n) * ((n - columns) / n)
        deviation = (counts * n - rows * columns) / n
        residuals = np.where(variance > 0, deviation / np.sqrt(variance), np.nan)
    return expected, residuals


def clopper_pearson(count: Any, n: Any, level: float) -> tuple[Floats, Floats]:
    """Limits of proportions from binomial counts.

    Parameters
    ----------
    count, n : array-like of int
        Successes and trials, of the same shape.
    level : float
        Confidence level, at which each interval holds by itself.

    Returns
    -------
    low, high : ndarray of float
        Two-sided limits, never narrower than the level asks; NaN without trials.

    Notes
    -----
    Beta quantiles: ``low = B(a; k, n - k + 1)`` and ``high = B(1 - a; k + 1, n - k)`` with
    ``a = (1 - level) / 2``; 0 and 1 where nothing, or everything, was a success.

    References
    ----------
    Clopper, C. J., & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika, 26(4), 404-413. https://doi.org/10.1093/biomet/26.4.404
    """
    k, total = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (count, n))
    tail = (1 - level) / 2
    some, all_of = k > 0, k >= total
    low = stats.beta.ppf(tail, np.where(some, k, 1.0), total - k + 1)
    high = stats.beta.isf(tail, k + 1, np.where(all_of, 1.0, total - k))
    low, high = np.where(some, low, 0.0), np.where(all_of, 1.0, high)
    return np.where(total > 0, low, np.nan), np.where(total > 0, high, np.nan)
