"""Small networks on a small study. These tests need Keras and a backend (the extra ``deep``)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import muvistats as mv
from muvistats.deep import NetworkModels, Protocol, network_models, quick
from muvistats.deep import models as models_module
from muvistats.deep.store import Trained, entry_of, load_trained
from muvistats.deep.units import Unit, with_needs
from muvistats.deep.windows import Sequences, save_sequences

BACKENDS = [name for name in ("torch", "tensorflow") if importlib.util.find_spec(name)]

if importlib.util.find_spec("keras") is None or not BACKENDS:
    collect_ignore_glob = ["*"]  # another environment: see the Makefile

#: Entropy of `rng=0`, as it stands in the names of files.
ENTROPY = (0, (0,))


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend that is installed."""
    return str(request.param)


@pytest.fixture(scope="session")
def one_backend() -> str:
    """The backend for what does not depend on it: torch starts sooner."""
    return BACKENDS[0]


@pytest.fixture(scope="session")
def remote() -> Callable[..., Any]:
    """Call a function where Keras runs on some backend: a process keeps its first one."""
    import cloudpickle

    from muvistats.deep.schedule import _pool

    def call(backend: str, function: Callable[..., Any], *values: Any) -> Any:
        modules = [sys.modules[each.__module__] for each in (function, started)]
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
        try:
            return _pool(1, backend).submit(started, backend, function, values).result()
        finally:
            for module in modules:
                cloudpickle.unregister_pickle_by_value(module)

    return call


