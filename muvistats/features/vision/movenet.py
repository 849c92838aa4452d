"""Poses by MoveNet: the joints of up to six people in a picture."""

from __future__ import annotations

from collections.abc import Sequence
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


People = tuple[Floats, Floats, Floats]


def find_people(images: Sequence[Image], path: Path, *, confidence: float) -> list[People]:
    """Joints, boxes and confidence of each person in some pictures, the surest first.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (height, width, 3)
        Pictures, blue first. All are prepared before the first is in the network, and read out
        after the last, since code and data of one step stay in the processor's caches.
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
    session = load_session(path, "vision")
    name = session.get_inputs()[0].name
    pictures = [fitted(image, _SIDE, _MULTIPLE) for image in images]
    fed = [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)[None] for picture, _ in pictures]
    outs = [run_session(session, {name: each.astype(np.int32)}, path)[0][0] for each in fed]
    people = []
    for image, (picture, by), out in zip(images, pictures, outs, strict=True):
        found = out[out[:, -1] >= confidence].astype(np.float64)
        size = np.array(picture.shape[1::-1]) / by
        joints = found[:, :51].reshape(-1, 17, 3)[..., [1, 0, 2]]
        joints[..., :2] *= size
        height, width = image.shape[:2]
        corners = found[:, 51:55][:, [1, 0, 3, 2]] * np.tile(size, 2)
        boxes = np.clip(corners, 0, [width, height, width, height])
        sure = found[:, -1]
        kept = distinct(boxes, sure, _OVERLAP, of_smaller=True)
        people.append((joints[kept], boxes[kept], sure[kept]))
    return people
