"""Train one network: in a process of its own, on one thread, with numbers that repeat."""

from __future__ import annotations

import functools
import gc
import os
import random
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import Ints, Singles
from . import networks
from .backend import load_keras
from .protocols import Protocol
from .store import Trained, load_trained, write_trained
from .units import Unit
from .windows import FoldItems, Sequences, entering_items, fold_items, load_sequences

#: Windows whose loss is computed at once, and that are predicted at once.
_CHECKED = 1024
_PREDICTED = 256


@dataclass(frozen=True, slots=True)
class Task:
    """A training and where its inputs and its result lie.

    Parameters
    ----------
    unit : Unit
        What is trained.
    protocol : Protocol
        How.
    inputs : Path
        Folder of the sequences.
    entry : Path
        File of the result.
    branches : tuple of (str, Path)
        Kind and file of each network that a branch starts from.
    steps_of : Path, optional
        File of the network whose number of steps is taken.
    backend : str
        Backend of Keras.
    entropy : tuple
        Entropy and spawn key of the source of randomness.
    """

    unit: Unit
    protocol: Protocol
    inputs: Path
    entry: Path
    branches: tuple[tuple[str, Path], ...]
    steps_of: Path | None
    backend: str
    entropy: tuple[Any, tuple[int, ...]]


def train_task(task: Task) -> Trained:
    """Train, predict the tested items, and keep the result.

    Parameters
    ----------
    task : Task
        What is trained.

    Returns
    -------
    Trained
        Predictions and history, without weights.
    """
    keras = _started(task.backend)
    sequences = _sequences(task.inputs)
    data = _fold_data(task, sequences)
    keras.utils.set_random_seed(_seed(task))
    with _own_numbers(_seed(task)):
        network = _fresh(task, data)
    initial = _own_state(network.variables)
    worker = _compiled(keras, task, data.widths)
    trained = _fit(keras, worker, task, data, _from_start()(initial, _seed(task)))
    write_trained(task.entry, trained)
    del network, initial
    gc.collect()  # networks hold themselves in circles, and the collector cannot see their size
    return replace(trained, weights={})


# ------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True, eq=False)
class _FoldData:
    """Scaled features, ratings and windows of a training."""

    x: tuple[Singles, ...]
    y: npt.NDArray[np.float64]
    fit: Ints
    stop: Ints
    test: Ints
    window: int

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(block.shape[1] for block in self.x)

    def windows(self, starts: Ints) -> Any:
        """Features of some windows, shape (window, time step, feature), one array per input."""
        rows = starts[:, None] + np.arange(self.window)
        parts = tuple(block[rows] for block in self.x)
        return parts if len(parts) > 1 else parts[0]

    def targets(self, starts: Ints) -> Singles:
        """Ratings at the step after some windows, shape (window, 1)."""
        out: Singles = self.y[starts + self.window, None].astype(np.float32)
        return out


def _fold_data(task: Task, sequences: Sequences) -> _FoldData:
    unit, window = task.unit, task.protocol.window
    parts = fold_items(entering_items(sequences, window), task.protocol, unit.repeat, unit.fold)
    usable = sequences.usable(unit.target, unit.modality, unit.kinds, window)
    fit, stop, test = (
        sequences.starts(part & usable, window) for part in (parts.fit, parts.stop, parts.test)
    )
    y = sequences.ratings(unit.target, unit.modality)
    if unit.permuted is not None:
        y = _permuted(task, sequences, parts, usable)
        fit, stop, test = (starts[~np.isnan(y[starts + window])] for starts in (fit, stop, test))
    x = tuple(
        _scaled(task.inputs, kind, fit.tobytes(), task.protocol.window) for kind in unit.kinds
    )
    return _FoldData(x, y, fit, stop, test, window)


