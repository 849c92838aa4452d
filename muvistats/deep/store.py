"""Finished trainings, kept one by one, so that a run that was cut off goes on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset.release.feature_cache import cache_folder, write_whole
from .backend import BACKENDS
from .protocols import Protocol
from .units import Unit

__all__ = [
    "FilePath",
    "Trained",
    "entry_of",
    "kept_folder",
    "load_trained",
    "used_versions",
    "write_trained",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
FilePath = str | os.PathLike[str]

#: Goes into the key; to be raised when training changes, so that old entries are not found.
_FORMAT = "muvistats networks 1"

_WEIGHT = "weight "


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What is kept of a training.

    Parameters
    ----------
    rows : ndarray of int, shape (prediction,)
        Rows of the tested items that are predicted, in order.
    fitted : ndarray of float, shape (prediction,)
        Predictions.
    loss, validation_loss : ndarray of float, shape (epoch,)
        Mean squared error over each epoch, and after it.
    n_steps : int
        Gradient steps.
    fit_seconds : float
        Time within Keras's ``fit``, in s.
    weights : dict of str to list of ndarray
        Weights that may be transferred, by layer; empty but for unimodal networks.
    problem : str
        Why nothing is predicted; empty where all is well.
    """

    rows: Ints
    fitted: Floats
    loss: Floats
    validation_loss: Floats
    n_steps: int
    fit_seconds: float
    weights: Mapping[str, list[npt.NDArray[np.float32]]]
    problem: str = ""

    @property
    def n_epochs(self) -> int:
        """Epochs that were trained."""
        return len(self.loss)


def entry_of(
    folder: Path, unit: Unit, protocol: Protocol, inputs: str, backend: str, entropy: Any
) -> Path:
    """Where a training is kept: a name from all that its numbers depend on."""
    settings = {
        name: value
        for name, value in asdict(protocol).items()
        if name not in ("name", "scoring", "rmse", "moments", "exclusions")
    }
    what = [_FORMAT, unit.plain(), settings, inputs, backend, used_versions(backend), entropy]
    text = json.dumps(what, sort_keys=True, default=lambda value: np.asarray(value).tolist())
    key = hashlib.sha256(text.encode()).hexdigest()
    return folder / key[:2] / f"{key[:40]}.npz"


@contextlib.contextmanager
def kept_folder(cache: bool | FilePath, name: str) -> Iterator[Path]:
    """Folder of what is finished: of this name in the user's cache, a given one, or one that goes.

    Parameters
    ----------
    cache : bool or path
        True for the cache of the user, a folder, or False to keep nothing.
    name : str
        Name within the cache of the user.

    Yields
    ------
    Path
        The folder, which exists.
    """
    if cache is False or cache is None:
        with tempfile.TemporaryDirectory(prefix="muvistats-") as passing:
            yield Path(passing)
        return
    folder = cache_folder() / name if cache is True else Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


@functools.cache
def used_versions(backend: str) -> dict[str, str]:
    """Versions of what computes; TensorFlow comes under several names."""
    (name, *_) = importlib.metadata.packages_distributions()[BACKENDS[backend]]
    return {each: importlib.metadata.version(each) for each in ("keras", "numpy", name)}


def write_trained(entry: Path, trained: Trained) -> None:
    """Keep a training; the file has its name only when it is whole."""
    arrays: dict[str, Any] = {
        "rows": trained.rows,
        "fitted": trained.fitted,
        "loss": trained.loss,
        "validation_loss": trained.validation_loss,
        "n_steps": trained.n_steps,
        "fit_seconds": trained.fit_seconds,
        "problem": trained.problem,
    }
    for layer, weights in trained.weights.items():
        for number, weight in enumerate(weights):
            arrays[f"{_WEIGHT}{number} {layer}"] = weight
    entry.parent.mkdir(parents=True, exist_ok=True)
    write_whole(entry, lambda stream: np.savez(stream, allow_pickle=False, **arrays))


def load_trained(entry: Path, *, weights: bool = False) -> Trained | None:
    """A training that was kept, with or without weights; None where there is none or it is bad."""
    try:
        with entry.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            layers: dict[str, list[npt.NDArray[np.float32]]] = {}
            names = [name for name in stored.files if name.startswith(_WEIGHT)] if weights else []
            for name in sorted(names):
                layers.setdefault(name.split(" ", 2)[2], []).append(stored[name])
            return Trained(
                stored["rows"],
                stored["fitted"],
                stored["loss"],
                stored["validation_loss"],
                int(stored["n_steps"]),
                float(stored["fit_seconds"]),
                layers,
                str(stored["problem"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
