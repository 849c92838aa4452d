"""Networks learn what there is to learn, and stop and keep what the protocol says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from muvistats.deep import Configuration, compare_architectures
from muvistats.deep.training import _seed  # the seed that a hand-made training needs
from muvistats.deep.windows import Sequences, entering_items, fold_items
from muvistats.errors import DataError

FAST = {"units": (8, 8), "dense_units": 8, "learning_rate": 0.03}


def test_held_out_items_are_predicted(learnable, tiny_protocol, one_backend):
    protocol = tiny_protocol(**FAST, max_epochs=10, patience=10, dropout=0.0)
    frame = compare_architectures(
        learnable,
        dimension=["arousal"],
        protocol=protocol,
        backend=one_backend,
        cache=False,
        linear=False,
        n_jobs=2,
        progress=False,
    )
    assert len(frame) == 7 * 12
    by = frame.groupby(["configuration", "modality", "features"])["ccc"].median()
    for key in [
        ("unimodal", "music", "audio"),
        ("unimodal", "visual", "visual"),
        ("early_fusion", "audiovisual", "audio_visual"),
        ("late_fusion", "audiovisual", "audio_visual"),
        ("pair", "audiovisual", "audio_visual"),
    ]:
        assert by[key] > 0.9, by
    # one kind says half of what makes audiovisual ratings
    assert by["unimodal", "audiovisual", "audio"] < by["pair", "audiovisual", "audio_visual"]
    assert (frame["rmse"] ** 2 - frame["mse"]).abs().max() < 1e-12


def constant(study: xr.DataTree, value: float) -> xr.DataTree:
    out = study.copy()
    table = study["annotations"].to_dataset().copy()
    values = np.where(np.isfinite(table["arousal"].values), value, np.nan)
    table["arousal"] = table["arousal"].copy(data=values)
    out["annotations"] = xr.DataTree(table)
    return out


def test_a_constant_target_is_refused(small_study, tiny_protocol, train):
    """Cursors that never move have no gold standard; nothing is trained."""
    with pytest.raises(DataError, match="no item has ratings"):
        train(constant(small_study, 0.25), "late_fusion", protocol=tiny_protocol())


def test_stopping_and_best_weights(small_study, tiny_protocol, of_fold):
    patience = 2
    settings = {"learning_rate": 0.1, "max_epochs": 30, "patience": patience, "dropout": 0.0}
    best = of_fold(small_study, 1, "unimodal", protocol=tiny_protocol(**settings))
    last = of_fold(
        small_study,
        1,
        "unimodal",
        protocol=tiny_protocol(**settings, restore_best=False, checkpoint="last"),
    )
    mixed = of_fold(
        small_study, 1, "unimodal", protocol=tiny_protocol(**settings, restore_best=False)
    )
    stopped = 0
    for unit, kept in best.items():
        other, third = last[unit], mixed[unit]
        np.testing.assert_array_equal(kept.validation_loss, other.validation_loss)
        at = int(np.argmin(kept.validation_loss))
        if kept.n_epochs < 30:
            stopped += 1
            assert kept.n_epochs == at + 1 + patience
            assert not np.array_equal(kept.fitted, other.fitted)
        for layer in kept.weights:
            assert (at == kept.n_epochs - 1) == all(
                map(np.array_equal, kept.weights[layer], other.weights[layer])
            )
            # predictions and transfer are set apart
            assert all(map(np.array_equal, kept.weights[layer], third.weights[layer]))
        np.testing.assert_array_equal(third.fitted, other.fitted)
    assert stopped  # else nothing was tested
    # training to the best epoch alone ends in the same weights
    unit, kept = next((u, k) for u, k in best.items() if k.n_epochs < 30)
    at = int(np.argmin(kept.validation_loss))
    short = of_fold(
        small_study,
        1,
        "unimodal",
        protocol=tiny_protocol(**(settings | {"max_epochs": at + 1}), restore_best=False),
    )[unit]
    np.testing.assert_array_equal(short.fitted, kept.fitted)


def plain_training(given: dict[str, Any]) -> dict[str, np.ndarray]:
    """The same training written by hand with Keras's layers, batch by batch."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(given["seed"])
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input(given["train_x"].shape[1:]),
            layers.LSTM(4, return_sequences=True, unroll=True),
            layers.Dropout(0.0),
            layers.LSTM(4, unroll=True),
            layers.Dropout(0.0),
            layers.Dense(1, activation="tanh"),
        ]
    )
    network.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", jit_compile=False)
    lowest, best, losses = np.inf, None, []
    for order in given["orders"]:
        for low in range(0, len(order), 128):
            batch = order[low : low + 128]
            network.train_on_batch(given["train_x"][batch], given["train_y"][batch])
        predicted = np.asarray(network.predict_on_batch(given["stop_x"]))
        losses.append(float(np.mean((predicted - given["stop_y"]) ** 2)))
        if losses[-1] < lowest:
            lowest, best = losses[-1], [np.array(w) for w in network.get_weights()]
    network.set_weights(best)
    return {
        "losses": np.array(losses),
        "fitted": np.asarray(network.predict_on_batch(given["test_x"]))[:, 0],
    }


