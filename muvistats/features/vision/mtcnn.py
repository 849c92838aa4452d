"""Faces by a cascade of three small networks (MTCNN)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...errors import DesignError
from ...extras import optional_module
from ...types import Floats, Ints, Singles
from ..onnx import load_session, run_session
from .boxes import distinct
from .protocol import Image

NETWORKS = ("pnet.onnx", "rnet.onnx", "onet.onnx")

#: Least probability after the first two networks, factor between two sizes of the picture.
_THRESHOLDS, _SHRINK = (0.6, 0.7), 0.709

#: What is cut out that the second and third network get at a time.
_BATCH = 64

#: Pixels that the first network sees at a time, and between two of its places.
_CELL, _STRIDE = 12, 2

#: Overlap within one size of the picture, and from there on.
_OVERLAP, _OVERLAP_LATER = 0.5, 0.7


def check_cascade(folder: Path) -> None:
    """Refuse a folder without the three networks."""
    lacking = [name for name in NETWORKS if not (folder / name).is_file()]
    if lacking:
        raise DesignError(f"detector {folder.name}: {', '.join(lacking)} is not in the folder")


def find_faces(
    images: Sequence[Image], folder: Path, *, smallest: float, confidence: float
) -> list[Floats]:
    """Left, top, right and bottom of each face of each picture in pixels, the surest first.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (height, width, 3)
        Pictures, blue first; the second and third network get what is cut out of all of them.
    folder : Path
        Folder of the networks.
    smallest : float
        Side of the smallest face in pixels.
    confidence : float
        Least probability of a face.
    """
    halves = [_halves(image) for image in images]
    boxes = _proposals(halves, folder, smallest)
    for stage, side in ((1, 24), (2, 48)):
        boxes = [_inside(each, image) for each, image in zip(boxes, images, strict=True)]
        cut = [_cut_out(*each, side) for each in zip(halves, boxes, strict=True)]
        ends = np.cumsum([len(each) for each in cut])
        faces = np.concatenate(cut)
        if not len(faces):
            return boxes
        batches = [faces[first : first + _BATCH] for first in range(0, len(faces), _BATCH)]
        outs = zip(*_run(folder / NETWORKS[stage], batches), strict=True)
        shifts, scores = (np.split(np.concatenate(out), ends[:-1]) for out in outs)
        found = zip(boxes, shifts, scores, strict=True)
        if stage == 1:
            boxes = [_refined(*each, _THRESHOLDS[1]) for each in found]
        else:
            boxes = [_final(*each, confidence) for each in found]
    return boxes


def _halves(image: Image) -> list[Image]:
    """A picture, half of it, half of that and so on, while the first network sees anything."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    halves = [image]
    while min(size := [-(-side // 2) for side in halves[-1].shape[1::-1]]) >= _CELL:
        halves.append(cv2.resize(halves[-1], size, interpolation=cv2.INTER_AREA))
    return halves


def _proposals(halves: Sequence[list[Image]], folder: Path, smallest: float) -> list[Floats]:
    """Squares that may hold a face in each picture, from pictures of all sizes."""
    proposals = []
    places = [_places(*each[0].shape[:2], smallest) for each in halves]
    pictures = [
        _resized(each, size)
        for each, (sizes, _, _) in zip(halves, places, strict=True)
        for size in sizes
    ]
    found = iter(_run(folder / NETWORKS[0], pictures))
    for sizes, boxes, level in places:
        outs = [next(found) for _ in sizes]
        sure = np.concatenate([np.empty(0), *(out[1][0, 1].ravel() for out in outs)])
        shift = np.concatenate([np.empty((4, 0)), *(out[0].reshape(4, -1) for out in outs)], axis=1)
        kept = np.flatnonzero(sure >= _THRESHOLDS[0])
        sure, shift, box = sure[kept], shift[:, kept].T, boxes[kept]
        apart = level[kept, None] * 4.0 * max(boxes.max(initial=0), 1)
        alone = distinct(box + apart, sure, _OVERLAP)
        alone = alone[distinct(box[alone], sure[alone], _OVERLAP_LATER)]
        proposals.append(_square(_shifted(box[alone], shift[alone], 0)))
    return proposals


@lru_cache(maxsize=4)
def _places(height: int, width: int, smallest: float) -> tuple[list[tuple[int, int]], Floats, Ints]:
    """Sizes of pictures for the first network; the box of each of its outputs, and its picture."""
    by = _CELL / smallest
    sizes: list[tuple[int, int]] = []
    boxes, level = [np.empty((0, 4))], [np.empty(0, dtype=np.int64)]
    while min(height, width) * by >= _CELL:
        size = int(width * by + 1), int(height * by + 1)
        rows, columns = (-(-side // 2) - 5 for side in size[::-1])
        corner = np.indices((rows, columns)).reshape(2, -1)[::-1].T * float(_STRIDE)
        boxes.append(np.floor(np.concatenate([corner + 1, corner + _CELL], axis=1) / by))
        level.append(np.full(len(corner), len(sizes)))
        sizes.append(size)
        by *= _SHRINK
    return sizes, np.concatenate(boxes), np.concatenate(level)


def _resized(halves: Sequence[Image], size: tuple[int, int]) -> Image:
    """A picture in another size, as a batch, from the smallest half that is not smaller."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    larger = [half for half in halves if half.shape[1] >= size[0] and half.shape[0] >= size[1]]
    source = larger[-1] if larger else halves[0]
    small: Image = cv2.resize(source, size, interpolation=cv2.INTER_LINEAR)
    return small[None]


def _run(path: Path, batches: Sequence[Image]) -> list[tuple[Singles, Singles]]:
    """Boxes and probabilities for batches of pictures (picture, height, width, colour)."""
    session = load_session(path, "vision")
    names = [out.name for out in session.get_outputs()]
    box, probability = names.index("box"), names.index("probability")
    given = session.get_inputs()[0].name
    outs = [run_session(session, {given: _scaled(each)}, path) for each in batches]
    return [(out[box], out[probability]) for out in outs]


def _scaled(pictures: Image) -> Singles:
    """Pictures as the networks take them, (picture, colour, height, width), red first."""
    scaled: Singles = np.empty((len(pictures), 3, *pictures.shape[1:3]), dtype=np.float32)
    scaled[...] = pictures.transpose(0, 3, 1, 2)[:, ::-1]
    scaled -= np.float32(127.5)  # in place: what was just written is in the processor's cache
    scaled *= np.float32(1 / 128)
    return scaled


def _refined(boxes: Floats, shift: Singles, sure: Singles, least: float) -> Floats:
    """Squares of which the second network is sure."""
    kept = sure[:, 1] > least
    boxes, shift = boxes[kept], shift[kept]
    alone = distinct(boxes, sure[kept, 1], _OVERLAP_LATER)
    return _square(_shifted(boxes[alone], shift[alone], 1))


def _final(boxes: Floats, shift: Singles, sure: Singles, least: float) -> Floats:
    """Boxes of which the third network is sure."""
    kept = sure[:, 1] > least
    boxes = _shifted(boxes[kept], shift[kept], 1)
    return boxes[distinct(boxes, sure[kept, 1], _OVERLAP_LATER, of_smaller=True)]


def _shifted(boxes: Floats, shift: Floats | Singles, edge: int) -> Floats:
    """Boxes moved by shares of their size, which counts the last pixel where `edge` is 1."""
    size = boxes[:, 2:4] - boxes[:, :2] + edge
    moved: Floats = boxes[:, :4] + shift * np.concatenate([size, size], axis=1)
    return moved


def _square(boxes: Floats) -> Floats:
    """Squares around boxes, as wide as their longer side."""
    size = boxes[:, 2:4] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    first = boxes[:, :2] + size / 2 - side / 2
    return np.concatenate([first, first + side], axis=1)


def _inside(boxes: Floats, image: Image) -> Floats:
    """Boxes of a pixel and more of which something lies in the picture."""
    height, width = image.shape[:2]
    large = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
    first, last = _corners(boxes, height, width)
    inside: Floats = boxes[large & (last > first).all(axis=1)]
    return inside


def _corners(boxes: Floats, height: int, width: int) -> tuple[Floats, Floats]:
    """Left and top, right and bottom of what lies in the picture, in whole pixels."""
    whole = np.trunc(boxes)
    return np.maximum(whole[:, :2] - 1, 0), np.minimum(whole[:, 2:], [width, height])


def _cut_out(halves: Sequence[Image], boxes: Floats, side: int) -> Image:
    """Pictures of this side of what lies in each box, from the half that is not smaller."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    height, width = halves[0].shape[:2]
    first, last = _corners(boxes, height, width)
    steps = (np.arange(side) + 0.5) / side
    x, y = (first + steps[:, None, None] * (last - first)).transpose(2, 1, 0)  # each (box, step)
    times = np.log2(np.maximum((last - first).max(axis=1) / side, 1)).astype(int)
    times = np.minimum(times, len(halves) - 1)
    faces = np.empty((len(boxes), side * side, 3), dtype=np.uint8)
    for number in np.unique(times):
        half, these = halves[number], times == number
        across = (x[these] * (half.shape[1] / width) - 0.5).astype(np.float32)
        down = (y[these] * (half.shape[0] / height) - 0.5).astype(np.float32)
        where = np.tile(across, side), np.repeat(down, side, axis=1)
        faces[these] = cv2.remap(half, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return faces.reshape(-1, side, side, 3)
