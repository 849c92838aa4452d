"""Tags of music and an embedding, by musicnn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from ...arguments import check_number
from ...extras import optional_module
from ...types import Floats, Ints, Singles
from ..labels import read_labels
from ..onnx import load_session, run_session, side_by_side
from ..weights import known_weights, weights_or_name
from .protocol import Sound, SoundExtractor

#: Samples of a frame and between two, mel bands, and frames of a piece (3 s).
_FRAME, _STEP, _BANDS, _PIECE = 512, 256, 96, 187

#: Numbers of the embedding, and pieces in a batch.
_EMBEDDED, _BATCH = 753, 8

#: Pieces whose level is lower are silence, as a root mean square of samples from -1 to 1.
_SILENCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class MusicTags(SoundExtractor):
    r"""Probabilities of fifty tags that listeners give to music, and an embedding of 753 numbers.

    Parameters
    ----------
    weights : path or str
        musicnn as ``.onnx``, or a name in the registry; by default the one that the command
        ``muvistats weights`` makes, trained on the Million Song Dataset.
    every : float
        Time between the starts of two pieces of 3 s in s; shorter is finer and slower.

    Raises
    ------
    MissingExtraError
        When librosa or ONNX Runtime is not installed (extra `music`).

    See Also
    --------
    extract : Runs extractors over files.
    Tonality : Key and pitch classes.

    Notes
    -----
    Features: ``tag_`` and the tag (genres, decades, voices, moods such as ``tag_happy``), and
    ``embedding_000`` to ``embedding_752``, means over the piece of what the network's layers say.
    The network hears pieces of 3 s of the mean of the channels at 16 kHz, as log mel spectrogram
    (:math:`\log_{10}(1 + 10^4 S)`, 96 bands); a window has the values of the piece whose middle is
    nearest to its own. Sound shorter than 3 s is repeated until it fills a piece. Silence is NaN.
    musicnn rounds the spectrogram to 16 bits, in which loud sound overflows; here it is not
    rounded. What sound below 8 kHz sampling rate lacks, the network does not hear.

    References
    ----------
    Pons, J., & Serra, X. (2019). musicnn: pre-trained convolutional neural networks for music
    audio tagging. https://doi.org/10.48550/arXiv.1909.06654

    Examples
    --------
    >>> tags = MusicTags()
    >>> tags.names()[0], len(tags.names())
    ('tag_rock', 803)
    """

    rate: ClassVar[int] = 16_000
    engines: ClassVar[tuple[str, ...]] = ("librosa",)
    weights: Path | str = "musicnn"
    every: float = 1.5

    def __post_init__(self) -> None:
        check_number("every", self.every, above=0)
        object.__setattr__(self, "weights", weights_or_name(self.weights))

    @property
    def unmade(self) -> str:
        """Name of the weights where they have to be made first; else empty."""
        return self.weights if isinstance(self.weights, str) else ""

    @property
    def family(self) -> Sequence[str]:  # type: ignore[override]  # two families
        """Family of each feature."""
        return ["music_tag"] * len(_tags()) + ["music_embedding"] * _EMBEDDED

    def names(self) -> list[str]:
        """Names of the features."""
        embedded = (f"embedding_{number:03d}" for number in range(_EMBEDDED))
        return [*(f"tag_{name}" for name in _tags()), *embedded]

    def check(self) -> None:
        """Load the network."""
        optional_module("librosa", "music")
        load_session(Path(self.weights), "music")

    def measure(self, sound: Sound) -> Floats:
        """Features of each window, (time, feature)."""
        samples = np.pad(sound.mono, _FRAME // 2)
        last = max(0, (len(samples) - _FRAME) // _STEP + 1 - _PIECE)
        step = max(1, round(self.every * self.rate / _STEP))
        first = np.unique(np.append(np.arange(0, last + 1, step), last))
        batches = [first[start : start + _BATCH] for start in range(0, len(first), _BATCH)]
        values = np.concatenate(side_by_side(lambda some: self._batches(samples, some), batches))
        middle = sound.time + sound.window / 2
        nearest = np.abs(middle[:, None] - (first + _PIECE / 2) * _STEP / self.rate).argmin(axis=1)
        out: Floats = values[nearest]
        return out

    def _batches(self, samples: Singles, batches: Sequence[Ints]) -> list[Singles]:
        """Tags and embedding of the pieces of each batch, which are given by their first frames."""
        librosa = optional_module("librosa", "music")
        # Sparse: threads of BLAS would go on spinning while the network runs.
        bands = csr_array(librosa.filters.mel(sr=self.rate, n_fft=_FRAME, n_mels=_BANDS))
        path = Path(self.weights)
        session = load_session(path, "music")
        name = session.get_inputs()[0].name
        result = []
        for first in batches:
            part = samples[first[0] * _STEP : (first[-1] + _PIECE - 1) * _STEP + _FRAME]
            found = librosa.stft(part, n_fft=_FRAME, hop_length=_STEP, center=False)
            power = found.real**2 + found.imag**2
            spectrum = np.log10(1e4 * (bands @ power) + 1).T
            begin = first - first[0]
            squares = [np.mean(part[at * _STEP :][: _PIECE * _STEP] ** 2) for at in begin]
            loud = np.array(squares) > _SILENCE**2
            frames = (begin[loud, None] + np.arange(_PIECE)) % len(spectrum)
            values = np.full((len(first), len(_tags()) + _EMBEDDED), np.nan, dtype=np.float32)
            if loud.any():
                tags, embedded = run_session(session, {name: spectrum[frames]}, path)
                values[loud] = np.concatenate([tags, embedded[..., 0]], axis=1)
            result.append(values)
        return result


def _tags() -> tuple[str, ...]:
    return read_labels(known_weights()["musicnn"].labels.split(";"))
