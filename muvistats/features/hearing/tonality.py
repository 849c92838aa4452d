"""Tonality: pitch classes, tonal centre and key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...extras import optional_module
from ...types import Floats
from .protocol import LibrosaExtractor, Sound

#: Samples between two frames, at the rate of the extractor.
_STEP = 1024

#: The lowest filters need so much sound, in s; silence lengthens what is shorter.
_SHORTEST = 3

#: Frames whose level is lower have no pitch, as a root mean square of samples from -1 to 1.
_SILENCE = 1e-4

PITCH_CLASSES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")

#: How well each pitch class, from the tonic on, fits a major and a minor key (Krumhansl and
#: Kessler, 1982).
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True, kw_only=True)
class Tonality(LibrosaExtractor):
    """Pitch classes, tonal centroid, key and how clearly and how far in major it stands.

    Parameters
    ----------
    reach : float
        The key of a window is that of the sound up to so many seconds before and after it.

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
    Of the mean of the channels at 22,050 Hz: ``tonality_chroma_`` and the pitch class, for each
    of the twelve (constant-Q chroma, shares that sum to 1); ``tonality_fifths_x`` and so on, six
    coordinates of the tonal centroid (circles of fifths, minor thirds and major thirds);
    ``tonality_tonic``, pitch class of the tonic of the best key (0 for C to 11 for B);
    ``tonality_clarity``, the correlation of the chroma with the profile of that key;
    ``tonality_majorness``, the best correlation with a major less that with a minor key. Profiles
    are those of Krumhansl and Kessler. Frames of silence do not count; a window without a frame
    that counts is NaN.

    References
    ----------
    Krumhansl, C. L., & Kessler, E. J. (1982). Tracing the dynamic changes in perceived tonal
    organization in a spatial representation of musical keys. Psychological Review, 89(4),
    334-368. https://doi.org/10.1037/0033-295X.89.4.334

    Harte, C., Sandler, M., & Gasser, M. (2006). Detecting harmonic change in musical audio.
    Proceedings of the 1st ACM Workshop on Audio and Music Computing Multimedia, 21-26.
    https://doi.org/10.1145/1178723.1178727

    Examples
    --------
    >>> Tonality().names()[9]
    'tonality_chroma_a'
    """

    family: ClassVar[str] = "tonality"

    def names(self) -> list[str]:
        """Names of the features."""
        circles = ("fifths", "minor_thirds", "major_thirds")
        return [
            *(f"tonality_chroma_{name}" for name in PITCH_CLASSES),
            *(f"tonality_{circle}_{axis}" for circle in circles for axis in "xy"),
            "tonality_tonic",
            "tonality_clarity",
            "tonality_majorness",
        ]

    def measure(self, sound: Sound) -> Floats:
        """Features of each window, (time, feature)."""
        librosa = optional_module("librosa", "music")
        level = librosa.feature.rms(y=sound.mono, frame_length=4 * _STEP, hop_length=_STEP)[0]
        heard = level > _SILENCE
        chroma = np.full((len(heard), len(PITCH_CLASSES)), np.nan)
        if heard.any():
            lacking = max(0, _SHORTEST * self.rate - len(sound.mono))
            found = librosa.feature.chroma_cqt(
                y=np.pad(sound.mono, (0, lacking)), sr=self.rate, hop_length=_STEP, norm=None
            ).T[: len(heard)]
            heard = heard & (found.sum(axis=1) > 0)
            chroma = np.where(heard[:, None], found, np.nan)
        starts = np.arange(len(chroma)) * _STEP / self.rate
        here = _shares(sound.summarise(chroma, starts))
        around = _shares(sound.summarise(chroma, starts, self.reach))
        keys = np.array([_key(shares) for shares in around])
        centroid = librosa.feature.tonnetz(chroma=np.nan_to_num(here.T)).T
        centroid[np.isnan(here).any(axis=1)] = np.nan
        return np.concatenate([here, centroid, keys], axis=1)


def _shares(windows: list[Floats]) -> Floats:
    """Share of each pitch class in each window, (time, pitch class); NaN without a sound."""
    sums = np.stack([np.nansum(frames, axis=0) for frames in windows])
    total = sums.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
    return shares


def _key(shares: Floats) -> tuple[float, float, float]:
    """Tonic, correlation with its profile, and how much better major fits than minor."""
    if not np.isfinite(shares).all() or np.ptp(shares) == 0:
        return np.nan, np.nan, np.nan
    profiles = [np.roll(profile, tonic) for profile in (MAJOR, MINOR) for tonic in range(12)]
    fit = np.corrcoef([shares, *profiles])[0, 1:]
    best = int(np.argmax(fit))
    return best % 12, float(fit[best]), float(fit[:12].max() - fit[12:].max())
