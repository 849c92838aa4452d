"""Networks from files: what may be loaded, how pictures go in and probabilities come out."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from ...errors import DataError, DesignError
from ...extras import optional_module
from ...quiet import quiet
from ...types import Floats, Singles
from ..labels import read_labels
from ..onnx import (
    limit_network_threads,
    load_session,
    network_threads,
    one_line,
    run_session,
)
from ..weights import known_weights, weights_path
from .protocol import Image

Network = Callable[[Singles], Singles]

#: Mean and standard deviation of colours (red, green, blue) that networks trained on ImageNet
#: expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SD = (0.229, 0.224, 0.225)

#: How far rows of probabilities may be from 1.
_SUM = 1e-3


def limit_threads(threads: int) -> None:
    """Give OpenCV and networks that are loaded from now on so many threads; 0 is no limit."""
    limit_network_threads(threads)
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    cv2.setNumThreads(threads or -1)


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """A classifier and how it is used: the fields that extractors with a network share.

    Parameters
    ----------
    weights : path or str
        Network as ``.onnx``, as TorchScript, as the weights (a ``state_dict``) of `architecture`,
        or a name in the registry (`registered_weights`). Without it a `DesignError` says what is
        needed, where no network comes with the package.
    labels : path or sequence of str, optional
        Classes in the order of the network's outputs: a text file with one a line, or the names.
        Registered weights may bring their own.
    architecture : str
        Model of torchvision that a file of bare weights belongs to.
    trust : bool
        Whether a TorchScript file may be run: it is a program. ONNX and bare weights need no
        trust.
    activation : {"softmax", "none"}
        What turns the outputs into probabilities: `softmax`, or nothing where the network ends in
        its own.
    size : int, optional
        Side in pixels of the picture that the network takes. By default what the network says,
        else 224.
    mean, sd : sequence of float, optional
        Subtracted from and divided into the colours red, green and blue, which run from 0 to 1.
    batch_size : int
        Pictures or clips that the network gets at a time, at most.
    """

    weights: Path | str = ""
    labels: Path | str | Sequence[str] | None = None
    architecture: str = "resnet50"
    trust: bool = False
    activation: Literal["softmax", "none"] = "softmax"
    size: int | None = None
    mean: Sequence[float] | None = None
    sd: Sequence[float] | None = None
    batch_size: int = 16

    def __post_init__(self) -> None:
        if self.activation not in ("softmax", "none"):
            raise DesignError(f"activation={self.activation!r}: give softmax or none")
        if not str(self.weights):
            raise DesignError(
                f"{type(self).__name__} has no network: none comes with the package; bring your "
                "own with weights= and labels="
            )
        known = known_weights().get(str(self.weights))
        labels, mean, sd = self.labels, self.mean, self.sd
        if known is not None:
            labels = labels or known.labels.split(";") if known.labels else labels
            mean = (float(known.mean),) * 3 if mean is None and known.mean else mean
            sd = (float(known.sd),) * 3 if sd is None and known.sd else sd
            if self.size is None and known.size:
                object.__setattr__(self, "size", int(known.size))
        if labels is None:
            raise DesignError("labels are needed: a text file with the classes in order, or names")
        self._set("labels", read_labels(labels))
        self._set("mean", _colours(mean, IMAGENET_MEAN, "mean"))
        self._set("sd", _colours(sd, IMAGENET_SD, "sd"))
        self._set("weights", weights_path(self.weights))
        _refuse_untrusted(Path(self.weights), trust=self.trust)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in order."""
        return cast("tuple[str, ...]", self.labels)

    @property
    def side(self) -> int:
        """Side of the picture that the network takes."""
        fixed = _loaded(self).side
        if fixed and self.size and fixed != self.size:
            raise DesignError(f"size={self.size}: the network takes pictures of {fixed} pixels")
        return self.size or fixed or 224

    def probabilities(self, batch: Singles) -> Floats:
        """Probabilities of the classes, (row, class), for prepared pictures or clips."""
        labels = self.classes
        blocks = [
            _loaded(self).run(batch[start : start + self.batch_size])
            for start in range(0, len(batch), self.batch_size)
        ]
        if not blocks:
            return np.empty((0, len(labels)), dtype=np.float64)
        scores = np.concatenate(blocks).astype(np.float64)
        scores = scores.reshape(len(scores), -1)
        if scores.shape[1] != len(labels):
            raise DataError(
                "number of labels is not the number of the network's classes",
                file=Path(self.weights).name,
                column="labels",
                found=len(labels),
                expected=scores.shape[1],
            )
        return self._activated(scores)

    def _activated(self, scores: Floats) -> Floats:
        if not np.isfinite(scores).all():
            raise DataError("network gave values that are not finite", file=self.weights)
        sums = np.abs(scores.sum(axis=1) - 1) < _SUM
        already = bool((scores.min() >= 0) and sums.all())
        if self.activation == "none":
            if not already:
                raise DesignError(
                    "outputs of the network are no probabilities: leave activation at 'softmax'"
                )
            return scores
        if already and scores.shape[1] > 1:
            raise DesignError(
                "outputs of the network are probabilities already: give activation='none'"
            )
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Floats = powers / powers.sum(axis=1, keepdims=True)
        return shares


def prepare(images: Sequence[Image], settings: NetworkSettings, *, crop: float = 1.0) -> Singles:
    """Pictures as a network takes them: (picture, colour, height, width), red first.

    Parameters
    ----------
    images : sequence of ndarray of uint8
        Pictures, blue first.
    settings : NetworkSettings
        Size, mean and standard deviation.
    crop : float
        Share of each side that is kept, in the middle.
    """
    side = settings.side
    small = np.stack([shrink(image, side, crop=crop) for image in images])
    return normalise(small, settings)