def _permuted(
    task: Task, sequences: Sequences, parts: FoldItems, usable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Ratings of each training item on one drawn from them, step by step; the rest is gone.

    The permutation depends on the source of randomness and on the training, so that two numbers
    are two independent draws in every fold; an item may keep its own ratings.
    """
    y = sequences.ratings(task.unit.target, task.unit.modality)
    out = np.full(len(y), np.nan)
    training = np.flatnonzero((parts.fit | (parts.stop & ~parts.test)) & usable)
    rng = np.random.default_rng([_seed(task), 1])
    for item, source in zip(training, rng.permutation(training), strict=True):
        to, of = np.flatnonzero(sequences.item == item), np.flatnonzero(sequences.item == source)
        size = min(len(to), len(of))
        out[to[:size]] = y[of[:size]]
    return out


@functools.lru_cache(maxsize=1)
def _sequences(folder: Path) -> Sequences:
    return load_sequences(folder)


@functools.lru_cache(maxsize=4)
def _scaled(folder: Path, kind: str, starts: bytes, window: int) -> Singles:
    rows: Ints = np.frombuffer(starts, dtype=np.int64)
    return _sequences(folder).scaled(kind, rows, window)


# ---------------------------------------------------------------------- network


@functools.cache
def _started(backend: str) -> Any:
    """Keras in this process; what the backends print as they are loaded goes nowhere."""
    said = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        try:
            keras = load_keras(backend, threads=1)
        finally:
            os.dup2(said, 2)
            os.close(said)
    gc.freeze()  # what was loaded stays; collecting what a training leaves is quick then
    return keras


@contextmanager
def _own_numbers(seed: int) -> Iterator[None]:
    """Python's random numbers, of which Keras makes seeds, for this thread alone.

    A worker of dask draws some in other threads, at any time.
    """
    mine, everybody = threading.get_ident(), random.randint
    own = random.Random(seed)  # noqa: S311

    def randint(a: int, b: int) -> int:
        return (own.randint if threading.get_ident() == mine else everybody)(a, b)

    random.randint = randint
    try:
        yield
    finally:
        random.randint = everybody


def _seed(task: Task) -> int:
    """Seed of a training, from the source of randomness and what the training is."""
    entropy, spawn_key = task.entropy
    own = zlib.crc32(repr(task.unit).encode())
    child = np.random.SeedSequence(entropy, spawn_key=(*spawn_key, own))
    return int(child.generate_state(1)[0])


def _fresh(task: Task, data: _FoldData) -> Any:
    """A network with new weights, transferred ones put in."""
    network = _network(task.unit, task.protocol, data.widths)
    for kind, entry in task.branches:
        source = load_trained(entry, weights=True)
        if source is None or not source.weights:
            raise FileNotFoundError(f"{entry}: the network that a branch starts from is gone")
        for layer, weights in source.weights.items():
            if layer.startswith(f"{kind}_"):
                network.get_layer(layer).set_weights(weights)
    return network


def _network(unit: Unit, protocol: Protocol, widths: tuple[int, ...]) -> Any:
    if unit.network == "unimodal":
        network = networks.unimodal(*widths, kind=unit.features, protocol=protocol)
    else:
        network = getattr(networks, unit.network)(*widths, protocol=protocol)
    if unit.frozen:
        for kind, _ in unit.branches:
            for name in networks.block_layers(kind, protocol):
                network.get_layer(name).trainable = False
    return network


def _own_state(variables: Any) -> list[npt.NDArray[Any]]:
    """Values of variables as arrays of their own."""
    keras = load_keras()
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


#: Compiled networks of this process, by what makes them alike: tracing takes seconds.
_COMPILED: dict[tuple[Any, ...], Any] = {}


def _compiled(keras: Any, task: Task, widths: tuple[int, ...]) -> Any:
    unit, protocol = task.unit, task.protocol
    frozen = tuple(kind for kind, _ in unit.branches) if unit.frozen else ()
    alike = (unit.network, unit.features, widths, frozen, protocol)
    if alike not in _COMPILED:
        if any(key[-1] != protocol for key in _COMPILED):
            _COMPILED.clear()
        network = _network(unit, protocol, widths)
        network.compile(
            optimizer=keras.optimizers.Adam(protocol.learning_rate), loss="mse", jit_compile=False
        )
        network.optimizer.build(network.trainable_variables)
        _COMPILED[alike] = network
    return _COMPILED[alike]


@functools.cache
def _feed() -> Any:
    """Class of the batches that Keras asks for, gathered from the frames one by one."""
    keras = load_keras()

    class Feed(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
        def __init__(self, data: _FoldData, starts: Ints, size: int, seed: int | None) -> None:
            super().__init__()
            self.data, self.starts, self.size = data, starts, size
            self.rng = None if seed is None else np.random.default_rng(seed)
            self.shuffle()

        def shuffle(self) -> None:
            if self.rng is not None:
                self.starts = self.rng.permutation(self.starts)

        def __len__(self) -> int:
            return -(-len(self.starts) // self.size)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            starts = self.starts[index * self.size : (index + 1) * self.size]
            return self.data.windows(starts), self.data.targets(starts)

        def on_epoch_end(self) -> None:
            self.shuffle()

    return Feed


@functools.cache
def _from_start() -> Any:
    """Class of the callback that puts a network in its first state, just before the first step.

    Not earlier: the first ``fit`` of a compiled network tries it out, which moves the seeds of
    dropout on; on torch these are one state of the whole process.
    """
    keras = load_keras()

    class FromStart(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def __init__(self, state: list[npt.NDArray[Any]], seed: int) -> None:
            super().__init__()
            self.state, self.seed = state, seed

        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
            keras.utils.set_random_seed(self.seed)
            for variable, value in zip(self.model.variables, self.state, strict=True):
                variable.assign(value)
            for variable in self.model.optimizer.variables:
                if variable.path.rpartition("/")[2] != "learning_rate":
                    variable.assign(np.zeros(variable.shape, dtype=variable.dtype))

    return FromStart


@functools.cache
def _best_weights() -> Any:
    """Class of the callback that keeps the weights with the lowest validation loss."""
    keras = load_keras()

    class BestWeights(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lowest = np.inf
            self.weights: list[Any] | None = None

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
            loss = (logs or {}).get("val_loss", np.nan)
            if loss < self.lowest:
                self.lowest = loss
                self.weights = [np.array(weight) for weight in self.model.get_weights()]

    return BestWeights


def _fit(keras: Any, network: Any, task: Task, data: _FoldData, start: Any) -> Trained:
    protocol = task.protocol
    late = task.unit.network == "late_fusion"
    size = protocol.fused_batch_size if late else protocol.batch_size
    training = _feed()(data, data.fit, size, _seed(task))
    checking = _feed()(data, data.stop, _CHECKED, None)
    epochs, stopping = (
        protocol.max_epochs,
        [keras.callbacks.EarlyStopping(monitor="val_loss", patience=protocol.patience)],
    )
    if task.steps_of is not None:
        like = load_trained(task.steps_of)
        if like is None:
            raise FileNotFoundError(f"{task.steps_of}: the network to be matched is gone")
        epochs, stopping = max(1, round(like.n_steps / len(training))), []
    best = _best_weights()()
    begin = time.perf_counter()
    history = network.fit(
        training,
        validation_data=checking,
        epochs=epochs,
        callbacks=[start, *stopping, best],
        shuffle=False,  # the feed shuffles; Keras would, by a state that outlives the training
        verbose=0,
    ).history
    seconds = time.perf_counter() - begin
    training.data = checking.data = None  # TensorFlow never lets go of what it was fed by
    loss, checked = (np.asarray(history[name], dtype=float) for name in ("loss", "val_loss"))
    last = network.get_weights()
    lowest = last if best.weights is None else best.weights
    network.set_weights(lowest if protocol.restore_best else last)
    fitted = _predict(network, data)
    problem = "" if np.isfinite(fitted).all() else "training diverged: predictions are not finite"
    weights: dict[str, list[Any]] = {}
    if task.unit.network == "unimodal":  # what others start from
        network.set_weights(lowest if protocol.checkpoint == "best" else last)
        for name in networks.block_layers(task.unit.features, protocol):
            weights[name] = [np.array(w) for w in network.get_layer(name).get_weights()]
    return Trained(
        data.test + data.window,
        fitted,
        loss,
        checked,
        len(loss) * len(training),
        seconds,
        weights,
        problem,
    )


def _predict(network: Any, data: _FoldData) -> npt.NDArray[np.float64]:
    """Predictions of the tested windows, in batches of one size, for which nothing is retraced."""
    n = len(data.test)
    if not n:  # a network on permuted ratings, from which others start
        return np.empty(0)
    padded = np.resize(data.test, -(-n // _PREDICTED) * _PREDICTED)
    parts = [
        np.asarray(network.predict_on_batch(data.windows(batch)))[:, 0]
        for batch in padded.reshape(-1, _PREDICTED)
    ]
    return np.concatenate(parts)[:n].astype(float)
