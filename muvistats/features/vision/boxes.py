"""Boxes around what a detector found, and which of them are the same."""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints


def distinct(boxes: Floats, scores: Floats, overlap: float, *, of_smaller: bool = False) -> Ints:
    """Boxes that are left when each takes away those that it overlaps, the surest first.

    Parameters
    ----------
    boxes : ndarray of float, shape (box, 4)
        Left, top, right and bottom.
    scores : ndarray of float, shape (box,)
        How sure each is.
    overlap : float
        Boxes that share more than this are one: of their union, or of the smaller of them.
    of_smaller : bool
        Whether the share is one of the smaller box.

    Returns
    -------
    ndarray of int, shape (left,)
        Numbers of the boxes, the surest first.
    """
    left, top, right, bottom = boxes.T
    area = (right - left) * (bottom - top)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(int(first))
        wide = np.minimum(right[first], right[rest]) - np.maximum(left[first], left[rest])
        high = np.minimum(bottom[first], bottom[rest]) - np.maximum(top[first], top[rest])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        smaller = np.minimum(area[first], area[rest])
        whole = smaller if of_smaller else area[first] + area[rest] - shared
        order = rest[shared <= overlap * whole]
    return np.array(kept, dtype=np.int64)
