"""Delay of one series behind another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...types import Floats, Ints
from ..sampling.correlation import pearson_rows

_TIE = 1e-10


def lagged_correlation(series: Floats, reference: Floats, lags: Ints) -> Floats:
    """Pearson correlation of a series with a reference that it follows by some steps.

    Parameters
    ----------
    series, reference : ndarray of float, shape (n, time)
        Paired rows.
    lags : ndarray of int, shape (lag,)
        Steps by which the series is late, not negative.

    Returns
    -------
    ndarray of float, shape (n, lag)
        ``r(series[t + lag], reference[t])`` over the steps both have; NaN where either is constant
        or fewer than three steps are left. Every lag is computed over the same reference steps,
        so that lags differ by their fit, not by the stretch they are fitted on.
    """
    steps = series.shape[1] - int(max(lags))
    out = np.full((len(series), len(lags)), np.nan)
    if steps < 3:
        return out
    for j, lag in enumerate(lags):
        r, n = pearson_rows(series[:, lag : lag + steps], reference[:, :steps])
        out[:, j] = np.where(n >= 3, r, np.nan)
    return out


def best_lag(correlations: Floats) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Position of the highest correlation in each row, and whether the row has any.

    Correlations that differ by rounding error alone are ties, and the first of them counts.

    Parameters
    ----------
    correlations : ndarray of float, shape (n, lag)
        From `lagged_correlation`.

    Returns
    -------
    position : ndarray of int, shape (n,)
        0 where the row has none.
    defined : ndarray of bool, shape (n,)
        Whether the row has a correlation.
    """
    defined: npt.NDArray[np.bool_] = np.any(~np.isnan(correlations), axis=1)
    filled = np.where(np.isnan(correlations), -np.inf, correlations)
    top = filled.max(axis=1, keepdims=True, initial=-np.inf)
    return (filled >= top - _TIE).argmax(axis=1), defined
