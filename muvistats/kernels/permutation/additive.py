"""Residuals of an additive model of several crossed factors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...types import Floats, Ints

#: Sweeps after which an unconnected or badly balanced design is taken as it is.
_SWEEPS = 500

#: Largest mean that is left in a level, as part of the spread of the values.
_TOLERANCE = 1e-10


def additive_residuals(values: Floats, factors: Sequence[Ints]) -> Floats:
    """What is left of values when the main effects of factors are taken out.

    Parameters
    ----------
    values : ndarray of float, shape (n, column)
        Values without NaN.
    factors : sequence of ndarray of int, each shape (n,)
        Levels of each factor, coded from 0.

    Returns
    -------
    ndarray of float, shape (n, column)
        Least-squares residuals of the model with all main effects.

    Notes
    -----
    The means of the levels are taken out factor by factor until none is left (backfitting). In a
    balanced design one sweep is enough.
    """
    out = np.array(values, dtype=np.float64)
    spread = np.abs(out - out.mean(axis=0, keepdims=True)).max(initial=0.0) if len(out) else 0.0
    counts = [np.maximum(np.bincount(codes), 1).astype(np.float64) for codes in factors]
    for _ in range(_SWEEPS):
        largest = 0.0
        for codes, count in zip(factors, counts, strict=True):
            means = np.stack(
                [np.bincount(codes, column, len(count)) / count for column in out.T], axis=1
            )
            out -= means[codes]
            largest = max(largest, float(np.abs(means).max(initial=0.0)))
        if len(factors) < 2 or largest <= _TOLERANCE * spread:
            break
    return out
