"""Labels predicted from features of items: truth found, chance not, the real study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from muvistats import DataError, DesignError, annotation_frame, label_prediction
from muvistats.dataset.build import Features, assemble


def made(n_items=40, n_raters=8, *, signal=2.0, seed=0, n_features=30) -> xr.DataTree:
    """A study in which feature 0 moves label `a`, and nothing moves label `b`."""
    rng = np.random.default_rng(seed)
    items = [f"i{k:02d}" for k in range(n_items)]
    values = rng.normal(size=(n_items, 6, n_features)) * 0.1
    values += rng.normal(size=(n_items, 1, n_features))
    logit = signal * values[:, :, 0].mean(axis=1)
    rows = [
        {"item": item, "modality": "music", "participant": f"p{j}", "trial": k + 1}
        for k, item in enumerate(items)
        for j in range(n_raters)
    ]
    frame = pd.DataFrame(rows)
    p = 1 / (1 + np.exp(-np.repeat(logit, n_raters)))
    labels = np.stack([rng.random(len(p)) < p, rng.random(len(p)) < 0.4], axis=1).astype(np.int8)
    table = pd.DataFrame({"item": items})
    return assemble(
        frame,
        {},
        participants=pd.DataFrame({"participant": [f"p{j}" for j in range(n_raters)]}),
        items=table,
        labels=labels,
        label_table=pd.DataFrame({"label": ["a", "b"]}),
        features={
            "audio": Features(
                values, items, [f"f{k}" for k in range(n_features)], ["x"] * n_features
            )
        },
        modalities=["music"],
        simulated=True,
    )


def test_the_label_with_a_signal_is_found_and_the_other_is_not():
    frame = label_prediction(made(), level="label", n_resamples=200).set_index("label")
    assert frame.loc["a", "estimate"] > 0.5
    assert frame.loc["a", "p_adjusted"] <= 0.01
    assert frame.loc["b", "p_value"] > 0.05
    assert frame["simulated"].all()
    assert frame.loc["a", "conf_low"] < frame.loc["a", "estimate"] < frame.loc["a", "conf_high"]


def test_p_is_uniform_without_signal():
    """Neither label has one: about 5 in 100 p-values lie at or under .05, none is refused."""
    p = np.concatenate(
        [
            label_prediction(
                made(n_items=20, signal=0.0, seed=seed, n_features=8), level="label", n_resamples=99
            )["p_value"]
            for seed in range(40)
        ]
    )
    assert 0.35 < p.mean() < 0.65
    assert (p <= 0.05).mean() < 0.15


def test_the_noise_ceiling_is_the_reliability_of_the_shares():
    """True shares correlate with observed ones as the ceiling says."""
    study = made(n_items=2000, n_raters=6, seed=5, n_features=1)
    ceiling = label_prediction(study, level="label", n_resamples=0).set_index("label")[
        "noise_ceiling"
    ]
    signal = study["features/audio"]["values"].mean("time").to_numpy()[:, 0]
    true = 1 / (1 + np.exp(-2.0 * signal))
    frame = annotation_frame(study)
    share = frame.groupby("item")["a"].mean()[study["features/audio"]["item"].to_numpy()]
    assert ceiling["a"] == pytest.approx(np.corrcoef(true, share)[0, 1], abs=0.03)
    assert ceiling["b"] < 0.25


def test_the_noise_ceiling_is_that_of_an_analysis_of_variance():
    study = made(n_items=14, n_raters=5, n_features=2)
    ceiling = label_prediction(study, level="label", n_resamples=0).set_index("label")
    answers = annotation_frame(study).groupby("item", observed=True)
    for label in "ab":
        f = stats.f_oneway(*(own[label].to_numpy(float) for _, own in answers)).statistic
        assert f > 1
        assert ceiling.loc[label, "noise_ceiling"] == pytest.approx(np.sqrt(1 - 1 / f))


def test_frames_of_nan_are_left_out_and_items_without_frames_are_counted():
    study = made()
    values = study["features/audio"]["values"].to_numpy()
    values[3, 2] = np.nan
    values[7] = np.nan
    frame = label_prediction(study, level="label", n_resamples=0)
    assert frame["n"].tolist() == [39, 39]
    assert frame["n_missing"].tolist() == [1, 1]
    assert frame["p_value"].isna().all()
    assert frame["warning"].str.contains("n_resamples is 0").all()


def test_a_label_of_everybody_has_no_correlation():
    study = made()
    study["annotations"]["labels"][:, 1] = 1
    row = label_prediction(study, level="label", n_resamples=10).set_index("label").loc["b"]
    assert np.isnan(row["estimate"])
    assert "same for every item" in row["warning"]


def test_one_rater_per_item_has_no_ceiling_and_a_rare_label_no_interval():
    frame = label_prediction(made(n_raters=1), level="label", n_resamples=20).set_index("label")
    assert frame["noise_ceiling"].isna().all()
    assert frame["warning"].str.contains("no item has two raters").all()
    study = made()
    study["annotations"]["labels"][:, 1] = 0
    study["annotations"]["labels"][0, 1] = 1
    row = label_prediction(study, level="label", n_resamples=200).set_index("label").loc["b"]
    assert np.isnan(row["conf_low"])
    assert "few items" in row["warning"]


def test_a_missing_answer_counts_for_its_own_label_only():
    study = made(n_items=12, n_raters=4)
    before = label_prediction(study, level="label", n_resamples=40).set_index("label")
    fewer = study.copy(deep=True)
    first = fewer["annotations/item"].to_numpy() == "i00"
    fewer["annotations/labels"][first, 1] = -1  # nobody answered for label b on this item
    fewer["annotations/labels"][5, 1] = -1  # and one rater did not on another
    after = label_prediction(fewer, level="label", n_resamples=40).set_index("label")
    own = [name for name in before if name != "p_adjusted"]
    pd.testing.assert_series_equal(before.loc["a", own], after.loc["a", own])
    assert before.loc["b", ["n", "n_annotations", "n_missing"]].tolist() == [12, 48, 0]
    assert after.loc["b", ["n", "n_annotations", "n_missing"]].tolist() == [11, 43, 1]


def test_a_label_with_too_few_answers_says_so():
    study = made(n_items=12, n_raters=2)
    study["annotations/labels"][6:, 1] = -1
    row = label_prediction(study, level="label", n_resamples=20).set_index("label").loc["b"]
    assert np.isnan(row["estimate"])
    assert "answered for too few items" in row["warning"]
    whole = label_prediction(study, n_resamples=20).iloc[0]
    assert (whole["n"], whole["n_missing"]) == (12, 0)


def test_wrong_input_is_refused_by_name():
    study = made(n_items=4)
    with pytest.raises(DataError, match="4 items"):
        label_prediction(study, level="label")
    with pytest.raises(DataError, match="no visual features"):
        label_prediction(study, level="label", kind="visual")
    with pytest.raises(DesignError, match="kind must be one of"):
        label_prediction(study, level="label", kind="smell")
    study["features/audio"]["values"][1, 2, 3] = np.inf
    with pytest.raises(DataError, match="infinite"):
        label_prediction(study, level="label")


def test_the_same_seed_gives_the_same_numbers():
    study = made(n_items=15)
    first, second = (
        label_prediction(study, level="label", n_resamples=30, rng=4) for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_energetic_music_is_told_from_the_sound_once_labels_are_aligned(corrected, released):
    """The real study: the shift of the labels hides that sound predicts them."""
    found = {}
    for name, study in {"corrected": corrected, "released": released}.items():
        frame = label_prediction(study, level="label", n_resamples=99)
        found[name] = frame.set_index(["modality", "label"]).loc[("music", "energetic")]
    assert found["corrected"]["estimate"] == pytest.approx(0.61, abs=0.03)
    assert found["corrected"]["p_adjusted"] == pytest.approx(0.01)
    assert abs(found["released"]["estimate"]) < 0.2
    assert found["released"]["p_value"] > 0.05
    assert found["corrected"]["noise_ceiling"] > found["corrected"]["estimate"]
