"""Faces: how many, how large, and what they express."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...errors import DataError, DesignError
from ...extras import optional_module
from ...types import Floats
from .networks import NetworkSettings, prepare
from .protocol import FrameExtractor, Image
from .weights import weights_path


@dataclass(frozen=True, kw_only=True)
class Faces(NetworkSettings, FrameExtractor):
    """Number and size of faces, and probabilities of what they express.

    Parameters
    ----------
    detector : path or str
        Face detector for OpenCV's ``FaceDetectorYN`` (YuNet) as ``.onnx``, or its name in the
        registry (`registered_weights`).
    weights : path or str
        Classifier of expressions as ``.onnx``, as TorchScript, as the weights (a ``state_dict``)
        of `architecture`, or a name in the registry.
    labels : path or sequence of str, optional
        Expressions in the order of the classifier's outputs: a text file with one a line, or the
        names. Registered weights may bring their own.
    architecture : str
        Model of torchvision that a file of bare weights belongs to.
    trust : bool
        Whether a TorchScript file may be run: it is a program. ONNX and bare weights need no
        trust.
    activation : {"softmax", "none"}
        What turns the outputs into probabilities.
    size : int, optional
        Side in pixels of the picture that the classifier takes; by default what it says, else
        224.
    mean, sd : sequence of float, optional
        Subtracted from and divided into red, green and blue, which run from 0 to 1.
    grey : bool
        Whether faces are made grey before they are classified, as for networks that were trained
        on grey faces.
    confidence, overlap : float
        Least confidence of a face, and overlap above which two boxes are one face (0 to 1).
    margin : float
        By how much of its size a box is made larger on each side before it is cut out.
    longest_side : int
        Frames are made smaller for the detector until no side is longer, in pixels.
    absent : float
        Probability that a frame without a face has for every expression. With 0, the default, its
        probabilities sum to 0, which no frame with a face does; NaN makes them missing.
    batch_size : int
        Frames, and faces, in a batch.

    Notes
    -----
    Features: ``face_count``; ``face_area``, area of the boxes as a share of the frame;
    ``face_`` and the expression, for each: the mean of the faces' probabilities weighted by the
    area of their boxes inside the frame. Faces are cut out as they are, not turned upright.
    """

    family: ClassVar[str] = "face"
    detector: Path | str = "yunet"
    architecture: str = "vgg19"
    grey: bool = False
    confidence: float = 0.7
    overlap: float = 0.3
    margin: float = 0.0
    longest_side: int = 640
    absent: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1 or not 0 <= self.overlap <= 1:
            raise DesignError("confidence and overlap must be from 0 to 1")
        if self.margin < 0 or self.longest_side < 32:
            raise DesignError("margin must be at least 0 and longest_side at least 32")
        self._set("detector", weights_path(self.detector))
        if Path(self.detector).suffix.lower() != ".onnx":
            raise DesignError(f"detector {Path(self.detector).name}: an ONNX file is needed")
        super().__post_init__()
        taken = {"count", "area"} & set(self.classes)
        if taken:
            raise DesignError(f"an expression cannot be called {taken.pop()!r}")

    def names(self) -> list[str]:
        """Names of the features."""
        return ["face_count", "face_area", *(f"face_{label}" for label in self.classes)]

    def check(self) -> None:
        """Try detector and classifier on a black frame."""
        black = np.zeros((64, 64, 3), dtype=np.uint8)
        self._boxes(black)
        self.probabilities(prepare([black], self))

    def measure(self, images: Sequence[Image]) -> Floats:
        """Features of some frames, (frame, feature)."""
        boxes = [self._boxes(image) for image in images]
        faces = [
            self._cut_out(image, box)
            for image, found in zip(images, boxes, strict=True)
            for box in found
        ]
        expressed = self.probabilities(prepare(faces, self)) if faces else None
        rows, first = [], 0
        for image, found in zip(images, boxes, strict=True):
            share = np.array([w * h for _, _, w, h in found]) / (image.shape[0] * image.shape[1])
            if expressed is None or not len(found):
                express = np.full(len(self.classes), self.absent)
            else:
                express = share @ expressed[first : first + len(found)] / share.sum()
            rows.append(np.concatenate([[len(found), share.sum()], express]))
            first += len(found)
        return np.stack(rows)

    def _boxes(self, image: Image) -> Floats:
        """Left, top, width and height of each face inside the frame, in pixels."""
        cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        height, width = image.shape[:2]
        by = min(1.0, self.longest_side / max(height, width))
        size = (max(1, round(width * by)), max(1, round(height * by)))
        small = image if by == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        path = Path(self.detector)
        stamp = path.stat()
        detector = _detector(
            path.resolve(), (stamp.st_mtime_ns, stamp.st_size), self.confidence, self.overlap
        )
        try:
            detector.setInputSize(size)
            _, found = detector.detect(small)
        except cv2.error as error:
            raise DataError(
                f"face detector failed: {' '.join(str(error).split())}", file=self.detector
            ) from error
        if found is None:
            return np.empty((0, 4))
        left, top = found[:, 0] / by, found[:, 1] / by
        right = np.clip(left + found[:, 2] / by, 0, width)
        bottom = np.clip(top + found[:, 3] / by, 0, height)
        left, top = np.clip(left, 0, width), np.clip(top, 0, height)
        boxes = np.column_stack([left, top, right - left, bottom - top]).astype(np.float64)
        return boxes[(boxes[:, 2] >= 1) & (boxes[:, 3] >= 1)]

    def _cut_out(self, image: Image, box: Floats) -> Image:
        height, width = image.shape[:2]
        left, top, wide, high = box
        x0 = max(0, int(left - self.margin * wide))
        y0 = max(0, int(top - self.margin * high))
        x1 = min(width, max(x0 + 1, round(left + (1 + self.margin) * wide)))
        y1 = min(height, max(y0 + 1, round(top + (1 + self.margin) * high)))
        face = image[y0:y1, x0:x1]
        if not self.grey:
            return face
        cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        grey: Image = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return grey


@lru_cache(maxsize=2)
def _detector(
    path: Path,
    stamp: tuple[int, int],  # noqa: ARG001 (a file that was changed is loaded anew)
    confidence: float,
    overlap: float,
) -> Any:
    """OpenCV's detector with this network, kept for the next frame of this process."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    try:
        return cv2.FaceDetectorYN.create(str(path), "", (64, 64), confidence, overlap)
    except cv2.error as error:
        raise DataError(
            f"not a face detector that OpenCV knows: {' '.join(str(error).split())}", file=path
        ) from error
