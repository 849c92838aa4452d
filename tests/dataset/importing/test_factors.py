"""Factors beside the ratings are found, and tested in both rows without being told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.dataset.importing.factors import assigned_of


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    grid = pd.MultiIndex.from_product([range(10), range(8)], names=["subject", "clip"])
    frame = grid.to_frame(index=False)
    frame["gender"] = np.where(frame["subject"] % 2, "f", "m")
    frame["genre"] = np.where(frame["clip"] < 4, "rock", "pop")
    frame["cut"] = rng.choice(["short", "long"], len(frame))
    frame.loc[3, ["gender", "genre"]] = None
    return frame.assign(tension=rng.integers(1, 8, len(frame)))


def study(frame: pd.DataFrame, **given: object):
    names = {"item": "clip", "participant": "subject", "scale": (1, 7)}
    return mv.from_frames(frame, dimensions=["tension"], **names, **given)


def test_traits_in_the_table_of_ratings_are_found(ratings):
    found = mv.annotation_frame(study(ratings)).attrs["assigned"]
    assert found == {"modality": "within_item", "gender": "participant", "genre": "item"}
    for factor in ("gender", "genre"):
        rows = mv.kruskal(study(ratings), f"tension ~ {factor}", n_resamples=19)
        assert rows["dependence"].tolist() == ["independent", "design"]
    design = mv.kruskal(study(ratings), "tension ~ cut").iloc[1]
    assert "nothing says how 'cut' was assigned: taken as observed" in design["warning"]
    assert 0 < design["p_value"] < 1


def test_what_is_told_stands_and_the_rest_is_found(ratings):
    told = study(ratings, assigned={"gender": "observed"})
    found = mv.annotation_frame(told).attrs["assigned"]
    assert found == {"modality": "within_item", "gender": "observed", "genre": "item"}


def test_a_plain_frame_is_tested_as_the_study_of_it(ratings):
    names = {"item": "clip", "participant": "subject", "n_resamples": 19}
    for factor in ("gender", "genre", "cut"):
        of_frame = mv.kruskal(ratings, f"tension ~ {factor}", **names)
        of_study = mv.kruskal(study(ratings), f"tension ~ {factor}", n_resamples=19)
        columns = ["method", "statistic", "p_value", "warning"]
        pd.testing.assert_frame_equal(of_frame[columns], of_study[columns])


@pytest.mark.parametrize("key", ["item", "participant"])
def test_modality_that_does_not_vary_within_items_or_people_is_a_trait_of_them(ratings, key):
    unit = ratings["clip" if key == "item" else "subject"]
    frame = ratings.assign(modality=np.where(unit % 2, "a", "b"))
    rows = mv.kruskal_modality(study(frame), n_resamples=19)
    told = mv.kruskal(study(frame), "tension ~ modality", assigned=key, n_resamples=19)
    assert rows["method"].tolist() == told["method"].tolist()
    assert rows["p_value"].notna().all()


def test_a_trait_that_differs_in_one_person_of_many_is_told():
    grid = pd.MultiIndex.from_product([range(30), range(4)], names=["participant", "item"])
    frame = grid.to_frame(index=False).assign(gender="f", y=range(120))
    frame.loc[frame["participant"] % 2 == 1, "gender"] = "m"
    frame.loc[0, "gender"] = "m"
    with pytest.raises(mv.DesignError, match=r"'gender' has one value .* but 1 of 30 \(0\)"):
        mv.kruskal(frame, "y ~ gender")
    assert len(mv.kruskal(frame, "y ~ gender", assigned="observed")) == 2


def test_what_the_table_does_not_show_is_not_named():
    keys = pd.DataFrame({"item": list("abab"), "participant": list("1234")})
    assert assigned_of(keys.assign(x=list("uvuv"), y=list("ppqq"), z="same"), keys) == {"x": "item"}
    alone = keys.drop(columns="participant")
    assert assigned_of(alone.assign(x=list("uvuv")), alone) == {"x": "item"}
