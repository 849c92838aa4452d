from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.deep.linear import linear_rows
from muvistats.deep.paired import paired_tests
from muvistats.deep.protocols import PROTOCOLS
from muvistats.deep.summaries import summarise
from muvistats.kernels.regression.folds import fold_labels
from muvistats.kernels.regression.lasso import Recipe
from muvistats.stats.prediction.fits import Plan, fit_models, plan_units
from muvistats.stats.prediction.inputs import Inputs, feature_inputs

pytestmark = pytest.mark.slow

STRICT = PROTOCOLS["strict"]
KEYS = ["modality", "features", "target"]


@pytest.fixture(scope="module")
def inputs(featured) -> Inputs:
    return feature_inputs(featured)


def ceilings(inputs: Inputs) -> dict[tuple[str, str, str], float]:
    return {
        (target, modality, item): 0.5 + 0.01 * i
        for target in inputs.dimensions
        for modality in inputs.modalities
        for i, item in enumerate(inputs.items)
    }


def made(inputs: Inputs, **arguments) -> pd.DataFrame:
    given = {
        "scored": np.ones(len(inputs.item), dtype=bool),
        "targets": ["arousal"],
        "protocol": STRICT,
        "n_repeats": 1,
        "ceilings": ceilings(inputs),
        "n_jobs": 1,
    }
    return pd.DataFrame(linear_rows(inputs, **{**given, **arguments}))


def later(inputs: Inputs, first: int) -> np.ndarray:
    """Steps of each item from one on."""
    starts = np.searchsorted(inputs.item, inputs.item)
    return np.arange(len(inputs.item)) - starts >= first


@pytest.fixture(scope="module")
def everything(inputs) -> pd.DataFrame:
    return made(inputs, targets=["arousal", "valence"])


def test_on_all_steps_they_are_those_of_lasso_models(featured, everything):
    expected = mv.lasso_models(featured, level="item")
    both = everything.merge(expected, on=[*KEYS, "item", "fold"], suffixes=("", "_lasso"))
    assert len(both) == len(everything) == len(expected) == 5 * 2 * 15
    assert both["rmse"].to_numpy() == pytest.approx(both["rmse_lasso"].to_numpy())
    assert both["ccc"].to_numpy() == pytest.approx(both["ccc_lasso"].to_numpy(), nan_ok=True)
    assert (both["n"] == both["n_lasso"]).all()
    assert everything["mse"].to_numpy() == pytest.approx(everything["rmse"].to_numpy() ** 2)
    assert set(everything["configuration"]) == {"lasso"}
    assert set(everything["seed"]) == set(everything["n_epochs"]) == {0}
    assert everything["noise_ceiling"].tolist()[:2] == pytest.approx([0.5, 0.51])


def test_scored_on_the_steps_of_the_networks(inputs, everything):
    found = made(inputs, scored=later(inputs, 4))
    steps = np.bincount(inputs.item)
    assert found["n"].tolist()[:15] == (steps - 4).tolist()
    fit = fit_models(inputs, Plan((("audiovisual", "audio_visual"),), Recipe("lasso")))[0]
    gold = inputs.gold[inputs.dimensions.index(fit.target), inputs.modalities.index(fit.modality)]
    own = found[(found["modality"] == fit.modality) & (found["features"] == fit.features)]
    assert len(own) == 15
    for number, (_, row) in enumerate(own.iterrows()):
        there = np.flatnonzero(inputs.item == number)[4:]
        error = np.sqrt(np.mean((gold[there] - fit.fitted[there]) ** 2))
        assert row["rmse"] == pytest.approx(error)
        assert row["item"] == inputs.items[number]
    arousal = everything[everything["target"] == "arousal"]
    assert not np.allclose(found["rmse"], arousal["rmse"])


def test_repeats_have_other_folds(inputs, everything):
    found = made(inputs, n_repeats=3)
    assert found["repeat"].unique().tolist() == [1, 2, 3]
    one = found[(found["modality"] == "music")].set_index("item")
    for repeat in (1, 2, 3):
        expected = fold_labels(15, seed=42 + repeat - 1) + 1
        assert one.loc[one["repeat"] == repeat, "fold"].tolist() == expected.tolist()
    first = found[found["repeat"] == 1].reset_index(drop=True)
    arousal = everything[everything["target"] == "arousal"].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, arousal)
    assert not np.allclose(first["rmse"], found.loc[found["repeat"] == 2, "rmse"])


def test_a_held_out_item_has_no_part_in_its_model(inputs):
    """Other features and ratings of one item change no score of its fold but its own."""
    item = 3
    rows = inputs.item == item
    x, gold = inputs.x.copy(), inputs.gold.copy()
    x[rows] *= -3
    gold[..., rows] *= -1
    before = made(inputs, n_repeats=2)
    after = made(replace(inputs, x=x, gold=gold), n_repeats=2)
    for repeat in (1, 2):
        fold = fold_labels(15, seed=42 + repeat - 1)
        same = (before["repeat"] == repeat) & (before["fold"] == fold[item] + 1)
        others = same & (before["item"] != inputs.items[item])
        assert others.sum() == 5 * 2
        change = np.abs(before["rmse"] - after["rmse"])  # that of rounding, or of a model
        assert change[others].max() < 1e-9
        elsewhere = (before["repeat"] == repeat) & ~same
        assert change[elsewhere].max() > 1e-3


