"""Delay of one series behind another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...progress import watched
from ...types import Floats, Ints
from ..sampling.correlation import pearson_rows
from .agreement import leave_one_out_ewe

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
    for j, lag in enumerate(watched(lags, "Delays", len(lags))):
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


def moved_up(values: Floats, steps: Ints) -> Floats:
    """Each row moved to the left by its steps, NaN where nothing is left; (row, time)."""
    place = np.arange(values.shape[1]) + steps[:, None]
    there = (place >= 0) & (place < values.shape[1])
    row = np.arange(len(values))[:, None]
    return np.where(there, values[row, np.where(there, place, 0)], np.nan)


def rater_delays(values: Floats, starts: Ints, raters: Ints, most: int, n_iter: int = 10) -> Ints:
    """Steps by which each rater is late, in all their annotations.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by cell; NaN where missing.
    starts : ndarray of int, shape (cell,)
        First row of each cell; the first is 0.
    raters : ndarray of int, shape (annotation,)
        Rater of each annotation, coded from 0.
    most : int
        Longest delay that is tried, either way.
    n_iter : int
        Most rounds.

    Returns
    -------
    ndarray of int, shape (annotation,)
        The delay of the annotation's rater; median 0 over annotations, rounded down.

    Notes
    -----
    A rater has the delay with the highest mean correlation of their annotations with the weighted
    estimator of the other raters of the cell; of equal ones the shorter delay, and 0 where none is
    defined. Then raters are moved by their delays, estimators are made anew, and so on
    until no delay changes.
    """
    lags = np.arange(-most, most + 1)
    lags = lags[np.argsort(np.abs(lags), kind="stable")]
    delay = np.zeros(len(values), dtype=np.int64)
    for _ in range(n_iter):
        others = leave_one_out_ewe(moved_up(values, delay), starts)
        r = lagged_correlation(values, others[:, most:], lags + most)
        known = ~np.isnan(r)
        shape = (int(raters.max(initial=-1)) + 1, len(lags))
        total, count = np.zeros(shape), np.zeros(shape)
        np.add.at(total, raters, np.where(known, r, 0.0))
        np.add.at(count, raters, known)
        means = np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)
        found = lags[best_lag(means)[0]][raters]
        found -= int(np.floor(np.median(found))) if len(found) else 0
        if np.array_equal(found, delay):
            break
        delay = found
    return delay
