"""What an extractor of visual features is, and the base that makes most of them short."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ...errors import DataError
from ...types import Floats
from ..protocol import Extractor as FileExtractor
from ..protocol import Reading as FileReading

Image = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, slots=True)
class Film:
    """What is known of a video before its frames are read.

    Parameters
    ----------
    path : Path
        The file.
    width, height : int
        Size of a frame in pixels as it is seen: a video that is stored turned is turned back.
    frame_rate : float
        Frames per second, on average where the rate varies.

    See Also
    --------
    extract : Runs extractors over files.
    Frame : One of its frames.
    """

    path: Path
    width: int
    height: int
    frame_rate: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The picture in OpenCV's order of colours: blue, green, red.
    index : int
        Number of the frame, from 0.
    time : float
        When it is shown, in s from the first frame.
    windows : range
        Windows of the time grid that this frame stands for: often none, several where it stays
        on the screen.

    See Also
    --------
    FrameExtractor : What measures frames.
    Film : The film that it is part of.
    """

    image: Image
    index: int
    time: float
    windows: range


class Reading(FileReading, Protocol):
    """One extractor at work on one video.

    See Also
    --------
    Extractor : What gives it.
    """

    def add(self, frame: Frame) -> None:
        """Take the next frame. Keep no more of it than a bounded amount."""


class Watcher(Protocol):
    """What several extractors share: it sees every frame of a video."""

    def add(self, frame: Frame) -> object:
        """Take the next frame."""

    def finish(self) -> object:
        """The video has ended."""


@dataclasses.dataclass
class Scan:
    """A video that is being read, and what its extractors share.

    Parameters
    ----------
    film : Film
        What is known of the video beforehand.
    step : float
        Distance of two windows in s.
    duration : float
        Length in s; known once all frames were read.
    tables : dict
        Tables beside the features: by name, columns of equal length.
    notes : list of str
        What was found and done.

    See Also
    --------
    Extractor : What starts it.
    """

    film: Film
    step: float
    duration: float = 0.0
    tables: dict[str, dict[str, Floats]] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    watchers: dict[Hashable, Watcher] = dataclasses.field(default_factory=dict)

    def shared(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The one watcher of this key; it gets every frame before extractors do."""
        if key not in self.watchers:
            self.watchers[key] = make()
        return self.watchers[key]


class Extractor(FileExtractor, Protocol):
    """What turns the frames of a video into features.

    An extractor is plain settings and can be pickled; what it gathers from one video it keeps in
    the `Reading` that `start` makes. Most extractors measure single frames and only need
    `FrameExtractor`.

    See Also
    --------
    FrameExtractor : The simpler base class, for single frames.
    extract : Runs extractors over files.
    """

    @property
    def every_frame(self) -> bool:
        """Whether it needs every frame, or only those that stand for a window."""

    def start(self, scan: Scan) -> Reading:
        """Begin a video."""


class FrameExtractor(ABC):
    """Base of extractors that measure frames one by one, in batches.

    A subclass says its `family`, the `names` of its features, and how to `measure` a batch.

    See Also
    --------
    Extractor : The protocol for what needs every frame, or the shots.
    extract : Runs extractors over files.

    Notes
    -----
    `measure` gets the frames of the time grid only. A frame that stays on the screen for several
    windows is measured once and its features are repeated.
    """

    family: ClassVar[str]

    #: Frames of the grid are enough.
    every_frame: ClassVar[bool] = False

    #: Frames that `measure` gets at a time, at most.
    batch_size: int = 8

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Names of the features, alike for every video."""

    @abstractmethod
    def measure(self, images: Sequence[Image]) -> npt.ArrayLike:
        """Features of some frames.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            Frames in OpenCV's order of colours: blue, green, red.

        Returns
        -------
        array-like of float, shape (frame, feature)
            One row per frame.
        """

    def check(self) -> None:  # noqa: B027 (most have nothing to check)
        """Refuse settings that cannot work, before any video is read."""

    def start(self, scan: Scan) -> Reading:  # noqa: ARG002 (others need it)
        """Begin a video."""
        return _Batches(self)


class _Batches:
    """Collect frames of the grid, measure them in batches."""

    def __init__(self, extractor: FrameExtractor) -> None:
        self._extractor = extractor
        self._width = len(extractor.names())
        self._images: list[Image] = []
        self._repeats: list[int] = []
        self._blocks: list[Floats] = []

    def add(self, frame: Frame) -> None:
        if not frame.windows:
            return
        self._images.append(frame.image)
        self._repeats.append(len(frame.windows))
        if len(self._images) >= self._extractor.batch_size:
            self._measure()

    def finish(self, time: Floats) -> Floats:
        self._measure()
        if not self._blocks:
            return np.full((len(time), self._width), np.nan)
        return np.concatenate(self._blocks)

    def _measure(self) -> None:
        if not self._images:
            return
        rows = np.asarray(self._extractor.measure(self._images), dtype=np.float64)
        expected = (len(self._images), self._width)
        if rows.shape != expected:
            raise DataError(
                f"extractor {type(self._extractor).__name__} measured another number of features"
                " than it names",
                found=rows.shape,
                expected=str(expected),
            )
        self._blocks.append(np.repeat(rows, self._repeats, axis=0))
        self._images, self._repeats = [], []