def started(backend: str, function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    """Call a function in a process that later trains: TensorFlow sets its threads only once."""
    from muvistats.deep.backend import load_keras

    load_keras(backend, threads=1)
    return function(*values)


def narrowed(study: xr.DataTree, n_audio: int, n_visual: int) -> xr.DataTree:
    """A study with the first features of each kind."""
    out = study.copy()
    for kind, n in (("audio", n_audio), ("visual", n_visual)):
        part = study[f"features/{kind}"].to_dataset().isel(feature=slice(0, n))
        out[f"features/{kind}"] = xr.DataTree(part)
    return out


@pytest.fixture(scope="session")
def whole_study() -> xr.DataTree:
    """12 items with all 988 audio features and 60 visual ones."""
    return mv.simulate_muvi(rng=1, n_items=12, n_participants=12)


@pytest.fixture(scope="session")
def small_study(whole_study: xr.DataTree) -> xr.DataTree:
    """12 items with 6 audio features and 5 visual ones."""
    return narrowed(whole_study, 6, 5)


@pytest.fixture(scope="session")
def tiny_protocol() -> Callable[..., Protocol]:
    """A protocol with networks of 4 units, 3 folds and 3 epochs; settings can be changed."""

    def make(name: str = "strict", **settings: Any) -> Protocol:
        small: dict[str, Any] = {
            "units": (4, 4),
            "dense_units": 4,
            "n_folds": 3,
            "max_epochs": 3,
            "patience": 2,
            "batch_size": 128,
            "fused_batch_size": 128,
        }
        return replace(quick(name), **(small | settings))

    return make


@pytest.fixture
def train(one_backend: str) -> Callable[..., NetworkModels]:
    """`network_models` for arousal in one process, nothing kept."""

    def run(study: xr.DataTree, *configurations: Any, **settings: Any) -> NetworkModels:
        defaults = {
            "dimension": ["arousal"],
            "backend": one_backend,
            "n_jobs": 1,
            "cache": False,
            "progress": False,
        }
        return network_models(study, configurations=list(configurations), **(defaults | settings))

    return run


@pytest.fixture
def of_fold(
    monkeypatch: pytest.MonkeyPatch, train: Callable[..., NetworkModels], tmp_path: Path
) -> Callable[..., dict[Unit, Trained]]:
    """Train what one fold needs, and read all that was kept, weights too."""
    plan = models_module.plan_units

    def run(study: xr.DataTree, fold: int, *names: Any, **settings: Any) -> dict[Unit, Trained]:
        monkeypatch.setattr(
            models_module,
            "plan_units",
            lambda *given: [(c, unit) for c, unit in plan(*given) if unit.fold == fold],
        )
        folder = tmp_path / "kept"
        return kept(train(study, *names, cache=folder, **settings), folder)

    return run


def entries(models: NetworkModels, folder: Path, entropy: Any = ENTROPY) -> dict[Unit, Path]:
    """File of each training, those that others start from first."""
    name = save_sequences(folder, Sequences.of(models.inputs)).name
    return {
        unit: entry_of(folder, unit, models.protocol, name, models.backend, entropy)
        for unit in with_needs(run.unit for run in models.runs)
    }


def kept(models: NetworkModels, folder: Path) -> dict[Unit, Trained]:
    """What is kept of each training, weights too."""
    out = {}
    for unit, entry in entries(models, folder).items():
        found = load_trained(entry, weights=True)
        assert found is not None, unit.words
        out[unit] = found
    return out


@pytest.fixture
def files_of() -> Callable[..., dict[Unit, Path]]:
    return entries


@pytest.fixture
def kept_of() -> Callable[[NetworkModels, Path], dict[Unit, Trained]]:
    return kept


@pytest.fixture
def same() -> Callable[..., bool]:
    """Whether two trainings are the same, bit by bit: weights and histories, and predictions."""

    def compare(one: Trained, other: Trained, *, fitted: bool = True) -> bool:
        pairs = [(one.loss, other.loss), (one.validation_loss, other.validation_loss)]
        if fitted:
            pairs += [(one.rows, other.rows), (one.fitted, other.fitted)]
        if one.weights.keys() != other.weights.keys() or one.n_steps != other.n_steps:
            return False
        for layer, weights in one.weights.items():
            pairs += list(zip(weights, other.weights[layer], strict=True))
        return all(np.array_equal(a, b) for a, b in pairs)

    return compare


@pytest.fixture(scope="session")
def learnable(small_study: xr.DataTree) -> xr.DataTree:
    """A study in which the first features of a step make the ratings of the next one.

    Music follows the sound, isolated video the picture, and audiovisual ratings their mean.
    """
    rng = np.random.default_rng(8)
    steps = small_study["annotations"].sizes["time"]
    signal: dict[str, dict[str, np.ndarray]] = {"audio": {}, "visual": {}}
    out = small_study.copy()
    for kind, of_item in signal.items():
        data = small_study[f"features/{kind}"].to_dataset().isel(feature=slice(0, 3)).copy()
        items, n = data["item"].values.astype(str), data.sizes["time"]
        phase = rng.uniform(0, 2 * np.pi, (len(items), 1, 3))
        speed = rng.uniform(0.05, 0.2, (len(items), 1, 3))
        values = np.sin(phase + speed * np.arange(n)[None, :, None])
        data["values"] = data["values"].copy(data=values.astype(data["values"].dtype))
        out[f"features/{kind}"] = xr.DataTree(data)
        of_item |= dict(zip(items, values[..., 0] * 0.6 + values[..., 1] * 0.2, strict=True))
    table = small_study["annotations"].to_dataset().copy()
    ratings = np.empty(table["arousal"].shape)
    for row, (item, modality) in enumerate(
        zip(table["item"].values, table["modality"].values, strict=True)
    ):
        sound, picture = (np.roll(signal[k][str(item)][:steps], 1) for k in ("audio", "visual"))
        mix = {"music": sound, "visual": picture, "audiovisual": (sound + picture) / 2}
        ratings[row] = np.clip(mix[str(modality)] + rng.normal(0, 0.02, steps), -1, 1)
    table["arousal"] = table["arousal"].copy(data=ratings)
    out["annotations"] = xr.DataTree(table)
    return out


@pytest.fixture
def changed() -> Callable[[xr.DataTree, Mapping[str, Any] | list[str]], xr.DataTree]:
    """A study whose features and ratings of some items are others, in all modalities."""

    def make(study: xr.DataTree, items: list[str]) -> xr.DataTree:
        rng = np.random.default_rng(99)
        out = study.copy()
        for kind in ("audio", "visual"):
            data = study[f"features/{kind}"].to_dataset().copy()
            values = data["values"].values.copy()
            where = np.isin(data["item"].values.astype(str), items)
            wild = 1000.0 * rng.normal(size=values[where].shape)
            values[where] = np.where(np.isfinite(values[where]), wild, np.nan)
            data["values"] = data["values"].copy(data=values)
            out[f"features/{kind}"] = xr.DataTree(data)
        table = study["annotations"].to_dataset().copy()
        where = np.isin(table["item"].values.astype(str), items)
        for name in ("arousal", "valence"):
            values = table[name].values.copy()
            wild = rng.uniform(-1, 1, values[where].shape)
            values[where] = np.where(np.isfinite(values[where]), wild, np.nan)
            table[name] = table[name].copy(data=values)
        out["annotations"] = xr.DataTree(table)
        return out

    return make
