"""Features of the sound of audio and video files: openSMILE, rhythm, tonality, notes, tags."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from ..arguments import check_jobs
from ..errors import DesignError
from ..extras import optional_module
from ..workers import check_client
from .extraction import extract_files
from .hearing.functionals import OpenSmile
from .hearing.notes import Notes
from .hearing.protocol import Sound, SoundExtractor
from .hearing.rhythm import Rhythm
from .hearing.scan import scan_sound
from .hearing.tags import MusicTags
from .hearing.tonality import PITCH_CLASSES, Tonality
from .onnx import limit_network_threads
from .protocol import (
    Extractor,
    describe,
    engine_versions,
    feature_names,
    several,
    threads_per_process,
    with_networks,
)
from .smile import FEATURE_SETS, FRAME_STEP
from .store import FileFeatures

__all__ = [
    "FEATURE_SETS",
    "PITCH_CLASSES",
    "Extractor",
    "MusicTags",
    "Notes",
    "OpenSmile",
    "Rhythm",
    "Sound",
    "SoundExtractor",
    "Tonality",
    "extract",
]

#: Rounding that a comparison of times allows, as a share of a frame.
_SLACK = 1e-6

#: Goes up when the same settings would give other features.
_VERSION = 2


def extract(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    extractors: Extractor | Sequence[Extractor] | None = None,
    *,
    feature_set: str | None = None,
    window: float = 0.5,
    hop: float = 0.5,
    min_fill: float = 0.9,
    items: Sequence[str] | None = None,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | str | os.PathLike[str] = True,
    progress: bool = True,
) -> xr.Dataset:
    """Features of the sound of files, window by window.

    Parameters
    ----------
    paths : path or sequence of path
        Audio or video files, in any format that FFmpeg decodes.
    extractors : Extractor or sequence of Extractor, optional
        What to measure, from this module or your own; by default `OpenSmile`, with the emobase
        features of the MuVi release.
    feature_set : {"emobase", "eGeMAPS", "ComParE"}, optional
        Short for ``OpenSmile(feature_set)``.
    window, hop : float
        Length of a window and time between the starts of two, in s; multiples of 0.01 s.
    min_fill : float
        Share of a window that must have sound, in (0, 1]: a last window with less is left out.
    items : sequence of str, optional
        Item of each file; by default the name of the file without its suffix.
    n_jobs : int
        Number of processes; -1 for one per core. The result does not depend on it.
    client : dask.distributed.Client, optional
        Where files are read instead; paths and the cache must be the same for all workers.
    cache : bool or path
        Whether and where finished files are kept, so that a run that was cut off goes on: in
        the user's cache folder (or the one that `MUVISTATS_CACHE` names), nowhere, or here.
    progress : bool
        Whether to show a bar, on a terminal only.

    Returns
    -------
    Dataset
        `values` (item, time, feature), float32, with the coordinates `time` (start of the window
        in s) and `family` (feature): the group `/features/audio` of a study, to which
        `with_features` adds it.

    Raises
    ------
    DataError
        When there is no file, two files are of one item, or no file could be read.
    DesignError
        When window, hop or fill make no sense, two features have one name, or both extractors
        and a feature set are given.
    MissingExtraError
        When a package of an extractor is not installed (extras `audio`, `music`).

    Warns
    -----
    ExtractionWarning
        When some of the files could not be read (`extraction_failures` lists them), or tags are
        left out because their network is not made yet (``muvistats weights``).

    See Also
    --------
    muvistats.features.visual.extract : The same for the picture.
    muvistats.with_features : Give the features to a study.

    Notes
    -----
    A file is decoded once, whatever the number of extractors, at its own rate and with its own
    channels. All extractors of the package take the mean of the channels; one of your own may
    have them apart (`Sound.channels`).

    A file of 60 s has 120 windows of 0.5 s. Where the last window has sound for less than
    `min_fill` of its length, it is left out; a file with no window at all is reported. What has
    no value, such as the pitch of silence, is NaN.
    """
    if feature_set is not None and extractors is not None:
        raise DesignError("give extractors or feature_set, which is short for OpenSmile(...)")
    by_default = OpenSmile(feature_set or "emobase")
    given = several(by_default if extractors is None else extractors, "OpenSmile()")
    chosen = with_networks(given)
    _check_windows(window, hop, min_fill)
    n_jobs = check_jobs(n_jobs)
    optional_module("av", "audio")
    for extractor in chosen:
        extractor.check()
    feature_names(chosen)
    windows = {"window": float(window), "hop": float(hop)}
    settings: dict[str, Any] = {
        "extractors": [describe(extractor) for extractor in chosen],
        **windows,
        "min_fill": float(min_fill),
        "engines": engine_versions(["av"]),
        "version": _VERSION,
    }
    sets = [each.feature_set for each in chosen if isinstance(each, OpenSmile)]
    return extract_files(
        paths,
        _SoundReader(chosen, (window, hop, min_fill), threads_per_process(n_jobs)),
        settings,
        kind="audio",
        items=items,
        n_jobs=n_jobs,
        client=check_client(client),
        cache=cache,
        progress=progress,
        attrs={**({"feature_set": ", ".join(sets)} if sets else {}), **windows},
    )


def _check_windows(window: float, hop: float, min_fill: float) -> None:
    for what, seconds in (("window", window), ("hop", hop)):
        steps = seconds / FRAME_STEP
        if not (math.isfinite(steps) and steps > 0 and abs(steps - round(steps)) < _SLACK):
            raise DesignError(f"{what}={seconds!r} is no positive multiple of {FRAME_STEP} s")
    if not 0 < min_fill <= 1:
        raise DesignError(f"min_fill={min_fill!r} is no share of a window above 0")


class _SoundReader:
    """Features of one file; goes to the worker processes with its extractors.

    The settings that it is called with only name the entry of the store.
    """

    def __init__(
        self,
        extractors: Sequence[Extractor],
        windows: tuple[float, float, float],
        threads: int,
    ) -> None:
        self.__qualname__ = type(self).__qualname__
        self._extractors = tuple(extractors)
        self._windows = dict(zip(("window", "hop", "min_fill"), map(float, windows), strict=True))
        self._threads = threads

    def __call__(self, path: Path, **_settings: Any) -> FileFeatures:
        limit_network_threads(self._threads)
        return scan_sound(Path(path), self._extractors, **self._windows)
