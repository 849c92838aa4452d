"""Objects: how many of each class a frame shows, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

import numpy as np

from ...errors import DataError, DesignError
from ...types import Floats, Ints
from ..labels import read_labels
from ..onnx import side_by_side
from ..weights import known_weights, made_network, weights_or_name
from .nanodet import find_objects, is_nanodet
from .protocol import FrameExtractor, Image
from .yolo import load_yolo

#: Least confidence and overlap where none is given: of NanoDet, and of ultralytics.
_NANODET, _YOLO = (0.3, 0.6), (0.25, 0.7)


@dataclass(frozen=True, kw_only=True)
class Objects(FrameExtractor):
    """Number of objects of each class and highest confidence.

    Parameters
    ----------
    weights : path or str
        Network as ``.onnx`` or ``.pt``, or a name in the registry (`registered_weights`). By
        default NanoDet for the 80 classes of COCO, which the command ``muvistats weights`` makes;
        a network of your own is one of ultralytics, such as the YOLOv5 that the paper used.
    trust : bool
        Whether a file that is no ONNX may be loaded: a ``.pt`` file is a pickle, which can run
        any code. ONNX needs no trust.
    labels : path or sequence of str, optional
        Names of the classes in order; by default those that the network brings.
    confidence, overlap : float, optional
        Least confidence of an object, and overlap above which two boxes are one object (0 to 1).
        By default 0.3 and 0.6 for NanoDet, 0.25 and 0.7 for ultralytics.
    image_size : int
        Longest side of the picture that a network of ultralytics takes, in pixels.
    batch_size : int
        Frames in a batch.

    See Also
    --------
    extract : Runs extractors over files.
    Scenes : The kind of place.

    Notes
    -----
    Features: for each class ``object_count_`` and ``object_confidence_`` with the class. A class
    that a frame does not show has 0 for both. NanoDet takes the frame made to fit into a square of
    416 pixels, with black beside it; boxes of one class that overlap are one.

    ultralytics is told not to install anything, nor to use the network, unless the environment
    says otherwise (`YOLO_AUTOINSTALL`, `YOLO_OFFLINE`). It is AGPL-3 and has an extra of its own,
    ``yolo``, which NanoDet does not need.

    References
    ----------
    Lyu, R. (2021). NanoDet-Plus: super fast and high accuracy lightweight anchor-free object
    detection model. https://github.com/RangiLyu/nanodet

    Redmon, J., Divvala, S., Girshick, R., & Farhadi, A. (2016). You only look once: unified,
    real-time object detection. CVPR 2016, 779-788. https://doi.org/10.1109/CVPR.2016.91

    Examples
    --------
    >>> Objects().names()[:2]
    ['object_count_person', 'object_count_bicycle']
    """

    family: ClassVar[str] = "object"
    weights: Path | str = "nanodet"
    trust: bool = False
    labels: Path | str | Sequence[str] | None = None
    confidence: float | None = None
    overlap: float | None = None
    image_size: int = 640
    batch_size: int = 8

    def __post_init__(self) -> None:
        for limit in (self.confidence, self.overlap):
            if (limit is not None and not 0 <= limit <= 1) or self.confidence == 0:
                raise DesignError("confidence and overlap must be from 0 to 1")
        object.__setattr__(self, "weights", weights_or_name(self.weights))
        path = Path(self.weights)
        if not self.unmade and path.suffix.lower() != ".onnx" and not self.trust:
            raise DesignError(
                f"{path.name} is no ONNX file, and loading it can run any code (.pt is a pickle):"
                " give trust=True if you trust where it comes from, or export it to ONNX"
            )
        if self.labels is not None:
            object.__setattr__(self, "labels", read_labels(self.labels))

    @property
    def unmade(self) -> str:
        """Name of the weights where they have to be made first; else empty."""
        return self.weights if isinstance(self.weights, str) else ""

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
        for row, (kinds, sure, _) in enumerate(self.find(images)):
            np.add.at(counts[row], kinds, 1)
            np.maximum.at(best[row], kinds, sure)
        return np.concatenate([counts, best], axis=1)

    def find(self, images: Sequence[Image]) -> list[tuple[Ints, Floats, Floats]]:
        """Class, confidence and box (left, top, right, bottom) of each object of some frames."""
        path, ours = Path(self.weights), self._is_nanodet()
        usual = _NANODET if ours else _YOLO
        given = zip((self.confidence, self.overlap), usual, strict=True)
        confidence, overlap = (other if one is None else one for one, other in given)
        limits = {"confidence": confidence, "overlap": overlap}
        if ours:
            return side_by_side(lambda part: find_objects(part, path, **limits), images)
        return load_yolo(path).find_objects(images, image_size=self.image_size, **limits)

    def _is_nanodet(self) -> bool:
        path = Path(self.weights)
        if self.unmade or path == made_network("nanodet"):
            return True
        return path.suffix.lower() == ".onnx" and is_nanodet(path)

    def _classes(self) -> tuple[str, ...]:
        if self._is_nanodet():
            own = read_labels(known_weights()["nanodet"].labels.split(";"))
        else:
            own = load_yolo(Path(self.weights)).classes
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
