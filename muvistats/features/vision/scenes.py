"""Scenes: what kind of place a frame shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .networks import NetworkSettings, prepare
from .protocol import FrameExtractor, Image


@dataclass(frozen=True, kw_only=True)
class Scenes(NetworkSettings, FrameExtractor):
    """Probabilities of kinds of places: a ResNet50 with the classes of Places365, or your own.

    Parameters
    ----------
    weights : path or str
        Network as ``.onnx``, as TorchScript, as the weights (a ``state_dict``) of `architecture`,
        or a name in the registry (`registered_weights`).
    labels : path or sequence of str
        Classes in the order of the network's outputs: a text file with one a line (the list of
        Places365 as its authors give it will do), or the names.
    architecture : str
        Model of torchvision that a file of bare weights belongs to.
    trust : bool
        Whether a TorchScript file may be run: it is a program. ONNX and bare weights need no
        trust.
    activation : {"softmax", "none"}
        What turns the outputs into probabilities.
    size : int, optional
        Side in pixels of the picture that the network takes; by default what it says, else 224.
    mean, sd : sequence of float, optional
        Subtracted from and divided into red, green and blue, which run from 0 to 1; by default
        those of ImageNet, which the networks of Places365 share.
    crop : float
        Share of each side of the frame that the network sees, in the middle.
    batch_size : int
        Frames in a batch.

    See Also
    --------
    extract : Runs extractors over files.
    Objects : What stands in the place.

    Notes
    -----
    Features: ``scene_`` and the class, for each class. The frame is stretched to a square.

    References
    ----------
    Zhou, B., Lapedriza, A., Khosla, A., Oliva, A., & Torralba, A. (2018). Places: a 10 million
    image database for scene recognition. IEEE Transactions on Pattern Analysis and Machine
    Intelligence, 40(6), 1452-1464. https://doi.org/10.1109/TPAMI.2017.2723009
    """

    family: ClassVar[str] = "scene"
    crop: float = 0.875

    def names(self) -> list[str]:
        """Names of the features."""
        return [f"scene_{label}" for label in self.classes]

    def check(self) -> None:
        """Try the network on a black frame."""
        self.measure([np.zeros((64, 64, 3), dtype=np.uint8)])

    def measure(self, images: Sequence[Image]) -> npt.NDArray[np.float64]:
        """Probabilities of some frames, (frame, class)."""
        return self.probabilities(prepare(images, self, crop=self.crop))
