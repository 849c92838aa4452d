"""Simulated studies with a known transfer, and what the tests make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from muvistats.deep import PROTOCOLS, protocol_effects, simulate_transfer, transfer_recovery
from muvistats.deep.transfer import SMALL
from muvistats.errors import DesignError
from muvistats.stats.agreement.gold import ewe

TINY = replace(SMALL, units=(4, 4), dense_units=4, max_epochs=2)


def test_the_gold_standard_follows_the_product_of_the_features_one_step_before():
    study = simulate_transfer(n_items=30, n_steps=40, rng=3)
    gold = ewe(study)["gold_standard"].sel(modality="music", dimension="arousal")
    features = study["features/audio"].dataset["values"].sel(item=gold["item"]).to_numpy()
    flat = features.reshape(-1, features.shape[-1])
    latent = np.linalg.svd(flat - flat.mean(0), full_matrices=False)[0][:, :2]
    # all products of two latent series, whatever their rotation
    products = np.stack([latent[:, 0] ** 2, latent[:, 0] * latent[:, 1], latent[:, 1] ** 2], axis=1)
    products = products.reshape(*features.shape[:2], 3)
    y = gold.to_numpy()

    def explained(shift):
        rows = products[:, : y.shape[1] - shift].reshape(-1, 3)
        target = y[:, shift:].reshape(-1)
        rows = np.column_stack([np.ones(len(rows)), rows])
        return 1 - np.var(target - rows @ np.linalg.lstsq(rows, target)[0]) / np.var(target)

    assert explained(1) > 0.7
    assert explained(1) > explained(0) > explained(3)


def test_audiovisual_noise_is_what_is_asked_for():
    quiet, loud = (
        simulate_transfer(n_items=12, audiovisual_noise=noise, rng=1) for noise in (0.0, 0.8)
    )
    for study, spread in ((quiet, 0.0), (loud, 0.3)):
        ratings = study["annotations"].dataset
        rows = ratings["arousal"].to_numpy()[ratings["modality"].to_numpy() == "audiovisual"]
        within = rows.reshape(12, 3, -1).std(axis=1).mean()
        assert within >= spread
        assert (within < 1e-12) == (spread == 0)


@pytest.mark.parametrize(
    "arguments", [{"n_items": 1}, {"n_raters": 1}, {"audiovisual_noise": -1}, {"n_steps": True}]
)
def test_a_study_that_cannot_be_is_refused(arguments):
    with pytest.raises(DesignError, match=next(iter(arguments))):
        simulate_transfer(**arguments)


def test_recovery_is_kept_and_the_same_again(tmp_path):
    arguments = {"n_items": 8, "n_steps": 12, "protocol": TINY, "backend": "torch", "n_jobs": 1}
    first = transfer_recovery(n_sims=1, cache=tmp_path, **arguments)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(kept) == 2
    assert {path.suffix for path in kept} == {".csv"}
    again = transfer_recovery(n_sims=1, cache=tmp_path, **arguments)
    assert again.equals(first)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept
    assert first["n"].add(first["n_undefined"]).eq(1).all()
    assert set(first["scenario"]) == {"transfer", "permuted"}
    assert (first["null"] == (first["scenario"] == "permuted")).all()
    assert first["simulated"].all()
    other = transfer_recovery(n_sims=1, cache=tmp_path, rng=1, **arguments)
    assert not np.allclose(other["mean"], first["mean"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"scenarios": ["nothing"]}, "nothing"), ({"n_sims": 0}, "n_sims"), ({"alpha": 1}, "alpha")],
)
def test_recovery_refuses(arguments, words):
    with pytest.raises(DesignError, match=words):
        transfer_recovery(**arguments)


def test_settings_change_one_by_one(tmp_path):
    study = simulate_transfer(n_items=10, n_steps=120, rng=2)
    other = replace(TINY, name="other", rmse="mse", restore_best=False, scoring="blocks")
    frame = protocol_effects(
        study,
        protocol=TINY,
        other=other,
        configurations=["late_fusion"],
        cache=tmp_path,
        backend="torch",
        n_jobs=1,
    ).set_index(["setting", "metric"])
    assert list(dict.fromkeys(frame.index.get_level_values("setting"))) == [
        "none",
        "restore_best",
        "scoring",
        "rmse",
        "all",
    ]
    assert frame.loc["none", "change"].eq(0).all()
    # a mean squared error instead of its root: that of the same predictions
    assert frame.loc[("rmse", "rmse"), "mean"] == frame.loc[("none", "mse"), "mean"]
    assert frame.loc[("rmse", "ccc"), "change"] == 0
    assert "mean squared error" in frame.loc[("rmse", "rmse"), "warning"]
    with pytest.raises(DesignError, match="same settings"):
        protocol_effects(study, protocol=TINY, other=replace(TINY, name="twin"))
    assert PROTOCOLS["strict"].differences(PROTOCOLS["strict"]) == {}