def test_raw_features_give_the_same_scores(featured, everything):
    raw = feature_inputs(featured, raw=True)
    assert np.ptp(raw.x, axis=0).max() > 10
    found = made(raw, targets=["arousal", "valence"])
    assert found["rmse"].to_numpy() == pytest.approx(everything["rmse"].to_numpy(), rel=1e-9)


def test_the_protocol_says_what_is_scored(inputs):
    strict = made(inputs)
    released = made(inputs, protocol=PROTOCOLS["released"])
    assert released["rmse"].to_numpy() == pytest.approx(strict["rmse"].to_numpy() ** 2)
    sample = made(inputs, protocol=replace(STRICT, moments="n-1"))
    assert 1e-8 < np.nanmax(np.abs(sample["ccc"] - strict["ccc"])) < 0.02
    three = made(inputs, protocol=replace(STRICT, n_folds=3))
    assert three["fold"].max() == 3
    assert "protocol strict" in strict["method"].iloc[0]


def test_what_cannot_be_fitted_is_a_row_with_the_reason(inputs):
    audio = inputs.kinds == "audio"
    less = replace(
        inputs,
        x=inputs.x[:, audio],
        kinds=inputs.kinds[audio],
        names=inputs.names[audio],
        families=inputs.families[audio],
        present={"audio": inputs.present["audio"]},
    )
    found = made(less)
    gone = found[found["item"] == "all"]
    assert gone["features"].tolist() == ["visual", "visual", "audio_visual"]
    assert gone["warning"].tolist() == ["the study has no visual features"] * 3
    assert (found["item"] != "all").sum() == 2 * 15
    summary = summarise(found)
    row = summary[(summary["features"] == "visual") & (summary["metric"] == "rmse")].iloc[0]
    assert row["n_items"] == 0
    assert "no visual features" in row["warning"]


def test_an_item_without_a_scored_step(inputs):
    found = made(inputs, scored=inputs.item != 2)
    rows = found[found["item"] == inputs.items[2]]
    assert len(rows) == 5
    assert rows[["rmse", "ccc"]].isna().all(axis=None)
    assert rows["n"].tolist() == [0] * 5
    assert rows["warning"].str.contains("no step of the item is predicted").all()
    with pytest.raises(mv.DataError, match="one value per step"):
        made(inputs, scored=np.ones(3, dtype=bool))


def test_the_jobs_do_not_change_a_number(inputs):
    pd.testing.assert_frame_equal(made(inputs), made(inputs, n_jobs=2))


def test_the_rows_join_a_comparison(everything):
    whole = everything[everything["features"] == "audio_visual"]
    better = whole.assign(configuration="pair", seed=1, rmse=0.9 * whole["rmse"])
    found = paired_tests(pd.concat([everything, better]), metrics=["rmse"])
    assert found["group2"].unique().tolist() == ["lasso"]
    assert found["n_items"].tolist() == [15] * 8
    t = found[(found["method"] == "paired t test") & (found["target"] == "arousal")].iloc[0]
    own = whole.loc[whole["target"] == "arousal", "rmse"]
    assert t["mean2"] == pytest.approx(own.mean())
    assert t["estimate"] == pytest.approx(-0.1 * own.mean())


def test_a_fold_seed_of_ones_own(inputs):
    sets = (("music", "audio"),)
    plans = [Plan(sets, Recipe("lasso")), Plan(sets, Recipe("lasso"), fold_seed=43)]
    units = plan_units(inputs, plans[0])[:1]
    fits = [fit_models(inputs, plan, units)[0] for plan in plans]
    assert fits[0].fold.tolist() == fold_labels(15).tolist()
    assert fits[1].fold.tolist() == fold_labels(15, seed=43).tolist()


def test_an_item_without_one_kind_of_features_moves_no_fold(inputs):
    gone = 3
    present = {kind: there.copy() for kind, there in inputs.present.items()}
    present["visual"][gone] = False
    lacking = replace(inputs, present=present)
    used = np.ones(len(inputs.items), dtype=bool)
    by_item = made(lacking, used=used).groupby("item")["fold"]
    assert (by_item.min() == by_item.max()).all()
    expected = dict(zip(inputs.items, fold_labels(len(inputs.items)) + 1, strict=True))
    assert by_item.first().to_dict() == expected
    alone = made(lacking).groupby("item")["fold"]  # each model makes folds of its own items
    assert (alone.min() < alone.max()).any()
    rows = made(lacking, used=used)
    assert inputs.items[gone] not in set(rows.loc[rows["features"] != "audio", "item"])
