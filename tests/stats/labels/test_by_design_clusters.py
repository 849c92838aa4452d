"""Label tables: crowds, factors of items, reactions of people, and too few of either."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from muvistats import chisquare_labels, from_frames, label_deviations

OPTIONS = {"dependence": "design", "n_resamples": 299}


def ratings(people: int, items: int, *, seed: int = 1, genre: float = 0.0, own: float = 0.0):
    """Everybody labels every item, in one of three modalities."""
    rng = np.random.default_rng(seed)
    p, i = (axis.ravel() for axis in np.indices((people, items)))
    modality = rng.permuted(np.tile(np.arange(people) % 3, (items, 1)), axis=1).T.ravel()
    known = rng.random(len(p)) < 0.4
    eta = rng.normal(size=(people, 4))[p] + rng.normal(size=(items, 4))[i] - 1
    eta += own * rng.normal(size=(people, 4))[p] * known[:, None]
    eta[:, 0] += genre * (i % 2)
    frame = pd.DataFrame(
        {
            "participant": [f"P{k}" for k in p],
            "item": [f"I{k}" for k in i],
            "modality": np.array(["music", "visual", "audiovisual"])[modality],
            "known": np.where(known, "yes", "no"),
            "genre": np.array(["pop", "rock"])[i % 2],
        }
    )
    labels = [f"L{j}" for j in range(4)]
    frame[labels] = (rng.random((len(p), 4)) < 1 / (1 + np.exp(-eta))).astype(int)
    frame.attrs["labels"] = labels
    frame.attrs["assigned"] = {"modality": "within_item", "known": "observed", "genre": "item"}
    return frame


def test_an_effect_in_a_crowd_is_found_as_by_a_paired_test_over_items():
    rng = np.random.default_rng(3)
    item, modality, _ = (axis.ravel() for axis in np.indices((40, 3, 8)))
    logit = rng.normal(size=40)[item] - 1.2 * (modality == 0)
    happy = (rng.random(len(item)) < 1 / (1 + np.exp(-logit))).astype(int)
    n = len(item)
    frame = pd.DataFrame(
        {
            "item": [f"i{k}" for k in item],
            "modality": np.array(["voice", "face", "both"])[modality],
            "participant": rng.permutation(np.arange(n) % 700),
            "happy": happy,
            "sad": 1 - happy,
        }
    ).drop_duplicates(["item", "modality", "participant"])
    by_item = frame.pivot_table(index="item", columns="modality", values="happy", observed=True)
    assert stats.ttest_rel(by_item["voice"], by_item["face"]).pvalue < 1e-5
    study = from_frames(
        frame, labels=["happy", "sad"], dimensions=[], modalities=("voice", "face", "both")
    )
    cells = label_deviations(study, dependence="design", n_resamples=999)
    voice = cells[(cells["label"] == "happy") & (cells["group"] == "voice")].iloc[0]
    assert voice["p_adjusted"] == pytest.approx(1 / 1000)
    assert voice["std_residual"] < -4


def test_a_factor_of_items_is_tested_by_whole_items():
    row = chisquare_labels(ratings(12, 16, genre=3.0), by="genre", **OPTIONS).iloc[0]
    assert row["p_value"] <= 0.02
    assert row["method"].startswith("labels less participant effects, whole items permuted")
    cells = label_deviations(ratings(12, 16, genre=3.0), by="genre", **OPTIONS)
    assert cells.loc[cells["p_adjusted"].idxmin(), "label"] == "L0"
    p = [
        chisquare_labels(ratings(12, 16, seed=k), by="genre", dependence="design", n_resamples=99)
        for k in range(20)
    ]
    assert np.mean([one["p_value"].iloc[0] <= 0.05 for one in p]) <= 0.2


def traits(seed: int, *, reaction: float = 0.0, effect: float = 0.0) -> pd.DataFrame:
    """Labels of 40 people for eight items, which react to what these people are."""
    rng = np.random.default_rng(seed)
    p, i = (axis.ravel() for axis in np.indices((40, 8)))
    sex = rng.permutation(np.arange(40) % 2)[p]
    eta = rng.normal(size=(40, 4))[p] + rng.normal(size=(8, 4))[i] - 1
    eta += reaction * rng.normal(size=(8, 2, 4))[i, sex]
    eta[:, 0] += effect * sex
    frame = pd.DataFrame(
        {"participant": p.astype(str), "item": i.astype(str), "sex": np.array(["f", "m"])[sex]}
    )
    labels = [f"L{j}" for j in range(4)]
    frame[labels] = (rng.random((len(p), 4)) < 1 / (1 + np.exp(-eta))).astype(int)
    frame.attrs["labels"], frame.attrs["assigned"] = labels, {"sex": "participant"}
    return frame


def test_items_that_react_to_a_trait_are_a_sample():
    """A null: items react, and the next eight would react otherwise."""
    null, real = [], []
    for seed in range(30):
        plan = {"by": "sex", "dependence": "design", "n_resamples": 99}
        null.append(chisquare_labels(traits(seed, reaction=1.5), **plan)["p_value"].iloc[0])
        real.append(chisquare_labels(traits(seed, effect=2.0), **plan)["p_value"].iloc[0])
    assert np.mean(np.array(null) <= 0.05) <= 0.135  # errors by people alone: .43
    assert np.mean(np.array(real) <= 0.05) >= 0.7
    cells = label_deviations(traits(1, effect=3.0), by="sex", **OPTIONS)
    assert cells.loc[cells["p_adjusted"].idxmin(), "label"] == "L0"
    assert cells["p_adjusted"].min() < 0.05


def test_groups_of_people_without_an_item_in_common_keep_what_their_items_are_like():
    frame = traits(2, effect=4.0)
    frame["item"] = frame["sex"] + frame["item"]
    row = chisquare_labels(frame, by="sex", **OPTIONS).iloc[0]
    assert "no item was met by two groups" in row["warning"]
    assert row["p_value"] < 0.05


@pytest.mark.parametrize("by", ["modality", "genre", "known"])
def test_a_handful_of_people_or_items_say_nothing_of_others(by):
    for people, items, kind in ((5, 20, "participants"), (20, 5, "items")):
        row = chisquare_labels(ratings(people, items), by=by, **OPTIONS).iloc[0]
        assert np.isnan(row["p_value"])
        assert f"only 5 {kind}" in row["warning"]


def test_familiarity_with_few_people_is_said_to_have_no_power():
    row = chisquare_labels(ratings(10, 20), by="known", **OPTIONS).iloc[0]
    assert "next to no power" in row["warning"]
    row = chisquare_labels(ratings(16, 20), by="known", **OPTIONS).iloc[0]
    assert "next to no power" not in str(row["warning"])


def test_people_who_never_change_level_cannot_be_told_from_it():
    frame = ratings(12, 12)
    frame["modality"] = np.where(np.arange(144) // 12 % 2, "music", "visual")
    row = chisquare_labels(frame, **OPTIONS, assigned="within_item").iloc[0]
    assert np.isnan(row["p_value"])
    assert "cannot be told from participants" in row["warning"]
    found, person = (
        chisquare_labels(frame, **OPTIONS, assigned=how).iloc[0] for how in (None, "participant")
    )
    assert found["p_value"] == person["p_value"]
