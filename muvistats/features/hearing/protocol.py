"""What an extractor of sound gets, and the base that makes most of them short."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from ...arguments import check_number
from ...extras import optional_module
from ...types import Floats, Singles
from ..sound import read_samples


@dataclasses.dataclass(slots=True, eq=False)
class Sound:
    """The sound of one file, decoded once for all extractors.

    Parameters
    ----------
    rate : int
        Samples per second.
    duration : float
        Length in s.
    time : ndarray of float, shape (time,)
        Start of each window in s.
    window : float
        Length of a window in s.
    wav : Path
        The decoded file, at the rate of the file, for programs that read one.
    notes : list of str
        What was found and done, in words without numbers or file names.

    See Also
    --------
    SoundExtractor : What is given one.
    """

    rate: int
    duration: float
    time: Floats
    window: float
    wav: Path
    notes: list[str] = dataclasses.field(default_factory=list)
    _samples: Singles | None = None
    _resampled: dict[int, Sound] = dataclasses.field(default_factory=dict)

    @property
    def channels(self) -> Singles:
        """Samples (channel, sample), from -1 to 1."""
        if self._samples is None:
            self._samples = read_samples(self.wav)
        return self._samples

    @property
    def mono(self) -> Singles:
        """Mean of the channels, (sample,)."""
        one = len(self.channels) == 1
        mean: Singles = self.channels[0] if one else self.channels.mean(axis=0, dtype=np.float32)
        return mean

    def at(self, rate: int) -> Sound:
        """The mean of the channels at another rate; made once for all that ask for it."""
        if rate not in self._resampled:
            shared = math.gcd(rate, self.rate)
            up, down = rate // shared, self.rate // shared
            one = self.mono if up == down else resample_poly(self.mono, up, down)
            self._resampled[rate] = dataclasses.replace(
                self, rate=rate, _samples=np.asarray(one, dtype=np.float32)[None], _resampled={}
            )
        return self._resampled[rate]

    def windows(self) -> list[Singles]:
        """Samples (channel, sample) of each window; the last may be shorter."""
        first = np.rint(self.time * self.rate).astype(int)
        last = np.rint((self.time + self.window) * self.rate).astype(int)
        return [self.channels[:, a:b] for a, b in zip(first, last, strict=True)]

    def summarise(self, frames: npt.ArrayLike, starts: Floats, reach: float = 0.0) -> list[Floats]:
        """Rows of frames that start in each window, or up to `reach` s before and after it."""
        rows = np.asarray(frames, dtype=np.float64)
        slack = 1e-9
        first = np.searchsorted(starts, self.time - reach - slack)
        last = np.searchsorted(starts, self.time + self.window + reach - slack)
        return [rows[a:b] for a, b in zip(first, last, strict=True)]


class SoundExtractor(ABC):
    """Base of extractors that measure the whole sound of a file at once.

    A subclass says its `family`, the `names` of its features, and how to `measure` a sound.

    See Also
    --------
    extract : Runs extractors over files.
    Sound : What its `measure` is given.
    """

    family: ClassVar[str | Sequence[str]]

    #: Rate at which `measure` gets the mean of the channels; None leaves rate and channels.
    rate: ClassVar[int | None] = None

    #: Packages whose version is part of what the features depend on.
    engines: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Names of the features, alike for every file."""

    @abstractmethod
    def measure(self, sound: Sound) -> npt.ArrayLike:
        """Features of a sound.

        Parameters
        ----------
        sound : Sound
            Samples and windows.

        Returns
        -------
        array-like of float, shape (time, feature)
            One row per window; NaN where a window has no value. Windows at the end may be left
            out.
        """

    def check(self) -> None:  # noqa: B027 (most have nothing to check)
        """Refuse settings that cannot work, before any file is read."""

    def start(self, scan: Sound) -> _Whole:
        """Begin a file."""
        return _Whole(self, scan)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibrosaExtractor(SoundExtractor):
    """Base of extractors that librosa measures, in windows and up to `reach` s around them."""

    rate: ClassVar[int] = 22_050
    engines: ClassVar[tuple[str, ...]] = ("librosa",)
    reach: float = 4.0

    def __post_init__(self) -> None:
        check_number("reach", self.reach, above=0)

    def check(self) -> None:
        """Refuse an environment without librosa."""
        optional_module("librosa", "music")


class _Whole:
    """Measure a sound when the file was decoded."""

    def __init__(self, extractor: SoundExtractor, sound: Sound) -> None:
        self._extractor = extractor
        self._sound = sound

    def finish(self, time: Floats) -> Singles:  # noqa: ARG002 (the sound knows its windows)
        rate = self._extractor.rate
        sound = self._sound if rate is None else self._sound.at(rate)
        return np.asarray(self._extractor.measure(sound), dtype=np.float32)
