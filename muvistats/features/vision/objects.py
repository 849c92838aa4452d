"""Objects: how many of each class a frame shows, and how surely."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from ...errors import DataError, DesignError
from ...extras import optional_module
from ...types import Floats
from .labels import read_labels, snake_case
from .protocol import FrameExtractor, Image
from .weights import weights_path


@dataclass(frozen=True, kw_only=True)
class Objects(FrameExtractor):
    """Number of objects of each class and highest confidence: a YOLO network of ultralytics.

    Parameters
    ----------
    weights : path or str
        Network as ``.onnx`` or ``.pt``, or a name in the registry (`registered_weights`). The
        YOLOv5 family in the format of ultralytics is what the paper used.
    trust : bool
        Whether a file that is no ONNX may be loaded: a ``.pt`` file is a pickle, which can run
        any code. ONNX needs no trust.
    labels : path or sequence of str, optional
        Names of the classes in order; by default those that the network brings.
    confidence, overlap : float
        Least confidence of an object, and overlap above which two boxes are one object (0 to 1).
    image_size : int
        Longest side of the picture that the network takes, in pixels.
    batch_size : int
        Frames in a batch.

    Notes
    -----
    Features: for each class ``object_count_`` and ``object_confidence_`` with the class. A class
    that a frame does not show has 0 for both. ultralytics is told not to install anything, nor to
    use the network, unless the environment says otherwise (`YOLO_AUTOINSTALL`, `YOLO_OFFLINE`).
    It is AGPL-3 and has an extra of its own, ``yolo``.

    References
    ----------
    Redmon, J., Divvala, S., Girshick, R., & Farhadi, A. (2016). You only look once: unified,
    real-time object detection. CVPR 2016, 779-788. https://doi.org/10.1109/CVPR.2016.91
    """

    family: ClassVar[str] = "object"
    weights: Path | str
    trust: bool = False
    labels: Path | str | Sequence[str] | None = None
    confidence: float = 0.25
    overlap: float = 0.7
    image_size: int = 640
    batch_size: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.confidence <= 1 or not 0 <= self.overlap <= 1:
            raise DesignError("confidence and overlap must be from 0 to 1")
        object.__setattr__(self, "weights", weights_path(self.weights))
        path = Path(self.weights)
        if path.suffix.lower() != ".onnx" and not self.trust:
            raise DesignError(
                f"{path.name} is no ONNX file, and loading it can run any code (.pt is a pickle):"
                " give trust=True if you trust where it comes from, or export it to ONNX"
            )
        if self.labels is not None:
            object.__setattr__(self, "labels", read_labels(self.labels))

    def names(self) -> list[str]:
        """Names of the features; asks the network for its classes."""
        classes = self._classes()
        return [
            *(f"object_count_{name}" for name in classes),
            *(f"object_confidence_{name}" for name in classes),
        ]

    def check(self) -> None:
        """Try the network on a black frame."""
        self.measure([np.zeros((64, 64, 3), dtype=np.uint8)])

    def measure(self, images: Sequence[Image]) -> Floats:
        """Features of some frames, (frame, feature)."""
        n_classes = len(self._classes())
        counts = np.zeros((len(images), n_classes))
        best = np.zeros((len(images), n_classes))
        for row, found in enumerate(self._predict(images)):
            kinds = found.boxes.cls.cpu().numpy().astype(int)
            sure = found.boxes.conf.cpu().numpy().astype(np.float64)
            np.add.at(counts[row], kinds, 1)
            np.maximum.at(best[row], kinds, sure)
        return np.concatenate([counts, best], axis=1)

    def _classes(self) -> tuple[str, ...]:
        own = self._network().classes
        labels = cast("tuple[str, ...] | None", self.labels)
        if labels is None:
            return own
        if len(labels) != len(own):
            raise DataError(
                "number of labels is not the number of the network's classes",
                file=Path(self.weights).name,
                column="labels",
                found=len(labels),
                expected=len(own),
            )
        return labels

    def _predict(self, images: Sequence[Image]) -> list[Any]:
        network = self._network()
        at_once = 1 if network.one_by_one else len(images)
        found: list[Any] = []
        for start in range(0, len(images), at_once):
            found += network.model.predict(
                [np.ascontiguousarray(image) for image in images[start : start + at_once]],
                conf=self.confidence,
                iou=self.overlap,
                imgsz=network.size or self.image_size,
                verbose=False,
                save=False,
            )
        return found

    def _network(self) -> _Yolo:
        path = Path(self.weights)
        stamp = path.stat()
        return _load(path.resolve(), (stamp.st_mtime_ns, stamp.st_size))


@dataclass(frozen=True, slots=True)
class _Yolo:
    """A network ready to run, its classes, and what an ONNX file fixes."""

    model: Any
    classes: tuple[str, ...]
    one_by_one: bool = False
    size: list[int] | None = None


@lru_cache(maxsize=2)
def _load(path: Path, stamp: tuple[int, int]) -> _Yolo:  # noqa: ARG001 (a changed file is new)
    """A network from its file, kept for the next video of this process."""
    for variable, value in (("YOLO_AUTOINSTALL", "false"), ("YOLO_OFFLINE", "true")):
        os.environ.setdefault(variable, value)
    ultralytics = optional_module("ultralytics", "yolo")
    one_by_one, size = False, None
    if path.suffix.lower() == ".onnx":
        one_by_one, size = _onnx_input(path)
    try:
        model = ultralytics.YOLO(str(path), task="detect", verbose=False)
        found = model.names
    except Exception as error:  # ultralytics raises whatever it met
        raise DataError(
            f"not a network that ultralytics knows: {' '.join(str(error).split())[:300]}",
            file=path,
        ) from error
    if model.task != "detect":
        raise DataError("network does not detect objects", file=path, found=model.task)
    names = [found[number] for number in sorted(found)]
    classes = [snake_case(str(name)) for name in names]
    if len(set(classes)) != len(classes):
        raise DataError("two classes of the network share a name", file=path)
    return _Yolo(model, tuple(classes), one_by_one, size)


def _onnx_input(path: Path) -> tuple[bool, list[int] | None]:
    """Whether an ONNX network takes one picture at a time, and the size that it fixes."""
    runtime = optional_module("onnxruntime", "vision")
    try:
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base
        raise DataError(
            f"not an ONNX network: {' '.join(str(error).split())[:300]}", file=path
        ) from error
    shape = session.get_inputs()[0].shape
    fixed = all(isinstance(side, int) for side in shape[-2:])
    return isinstance(shape[0], int), list(shape[-2:]) if fixed else None
