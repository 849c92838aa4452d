"""How rough a series is: the size of its steps against its spread."""

from __future__ import annotations

import numpy as np

from ...types import Floats


def roughness(values: Floats) -> Floats:
    """Half of von Neumann's ratio: mean squared step over twice the variance.

    Parameters
    ----------
    values : ndarray of float, shape (..., time)
        Series; NaN where a step is missing.

    Returns
    -------
    ndarray of float, shape (...)
        About 1 for white noise, ``1 - r`` for a series whose correlation with the step before is
        r, near 0 for a smooth one. NaN for a constant and for fewer than three known steps.

    Notes
    -----
    ``mean((x[t + 1] - x[t])^2) / (2 var(x))`` over the pairs of steps that are known, with
    divisor n in the variance. Neither unit nor origin matters.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        known = ~np.isnan(values)
        n = known.sum(axis=-1)
        mean = np.where(known, values, 0.0).sum(axis=-1, keepdims=True) / n[..., None]
        centred = np.where(known, values - mean, 0.0)
        size = np.abs(centred).max(axis=-1, initial=0.0, keepdims=True)
        centred = centred / size  # so that no square vanishes
        pairs = known[..., 1:] & known[..., :-1]
        steps = np.where(pairs, np.diff(centred, axis=-1), 0.0)
        ratio = (steps**2).sum(axis=-1) / pairs.sum(axis=-1)
        out: Floats = ratio / (2 * (centred**2).sum(axis=-1) / n)
    flat = size[..., 0] <= 1e-12 * np.abs(mean[..., 0])
    return np.where((n < 3) | flat | ~np.isfinite(out), np.nan, out)
