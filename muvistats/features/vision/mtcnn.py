"""Faces by a cascade of three small networks (MTCNN)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import DesignError
from ...extras import optional_module
from ...types import Floats, Singles
from ..onnx import load_session, run_session
from .boxes import distinct
from .protocol import Image

NETWORKS = ("pnet.onnx", "rnet.onnx", "onet.onnx")

#: Least probability after the first two networks, factor between two sizes of the picture.
_THRESHOLDS, _SHRINK = (0.6, 0.7), 0.709

#: Pixels that the first network sees at a time, and between two of its places.
_CELL, _STRIDE = 12, 2

#: Overlap within one size of the picture, and from there on.
_OVERLAP, _OVERLAP_LATER = 0.5, 0.7


def check_cascade(folder: Path) -> None:
    """Refuse a folder without the three networks."""
    lacking = [name for name in NETWORKS if not (folder / name).is_file()]
    if lacking:
        raise DesignError(f"detector {folder.name}: {', '.join(lacking)} is not in the folder")


def find_faces(image: Image, folder: Path, *, smallest: float, confidence: float) -> Floats:
    """Left, top, right and bottom of each face in pixels, the surest first.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The picture, blue first.
    folder : Path
        Folder of the networks.
    smallest : float
        Side of the smallest face in pixels.
    confidence : float
        Least probability of a face.
    """
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    boxes = _proposals(image, folder, smallest)
    for stage, side in ((1, 24), (2, 48)):
        boxes = boxes[(boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)]
        faces, boxes = _cut_out(image, boxes, side)
        if not len(faces):
            return np.empty((0, 4))
        found = _run(folder / NETWORKS[stage], faces)
        shift, sure = found[0].astype(np.float64), found[-1][:, 1].astype(np.float64)
        least = confidence if stage == 2 else _THRESHOLDS[1]
        kept = sure > least
        boxes, shift, sure = boxes[kept], shift[kept], sure[kept]
        if stage == 1:
            kept_boxes = distinct(boxes, sure, _OVERLAP_LATER)
            boxes = _square(_shifted(boxes[kept_boxes], shift[kept_boxes], 1))
        else:
            boxes = _shifted(boxes, shift, 1)
            boxes = boxes[distinct(boxes, sure, _OVERLAP_LATER, of_smaller=True)]
    return boxes


def _proposals(image: Image, folder: Path, smallest: float) -> Floats:
    """Squares that may hold a face, from pictures of all sizes."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    height, width = image.shape[:2]
    by = _CELL / smallest
    boxes, scores = [np.empty((0, 8))], [np.empty(0)]
    while min(height, width) * by >= _CELL:
        size = int(width * by + 1), int(height * by + 1)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        shift, sure = (out[0] for out in _run(folder / NETWORKS[0], small[None]))
        row, column = np.nonzero(sure[1] >= _THRESHOLDS[0])
        corner = np.column_stack([column, row]).astype(np.float64) * _STRIDE
        first, last = np.floor((corner + 1) / by), np.floor((corner + _CELL) / by)
        found = np.concatenate([first, last, shift[:, row, column].T], axis=1)
        probability = sure[1, row, column].astype(np.float64)
        kept = distinct(found[:, :4], probability, _OVERLAP)
        boxes.append(found[kept])
        scores.append(probability[kept])
        by *= _SHRINK
    found, probability = np.concatenate(boxes), np.concatenate(scores)
    found = found[distinct(found[:, :4], probability, _OVERLAP_LATER)]
    return _square(_shifted(found[:, :4], found[:, 4:], 0))


def _run(path: Path, pictures: Image | Singles) -> list[Singles]:
    """Outputs of a network for pictures (picture, height, width, colour), red first."""
    scaled: Singles = (np.moveaxis(pictures, -1, 1).astype(np.float32) - 127.5) / np.float32(128)
    session = load_session(path, "vision")
    named = {out.name: number for number, out in enumerate(session.get_outputs())}
    found = run_session(session, {session.get_inputs()[0].name: scaled}, path)
    return [found[named["box"]], found[named["probability"]]]


def _shifted(boxes: Floats, shift: Floats, edge: int) -> Floats:
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


def _cut_out(image: Image, boxes: Floats, side: int) -> tuple[Image, Floats]:
    """Pictures of this side of what lies in each box, and the boxes of which something does."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    height, width = image.shape[:2]
    faces, inside = [], []
    for number, (left, top, right, bottom) in enumerate(np.trunc(boxes).astype(int)):
        face = image[max(top, 1) - 1 : min(bottom, height), max(left, 1) - 1 : min(right, width)]
        if face.size:
            shrunk = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
            faces.append(shrunk)
            inside.append(number)
    if not faces:
        return np.empty((0, side, side, 3), dtype=np.uint8), np.empty((0, 4))
    return np.stack(faces), boxes[inside]
