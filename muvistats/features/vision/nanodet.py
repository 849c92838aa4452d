"""Objects by NanoDet: one picture in, boxes of three sizes of cells out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...extras import optional_module
from ...types import Floats, Ints, Singles
from ..onnx import load_session, run_session
from .boxes import distinct, fitted
from .protocol import Image

#: Side of the picture, and of the cells that each place of an output stands for, in pixels.
_SIDE, _CELLS = 416, (8, 16, 32)

#: Distances of a side from the middle, in cells, over which probability is spread.
_STEPS = 11

#: Mean and spread of blue, green and red, and each of their 256 levels on that scale.
_MEAN = np.array([103.53, 116.28, 123.675], dtype=np.float32)
_SD = np.array([57.375, 57.12, 58.395], dtype=np.float32)
_LEVELS = np.ascontiguousarray((np.arange(256, dtype=np.float32)[:, None] - _MEAN).T / _SD[:, None])


def is_nanodet(path: Path) -> bool:
    """Whether an ONNX network has NanoDet's outputs: scores and distances for each size of cell."""
    shapes = [out.shape for out in load_session(path, "vision").get_outputs()]
    places = [(_SIDE // cell) ** 2 for cell in _CELLS]
    return [shape[1:2] for shape in shapes] == [[place] for place in places * 2]


def find_objects(
    images: Sequence[Image], path: Path, *, confidence: float, overlap: float
) -> list[tuple[Ints, Floats, Floats]]:
    """Class, probability and box (left, top, right, bottom, in pixels) of each object.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (height, width, 3)
        Pictures, blue first; prepared, fed and read out in steps, as by `find_people`.
    path : Path
        The network.
    confidence, overlap : float
        Least probability, and overlap above which two boxes of a class are one.
    """
    session = load_session(path, "vision")
    name = session.get_inputs()[0].name
    pictures = [fitted(image, _SIDE, _SIDE) for image in images]
    outs = [run_session(session, {name: _scaled(each)[None]}, path) for each, _ in pictures]
    result = []
    for image, (_, by), out in zip(images, pictures, outs, strict=True):
        kinds, sure, boxes = _boxes(out, confidence, overlap)
        height, width = image.shape[:2]
        result.append((kinds, sure, np.clip(boxes / by, 0, [width, height, width, height])))
    return result


def _boxes(
    found: Sequence[Singles], confidence: float, overlap: float
) -> tuple[Ints, Floats, Floats]:
    """Class, probability and box of each object in the picture that the network got."""
    boxes: list[Floats] = []
    scores: list[Floats] = []
    for cell, score, distance in zip(_CELLS, found[:3], found[3:], strict=True):
        place = np.unique(np.flatnonzero(score[0] >= confidence) // score.shape[-1])
        row, column = np.divmod(place, _SIDE // cell)
        middle = (np.column_stack([column, row]) + 0.5) * cell
        shares = np.exp(distance[0, place].reshape(len(place), 4, _STEPS).astype(np.float64))
        shares /= shares.sum(axis=-1, keepdims=True)
        away = shares @ np.arange(_STEPS) * cell
        boxes.append(np.concatenate([middle - away[:, :2], middle + away[:, 2:]], axis=1))
        scores.append(score[0, place].astype(np.float64))
    every = np.concatenate(scores)
    where, kind = np.nonzero(every >= confidence)
    sure, box = every[where, kind], np.concatenate(boxes)[where]
    apart = kind[:, None] * 4.0 * _SIDE  # classes never overlap
    kept = distinct(box + apart, sure, overlap)
    return kind[kept], sure[kept], box[kept]


def _scaled(picture: Image) -> Singles:
    """A picture as the network takes it, (colour, height, width); levels are looked up."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    scaled: Singles = np.empty((3, *picture.shape[:2]), dtype=np.float32)
    for colour, levels in enumerate(_LEVELS):
        cv2.LUT(cv2.extractChannel(picture, colour), levels, scaled[colour])
    return scaled
