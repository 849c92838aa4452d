"""Units in which squares neither vanish nor overflow."""

from __future__ import annotations

import numpy as np

from ..types import Array, Floats

#: Powers of two within which a factor and its inverse are plain numbers.
_REACH = 1000


def unit_factor(values: Array, axis: int | tuple[int, ...] | None = -1) -> Floats:
    """Power of two that brings the largest absolute value to between 1/2 and 1.

    Parameters
    ----------
    values : ndarray of float
        Values; NaN does not count.
    axis : int or tuple of int, optional
        Along which the largest is sought; over everything where None.

    Returns
    -------
    ndarray of float
        The factor, with `axis` kept at length 1. Times a power of two no digit is lost, so whatever
        does not depend on the unit may be computed from the product; 1 where all values are 0.
    """
    top = np.fmax.reduce(np.abs(values), axis=axis, keepdims=True, initial=0.0)
    exponent = np.frexp(top)[1]
    factor: Floats = np.ldexp(1.0, -np.clip(exponent, -_REACH, _REACH))
    return factor


def centred(values: Array, axis: int = -1) -> Floats:
    """Values in units of their own size, less their mean.

    Parameters
    ----------
    values : ndarray of float
        Values without NaN, at least one along the axis.
    axis : int
        Along which they have a unit and a mean.

    Returns
    -------
    ndarray of float
        Differences from the first value are taken before the mean, so that values far from 0 keep
        their digits and those that are equal are 0 to the last bit.
    """
    scaled = values * unit_factor(values, axis)
    moved = scaled - np.take(scaled, [0], axis=axis)
    out: Floats = moved - moved.mean(axis=axis, keepdims=True)
    return out
