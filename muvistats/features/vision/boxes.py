"""Boxes around what a detector found, and which of them are the same."""

from __future__ import annotations

import numpy as np

from ...extras import optional_module
from ...types import Floats, Ints, Singles
from .protocol import Image


def distinct(
    boxes: Floats, scores: Floats | Singles, overlap: float, *, of_smaller: bool = False
) -> Ints:
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
    if not of_smaller:
        cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        corner, size = boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]
        sides = np.concatenate([corner, size], axis=1, dtype=np.float64)
        above = np.maximum(scores, np.finfo(np.float32).tiny)  # a score of 0 would be left out
        return np.array(cv2.dnn.NMSBoxes(sides, above, 0.0, overlap), dtype=np.int64)
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


def fitted(image: Image, longest: int, multiple: int) -> tuple[Image, float]:
    """A picture made as large as a network takes it, black below and to the right.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The picture.
    longest : int
        Its longer side afterwards, in pixels.
    multiple : int
        Both sides with the black are multiples of this.

    Returns
    -------
    picture : ndarray of uint8
        The picture and the black.
    by : float
        By how much it was made larger.
    """
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    height, width = image.shape[:2]
    by = longest / max(height, width)
    high, wide = max(1, round(height * by)), max(1, round(width * by))
    how = cv2.INTER_LINEAR if by > 1 else cv2.INTER_AREA
    picture = np.zeros(
        (-(-high // multiple) * multiple, -(-wide // multiple) * multiple, 3), np.uint8
    )
    while by <= 0.5 and not (image.shape[0] % 2 or image.shape[1] % 2):  # quicker in halves
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        by *= 2
    cv2.resize(image, (wide, high), picture[:high, :wide], interpolation=how)
    return picture, longest / max(height, width)
