"""Run openSMILE over a WAV file and take its functionals window by window."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DesignError
from ..extras import optional_module
from ..types import Floats

#: Names of the feature sets, and openSMILE's configuration of each.
FEATURE_SETS = {
    "emobase": "emobase/emobase.conf",
    "eGeMAPS": "egemaps/v02/eGeMAPSv02.conf",
    "ComParE": "compare/ComParE_2016.conf",
}

#: Step of openSMILE's frame-wise descriptors in s, before it is rounded to whole samples.
FRAME_STEP = 0.01

#: What emobase says where the other sets have an option.
_FULL_MODE = "frameMode = full"

#: Frames at the end of a sound that may not be there: a frame is up to 60 ms long, and smoothing
#: and differences look ahead.
_UNCERTAIN = 20

#: Rounding of a comparison of times, as a share of a frame.
_SLACK = 1e-6

Floats32 = npt.NDArray[np.float32]


def engine_versions() -> str:
    """The packages that decode and extract, with their versions.

    Raises
    ------
    MissingExtraError
        When one of them is not installed.
    """
    for package in ("opensmile", "av"):
        optional_module(package, "audio")
    return f"opensmile {version('opensmile')}, av {version('av')}"


@functools.cache
def feature_names(feature_set: str) -> tuple[str, ...]:
    """Names of the features of a set, asked of openSMILE."""
    smile = optional_module("opensmile", "audio")
    return tuple(smile.Smile(smile.FeatureSet[Path(FEATURE_SETS[feature_set]).stem]).feature_names)


def functionals(
    wav: Path, feature_set: str, time: Floats, window: float, *, rate: int, duration: float
) -> tuple[tuple[str, ...], Floats32]:
    """Functionals of each window of a WAV file.

    Parameters
    ----------
    wav : Path
        Plain WAV file; the configuration is written beside it.
    feature_set : str
        One of `FEATURE_SETS`.
    time : ndarray of float, shape (time,)
        Start of each window in s.
    window : float
        Length of a window in s.
    rate : int
        Sample rate of the file.
    duration : float
        Length of the file in s.

    Returns
    -------
    names : tuple of str
        Names of the features.
    values : ndarray of float32, shape (time, feature)
        The functionals; windows at the end that hold no frame are not there.

    Raises
    ------
    DataError
        When openSMILE fails on the sound, or its windows are not those that were asked for.
    """
    lib = optional_module("opensmile.core.lib", "audio")
    config = optional_module("opensmile", "audio").config
    root = Path(lib.__file__).parent / config.CONFIG_ROOT
    step = math.floor(FRAME_STEP * rate + 0.5) / rate
    asked = _ranges(time, window, step, duration)
    path, options = _configuration(root, wav.parent, feature_set, asked)
    options["source"] = str(root / config.FILE_INPUT_CONFIG)
    options["filename"] = str(wav)
    options["sink"] = str(root / config.EXTERNAL_OUTPUT_SINGLE_CONFIG)
    options["sinkLevel"] = "func"
    try:
        names, values, starts = _run(lib, path, options, config.EXTERNAL_OUTPUT_COMPONENT)
    except lib.OpenSmileException as error:
        raise DataError(f"openSMILE could not work on the sound: {error}") from error
    if len(values) == 0:
        raise DataError("sound is too short for openSMILE's frames")
    first = np.array([frames.first for frames in asked[: len(values)]])
    if len(values) > len(asked) or np.abs(starts - first * step).max() > step / 2:
        raise DataError("openSMILE made other windows than it was asked for")
    longest = {frames.window: row for row, frames in enumerate(asked[: len(values)])}
    if sorted(longest) != list(range(len(longest))):
        raise DataError("openSMILE left out a window before the last")
    return names, values[[longest[number] for number in range(len(longest))]]


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames that openSMILE is asked to summarise, first and last, for a window."""

    window: int
    first: int
    last: int


def _ranges(time: Floats, window: float, step: float, duration: float) -> list[_Frames]:
    """Frames of each window; where the sound ends in the window, all the ends that it may have.

    openSMILE gives the ranges that it has frames for, up to the first that it has not. So ranges
    are sorted by their end, and the last that comes of a window is the longest.
    """
    certain = math.floor(duration / step) - _UNCERTAIN
    sure: list[_Frames] = []
    unsure: list[_Frames] = []
    for number, start in enumerate(time.tolist()):
        first = math.ceil(start / step - _SLACK)
        last = max(math.ceil((start + window) / step - _SLACK) - 1, first)
        if last < certain:
            sure.append(_Frames(number, first, last))
        else:
            ends = range(max(first, certain), last + 1)
            unsure += [_Frames(number, first, end) for end in ends]
    return [*sure, *sorted(unsure, key=lambda frames: (frames.last, frames.window))]


def _run(
    lib: Any, path: Path, options: dict[str, str], sink: str
) -> tuple[tuple[str, ...], Floats32, Floats]:
    """Names, values (time, feature) and start in s of what comes out of a configuration."""
    rows: list[Floats32] = []
    starts: list[float] = []

    def keep(data: Floats32, meta: Any) -> None:
        rows.append(np.array(data, dtype=np.float32).reshape(-1))
        starts.append(float(meta.time))

    engine = lib.OpenSMILE()
    try:
        engine.initialize(config_file=str(path), options=options, loglevel=0)
        count = engine.external_sink_get_num_elements(sink)
        names = tuple(engine.external_sink_get_element_name(sink, i) for i in range(count))
        engine.external_sink_set_callback_ex(sink, keep)
        engine.run()
    finally:
        engine.free()
    values = np.stack(rows) if rows else np.empty((0, count), dtype=np.float32)
    return names, values, np.array(starts)


def _configuration(
    root: Path, folder: Path, feature_set: str, asked: list[_Frames]
) -> tuple[Path, dict[str, str]]:
    """Configuration of the set and options that make it summarise these frames."""
    ranges = ",".join(f"{frames.first}-{frames.last}" for frames in asked)
    mode = (
        f"frameMode = list\nframeList = {ranges}\nframeSize = 0\nframeStep = 0\n"
        "frameCenterSpecial = left\n"
    )
    path = root / FEATURE_SETS[feature_set]
    if feature_set != "emobase":
        include = folder / "windows.conf.inc"
        include.write_text(mode, encoding="ascii")
        return path, {
            "frameModeFunctionalsConf": str(include),
            "bufferModeRbConf": str(root / "shared" / "BufferModeRb.conf.inc"),
        }
    # emobase has no option for this: its one line that asks for the whole file is exchanged.
    text = path.read_text(encoding="latin-1")
    if text.count(_FULL_MODE) != 1:
        raise DesignError("this version of openSMILE has another emobase configuration")
    own = folder / "emobase.conf"
    own.write_text(text.replace(_FULL_MODE, mode), encoding="latin-1")
    return own, {}
