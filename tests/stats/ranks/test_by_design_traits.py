"""Rank tests of a trait of people: items that react to it, few items, none in common."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from muvistats import kruskal, mannwhitney, mixed_model, pairwise
from muvistats.kernels.permutation.arrangements import shrunken_residuals
from muvistats.stats.shared.study import codes_of

from .test_by_design import crossed_wald, design


def reacting(seed: int, *, effect: float = 0.0, reaction: float = 1.0) -> pd.DataFrame:
    """Eight items, each of which means something else to men and women; 40 people rate all."""
    rng = np.random.default_rng(seed)
    person, item = (axis.ravel() for axis in np.indices((40, 8)))
    sex = rng.permutation(np.arange(40) % 2)[person]
    y = rng.normal(size=40)[person] + rng.normal(size=8)[item] + effect * sex
    y += reaction * rng.normal(size=(8, 2))[item, sex] + rng.normal(size=len(item))
    frame = pd.DataFrame({"participant": person.astype(str), "item": item.astype(str), "y": y})
    frame["gender"] = np.array(["Female", "Male"])[sex]
    frame["third"] = np.array(["a", "b", "c"])[person % 3]
    frame.attrs["assigned"] = {"gender": "participant", "third": "participant"}
    return frame


def test_items_that_react_to_a_trait_are_a_sample():
    """A null: items react, and the next eight would react otherwise."""
    frames = [reacting(seed, reaction=2.0) for seed in range(30)]
    p = [design(kruskal, frame, "y ~ gender", n_resamples=99)["p_value"] for frame in frames]
    assert np.mean(np.array(p) <= 0.05) <= 0.2  # errors by people alone: .47


def test_a_trait_is_found_nearly_as_often_as_by_a_mixed_model():
    permuted, modelled = [], []
    for seed in range(30):
        frame = reacting(seed, effect=2.0)
        permuted.append(design(kruskal, frame, "y ~ gender", n_resamples=99)["p_value"])
        formula = "y ~ gender + (1 | participant) + (1 | item) + (1 | item:gender)"
        modelled.append(mixed_model(frame, formula).anova()["p_value"].iloc[0])
    found, wanted = (np.mean(np.array(p) <= 0.05) for p in (permuted, modelled))
    assert 0.5 < wanted < 1
    assert found >= 0.9 * wanted


def test_three_groups_have_the_wald_statistic_of_both_kinds_of_clusters():
    frame = reacting(3)
    row = design(kruskal, frame, "y ~ third", n_resamples=99)
    person, item = codes_of(frame["participant"]), codes_of(frame["item"])
    left = shrunken_residuals(frame[["y"]].to_numpy(), 0 * item, item)[0][:, 0]
    ranks, codes = stats.rankdata(np.round(left, 9)), codes_of(frame["third"])
    assert row["statistic"] == pytest.approx(crossed_wald(ranks, codes, item, person, 3, 7 / 6))
    assert row["method"].endswith(
        "values less item effects, participants permuted, two-way clustered errors"
    )
    each = pairwise(frame, "y ~ third", dependence="design", n_resamples=99)
    assert len(each) == 3
    assert each["p_value"].notna().all()


def test_groups_without_an_item_in_common_keep_what_their_items_are_like():
    frame = reacting(5, effect=4.0)
    frame["item"] = frame["gender"].str[0] + frame["item"]
    row = design(mannwhitney, frame, "y ~ gender", n_resamples=99)
    assert "no item was met by two groups" in row["warning"]
    assert row["effect_size"] < -0.5
    person, item = codes_of(frame["participant"]), codes_of(frame["item"])
    codes = (frame["gender"] == "Male").to_numpy().astype(int)
    wald = crossed_wald(stats.rankdata(frame["y"]), codes, item, person, 2, 15 / 14)
    assert row["statistic"] ** 2 == pytest.approx(wald)


def test_a_handful_of_items_are_taken_as_those_there_are():
    frame = reacting(2)
    row = design(kruskal, frame[frame["item"].astype(int) < 5], "y ~ gender", n_resamples=99)
    assert "only 5 items" in row["warning"]
    assert "two-way" not in row["method"]
    assert row["p_value"] > 0
