"""Poses: how open and stretched arms are, and how much each part of a body moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import DesignError
from ...types import Floats
from ..onnx import side_by_side
from ..weights import weights_or_name
from .movenet import JOINTS, People, find_people
from .protocol import Frame, Image, Scan
from .shots import Shots, shared_finder

#: Joints of each arm, from the shoulder on, and of the hips; those of the parts that move.
_ARMS = tuple(
    tuple(JOINTS.index(f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist"))
    for side in ("left", "right")
)
_SHOULDERS, _HIPS = (5, 6), (11, 12)
_PARTS = {"head": range(5), "arms": (7, 8, 9, 10), "legs": (13, 14, 15, 16)}

#: Two bodies further apart than this between two windows, in trunks, are two people.
_NEAR = 2.0

#: Frames in a batch.
_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class BodyPose:
    """People's poses: openness, height and stretch of the arms, and movement of body parts.

    Parameters
    ----------
    weights : path or str
        MoveNet multipose as ``.onnx``, or a name in the registry; by default the one that the
        command ``muvistats weights`` makes.
    confidence, joint : float
        Least confidence of a person, and of a joint that counts (0 to 1).
    shots : Shots
        How cuts are found, over which no movement is measured.

    See Also
    --------
    extract : Runs extractors over files.
    Motion : Movement without bodies.

    Notes
    -----
    Features: ``pose_count``, people in the frame of a window (up to six); ``pose_area``, area of
    their boxes as a share of the frame; and, as means over people weighted by the area of their
    boxes:

    - ``pose_arm_openness``, distance of the wrist from the line through the middles of shoulders
      and hips, in trunks (a trunk is the distance of these two middles): about 0.3 for arms that
      hang down, 1.3 for arms held out to the sides, 0 for a hand before the chest;
    - ``pose_arm_height``, angle between the arm (shoulder to wrist) and the trunk downwards, in
      degrees: 0 hanging, 90 level, 180 raised;
    - ``pose_arm_stretch``, distance of wrist and shoulder as a share of the way over the elbow: 1
      for a straight arm;
    - ``pose_arm_stretching``, how much that changed since the window before, per second, above 0
      for an arm that is being stretched;
    - ``pose_move_body``, speed of the middle of the trunk since the window before, and
      ``pose_move_head``, ``pose_move_arms``, ``pose_move_legs``, mean speed of their joints beside
      that of the trunk, in trunks per second.

    Arms are averaged over both sides, as far as their joints are seen. A person whose shoulders
    and hips are not all seen has a stretch and nothing else. Lengths are those in the picture, so
    an arm that points at the camera is short. People are followed by their places from one window
    to the next. Without people ``pose_count`` and ``pose_area`` are 0 and the rest is NaN;
    movement is NaN also in the first window, after a cut, and for people who were not there before.

    References
    ----------
    Votel, R., & Li, N. (2021). Next-generation pose detection with MoveNet and TensorFlow.js.
    https://blog.tensorflow.org/2021/05/next-generation-pose-detection-with-movenet-and-tensorflowjs.html

    Examples
    --------
    >>> BodyPose().names()[2]
    'pose_arm_openness'
    """

    family: ClassVar[str] = "pose"
    every_frame: ClassVar[bool] = True
    weights: Path | str = "movenet"
    confidence: float = 0.3
    joint: float = 0.3
    shots: Shots = field(default_factory=Shots)

    def __post_init__(self) -> None:
        if not 0 < self.confidence <= 1 or not 0 < self.joint <= 1:
            raise DesignError("confidence and joint must be above 0 and at most 1")
        object.__setattr__(self, "weights", weights_or_name(self.weights))

    @property
    def unmade(self) -> str:
        """Name of the weights where they have to be made first; else empty."""
        return self.weights if isinstance(self.weights, str) else ""

    def names(self) -> list[str]:
        """Names of the features."""
        arms = ("openness", "height", "stretch", "stretching")
        parts = ("body", *_PARTS)
        return [
            "pose_count",
            "pose_area",
            *(f"pose_arm_{what}" for what in arms),
            *(f"pose_move_{part}" for part in parts),
        ]

    def check(self) -> None:
        """Try the network on a black frame."""
        self.find([np.zeros((64, 64, 3), dtype=np.uint8)])
        self.shots.check()

    def find(self, images: Sequence[Image]) -> list[People]:
        """Joints (person, 17, x y confidence), boxes and confidence of the people in each frame."""
        path, least = Path(self.weights), self.confidence
        return side_by_side(lambda part: find_people(part, path, confidence=least), images)

    def start(self, scan: Scan) -> _PoseReading:
        """Begin a video."""
        return _PoseReading(self, scan)


class _PoseReading:
    """People of the frames of the grid, each beside those of the frame before."""

    def __init__(self, settings: BodyPose, scan: Scan) -> None:
        self._settings = settings
        self._finder = shared_finder(scan, settings.shots)
        self._waiting: list[Frame] = []
        self._found: list[tuple[Floats, Floats]] = []  # joints, and areas as shares of the frame
        self._frames: list[int] = []  # the frame of each window

    def add(self, frame: Frame) -> None:
        """Keep a frame of the grid until the batch is full."""
        if frame.windows:
            self._waiting.append(frame)
        if len(self._waiting) == _BATCH:
            self._find()

    def _find(self) -> None:
        """Find the people of the frames that wait."""
        people = self._settings.find([frame.image for frame in self._waiting])
        for frame, (joints, boxes, _) in zip(self._waiting, people, strict=True):
            joints[joints[..., 2] < self._settings.joint] = np.nan
            size = boxes[:, 2:] - boxes[:, :2]
            area = size.prod(axis=1) / (frame.image.shape[0] * frame.image.shape[1])
            repeated = len(frame.windows)
            self._found += [(joints[..., :2], area)] * repeated
            self._frames += [frame.index] * repeated
        self._waiting.clear()

    def finish(self, time: Floats) -> Floats:
        """Features (time, feature)."""
        self._find()
        cuts = np.sort(list(self._finder.cuts))
        shot = np.searchsorted(cuts, self._frames, side="right")
        rows = []
        for window, (joints, area) in enumerate(self._found[: len(time)]):
            moved = np.full((len(area), 5), np.nan)
            if window and shot[window] == shot[window - 1]:
                seconds = float(time[window] - time[window - 1])
                moved = movement(self._found[window - 1][0], joints) / seconds
            people = np.column_stack([arms(joints), moved])
            rows.append([len(area), area.sum(), *_weighted(people, area)])
        return np.array(rows, dtype=np.float64).reshape(-1, 10)


def arms(joints: Floats) -> Floats:
    """Openness, height and stretch of the arms of each person, (person, 3).

    Parameters
    ----------
    joints : ndarray of float, shape (person, 17, 2)
        Places in pixels; NaN where a joint is not seen.
    """
    middle, trunk = _trunks(joints)
    length = np.linalg.norm(trunk, axis=1)
    sides = []
    for shoulder, elbow, wrist in _ARMS:
        arm = joints[:, wrist] - joints[:, shoulder]
        reach = np.linalg.norm(arm, axis=1)
        way = np.linalg.norm(joints[:, elbow] - joints[:, shoulder], axis=1)
        way += np.linalg.norm(joints[:, wrist] - joints[:, elbow], axis=1)
        away = joints[:, wrist] - middle
        off = np.abs(away[:, 0] * trunk[:, 1] - away[:, 1] * trunk[:, 0]) / length**2
        cosine = (arm * trunk).sum(axis=1) / (reach * length)
        height = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        sides.append(np.column_stack([off, height, reach / way]))
    return _mean(np.array(sides))


def movement(before: Floats, after: Floats) -> Floats:
    """Change of the stretch, and paths of trunk, head, arms and legs in trunks, (person, 5).

    Parameters
    ----------
    before, after : ndarray of float, shape (person, 17, 2)
        Joints in two frames; the result has a row for each person of the second, NaN for those
        who are not in the first.
    """
    result = np.full((len(after), 5), np.nan)
    (old, _), (new, trunk) = _trunks(before), _trunks(after)
    length = np.linalg.norm(trunk, axis=1)
    apart = np.linalg.norm(new[:, None] - old[None], axis=-1) / length[:, None]
    apart[~(apart <= _NEAR)] = np.inf
    stretch = arms(after)[:, 2], arms(before)[:, 2]
    while apart.size and np.isfinite(apart.min()):
        person, same = np.unravel_index(int(apart.argmin()), apart.shape)
        path = (after[person] - before[same] - (new[person] - old[same])) / length[person]
        steps = np.linalg.norm(path, axis=1)
        parts = [float(_mean(steps[list(part)])) for part in _PARTS.values()]
        change = stretch[0][person] - stretch[1][same]
        result[person] = [change, apart[person, same], *parts]
        apart[person], apart[:, same] = np.inf, np.inf
    return result


def _trunks(joints: Floats) -> tuple[Floats, Floats]:
    """Middle of the shoulders, and the way from there to that of the hips, of each person."""
    shoulders, hips = (joints[:, list(pair)].mean(axis=1) for pair in (_SHOULDERS, _HIPS))
    trunk = hips - shoulders
    trunk[np.linalg.norm(trunk, axis=1) < 1] = np.nan  # seen from above: no length to go by
    return shoulders, trunk


def _mean(values: Floats) -> Floats:
    """Mean over the first axis of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    total, count = np.where(there, values, 0).sum(axis=0), there.sum(axis=0)
    out: Floats = np.full(np.shape(total), math.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out


def _weighted(values: Floats, weight: Floats) -> Sequence[float]:
    """Mean of each column weighted by person, over those who have a value."""
    there = np.isfinite(values)
    total = (np.where(there, values, 0) * weight[:, None]).sum(axis=0)
    share = (there * weight[:, None]).sum(axis=0)
    mean = np.divide(total, share, out=np.full(len(total), math.nan), where=share > 0)
    return [float(value) for value in mean]
