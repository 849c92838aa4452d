"""One pass over a video that serves all extractors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..protocol import checked, feature_names
from ..store import FileFeatures
from .decode import SkippedFrameError, open_film
from .protocol import Extractor, Scan


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
        watchers = list(scan.watchers.values())
        for frame in decoder:
            for watcher in watchers:
                watcher.add(frame)
            for reading in readings:
                reading.add(frame)
    for watcher in watchers:
        watcher.finish()
    scan.duration = decoder.duration
    time = np.arange(decoder.n_windows, dtype=np.float64) * step
    blocks = [
        checked(reading.finish(time), extractor, len(time))
        for reading, extractor in zip(readings, extractors, strict=True)
    ]
    values = np.concatenate(blocks, axis=1)
    return FileFeatures(time, values, names, families, tuple(scan.notes), scan.tables)