def test_the_same_training_by_hand(small_study, tiny_protocol, train, remote, backend, tmp_path):
    """Windows, scale, batches, optimiser, stop and kept epoch from an independent script."""
    n_epochs = 4
    protocol = tiny_protocol(
        dropout=0.0, learning_rate=0.01, max_epochs=n_epochs, patience=n_epochs, n_folds=2
    )
    models = train(
        small_study,
        Configuration("music", "music", "audio"),
        protocol=protocol,
        backend=backend,
        cache=tmp_path,
    )
    run = models.runs[0]
    # windows and scale, from the tree itself
    inputs, sequences = models.inputs, Sequences.of(models.inputs)
    parts = fold_items(entering_items(sequences, 4), protocol, 1, 1)
    audio = small_study["features/audio"].to_dataset().transpose("item", "time", "feature")
    raw = audio.sel(item=inputs.items)["values"].to_numpy().astype(float)
    gold = inputs.gold[0, inputs.modalities.index("music")]

    def windows(items: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x, y, rows = [], [], []
        for item in np.flatnonzero(items):
            own = np.flatnonzero(inputs.item == item)
            steps = np.searchsorted(audio["time"].to_numpy(), inputs.time[own])
            for j in range(len(own) - 4):
                x.append(raw[item, steps[j : j + 4]])
                y.append(gold[own[j + 4]])
                rows.append(own[j + 4])
        return np.array(x), np.array(y)[:, None].astype("float32"), np.array(rows)

    (train_x, train_y, train_rows), (stop_x, stop_y, _), (test_x, _, test_rows) = (
        windows(part) for part in (parts.fit, parts.stop, parts.test)
    )
    np.testing.assert_array_equal(run.trained.rows, test_rows)
    flat = train_x.reshape(-1, train_x.shape[-1])
    low, high = flat.min(axis=0), flat.max(axis=0)
    scaled = [((x - low) / (high - low)).astype("float32") for x in (train_x, stop_x, test_x)]
    task = type("Task", (), {"unit": run.unit, "entropy": (0, (0,))})()
    rng, order, orders = np.random.default_rng(_seed(task)), np.arange(len(train_x)), []
    order = rng.permutation(order)  # when the feed is made
    for _ in range(n_epochs):
        order = rng.permutation(order)  # before each epoch
        orders.append(order)
    made = remote(
        backend,
        plain_training,
        {
            "seed": _seed(task),
            "train_x": scaled[0],
            "train_y": train_y,
            "stop_x": scaled[1],
            "stop_y": stop_y,
            "test_x": scaled[2],
            "orders": orders,
        },
    )
    np.testing.assert_allclose(run.trained.validation_loss, made["losses"], rtol=1e-4)
    np.testing.assert_allclose(run.trained.fitted, made["fitted"], atol=1e-4)
    assert run.trained.n_steps == n_epochs * -(-len(train_rows) // 128)


@pytest.mark.parametrize("window", [1, 7])
def test_other_windows(small_study, tiny_protocol, train, window):
    models = train(small_study, "early_fusion", protocol=tiny_protocol(window=window, max_epochs=1))
    lost = {}
    for item in range(12):
        rows = np.flatnonzero(models.inputs.item == item)
        lost[item] = rows[~models.scored[rows]] - rows[0]
    assert all(np.array_equal(first, np.arange(window)) for first in lost.values())
