"""Shots: where the picture is cut, how long shots are, how fast they follow each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal, cast

import numpy as np

from ...errors import DesignError
from ...extras import optional_module
from ...types import Floats
from .protocol import Film, Frame, Scan

_THRESHOLDS = {"content": 27.0, "adaptive": 3.0}

#: Ticks in a second of the times that the detectors get.
_TICKS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Shots:
    """Length of the shot on the screen and rate of the cuts around it.

    Parameters
    ----------
    detector : {"adaptive", "content"}
        Detector of PySceneDetect. `content` cuts where the mean change of hue, saturation and
        value from one frame to the next reaches a threshold; `adaptive` where that change stands
        out from those of the frames around it, so that fast motion is not taken for a cut.
    threshold : float, optional
        Threshold of the detector; by default that of PySceneDetect, 27 for `content` and 3 for
        `adaptive`.
    min_length : float or int
        Shortest shot, in s (a float) or in frames (an int). PySceneDetect's own default is 15
        frames; music videos cut faster, and cuts that follow each other sooner are lost.
    window : float
        Time around a window over which cuts are counted, in s.

    See Also
    --------
    extract : Runs extractors over files.
    shot_table : The shots of each film as a table.

    Notes
    -----
    Features: ``shot_length``, length in s of the shot on the screen at the start of a window;
    ``shot_elapsed``, time in s since it began; ``shot_cut_rate``, cuts per minute from half a
    `window` before to half a `window` after it, as far as the video goes.

    Every frame is looked at, made smaller as PySceneDetect does it, so that the cuts are those of
    PySceneDetect on the same file. The table of shots stands beside the features (`shot_table`).
    Fades and dissolves are no cuts.

    Examples
    --------
    >>> Shots().names()
    ['shot_length', 'shot_elapsed', 'shot_cut_rate']
    """

    family: ClassVar[str] = "shot"
    every_frame: ClassVar[bool] = True
    detector: Literal["adaptive", "content"] = "adaptive"
    threshold: float | None = None
    min_length: float = 0.2
    window: float = 10.0

    def __post_init__(self) -> None:
        if self.detector not in _THRESHOLDS:
            raise DesignError(f"detector={self.detector!r}: give one of {', '.join(_THRESHOLDS)}")
        if self.threshold is not None and not self.threshold > 0:
            raise DesignError(f"threshold={self.threshold!r}: give a number above 0")
        if not self.min_length >= 0:
            raise DesignError(f"min_length={self.min_length!r}: give seconds or frames from 0")
        if not self.window > 0:
            raise DesignError(f"window={self.window!r}: give seconds above 0")

    def names(self) -> list[str]:
        """Names of the features."""
        return ["shot_length", "shot_elapsed", "shot_cut_rate"]

    def check(self) -> None:
        """Refuse to begin without PySceneDetect."""
        self.build()

    def start(self, scan: Scan) -> _ShotReading:
        """Begin a video."""
        return _ShotReading(self, scan)

    def same_cuts(self) -> Shots:
        """The settings that decide where the cuts are, the others at their defaults."""
        threshold = _THRESHOLDS[self.detector] if self.threshold is None else self.threshold
        return Shots(detector=self.detector, threshold=threshold, min_length=self.min_length)

    def build(self) -> Any:
        """The detector of PySceneDetect."""
        detectors = optional_module("scenedetect.detectors", "vision")
        same = self.same_cuts()
        if self.detector == "content":
            return detectors.ContentDetector(same.threshold, min_scene_len=self.min_length)
        return detectors.AdaptiveDetector(same.threshold, min_scene_len=self.min_length)


class ShotFinder:
    """Find the cuts of one video while its frames go by.

    Parameters
    ----------
    settings : Shots
        The detector.
    film : Film
        The video.
    """

    def __init__(self, settings: Shots, film: Film) -> None:
        common = optional_module("scenedetect.common", "vision")
        manager = optional_module("scenedetect.scene_manager", "vision")
        self._cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        self._detector = settings.build()
        self._timecode, self._position = common.Timecode, common.FrameTimecode
        self._rate = common.framerate_to_fraction(film.frame_rate)
        self._smaller = manager.compute_downscale_factor
        self._size: tuple[int, int] | None = None
        #: How many frames a cut may be told late.
        self.lag = int(self._detector.event_buffer_length)
        self._recent: deque[tuple[int, int, float]] = deque(maxlen=self.lag + 2)
        self._cuts: dict[int, float] = {}

    @property
    def cuts(self) -> dict[int, float]:
        """Frame and time in s of each cut so far: the first frame of the new shot."""
        return self._cuts

    def add(self, frame: Frame) -> tuple[int, ...]:
        """Take the next frame; frames at which a cut was found now."""
        ticks = round(frame.time * _TICKS)
        self._recent.append((ticks, frame.index, frame.time))
        now = self._position(self._timecode(ticks, Fraction(1, _TICKS)), self._rate)
        return self._note(self._detector.process_frame(now, self._resized(frame)))

    def finish(self) -> tuple[int, ...]:
        """No frame is left; frames at which a cut was found only now."""
        if not self._recent:
            return ()
        ticks = self._recent[-1][0]
        end = self._position(self._timecode(ticks, Fraction(1, _TICKS)), self._rate)
        return self._note(self._detector.post_process(end))

    def starts(self) -> Floats:
        """Start of each shot in s, the first at 0."""
        return np.array([0.0, *sorted(time for time in self._cuts.values() if time > 0)])

    def _note(self, found: Sequence[Any]) -> tuple[int, ...]:
        """Keep the cuts that a detector told, each once."""
        new = []
        for cut in found:
            frame, time = min(
                ((index, time) for ticks, index, time in self._recent if ticks >= cut.pts),
                default=self._recent[-1][1:],
            )
            if frame not in self._cuts:
                self._cuts[frame] = time
                new.append(frame)
        return tuple(new)

    def _resized(self, frame: Frame) -> Any:
        height, width = frame.image.shape[:2]
        if self._size is None:
            by = self._smaller(max(width, height))
            self._size = (max(1, round(width / by)), max(1, round(height / by)))
        if self._size == (width, height):
            return frame.image
        return self._cv2.resize(frame.image, self._size, interpolation=self._cv2.INTER_LINEAR)


def shared_finder(scan: Scan, settings: Shots) -> ShotFinder:
    """The one finder of shots with these settings, as far as they move the cuts."""
    same = settings.same_cuts()
    return cast("ShotFinder", scan.shared(same, lambda: ShotFinder(same, scan.film)))


class _ShotReading:
    """The shots of one video as features of its windows."""

    def __init__(self, settings: Shots, scan: Scan) -> None:
        self._window = settings.window
        self._scan = scan
        self._finder = shared_finder(scan, settings)

    def add(self, frame: Frame) -> None:
        """Nothing to do: the finder, which others may share, gets the frames."""

    def finish(self, time: Floats) -> Floats:
        starts = self._finder.starts()
        duration = self._scan.duration
        ends = np.append(starts[1:], duration)
        self._scan.tables["shot"] = {"start": starts, "end": ends}
        number = np.searchsorted(starts, time + 1e-9, side="right") - 1
        length = ends - starts
        low = np.maximum(time - self._window / 2, 0)
        high = np.minimum(time + self._window / 2, duration)
        cuts = starts[1:]
        count = np.searchsorted(cuts, high, side="right") - np.searchsorted(cuts, low, side="left")
        rate = 60 * count / (high - low)
        return np.column_stack([length[number], time - starts[number], rate])
