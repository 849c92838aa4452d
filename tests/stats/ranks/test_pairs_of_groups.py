"""Pairs of groups in designs whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import kruskal, kruskal_modality, mannwhitney, pairwise, pairwise_modality


def crossed(n_participants: int, n_items: int) -> pd.DataFrame:
    """Everybody rates everything."""
    keys = pd.MultiIndex.from_product(
        [range(n_participants), range(n_items)], names=["participant", "item"]
    )
    frame = keys.to_frame(index=False)
    frame.attrs["assigned"] = {"modality": "within_item", "genre": "item"}
    return frame


@pytest.mark.parametrize(("reaction", "least", "most"), [(0.0, 0.2, 0.8), (3.0, 1.2, 2.0)])
def test_limits_for_genres_are_wide_where_people_disagree_about_them(reaction, least, most):
    """Half of six people like rock and half do not, whatever the number of items."""
    frame = crossed(6, 60)
    rock = frame["item"] % 2 == 1
    frame["genre"] = np.where(rock, "rock", "pop")
    likes = reaction * np.where(frame["participant"] % 2, 1, -1)
    frame["y"] = np.random.default_rng(0).normal(size=len(frame)) + likes * rock
    row = mannwhitney(frame, "y ~ genre", dependence="design", n_resamples=9).iloc[0]
    assert abs(row["effect_size"]) < 0.2
    assert least < row["conf_high"] - row["conf_low"] < most


def test_a_pair_without_a_difference_in_any_value_is_not_tested():
    """Two modalities in which all ratings are the same, beside a third."""
    frame = crossed(42, 42)
    kinds = (frame["participant"] + frame["item"]) % 3  # as often for everybody and everything
    frame["modality"] = pd.Categorical(np.array(["music", "picture", "both"])[kinds])
    frame["y"] = (frame["modality"] == "both").astype(float)
    rows = pairwise_modality(frame, dimension="y", dependence="design", n_resamples=9)
    rows = rows.set_index(["group1", "group2"])
    alike = rows.loc[("music", "picture")]
    assert "all values are equal" in alike["warning"]
    assert alike[["p_value", "effect_size", "statistic"]].isna().all()
    assert alike["estimate"] == 0
    others = rows.drop(index=("music", "picture"))
    assert (others["effect_size"].abs() == 1).all()
    assert others["p_value"].notna().all()


def with_a_rare_level(having: int, by: str, n: int = 20) -> pd.DataFrame:
    """Music and picture in turn; both together for the first people, or items, alone."""
    frame = crossed(n, n)
    kinds = (frame["participant"] + frame["item"]) % 2
    both = (frame[by] < having) & ((frame["participant"] + frame["item"]) % 3 == 0)
    kinds = np.where(both, 2, kinds)
    frame["modality"] = pd.Categorical(np.array(["music", "picture", "both"])[kinds])
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    return frame


@pytest.mark.parametrize("by", ["item", "participant"])
def test_a_modality_that_few_have_is_not_compared_in_general(by):
    rows = pairwise_modality(
        with_a_rare_level(5, by), dimension="y", dependence="design", n_resamples=9
    ).set_index(["group1", "group2"])
    whole = rows.loc[("music", "picture")]
    assert whole["p_value"] > 0
    assert pd.isna(whole["warning"])
    rare = rows.drop(index=("music", "picture"))
    assert rare[["p_value", "effect_size", "statistic"]].isna().all(axis=None)
    few = f"both: only 5 {by}s: with fewer than 6 nothing can be said of {by}s in general"
    assert (rare["warning"] == few).all()
    row = kruskal(with_a_rare_level(5, by), "y ~ modality", dependence="design").iloc[0]
    assert pd.isna(row["p_value"])
    assert row["warning"] == few


@pytest.mark.parametrize("by", ["item", "participant"])
@pytest.mark.parametrize(("having", "n"), [(6, 20), (9, 20), (12, 44)])
def test_a_modality_that_most_lack_is_compared_with_a_warning_by_the_model(by, having, n):
    """Also where there are many people and items."""
    frame = with_a_rare_level(having, by, n)
    few = (
        f"both has {having} {by}s only: outside of the calibrated range, "
        f"p is too small where {by}s react differently"
    )
    asked = {"dimension": "y", "dependence": "design", "n_resamples": 9}
    rows = pairwise_modality(frame, **asked).set_index(["group1", "group2"])
    rare = rows.drop(index=("music", "picture"))
    assert rare["p_value"].notna().all()
    assert rare["warning"].str.endswith(few).all()
    assert rare["method"].str.contains("mixed model").all()
    assert few not in str(rows.loc[("music", "picture"), "warning"])
    row = kruskal_modality(frame, **asked).iloc[0]
    assert row["warning"].endswith(few)
    assert "mixed model" in row["method"]


def test_a_modality_that_half_of_the_items_have_is_not_rare_and_one_of_single_rows_is():
    half = with_a_rare_level(10, "item")
    asked = {"dimension": "y", "dependence": "design", "n_resamples": 9}
    assert pairwise_modality(half, **asked)["warning"].isna().all()
    single = with_a_rare_level(5, "item")
    both = single["modality"] == "both"
    first = single[both].groupby("item").head(1).index
    single.loc[both & ~single.index.isin(first), "modality"] = "music"
    assert pairwise_modality(single, **asked)["p_value"].isna().sum() == 2


@pytest.mark.parametrize("values", ["none", "one level", "no rows"])
def test_what_has_fewer_than_two_levels_has_rows_that_say_so(values):
    frame = with_a_rare_level(5, "item")
    frame = frame.iloc[:0] if values == "no rows" else frame
    if values == "none":
        frame["y"] = np.nan
    elif values == "one level":
        frame.loc[frame["modality"] != "music", "y"] = np.nan
    asked = {"dependence": "design", "n_resamples": 9}
    for test in (mannwhitney, kruskal, pairwise):
        row = test(frame, "y ~ modality", **asked).iloc[0]
        assert row["warning"].startswith(("no values", "only one group has values"))


def test_pairs_of_a_large_study_with_few_items_say_that_they_are_permuted():
    frame = crossed(400, 30)
    kinds = (frame["participant"] + frame["item"]) % 3
    frame["modality"] = pd.Categorical(np.array(["music", "picture", "both"])[kinds])
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    rows = pairwise_modality(frame, dimension="y", dependence="design", n_resamples=9)
    assert rows["warning"].str.contains("30 items and 12000 rows: outside of the").all()
