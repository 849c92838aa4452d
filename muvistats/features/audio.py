"""openSMILE functionals per window of the sound of audio and video files."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError, DesignError
from ..types import Floats
from ..workers import check_client
from .extraction import FileFeatures, extract_files
from .families import audio_family
from .smile import FEATURE_SETS, FRAME_STEP, engine_versions, functionals
from .sound import decode_sound

__all__ = ["FEATURE_SETS", "extract"]

#: Rounding that a comparison of times allows, as a share of a window or of a frame.
_SLACK = 1e-6

#: Number of this way of cutting windows: a change of it makes finished files unreachable.
_METHOD = 1


def extract(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    feature_set: str = "emobase",
    window: float = 0.5,
    hop: float = 0.5,
    min_fill: float = 0.9,
    items: Sequence[str] | None = None,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | str | os.PathLike[str] = True,
    progress: bool = True,
) -> xr.Dataset:
    """Audio features of files: openSMILE functionals, window by window.

    Parameters
    ----------
    paths : path or sequence of path
        Audio or video files, in any format that FFmpeg decodes.
    feature_set : {"emobase", "eGeMAPS", "ComParE"}
        988 features of emobase (those of the MuVi release), 88 of eGeMAPS (v02), or 6,373 of
        ComParE (2016).
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
        `values` (item, time, feature), float32, in the units of openSMILE, with the coordinates
        `time` (start of the window in s) and `family` (feature): the group `/features/audio` of
        a study, to which `with_features` adds it.

    Raises
    ------
    DataError
        When there is no file, two files are of one item, or no file could be read.
    DesignError
        When the set is unknown or window, hop or fill make no sense.
    MissingExtraError
        When openSMILE or PyAV is not installed (extra `audio`).

    Warns
    -----
    ExtractionWarning
        When some of the files could not be read; `extraction_failures` lists them.

    Notes
    -----
    openSMILE runs once over the whole sound of a file and summarises its frame-wise descriptors
    window by window (its frame mode), as it was done for the MuVi release. So smoothing and pitch
    tracking do not start anew at each window. Window k takes the descriptor frames that start
    in [k hop, k hop + window); the frames, of 20 to 60 ms, reach a little beyond its end. For
    this reason the last full window of a file has up to five frames fewer than the others.

    A file of 60 s has 120 windows of 0.5 s. Where the last window has sound for less than
    `min_fill` of its length, it is left out; a file with no window at all is reported.

    The sound goes to openSMILE as it would go to its program SMILExtract: at the sample rate of
    the file, with its channels averaged, integers scaled by openSMILE. Two things differ.
    openSMILE takes the unsigned numbers of 8-bit WAV for signed ones, so these are read as 16
    bit. And where 10 ms is no whole number of samples (11.025 and 22.05 kHz), openSMILE's frames
    follow each other at 9.98 or 10.02 ms and its fixed windows drift by 0.14 s a minute; here
    each window gets the frames that lie in it, so that windows stay beside the annotations.

    Features depend on the sample rate: line spectral frequencies are a share of it, and openSMILE
    hears what the rate lets through. Compare files of one rate; the log counts them by rate.

    The F0 of emobase is a simple tracker: on steady tones it can be far off, more so at high
    sample rates. That of the other two sets is right on them.

    References
    ----------
    Eyben, F., Wöllmer, M., & Schuller, B. (2010). openSMILE: the Munich versatile and fast
    open-source audio feature extractor. Proceedings of ACM Multimedia, 1459-1462.
    https://doi.org/10.1145/1873951.1874246
    """
    name = _set_name(feature_set)
    _check_windows(window, hop, min_fill)
    settings = {
        "feature_set": name,
        "window": float(window),
        "hop": float(hop),
        "min_fill": float(min_fill),
        "engine": f"windows {_METHOD}, {engine_versions()}",
    }
    return extract_files(
        paths,
        _windows_of_file,
        settings,
        kind="audio",
        items=items,
        n_jobs=n_jobs,
        client=check_client(client),
        cache=cache,
        progress=progress,
        attrs={"feature_set": name, "window": float(window), "hop": float(hop)},
    )


def _set_name(feature_set: str) -> str:
    for name, config in FEATURE_SETS.items():
        if feature_set.lower() in (name.lower(), Path(config).stem.lower()):
            return name
    raise DesignError(f"unknown feature set {feature_set!r}: one of {', '.join(FEATURE_SETS)}")


def _check_windows(window: float, hop: float, min_fill: float) -> None:
    for what, seconds in (("window", window), ("hop", hop)):
        steps = seconds / FRAME_STEP
        if not (math.isfinite(steps) and steps > 0 and abs(steps - round(steps)) < _SLACK):
            raise DesignError(f"{what}={seconds!r} is no positive multiple of {FRAME_STEP} s")
    if not 0 < min_fill <= 1:
        raise DesignError(f"min_fill={min_fill!r} is no share of a window above 0")


def _windows_of_file(
    path: Path,
    *,
    feature_set: str,
    window: float,
    hop: float,
    min_fill: float,
    engine: str,  # noqa: ARG001 - part of the key under which a file is kept
) -> FileFeatures:
    """Features of one file."""
    with tempfile.TemporaryDirectory(prefix="muvistats-") as folder:
        wav = Path(folder) / "sound.wav"
        sound = decode_sound(path, wav)
        starts = np.arange(math.ceil(sound.duration / hop), dtype=np.float64) * hop
        filled = (sound.duration - starts) / window
        time: Floats = starts[filled >= min_fill - _SLACK]
        if not len(time):
            raise DataError(
                "sound is shorter than a window",
                file=path,
                found=f"{sound.duration:.3f} s",
                expected=f"at least {min_fill * window:g} s",
            )
        names, values = functionals(
            wav, feature_set, time, window, rate=sound.rate, duration=sound.duration
        )
    notes = [f"sound at {sound.rate} Hz", *sound.notes]
    if len(values) < len(time):
        notes.append("last windows are too close to the end of the sound for openSMILE's frames")
    if len(starts) > len(time):
        notes.append(f"windows at the end with sound for less than {min_fill:.0%} were left out")
    families = tuple(audio_family(name) for name in names)
    return FileFeatures(time[: len(values)], values, names, families, tuple(notes))
