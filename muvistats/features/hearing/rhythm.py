"""Rhythm: tempo, beats and onsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.stats import theilslopes

from ...arguments import check_number
from ...extras import optional_module
from ...types import Floats
from .protocol import LibrosaExtractor, Sound

#: Samples between two frames of the onset strength, at the rate of the extractor.
_STEP = 256

#: Fewer beats, or onsets, than this around a window give no tempo.
_FEWEST = 4

#: Onsets that are weaker, in dB, are ripples of silence or of a steady tone.
_WEAKEST = 0.5


@dataclass(frozen=True, kw_only=True)
class Rhythm(LibrosaExtractor):
    r"""Tempo, beats, onsets and how strongly they stand out.

    Parameters
    ----------
    reach : float
        The tempo of a window is that of the beats up to so many seconds before and after it.
    start_tempo : float
        Tempo that is expected, in beats per minute: of a tempo, its half and its double, the one
        nearer to it is told.

    Raises
    ------
    MissingExtraError
        When librosa is not installed (extra `music`).

    See Also
    --------
    extract : Runs extractors over files.
    Notes : Which notes sound.

    Notes
    -----
    Of the mean of the channels at 22,050 Hz: ``rhythm_tempo``, beats per minute, 60 over the median
    slope (Theil-Sen) of the times of the beats around the window;
    ``rhythm_beat_rate`` and ``rhythm_onset_rate``, beats and onsets per second in the window;
    ``rhythm_onset_strength`` and ``rhythm_onset_peak``, mean and largest spectral flux in the
    window (dB per frame of 11.6 ms, mean over mel bands); ``rhythm_regularity``, the standard
    deviation of the intervals between the beats around the window over their mean (0 for a
    clock). Tempo and regularity are NaN where there are fewer than four beats or four onsets
    around, as in silence or a steady tone. Beats are found by dynamic programming over the whole
    sound, as librosa does it, so they depend on what comes later. Where librosa is used for the
    first time it compiles itself, which takes about a minute.

    References
    ----------
    Ellis, D. P. W. (2007). Beat tracking by dynamic programming. Journal of New Music Research,
    36(1), 51-60. https://doi.org/10.1080/09298210701653344

    Examples
    --------
    >>> Rhythm().names()[0]
    'rhythm_tempo'
    """

    family: ClassVar[str] = "rhythm"
    start_tempo: float = 120.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("start_tempo", self.start_tempo, above=0)

    def names(self) -> list[str]:
        """Names of the features."""
        return [
            "rhythm_tempo",
            "rhythm_regularity",
            "rhythm_beat_rate",
            "rhythm_onset_rate",
            "rhythm_onset_strength",
            "rhythm_onset_peak",
        ]

    def measure(self, sound: Sound) -> Floats:
        """Features of each window, (time, feature)."""
        librosa = optional_module("librosa", "music")
        strength = librosa.onset.onset_strength(y=sound.mono, sr=self.rate, hop_length=_STEP)
        beats, onsets = self._events(librosa, strength.astype(np.float64))
        steps = np.arange(len(strength)) * _STEP / self.rate
        rows = []
        for around, heard, inside, begun, flux in zip(
            sound.summarise(beats, beats, self.reach),
            sound.summarise(onsets, onsets, self.reach),
            sound.summarise(beats, beats),
            sound.summarise(onsets, onsets),
            sound.summarise(strength, steps),
            strict=True,
        ):
            rates = len(inside) / sound.window, len(begun) / sound.window
            seen = (flux.mean(), flux.max()) if len(flux) else (np.nan, np.nan)
            rows.append([*_tempo(around, heard), *rates, *seen])
        return np.array(rows)

    def _events(self, librosa: Any, strength: Floats) -> tuple[Floats, Floats]:
        """Times of beats and of onsets in s."""
        if not strength.max() > _WEAKEST:
            return np.empty(0), np.empty(0)
        how = {"onset_envelope": strength, "sr": self.rate, "hop_length": _STEP}
        tempo = librosa.feature.tempo(start_bpm=self.start_tempo, aggregate=None, **how)
        _, beats = librosa.beat.beat_track(bpm=tempo, **how)
        onsets = librosa.onset.onset_detect(**how)
        onsets = onsets[strength[onsets] > _WEAKEST]
        return beats * _STEP / self.rate, onsets * _STEP / self.rate


def _tempo(beats: Floats, onsets: Floats) -> tuple[float, float]:
    """Beats per minute, and the relative spread of the intervals between beats."""
    if min(len(beats), len(onsets)) < _FEWEST:
        return np.nan, np.nan
    intervals = np.diff(beats)
    return 60 / float(theilslopes(beats).slope), float(intervals.std() / intervals.mean())
