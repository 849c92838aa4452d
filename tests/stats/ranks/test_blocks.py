"""Tests of blocked cells by hand, by SciPy and by statsmodels."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

import muvistats as mv

pytest.importorskip("pingouin")


@pytest.fixture
def ratings() -> pd.DataFrame:
    """Three ratings of 12 items under each of three lights; item 0 lacks one light."""
    rng = np.random.default_rng(3)
    keys = pd.MultiIndex.from_product(
        [range(12), ["dark", "dim", "bright"], range(3)], names=["clip", "light", "subject"]
    ).to_frame(index=False)
    shift = keys["light"].map({"dark": 0.0, "dim": 0.4, "bright": 1.0})
    keys["tension"] = (rng.normal(size=len(keys)) + shift + keys["clip"] / 6).round(1)
    keys["sad"] = (keys["tension"] > 1).astype(int)
    return keys[(keys["clip"] > 0) | (keys["light"] != "dim")]


NAMES = {"item": "clip", "participant": "subject"}


def cells(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.pivot_table(index="clip", columns="light", values=name).dropna()


def test_friedman_of_means(ratings):
    row = mv.friedman(ratings, "tension ~ light", **NAMES).iloc[0]
    theirs = stats.friedmanchisquare(*cells(ratings, "tension").to_numpy().T)
    assert (row["statistic"], row["p_value"]) == pytest.approx(theirs, rel=1e-12)
    assert row["effect_size"] == pytest.approx(theirs.statistic / 11 / 2)
    assert (row["n"], row["n_clusters"], row["n_missing"], row["df"]) == (99, 11, 6, 2)


def test_cochran_of_majorities(ratings):
    row = mv.cochran(ratings, "sad ~ light", **NAMES).iloc[0]
    theirs = cochrans_q(cells(ratings, "sad").to_numpy() > 0.5)
    assert (row["statistic"], row["p_value"]) == pytest.approx((theirs.statistic, theirs.pvalue))
    with pytest.raises(mv.DesignError, match="0 and 1"):
        mv.cochran(ratings, "tension ~ light", **NAMES)
    same = mv.cochran(ratings.assign(sad=1), "sad ~ light", **NAMES).iloc[0]
    assert np.isnan(same["p_value"])
    assert same["warning"] == "all cells are equal"


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_wilcoxon_of_means(ratings, alternative):
    pair = ratings[ratings["light"] != "dim"]
    row = mv.wilcoxon(pair, "tension ~ light", alternative=alternative, **NAMES).iloc[0]
    table = cells(pair, "tension")
    first, second = table["bright"], table["dark"]
    theirs = stats.wilcoxon(first, second, alternative=alternative, correction=True)
    assert (row["statistic"], row["p_value"]) == pytest.approx(tuple(theirs)[:2], rel=1e-12)
    ranks = stats.rankdata(np.abs(first - second))
    signed = (np.sign(first - second) * ranks).sum() / ranks.sum()
    assert row["effect_size"] == pytest.approx(signed)
    assert (row["group1"], row["group2"], row["n_clusters"]) == ("bright", "dark", 12)


def test_p_of_many_blocks_is_normal_with_a_correction_for_continuity():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"item": np.repeat(range(60), 2), "cut": np.tile(["a", "b"], 60)})
    frame["y"] = rng.normal(size=120) + 0.4 * (frame["cut"] == "b")
    row = mv.wilcoxon(frame, "y ~ cut").iloc[0]
    apart = frame["y"].to_numpy()[::2] - frame["y"].to_numpy()[1::2]
    ranks = stats.rankdata(np.abs(apart))
    w = min(ranks[apart > 0].sum(), ranks[apart < 0].sum())
    z = (w + 0.5 - 60 * 61 / 4) / np.sqrt(60 * 61 * 121 / 24)
    assert row["statistic"] == w
    assert row["p_value"] == pytest.approx(2 * stats.norm.cdf(z))


def test_wilcoxon_takes_two_groups_that_differ(ratings):
    with pytest.raises(mv.DesignError, match="3 groups"):
        mv.wilcoxon(ratings, "tension ~ light", **NAMES)
    pair = ratings[ratings["light"] != "dim"].assign(tension=lambda f: f["clip"])
    assert mv.wilcoxon(pair, "tension ~ light", **NAMES)["warning"].item() == "no block differs"


@pytest.mark.parametrize("name", ["friedman", "cochran", "wilcoxon"])
def test_blocks_that_lack_a_level_leave_nothing(ratings, name):
    own = ratings.assign(half=np.where(ratings["clip"] < 6, "a", "b"))
    row = getattr(mv, name)(own, "sad ~ half", **NAMES).iloc[0]
    assert np.isnan(row["p_value"])
    assert row["warning"] == "fewer than two items have every group"
    with pytest.raises(mv.DesignError, match="block"):
        getattr(mv, name)(own, "sad ~ half", block="light", **NAMES)
    with pytest.raises(mv.DataError, match="participant"):
        getattr(mv, name)(own, "sad ~ half", block="participant", item="clip")


@pytest.mark.parametrize("name", ["friedman", "cochran", "wilcoxon"])
def test_without_the_extra_it_is_named(ratings, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "pingouin", None)
    with pytest.raises(mv.MissingExtraError, match=r"muvistats\[pingouin\]"):
        getattr(mv, name)(ratings, "sad ~ light", **NAMES)


@pytest.mark.parametrize("kind", ["bool", "boolean", "object"])
def test_truths_are_a_response_of_cochran(kind):
    frame = pd.DataFrame({"item": np.repeat(range(8), 4), "cut": np.tile(["a", "b"], 16)})
    frame["happy"] = np.random.default_rng(2).integers(0, 2, 32)
    truths = frame.assign(happy=frame["happy"].astype(bool).astype(kind))
    found, expected = (mv.cochran(each, "happy ~ cut") for each in (truths, frame))
    pd.testing.assert_frame_equal(found, expected)
