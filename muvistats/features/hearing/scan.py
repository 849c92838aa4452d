"""One decoding of a sound that serves all extractors."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import DataError
from ...types import Floats, Singles
from ..protocol import Extractor, checked, feature_names
from ..sound import decode_sound
from ..store import FileFeatures
from .protocol import Sound

#: Rounding that a comparison of times allows, as a share of a window.
_SLACK = 1e-6


def scan_sound(
    path: Path, extractors: Sequence[Extractor], *, window: float, hop: float, min_fill: float
) -> FileFeatures:
    """Features of the sound of one file, decoded once.

    Parameters
    ----------
    path : Path
        The file.
    extractors : sequence of Extractor
        What to measure.
    window, hop : float
        Length of a window and time between the starts of two, in s.
    min_fill : float
        Share of a window that must have sound.

    Returns
    -------
    FileFeatures
        Windows from 0 to the end of the sound, features in the order of the extractors.

    Raises
    ------
    DataError
        When the sound cannot be read, or is shorter than a window.
    """
    with tempfile.TemporaryDirectory(prefix="muvistats-") as folder:
        wav = Path(folder) / "sound.wav"
        decoded = decode_sound(path, wav)
        starts = np.arange(math.ceil(decoded.duration / hop), dtype=np.float64) * hop
        filled = (decoded.duration - starts) / window
        time: Floats = starts[filled >= min_fill - _SLACK]
        if not len(time):
            raise DataError(
                "sound is shorter than a window",
                file=path,
                found=f"{decoded.duration:.3f} s",
                expected=f"at least {min_fill * window:g} s",
            )
        notes = [f"sound at {decoded.rate} Hz", *decoded.notes]
        sound = Sound(decoded.rate, decoded.duration, time, window, wav, notes)
        readings = [extractor.start(sound) for extractor in extractors]
        blocks = [
            checked(reading.finish(time), extractor, len(time), fewer=True)
            for reading, extractor in zip(readings, extractors, strict=True)
        ]
    if len(starts) > len(time):
        notes.append(f"windows at the end with sound for less than {min_fill:.0%} were left out")
    time = time[: max(map(len, blocks))]
    values = np.concatenate([_lengthened(block, len(time)) for block in blocks], axis=1)
    return FileFeatures(time, values, *feature_names(extractors), tuple(notes))


def _lengthened(block: npt.NDArray[np.float32], length: int) -> Singles:
    """A block with rows of NaN for the windows at the end that it lacks."""
    values = np.full((length, block.shape[1]), np.nan, dtype=np.float32)
    values[: len(block)] = block
    return values
