"""Actions: what happens in a shot."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ...errors import DesignError
from ...types import Floats
from .networks import NetworkSettings, normalise, shrink
from .protocol import Frame, Image, Scan
from .shots import Shots, shared_finder


@dataclass(frozen=True, kw_only=True)
class Actions(NetworkSettings):
    """Probabilities of actions, shot by shot: a classifier of clips such as I3D.

    Parameters
    ----------
    weights : path or str
        Network as ``.onnx``, as TorchScript, or as the weights (a ``state_dict``) of
        `architecture`. It takes clips (clip, colour, frame, height, width).
    labels : path or sequence of str
        Classes in the order of the network's outputs: a text file with one a line, or the names.
    architecture : str
        Model of torchvision that a file of bare weights belongs to; by default S3D, an I3D whose
        convolutions are taken apart.
    trust : bool
        Whether a TorchScript file may be run: it is a program. ONNX and bare weights need no
        trust.
    activation : {"softmax", "none"}
        What turns the outputs into probabilities.
    size : int, optional
        Side in pixels of the frames that the network takes; by default what it says, else 224.
    mean, sd : sequence of float, optional
        Subtracted from and divided into red, green and blue, which run from 0 to 1; by default
        those of ImageNet. Many I3D networks expect 0.5 and 0.5.
    clip_length : int
        Frames in a clip.
    stride : int
        Every so many frames one enters a clip.
    shots : Shots
        How shots are found.
    batch_size : int
        Clips in a batch.

    See Also
    --------
    extract : Runs extractors over files.
    Shots : The shots within which actions are told.

    Notes
    -----
    Features: ``action_`` and the class, for each class. A shot is cut into clips that follow each
    other. What is left at its end is filled up with its last frame if it is at least half a clip,
    or all there is, and dropped otherwise. The probabilities of a shot are the mean over its
    clips; every window whose frame belongs to the shot gets them. No more frames are held than the
    clips of one batch and those that a cut may still be told for.

    References
    ----------
    Carreira, J., & Zisserman, A. (2017). Quo vadis, action recognition? A new model and the
    Kinetics dataset. CVPR 2017, 4724-4733. https://doi.org/10.1109/CVPR.2017.502
    """

    family: ClassVar[str] = "action"
    every_frame: ClassVar[bool] = True
    architecture: str = "s3d"
    clip_length: int = 64
    stride: int = 1
    shots: Shots = field(default_factory=Shots)
    batch_size: int = 2

    def __post_init__(self) -> None:
        if self.clip_length < 1 or self.stride < 1:
            raise DesignError("clip_length and stride must be at least 1")
        super().__post_init__()

    def names(self) -> list[str]:
        """Names of the features."""
        return [f"action_{label}" for label in self.classes]

    def check(self) -> None:
        """Try the network on a black clip."""
        self.shots.check()
        clip = np.zeros((1, self.clip_length, self.side, self.side, 3), dtype=np.uint8)
        self.probabilities(normalise(clip, self))

    def start(self, scan: Scan) -> _ClipReading:
        """Begin a video."""
        return _ClipReading(self, scan)


@dataclass(frozen=True, slots=True)
class _Small:
    """A frame as the network will see it."""

    image: Image
    index: int
    windows: range


class _ClipReading:
    """Cut the shots of one video into clips and classify them in batches."""

    def __init__(self, settings: Actions, scan: Scan) -> None:
        self._settings = settings
        self._finder = shared_finder(scan, settings.shots)
        self._side = settings.side
        self._pending: deque[_Small] = deque()
        self._clip: list[Image] = []
        self._batch: list[tuple[int, list[Image]]] = []
        self._in_shot = 0  # frames of the shot so far
        self._clips = 0  # clips of the shot so far
        self._shot_of_window: list[int] = []
        self._sums = [np.zeros(len(settings.names()))]
        self._counts = [0]

    def add(self, frame: Frame) -> None:
        small = shrink(frame.image, self._side)
        self._pending.append(_Small(small, frame.index, frame.windows))
        while self._pending[0].index < frame.index - self._finder.lag:
            self._settle(self._pending.popleft())

    def finish(self, time: Floats) -> Floats:
        while self._pending:
            self._settle(self._pending.popleft())
        self._close()
        self._classify()
        per_shot: Floats = np.stack(self._sums) / np.array(self._counts)[:, None]
        windows: Floats = per_shot[self._shot_of_window[: len(time)]]
        return windows

    def _settle(self, frame: _Small) -> None:
        """Take a frame of which it is known whether a shot begins with it."""
        if frame.index in self._finder.cuts and self._in_shot:
            self._close()
            self._in_shot = self._clips = 0
            self._sums.append(np.zeros_like(self._sums[0]))
            self._counts.append(0)
        if self._in_shot % self._settings.stride == 0:
            self._clip.append(frame.image)
        self._in_shot += 1
        self._shot_of_window.extend(len(self._sums) - 1 for _ in frame.windows)
        if len(self._clip) == self._settings.clip_length:
            self._queue()

    def _close(self) -> None:
        """The shot is over: use what is left of it, or drop it."""
        lacking = self._settings.clip_length - len(self._clip)
        if self._clip and (self._clips == 0 or lacking <= len(self._clip)):
            self._clip.extend([self._clip[-1]] * lacking)
            self._queue()
        self._clip = []

    def _queue(self) -> None:
        self._batch.append((len(self._sums) - 1, self._clip))
        self._clip = []
        self._clips += 1
        if len(self._batch) >= self._settings.batch_size:
            self._classify()

    def _classify(self) -> None:
        if not self._batch:
            return
        clips = np.stack([np.stack(clip) for _, clip in self._batch])
        rows = self._settings.probabilities(normalise(clips, self._settings))
        for (shot, _), row in zip(self._batch, rows, strict=True):
            self._sums[shot] = self._sums[shot] + row
            self._counts[shot] += 1
        self._batch = []
