"""Exact limits of a proportion."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["clopper_pearson"]

Floats = npt.NDArray[np.float64]


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
