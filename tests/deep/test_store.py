"""Kept trainings: their names, and what is read back."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from muvistats.deep import PROTOCOLS, Protocol
from muvistats.deep import store as store_module
from muvistats.deep.store import Trained, entry_of, load_trained, write_trained
from muvistats.deep.units import Unit

UNIT = Unit("unimodal", "music", "audio", "arousal", 1, 1, 1)
STRICT = PROTOCOLS["strict"]

#: Another value for each setting of a protocol.
OTHERS = {
    "name": "own",
    "exclusions": "released",
    "n_samples": 50,
    "block": "dense_lstm",
    "units": (256, 255),
    "dense_units": 255,
    "dropout": 0.1,
    "window": 5,
    "learning_rate": 1e-3,
    "batch_size": 255,
    "fused_batch_size": 255,
    "max_epochs": 99,
    "patience": 6,
    "stopping": "held_out_items",
    "restore_best": False,
    "pretraining": "last_fold",
    "checkpoint": "last",
    "scoring": "blocks",
    "rmse": "mse",
    "moments": "n-1",
    "n_folds": 4,
}


@pytest.fixture(autouse=True)
def _versions(monkeypatch):
    """The backends need not be here."""
    monkeypatch.setattr(store_module, "used_versions", lambda backend: {backend: "1.0"})


def entry(
    folder=Path("kept"), unit=UNIT, protocol=STRICT, inputs="a", backend="torch", seed=(0, (0,))
):
    return entry_of(folder, unit, protocol, inputs, backend, seed)


def test_every_setting_is_thought_of():
    assert set(OTHERS) == {field.name for field in fields(Protocol)}


@pytest.mark.parametrize("setting", sorted(OTHERS))
def test_settings_in_the_name(setting):
    """A name depends on what the numbers depend on, and on nothing that scores them."""
    other = entry(protocol=replace(STRICT, **{setting: OTHERS[setting]}))
    # the features and ratings that are left by exclusions have a name of their own
    same = setting in ("name", "scoring", "rmse", "moments", "exclusions")
    assert (other == entry()) == same


@pytest.mark.parametrize(
    "unit",
    [
        replace(UNIT, seed=2),
        replace(UNIT, fold=2),
        replace(UNIT, repeat=2),
        replace(UNIT, target="valence"),
        replace(UNIT, permuted=0),
        replace(UNIT, steps_of=replace(UNIT, modality="visual")),
        replace(UNIT, network="late_fusion", branches=(("audio", UNIT),)),
        replace(UNIT, network="late_fusion", branches=(("audio", UNIT),), frozen=True),
    ],
)
def test_units_in_the_name(unit):
    assert entry(unit=unit) != entry()


def test_the_rest_of_the_name(monkeypatch):
    first = entry()
    assert entry(inputs="b") != first
    assert entry(backend="tensorflow") != first
    assert entry(seed=(1, (0,))) != first
    assert entry(seed=(0, (1,))) != first
    assert entry(seed=(np.int64(0), (0,))) == first
    assert first.suffix == ".npz"
    assert first.parent.parent == Path("kept")
    monkeypatch.setattr(store_module, "used_versions", lambda backend: {backend: "1.1"})
    assert entry() != first


def made(n: int = 4) -> Trained:
    rng = np.random.default_rng(1)
    return Trained(
        np.arange(n),
        rng.normal(size=n),
        rng.random(3),
        rng.random(3),
        12,
        0.5,
        {
            "audio_lstm_1": [
                rng.normal(size=shape).astype("f4") for shape in ((2, 8), (2, 8), (8,))
            ],
            "audio_lstm_2": [
                rng.normal(size=shape).astype("f4") for shape in ((2, 4), (1, 4), (4,))
            ],
        },
        "a problem",
    )


def test_round_trip(tmp_path):
    path, trained = tmp_path / "ab" / "entry.npz", made()
    write_trained(path, trained)
    back = load_trained(path, weights=True)
    assert back is not None
    for name in ("rows", "fitted", "loss", "validation_loss"):
        np.testing.assert_array_equal(getattr(back, name), getattr(trained, name))
    assert (back.n_steps, back.fit_seconds, back.problem) == (12, 0.5, "a problem")
    assert back.n_epochs == 3
    assert list(back.weights) == list(trained.weights)
    for layer, weights in trained.weights.items():
        for one, other in zip(weights, back.weights[layer], strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype == np.float32
    light = load_trained(path)
    assert light is not None
    assert light.weights == {}
    assert [each.name for each in path.parent.iterdir()] == ["entry.npz"]  # nothing left over


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / "entry.npz"
    assert load_trained(path) is None
    write_trained(path, made())
    whole = path.read_bytes()
    for size in (0, 1, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert load_trained(path, weights=True) is None, size
    with path.open("wb") as stream:
        np.savez(stream, rows=np.arange(3))
    assert load_trained(path) is None
    with path.open("wb") as stream:  # code is never run
        np.savez(stream, rows=np.array([object()]), allow_pickle=True)
    assert load_trained(path) is None


def test_a_flipped_bit_is_found(tmp_path):
    """Archives have checksums: a changed weight is not read as if it were whole."""
    path = tmp_path / "entry.npz"
    write_trained(path, made())
    content = bytearray(path.read_bytes())
    place = content.find(made().weights["audio_lstm_2"][0].tobytes())
    assert place > 0
    content[place] ^= 1
    path.write_bytes(bytes(content))
    assert load_trained(path, weights=True) is None


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "entry.npz"
    write_trained(path, made())
    before = path.read_bytes()

    def fail(stream, **_arrays):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(store_module.np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        write_trained(path, made(5))
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["entry.npz"]
