"""Pairs of groups in designs whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import mannwhitney, pairwise_modality


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
