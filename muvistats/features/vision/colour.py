"""Colour: histograms of hue and saturation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import DesignError
from ...extras import optional_module
from ...types import Floats
from .protocol import FrameExtractor, Image

#: Hues whose mean vector is shorter cancel each other.
_CANCELS = 1e-9

_HUES, _LEVELS = 180, 256  # values of hue and saturation in OpenCV's 8-bit pictures


@dataclass(frozen=True, kw_only=True)
class Colour(FrameExtractor):
    r"""Histograms, mean and standard deviation of hue and saturation.

    Parameters
    ----------
    hue_bins : int
        Number of bins of hue, from 1 to 180. The bins share the circle evenly; the first begins
        at red.
    saturation_bins : int
        Number of bins of saturation, from 1 to 256.
    min_saturation : int
        Pixels of less saturation (0 to 255) do not count for hue. Grey has no hue, and OpenCV
        gives it that of red; 0, the default, counts every pixel, 1 leaves out pure grey. A frame
        without a pixel that counts has NaN for its hue.
    batch_size : int
        Frames in a batch.

    See Also
    --------
    extract : Runs extractors over files.
    Lighting : How bright the picture is.

    Notes
    -----
    Features: ``colour_hue_00`` and so on, shares of pixels that sum to 1; ``colour_hue_mean`` and
    ``colour_hue_sd`` in degrees, the circular mean and the circular standard deviation
    :math:`\sqrt{-2 \ln R}`, since hue is an angle (NaN where hues cancel);
    ``colour_saturation_00`` and so on; ``colour_saturation_mean`` and ``colour_saturation_sd`` on a
    scale from 0 to 1. All follow from OpenCV's 8-bit conversion to HSV, where hue has steps of 2
    degrees.

    References
    ----------
    Valdez, P., & Mehrabian, A. (1994). Effects of color on emotions. Journal of Experimental
    Psychology: General, 123(4), 394-409. https://doi.org/10.1037/0096-3445.123.4.394

    Examples
    --------
    >>> Colour(hue_bins=2, saturation_bins=1).names()[:3]
    ['colour_hue_00', 'colour_hue_01', 'colour_hue_mean']
    """

    family: ClassVar[str] = "colour"
    hue_bins: int = 16
    saturation_bins: int = 8
    min_saturation: int = 0
    batch_size: int = 8

    def __post_init__(self) -> None:
        for value, largest, what in (
            (self.hue_bins, _HUES, "hue_bins"),
            (self.saturation_bins, _LEVELS, "saturation_bins"),
        ):
            if not 1 <= value <= largest:
                raise DesignError(f"{what}={value!r}: give a number from 1 to {largest}")
        if not 0 <= self.min_saturation < _LEVELS:
            raise DesignError(f"min_saturation={self.min_saturation!r}: give a number below 256")

    def names(self) -> list[str]:
        """Names of the features."""
        return [
            *(f"colour_hue_{number:02d}" for number in range(self.hue_bins)),
            "colour_hue_mean",
            "colour_hue_sd",
            *(f"colour_saturation_{number:02d}" for number in range(self.saturation_bins)),
            "colour_saturation_mean",
            "colour_saturation_sd",
        ]

    def measure(self, images: Sequence[Image]) -> Floats:
        """Features of some frames, (frame, feature)."""
        return np.stack([self._one(image) for image in images])

    def _one(self, image: Image) -> Floats:
        cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        both = cv2.calcHist([hsv], [0, 1], None, [_HUES, _LEVELS], [0, _HUES, 0, _LEVELS])
        counts = both.astype(np.float64)
        hue = counts[:, self.min_saturation :].sum(axis=1)
        saturation = counts.sum(axis=0)
        level = np.arange(_LEVELS) / (_LEVELS - 1)
        share = saturation / saturation.sum()
        mean = float(share @ level)
        sd = float(np.sqrt(share @ (level - mean) ** 2))
        return np.concatenate(
            [
                _binned(hue, self.hue_bins),
                _circular(hue),
                _binned(saturation, self.saturation_bins),
                [mean, sd],
            ]
        )


def _binned(counts: Floats, bins: int) -> Floats:
    """Shares of all in bins of equal width; NaN where nothing was counted."""
    into = np.arange(len(counts)) * bins // len(counts)
    total = counts.sum()
    if total == 0:
        return np.full(bins, np.nan)
    shares: Floats = np.bincount(into, weights=counts, minlength=bins) / total
    return shares


def _circular(hue: Floats) -> Floats:
    """Circular mean and standard deviation of hue, in degrees."""
    total = hue.sum()
    if total == 0:
        return np.full(2, np.nan)
    vector = complex(hue @ np.exp(2j * np.pi * np.arange(_HUES) / _HUES)) / total
    length = min(abs(vector), 1.0)
    if length < _CANCELS:
        return np.full(2, np.nan)
    mean = np.degrees(np.angle(vector)) % 360
    return np.array([mean, np.degrees(np.sqrt(-2 * np.log(length)))])
