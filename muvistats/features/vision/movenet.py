"""Poses by MoveNet: the joints of up to six people in a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...extras import optional_module
from ...types import Floats
from ..onnx import load_session, run_session
from .boxes import distinct, fitted
from .protocol import Image

JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip

#: Longer side of the picture, and what both sides are multiples of, in pixels.
_SIDE, _MULTIPLE = 256, 32

#: Two bodies whose boxes share more of the smaller one are one body.
_OVERLAP = 0.8


def find_people(image: Image, path: Path, *, confidence: float) -> tuple[Floats, Floats, Floats]:
    """Joints, boxes and confidence of each person, the surest first.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The picture, blue first.
    path : Path
        The network.
    confidence : float
        Least confidence of a person.

    Returns
    -------
    joints : ndarray of float, shape (person, 17, 3)
        Place of each joint in pixels, to the right and downwards, and how sure it is.
    boxes : ndarray of float, shape (person, 4)
        Left, top, right and bottom in pixels, inside the picture.
    sure : ndarray of float, shape (person,)
        Confidence.
    """
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    picture, by = fitted(image, _SIDE, _MULTIPLE)
    session = load_session(path, "vision")
    fed = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)[None].astype(np.int32)
    found = run_session(session, {session.get_inputs()[0].name: fed}, path)[0][0]
    found = found[found[:, -1] >= confidence].astype(np.float64)
    size = np.array(picture.shape[1::-1]) / by
    joints = found[:, :51].reshape(-1, 17, 3)[..., [1, 0, 2]]
    joints[..., :2] *= size
    height, width = image.shape[:2]
    corners = found[:, 51:55][:, [1, 0, 3, 2]] * np.tile(size, 2)
    boxes = np.clip(corners, 0, [width, height, width, height])
    sure = found[:, -1]
    kept = distinct(boxes, sure, _OVERLAP, of_smaller=True)
    return joints[kept], boxes[kept], sure[kept]
