"""Motion: how much the picture moves, where to, and whether camera or subject."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ...errors import DesignError
from ...extras import optional_module
from ...types import Floats
from .protocol import Frame, Image, Scan
from .shots import Shots, shared_finder

#: Rounds in which pixels that do not follow the camera lose their weight.
_ROUNDS = 8

#: Of so many rows and columns, one takes part in finding the camera.
_EVERY = 4

#: Frames without any contrast cannot show motion: spread of their grey levels.
_FLAT = 0.5


@dataclass(frozen=True, kw_only=True)
class Motion:
    r"""Dense optical flow: amount and direction, camera against subject.

    Parameters
    ----------
    longest_side : int
        Frames are made smaller until no side is longer, in pixels.
    shots : Shots
        How cuts are found.

    See Also
    --------
    extract : Runs extractors over files.
    BodyPose : Movement of the parts of a body.

    Notes
    -----
    The flow is that of dense inverse search (OpenCV's DIS) from the frame before to the frame of
    a window (from the first to the second frame for the first window), in widths of the frame per
    second. Features: ``motion_amount`` and ``motion_peak``, mean and 99th percentile of the speed;
    ``motion_x`` and ``motion_y``, mean velocity to the right and downwards; ``motion_camera_x``,
    ``motion_camera_y``, ``motion_camera_zoom`` and ``motion_camera_turn``, velocity of the middle
    of the frame, rate of growth per second and clockwise turn in degrees per second of the
    similarity :math:`v = t + A (p - p_0)` that most of the picture follows (iteratively reweighted
    least absolute deviations); ``motion_camera``, mean speed of that movement; ``motion_subject``,
    mean speed of what is left of the flow.

    At a cut, where the two frames belong to two shots, all are NaN. A frame without contrast shows
    no motion, and has 0.

    References
    ----------
    Kroeger, T., Timofte, R., Dai, D., & Van Gool, L. (2016). Fast optical flow using dense inverse
    search. ECCV 2016, 471-488. https://doi.org/10.1007/978-3-319-46493-0_29

    Examples
    --------
    >>> Motion().names()[0]
    'motion_amount'
    """

    family: ClassVar[str] = "motion"
    every_frame: ClassVar[bool] = True
    longest_side: int = 320
    shots: Shots = field(default_factory=Shots)

    def __post_init__(self) -> None:
        if self.longest_side < 32:
            raise DesignError("longest_side must be at least 32")

    def names(self) -> list[str]:
        """Names of the features."""
        parts = ("amount", "peak", "x", "y", "camera", "camera_x", "camera_y", "camera_zoom")
        return [f"motion_{part}" for part in (*parts, "camera_turn", "subject")]

    def check(self) -> None:
        """Refuse an environment without OpenCV."""
        optional_module("cv2", "vision", package="opencv-python-headless")
        self.shots.check()

    def start(self, scan: Scan) -> _MotionReading:
        """Begin a video."""
        return _MotionReading(self, scan)


class _MotionReading:
    """Flow between the frame of each window and the one before it."""

    def __init__(self, settings: Motion, scan: Scan) -> None:
        self._cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        self._side = settings.longest_side
        self._finder = shared_finder(scan, settings.shots)
        self._flow = self._cv2.DISOpticalFlow_create(self._cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._before: Frame | None = None
        self._rows: list[Floats] = []
        self._frames: list[int] = []  # the later frame of each window's pair
        self._waiting = 0  # windows of the first frame, whose pair is not there yet

    def add(self, frame: Frame) -> None:
        """Measure the pair that ends with this frame, where a window asks for it."""
        asked = len(frame.windows) + self._waiting
        if self._before is None:
            self._waiting = asked
        elif asked:
            row = self._measure(self._before, frame)
            self._rows += [row] * asked
            self._frames += [frame.index] * asked
            self._waiting = 0
        self._before = frame

    def finish(self, time: Floats) -> Floats:
        """Features (time, feature); NaN where a cut lies between the two frames."""
        values = np.array(self._rows)[: len(time)]
        cuts = self._finder.cuts
        values[[frame in cuts for frame in self._frames[: len(time)]]] = np.nan
        return values

    def _measure(self, before: Frame, after: Frame) -> Floats:
        first, second = self._grey(before.image), self._grey(after.image)
        if min(first.std(), second.std()) < _FLAT:
            return np.zeros(10)
        flow = self._flow.calc(first, second, None).astype(np.float64)
        flow *= 1 / (flow.shape[1] * (after.time - before.time))
        speed = np.hypot(flow[..., 0], flow[..., 1])
        place = _places(flow.shape[0], flow.shape[1])
        camera = _camera(place[::_EVERY, ::_EVERY].reshape(-1), flow[::_EVERY, ::_EVERY])
        moved = camera[0] + camera[1] * place
        left = flow[..., 0] + 1j * flow[..., 1] - moved
        return np.array(
            [
                speed.mean(),
                np.percentile(speed, 99),
                *flow.mean(axis=(0, 1)),
                np.abs(moved).mean(),
                camera[0].real,
                camera[0].imag,
                camera[1].real,
                np.degrees(camera[1].imag),
                np.abs(left).mean(),
            ]
        )

    def _grey(self, image: Image) -> Image:
        height, width = image.shape[:2]
        by = min(1.0, self._side / max(height, width))
        size = max(16, round(width * by)), max(16, round(height * by))
        grey = self._cv2.cvtColor(image, self._cv2.COLOR_BGR2GRAY)
        small: Image = self._cv2.resize(grey, size, interpolation=self._cv2.INTER_AREA)
        return small


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> Any:
    """Place of each pixel from the middle, as x + iy in widths of the frame."""
    row, column = np.mgrid[:height, :width]
    return ((column - (width - 1) / 2) + 1j * (row - (height - 1) / 2)) / width


def _camera(place: Any, flow: Floats) -> tuple[complex, complex]:
    """Velocity of the middle, and growth + i turn, that most of the picture follows."""
    velocity = flow[..., 0].reshape(-1) + 1j * flow[..., 1].reshape(-1)
    weight = np.ones(len(place))
    middle = growth = 0j
    for _ in range(_ROUNDS):
        total = weight.sum()
        centre, mean = weight @ place / total, weight @ velocity / total
        off = place - centre
        growth = weight @ (np.conj(off) * (velocity - mean)) / (weight @ np.abs(off) ** 2)
        middle = mean - growth * centre
        left = np.abs(velocity - middle - growth * place)
        weight = 1 / np.maximum(left, 1e-3 * np.median(left) + 1e-6)
    return complex(middle), complex(growth)
