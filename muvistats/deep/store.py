"""Finished trainings, kept one by one, so that a run that was cut off goes on."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files import load_arrays, write_arrays
from ..types import Floats, Ints
from .backend import BACKENDS
from .protocols import Protocol
from .units import Unit

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
    write_arrays(entry, arrays)


def load_trained(entry: Path, *, weights: bool = False) -> Trained | None:
    """A training that was kept, with or without weights; None where there is none or it is bad."""
    stored = load_arrays(entry, lambda name: weights or not name.startswith(_WEIGHT))
    if stored is None:
        return None
    layers: dict[str, list[npt.NDArray[np.float32]]] = {}
    for name in sorted(each for each in stored if each.startswith(_WEIGHT)):
        layers.setdefault(name.split(" ", 2)[2], []).append(stored[name])
    try:
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
    except KeyError:
        return None
