"""PAIR as a ridge regression: finds what was planted, and looks at training items only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.deep import linear_transfer, paired_tests, simulate_transfer
from muvistats.deep.checks import network_inputs
from muvistats.deep.configurations import CONFIGURATIONS
from muvistats.deep.linear_transfer import _PRIORS, _Fold

N_ITEMS, N_STEPS, N_FEATURES = 15, 12, 50
TIME = 0.5 * np.arange(N_STEPS)


def study(rng, *, informative: bool):
    """Ratings that are linear in the features; those of both together are noisy."""
    features = rng.normal(size=(2, N_ITEMS, N_STEPS, N_FEATURES))
    truth = np.einsum("kitf,kf->kit", features, rng.normal(size=(2, N_FEATURES))) / 25
    felt = {"music": truth[0], "visual": truth[1], "audiovisual": truth.sum(axis=0) / 2}
    if not informative:
        for kind in ("music", "visual"):
            felt[kind] = rng.permuted(felt[kind], axis=0)
    items = [f"v{i:02d}" for i in range(N_ITEMS)]
    rows = []
    for modality, values in felt.items():
        noise = 0.4 if modality == "audiovisual" else 0.02
        for rater in range(2):
            rated = np.clip(values + noise * rng.normal(size=values.shape), -1, 1)
            index = pd.MultiIndex.from_product([items, TIME], names=["item", "time"])
            part = index.to_frame(index=False).assign(arousal=rated.ravel())
            rows.append(part.assign(modality=modality, participant=f"{modality}{rater}"))
    made = mv.from_frames(dynamics=pd.concat(rows), simulated=True)
    for kind, values in zip(("audio", "visual"), features, strict=True):
        names = [f"{kind}{f}" for f in range(N_FEATURES)]
        table = pd.DataFrame(values.reshape(-1, N_FEATURES), columns=names)
        table.insert(0, "time", np.tile(TIME, N_ITEMS))
        table.insert(0, "item", np.repeat(items, N_STEPS))
        made = mv.with_features(made, table, kind=kind)
    return made


def test_transfer_is_found_where_it_is_and_harms_little_where_not():
    means = {}
    for informative in (True, False):
        frame = linear_transfer(study(np.random.default_rng(1), informative=informative))
        assert set(frame["n"]) == {N_STEPS - 4}
        means[informative] = frame.groupby("configuration")["rmse"].mean()
        if informative:
            found = paired_tests(frame, metrics=["rmse"]).query("method == 'paired t test'")
            assert (found["estimate"] < 0).all()
            assert (found["p_value"] < 0.01).all()
            assert found["group2"].tolist() == ["ridge", "ridge_control"]
    assert means[True]["ridge_pair"] < 0.95 * means[True]["ridge"]
    assert means[False]["ridge_pair"] < 1.02 * means[False]["ridge"]


@pytest.mark.parametrize("name", _PRIORS)
def test_held_out_items_have_no_part(name):
    made = simulate_transfer(n_items=8, n_steps=10, n_features=3, rng=2)
    inputs = network_inputs(made, ["arousal"], CONFIGURATIONS["pair"])
    training = np.arange(8) < 6
    held = ~training[inputs.item]
    other = replace(
        inputs,
        x=np.where(held[:, None], 5.0, inputs.x),
        gold=np.where(held, -inputs.gold / 2, inputs.gold),
    )
    solutions = [
        _Fold(each, training).solution("arousal", _PRIORS[name]) for each in (inputs, other)
    ]
    np.testing.assert_array_equal(solutions[0][0], solutions[1][0])
    assert solutions[0][1] == solutions[1][1]


def test_what_is_missing_is_named():
    made = simulate_transfer(n_items=8, n_steps=10, n_features=3)
    with pytest.raises(mv.DataError, match="needs ratings of modality music"):
        linear_transfer(mv.select(made, modality=["visual", "audiovisual"]))
    with pytest.raises(mv.DataError, match="too few for 5 folds"):
        linear_transfer(mv.select(made, item=["item01", "item02"]))
