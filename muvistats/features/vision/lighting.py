"""Lighting: how bright a frame is, and how much light and dark stand against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import DesignError
from ...extras import optional_module
from ...types import Floats
from .protocol import FrameExtractor, Image

_LEVELS = 256


@dataclass(frozen=True, kw_only=True)
class Lighting(FrameExtractor):
    """Lighting key and the measures that go with it.

    Parameters
    ----------
    shadow : float
        Pixels of less value (0 to 1) are in the shadow.
    batch_size : int
        Frames in a batch.

    See Also
    --------
    extract : Runs extractors over files.
    Colour : Hue and saturation.

    Notes
    -----
    Of the value of all pixels, the largest of their three colours, on a scale from 0 to 1:
    ``lighting_mean``, ``lighting_sd``, ``lighting_key`` (mean times standard deviation: large for
    bright frames of much contrast, small for dark even ones), ``lighting_median`` and
    ``lighting_shadow``, the share of pixels in the shadow. Standard deviations divide by the
    number of pixels. The median is the lower one where two stand in the middle.

    References
    ----------
    Rasheed, Z., Sheikh, Y., & Shah, M. (2005). On the use of computable features for film
    classification. IEEE Transactions on Circuits and Systems for Video Technology, 15(1), 52-64.
    https://doi.org/10.1109/TCSVT.2004.839993

    Wang, H. L., & Cheong, L.-F. (2006). Affective understanding in film. IEEE Transactions on
    Circuits and Systems for Video Technology, 16(6), 689-704.
    https://doi.org/10.1109/TCSVT.2006.873781 (median and shadow)

    Examples
    --------
    >>> Lighting().names()[0]
    'lighting_key'
    """

    family: ClassVar[str] = "lighting"
    shadow: float = 0.18
    batch_size: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.shadow <= 1:
            raise DesignError(f"shadow={self.shadow!r}: give a value from 0 to 1")

    def names(self) -> list[str]:
        """Names of the features."""
        return [
            "lighting_key",
            "lighting_mean",
            "lighting_sd",
            "lighting_median",
            "lighting_shadow",
        ]

    def measure(self, images: Sequence[Image]) -> Floats:
        """Features of some frames, (frame, feature)."""
        return np.stack([self._one(image) for image in images])

    def _one(self, image: Image) -> Floats:
        cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
        value = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        counts = cv2.calcHist([value], [2], None, [_LEVELS], [0, _LEVELS]).ravel()
        share = counts.astype(np.float64) / counts.sum()
        level = np.arange(_LEVELS) / (_LEVELS - 1)
        mean = float(share @ level)
        sd = float(np.sqrt(share @ (level - mean) ** 2))
        cumulative = np.cumsum(share)
        median = level[int(np.searchsorted(cumulative, 0.5 - 1e-12))]
        return np.array([mean * sd, mean, sd, median, share[level < self.shadow].sum()])
