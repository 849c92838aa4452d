"""Notes: how many sound, how high they are, how many begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...errors import DesignError
from ...types import Floats, Ints, Singles
from ..onnx import SHIPPED, load_session, run_session
from .protocol import Sound, SoundExtractor

#: What the network takes and gives: samples of a piece, frames of a piece, samples between two.
_PIECE, _FRAMES, _STEP = 43_844, 172, 256

#: Frames at both ends of a piece that are left to its neighbours.
_EDGE = 15

#: Pieces in a batch.
_BATCH = 8

#: A note that begins goes on for most of so many frames (0.13 s), and begins once in them.
_SHORTEST = 11

_TINY = 1e-9

#: MIDI number of the lowest of the 88 notes.
_LOWEST = 21


@dataclass(frozen=True, kw_only=True)
class Notes(SoundExtractor):
    """Number and height of the notes that sound, by a network for any instrument.

    Parameters
    ----------
    sounding, onset : float
        Least probability of a note that sounds and of one that begins (0 to 1).
    weights : Path
        Network of Basic Pitch as ``.onnx``; by default the one that comes with the package.

    Raises
    ------
    MissingExtraError
        When ONNX Runtime is not installed (extra `music`).

    See Also
    --------
    extract : Runs extractors over files.
    Tonality : Key and pitch classes.

    Notes
    -----
    Of the mean of the channels at 22,050 Hz: ``notes_sounding``, how many notes sound at a time on
    average; ``notes_onset_rate``, how many that last for 0.13 s begin per second;
    ``notes_pitch_mean``, ``notes_pitch_sd``, ``notes_pitch_lowest``, ``notes_pitch_highest`` and
    ``notes_pitch_main`` (the most probable), as MIDI numbers (A of 440 Hz is 69), of the notes
    that sound, weighted by their probability. A window without a note has 0 notes and NaN for
    their height. Strong overtones may pass for notes of their own.

    The network, 0.23 MB, is that of Basic Pitch 0.4 as its authors give it (Apache-2.0); pieces of
    2 s overlap by 0.35 s, and each frame has its own time.

    References
    ----------
    Bittner, R. M., Bosch, J. J., Rubinstein, D., Meseguer-Brocal, G., & Ewert, S. (2022). A
    lightweight instrument-agnostic model for polyphonic note transcription and multipitch
    estimation. ICASSP 2022, 781-785. https://doi.org/10.1109/ICASSP43922.2022.9746549

    Examples
    --------
    >>> Notes().names()[0]
    'notes_sounding'
    """

    family: ClassVar[str] = "notes"
    rate: ClassVar[int] = 22_050
    sounding: float = 0.3
    onset: float = 0.5
    weights: Path = SHIPPED / "basic_pitch" / "nmp.onnx"

    def __post_init__(self) -> None:
        if not 0 < self.sounding < 1 or not 0 < self.onset < 1:
            raise DesignError("sounding and onset must be between 0 and 1")

    def names(self) -> list[str]:
        """Names of the features."""
        heights = ("mean", "sd", "lowest", "highest", "main")
        return ["notes_sounding", "notes_onset_rate", *(f"notes_pitch_{name}" for name in heights)]

    def check(self) -> None:
        """Load the network."""
        load_session(self.weights, "music")

    def measure(self, sound: Sound) -> Floats:
        """Features of each window, (time, feature)."""
        notes, onsets = self.probabilities(sound.mono)
        starts = np.arange(len(notes)) * _STEP / self.rate
        begin = self._begun(notes, onsets)
        rows = [
            [
                float((frames >= self.sounding).sum(axis=1).mean()),
                len(begun) / sound.window,
                *_heights(np.where(frames >= self.sounding, frames, 0).sum(axis=0)),
            ]
            if len(frames)
            else [np.nan] * len(self.names())
            for frames, begun in zip(
                sound.summarise(notes, starts),
                sound.summarise(begin, starts[begin]),
                strict=True,
            )
        ]
        return np.array(rows)

    def _begun(self, notes: Singles, onsets: Singles) -> Ints:
        """Frame of each note that begins and goes on; one for each note, in order."""
        rise = np.zeros_like(notes)
        rise[1:] = np.maximum(np.diff(notes, axis=0), 0)
        scaled = rise * onsets.max() / max(float(rise.max()), _TINY)
        risen = np.maximum(onsets, np.where(scaled >= self.onset, scaled, 0))
        later = np.pad(notes >= self.sounding, ((0, _SHORTEST), (0, 0)))
        lasting = sliding_window_view(later, _SHORTEST, axis=0)[: len(notes)].mean(axis=-1) > 0.5
        peaks = np.pad(risen, ((_SHORTEST, _SHORTEST), (0, 0)))
        highest = sliding_window_view(peaks, 2 * _SHORTEST + 1, axis=0).max(axis=-1)
        begun: Ints = np.nonzero((risen >= self.onset) & (risen == highest) & lasting)[0]
        return begun

    def probabilities(self, samples: Singles) -> tuple[Singles, Singles]:
        """Probability that each note sounds, and that it begins, (frame, note) at 86.1 Hz."""
        session = load_session(self.weights, "music")
        kept = _FRAMES - 2 * _EDGE
        n_frames = len(samples) // _STEP + 1
        n_pieces = -(-n_frames // kept)
        padded = np.zeros(((n_pieces - 1) * kept * _STEP + _PIECE), dtype=np.float32)
        first = _EDGE * _STEP
        part = samples[: len(padded) - first]
        padded[first : first + len(part)] = part
        pieces = np.stack(
            [padded[start : start + _PIECE] for start in np.arange(n_pieces) * kept * _STEP]
        )[..., None]
        name = session.get_inputs()[0].name
        blocks = [
            run_session(session, {name: pieces[start : start + _BATCH]}, self.weights)[:2]
            for start in range(0, n_pieces, _BATCH)
        ]
        onset, note = (
            np.concatenate([block[which] for block in blocks])[:, _EDGE:-_EDGE].reshape(
                n_pieces * kept, -1
            )[:n_frames]
            for which in (0, 1)
        )
        return note, onset


def _heights(weight: Floats) -> list[float]:
    """Mean, spread, lowest, highest and most probable of the notes with these weights."""
    if not weight.sum() > 0:
        return [np.nan] * 5
    pitch = np.arange(len(weight)) + _LOWEST
    share = weight / weight.sum()
    mean = float(share @ pitch)
    there = pitch[weight > 0]
    spread = float(np.sqrt(share @ (pitch - mean) ** 2))
    return [mean, spread, float(there[0]), float(there[-1]), float(pitch[np.argmax(weight)])]
