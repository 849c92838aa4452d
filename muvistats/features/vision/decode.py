"""Frames of a video with the times at which they are shown."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...extras import optional_module
from .protocol import Film, Frame, Image

#: A frame that begins up to this long after a grid time may stand for it, in s.
_NEAR = 0.025

#: Frames that begin so many intervals before a grid time may stand for it.
_AHEAD = 1.5

#: Grid times that differ by less are the same, in s.
_SAME_TIME = 1e-6

#: Frame rate where a file names none.
_USUAL_RATE = 25.0
_LARGEST_RATE = 1000.0

#: How often a frame that failed is asked for again before the end of the file.
_ATTEMPTS = 5

#: A file that gives fewer of the frames that it announces is cut off.
_WHOLE = 0.95

_TEXT_SAMPLE = 4096


@dataclass
class Decoder:
    """Frames of an open video, in order, each given the windows that it stands for.

    Parameters
    ----------
    capture : VideoCapture
        The open file.
    film : Film
        What is known of it.
    step : float
        Distance of two windows in s.
    every : bool
        Whether to give all frames. Otherwise only those that stand for a window are converted to
        pictures and given, which takes less time.
    announced : int
        Number of frames that the file says it has, 0 where it says nothing.
    notes : list of str
        What was found while reading.
    n_windows : int
        Number of windows, known when all frames were read.
    duration : float
        Length in s, known when all frames were read.
    """

    capture: Any
    film: Film
    step: float
    every: bool = True
    announced: int = 0
    notes: list[str] = field(default_factory=list)
    n_windows: int = 0
    duration: float = 0.0

    def __iter__(self) -> Iterator[Frame]:
        """Frames, one behind the decoder: the next one tells until when a frame is shown."""
        held: tuple[Image | None, int, float] | None = None
        interval = 1 / self.film.frame_rate
        for index, time in self._grabbed():
            if held is not None:
                interval = time - held[2]
                yield from self._given(*held, end=_border(held[2], time))
            held = (self._picture(time, interval), index, time)
        if held is None:
            raise DataError("no frame could be decoded", file=self.film.path)
        if held[1] == 0:
            raise DataError("one frame only: a picture, not a video", file=self.film.path)
        self.duration = held[2] + interval
        if held[1] + 1 < _WHOLE * self.announced:
            self.notes.append("file ends before the number of frames that it announces")
        yield from self._given(*held, end=self.duration - 2 * _SAME_TIME)
        if self.n_windows == 0:
            raise DataError("no frame could be decoded", file=self.film.path)

    def _picture(self, time: float, interval: float) -> Image | None:
        """The frame that was grabbed as a picture, if it may stand for the next window."""
        if not self.every and self.n_windows * self.step - time > _AHEAD * interval:
            return None
        whole, image = self.capture.retrieve()
        return image if whole else None

    def _grabbed(self) -> Iterator[tuple[int, float]]:
        """Number and time of each frame, times strictly increasing from 0."""
        cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        interval = 1 / self.film.frame_rate
        first = previous = math.nan
        index = repaired = 0
        while self._grab(index):
            time = float(self.capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
            if index == 0:
                first = time if math.isfinite(time) else 0.0
                time = 0.0
            else:
                time -= first
                if not time > previous:
                    time = previous + interval
                    repaired += 1
            yield index, time
            previous = time
            index += 1
        if repaired:
            self.notes.append("times of frames were missing or out of order; frame rate used")

    def _grab(self, index: int) -> bool:
        """Go to the next frame; a damaged one in the middle of the file is passed over."""
        attempts = _ATTEMPTS if index and index < self.announced - 1 else 1
        return any(self.capture.grab() for _ in range(attempts))

    def _given(
        self, image: Image | None, index: int, time: float, *, end: float
    ) -> Iterator[Frame]:
        """A frame with the windows that it stands for until `end`."""
        first = self.n_windows
        while self.n_windows * self.step <= end + _SAME_TIME:
            self.n_windows += 1
        windows = range(first, self.n_windows)
        if image is not None:
            yield Frame(image, index, time, windows)
        elif windows and not self.every:
            raise SkippedFrameError
        elif windows:  # it could not be converted; the next one stands for its windows
            self.n_windows = first


class SkippedFrameError(Exception):
    """A frame that was passed over turned out to stay on the screen: read all of them."""


def _border(time: float, following: float) -> float:
    """Last moment that a frame stands for, given when the next one begins.

    A frame stands for the time during which it is on the screen, but for its very end where the
    next frame is nearer.
    """
    return max((time + following) / 2, following - _NEAR)


@contextmanager
def open_film(path: Path, *, step: float, every: bool = True) -> Iterator[Decoder]:
    """Open a video.

    Parameters
    ----------
    path : Path
        The file.
    step : float
        Distance of two windows of the time grid in s.
    every : bool
        Whether to give all frames, or only those that stand for a window.

    Yields
    ------
    Decoder
        Its frames.

    Raises
    ------
    DataError
        When the file is missing, empty, text, or has no picture that OpenCV can decode.
    MissingExtraError
        When OpenCV is not installed.
    """
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    _refuse_other_files(path)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what is wrong is said by us
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        if not capture.isOpened():
            raise DataError(
                "no video stream that can be decoded: not a video, damaged, or sound only",
                file=path,
            )
        yield _decoder(capture, path, step, every=every)
    finally:
        capture.release()


def _decoder(capture: Any, path: Path, step: float, *, every: bool) -> Decoder:
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    notes = []
    if not (math.isfinite(rate) and 0 < rate <= _LARGEST_RATE):
        notes.append(f"file names no usable frame rate; {_USUAL_RATE:g} per second assumed")
        rate = _USUAL_RATE
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    announced = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    known = math.isfinite(announced) and announced > 0
    film = Film(path, width, height, rate)
    return Decoder(capture, film, step, every, int(announced) if known else 0, notes)


def _refuse_other_files(path: Path) -> None:
    """Refuse what the decoder would not, or would read as something else."""
    if not path.exists():
        raise DataError("file is not there", file=path)
    if not path.is_file():
        raise DataError("not a file", file=path)
    with path.open("rb") as stream:
        sample = stream.read(_TEXT_SAMPLE)
    if not sample:
        raise DataError("file is empty", file=path)
    control = sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in sample)
    if not control and b"\x7f" not in sample:
        raise DataError("a text file, not a video", file=path)