def shrink(image: Image, side: int, *, crop: float = 1.0) -> Image:
    """The middle of a picture, stretched to a square."""
    cv2 = optional_module("cv2", "vision", package="opencv-python-headless")
    height, width = image.shape[:2]
    top, left = (round(length * (1 - crop) / 2) for length in (height, width))
    middle = image[top : height - top or None, left : width - left or None]
    larger = side > min(middle.shape[:2])
    how = cv2.INTER_LINEAR if larger else cv2.INTER_AREA
    small: Image = cv2.resize(middle, (side, side), interpolation=how)
    return small


def normalise(images: npt.NDArray[np.uint8], settings: NetworkSettings) -> Singles:
    """Pictures (..., height, width, colour) with colours in front, red first, on the scale."""
    mean = np.array(settings.mean, dtype=np.float32) * 255
    sd = np.array(settings.sd, dtype=np.float32) * 255
    scaled = (images[..., ::-1].astype(np.float32) - mean) / sd
    return np.ascontiguousarray(np.moveaxis(scaled, -1, 1))


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A network ready to run, and the side of its pictures where that is fixed."""

    run: Network
    side: int | None


def _loaded(settings: NetworkSettings) -> _Loaded:
    path = Path(settings.weights)
    stamp = path.stat()
    return _load(
        path.resolve(),
        (stamp.st_mtime_ns, stamp.st_size),
        settings.architecture,
        len(settings.classes),
        network_threads(),
    )


@lru_cache(maxsize=4)
def _load(
    path: Path,
    stamp: tuple[int, int],  # noqa: ARG001 (a file that was changed is loaded anew)
    architecture: str,
    n_classes: int,
    threads: int,
) -> _Loaded:
    """A network from its file, kept for the next video of this process."""
    if path.suffix.lower() == ".onnx":
        return _onnx(path)
    return _torch(path, architecture, n_classes, threads)


def _onnx(path: Path) -> _Loaded:
    session = load_session(path, "vision")
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        raise DataError(
            "network must take one batch of pictures",
            file=path,
            found=", ".join(f"{each.name}: {each.type}" for each in inputs),
            expected="one input of 32-bit floats",
        )
    name, shape = inputs[0].name, inputs[0].shape
    fixed = shape[0] if isinstance(shape[0], int) else 0

    def call(batch: Singles) -> Singles:
        return run_session(session, {name: batch}, path)[0]

    side = shape[-1] if isinstance(shape[-1], int) and shape[-1] == shape[-2] else None
    return _Loaded(_in_fixed_batches(call, fixed) if fixed else call, side)


def _in_fixed_batches(call: Network, size: int) -> Network:
    """Feed a network that takes exactly so many at a time; the last batch is filled up."""

    def run(batch: Singles) -> Singles:
        blocks = []
        for start in range(0, len(batch), size):
            part = batch[start : start + size]
            lacking = size - len(part)
            full = np.concatenate([part, np.repeat(part[-1:], lacking, axis=0)])
            blocks.append(call(full)[: len(part)])
        return np.concatenate(blocks)

    return run


def _torch(path: Path, architecture: str, n_classes: int, threads: int) -> _Loaded:
    torch = optional_module("torch", "torch")
    if threads:
        torch.set_num_threads(threads)
    if _is_torchscript(path):
        try:
            with quiet():  # torch will have other formats
                model = torch.jit.load(str(path), map_location="cpu")
        except Exception as error:
            raise DataError(f"not a TorchScript network: {one_line(error)}", file=path) from error
    else:
        model = _from_state(path, architecture, n_classes, torch)
    model.eval()

    def run(batch: Singles) -> Singles:
        try:
            with torch.inference_mode():
                out: Singles = model(torch.from_numpy(batch)).numpy()
        except RuntimeError as error:
            raise DataError(f"network refused a batch: {one_line(error)}", file=path) from error
        return out

    return _Loaded(run, None)


def _from_state(path: Path, architecture: str, n_classes: int, torch: Any) -> Any:
    """A model of torchvision with weights from a file, read without running anything in it."""
    models = optional_module("torchvision.models", "torch")
    known = models.list_models()
    if architecture not in known:
        raise DesignError(f"architecture={architecture!r} is no model of torchvision")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            "file holds more than weights, or none: only ONNX, TorchScript and bare weights can"
            " be read",
            file=path,
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise DataError("file holds no weights by name", file=path, found=type(state).__name__)
    state = {str(key).removeprefix("module."): value for key, value in state.items()}
    model = models.get_model(architecture, weights=None, num_classes=n_classes)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(
            f"weights are not those of {architecture} with {n_classes} classes: {one_line(error)}",
            file=path,
        ) from error
    return model


def _refuse_untrusted(path: Path, *, trust: bool) -> None:
    if path.suffix.lower() != ".onnx" and not trust and _is_torchscript(path):
        raise DesignError(
            f"{path.name} is TorchScript, a program that would be run: give trust=True if you"
            " trust where it comes from, or convert it to ONNX"
        )


def _is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, told without loading it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _colours(
    given: Sequence[float] | None, usual: tuple[float, float, float], what: str
) -> tuple[float, ...]:
    values = usual if given is None else tuple(float(value) for value in given)
    if len(values) != 3 or (what == "sd" and min(values) <= 0):
        raise DesignError(f"{what}={given!r}: give one number for red, green and blue each")
    return values
