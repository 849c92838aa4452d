"""One pass over a video that serves all extractors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import DataError, DesignError
from ..store import FileFeatures
from .decode import SkippedFrameError, open_film
from .protocol import Extractor, Film
from .shots import ShotFinder, Shots

__all__ = ["Scan", "feature_names", "scan_film"]

Floats = npt.NDArray[np.float64]


@dataclass
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
    """

    film: Film
    step: float
    duration: float = 0.0
    tables: dict[str, dict[str, Floats]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    finders: dict[Shots, ShotFinder] = field(default_factory=dict)

    def shots(self, settings: Shots) -> ShotFinder:
        """The one finder of shots with these settings; it gets every frame before extractors do.

        Parameters
        ----------
        settings : Shots
            The detector; settings that do not move the cuts make no difference.
        """
        same = settings.same_cuts()
        if same not in self.finders:
            self.finders[same] = ShotFinder(same, self.film)
        return self.finders[same]


def scan_film(path: Path, extractors: Sequence[Extractor], *, step: float) -> FileFeatures:
    """Features of one video, decoded once.

    Parameters
    ----------
    path : Path
        The file.
    extractors : sequence of Extractor
        What to measure.
    step : float
        Distance of two windows in s.

    Returns
    -------
    FileFeatures
        Windows from 0 to the end of the video, features in the order of the extractors.

    Raises
    ------
    DataError
        When the file cannot be read as a video.
    DesignError
        When two extractors give a feature of one name.
    """
    every = any(extractor.every_frame for extractor in extractors)
    try:
        return _scan(path, extractors, step=step, every=every)
    except SkippedFrameError:  # rare: a picture that stays while the frame rate says otherwise
        return _scan(path, extractors, step=step, every=True)


def _scan(path: Path, extractors: Sequence[Extractor], *, step: float, every: bool) -> FileFeatures:
    """One pass over a video."""
    names, families = feature_names(extractors)
    with open_film(path, step=step, every=every) as decoder:
        scan = Scan(decoder.film, step, notes=decoder.notes)
        readings = [extractor.start(scan) for extractor in extractors]
        finders = list(scan.finders.values())
        for frame in decoder:
            for finder in finders:
                finder.add(frame)
            for reading in readings:
                reading.add(frame)
    for finder in finders:
        finder.finish()
    scan.duration = decoder.duration
    time = np.arange(decoder.n_windows, dtype=np.float64) * step
    blocks = [
        _checked(reading.finish(time), extractor, len(time))
        for reading, extractor in zip(readings, extractors, strict=True)
    ]
    values = np.concatenate(blocks, axis=1)
    return FileFeatures(time, values, names, families, tuple(scan.notes), scan.tables)


def feature_names(extractors: Sequence[Extractor]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name and family of every feature, in order."""
    names = [name for extractor in extractors for name in extractor.names()]
    families = [extractor.family for extractor in extractors for _ in extractor.names()]
    if not names:
        raise DesignError("no extractor was given, or none that names a feature")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DesignError(f"two features are called {twice!r}: leave out one of their extractors")
    return tuple(names), tuple(families)


def _checked(block: Floats, extractor: Extractor, n_windows: int) -> Floats:
    """What an extractor gave, if it has the shape that it must have."""
    expected = (n_windows, len(extractor.names()))
    if block.shape != expected:
        raise DataError(
            f"extractor {type(extractor).__name__} gave features of another shape",
            found=block.shape,
            expected=str(expected),
        )
    return block
