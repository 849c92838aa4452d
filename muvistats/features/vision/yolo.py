"""Objects by a YOLO network of ultralytics."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...extras import optional_module
from ...types import Floats, Ints
from ..labels import snake_case
from ..onnx import load_session
from .protocol import Image


@dataclass(frozen=True, slots=True)
class Yolo:
    """A network ready to run, its classes, and what an ONNX file fixes."""

    model: Any
    classes: tuple[str, ...]
    one_by_one: bool = False
    size: list[int] | None = None

    def find_objects(
        self, images: Sequence[Image], *, confidence: float, overlap: float, image_size: int
    ) -> list[tuple[Ints, Floats, Floats]]:
        """Class, probability and box of each object of some pictures."""
        at_once = 1 if self.one_by_one else len(images)
        found: list[Any] = []
        for start in range(0, len(images), at_once):
            found += self.model.predict(
                [np.ascontiguousarray(image) for image in images[start : start + at_once]],
                conf=confidence,
                iou=overlap,
                imgsz=self.size or image_size,
                verbose=False,
                save=False,
            )
        boxes = [each.boxes.cpu().numpy() for each in found]
        return [(b.cls.astype(int), b.conf.astype(float), b.xyxy.astype(float)) for b in boxes]


def load_yolo(path: Path) -> Yolo:
    """A network from its file, kept for the next video of this process."""
    stamp = path.stat()
    return _load(path.resolve(), (stamp.st_mtime_ns, stamp.st_size))


@lru_cache(maxsize=2)
def _load(path: Path, stamp: tuple[int, int]) -> Yolo:  # noqa: ARG001 (a changed file is new)
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
    return Yolo(model, tuple(classes), one_by_one, size)


def _onnx_input(path: Path) -> tuple[bool, list[int] | None]:
    """Whether an ONNX network takes one picture at a time, and the size that it fixes."""
    shape = load_session(path, "yolo").get_inputs()[0].shape
    fixed = all(isinstance(side, int) for side in shape[-2:])
    return isinstance(shape[0], int), list(shape[-2:]) if fixed else None
