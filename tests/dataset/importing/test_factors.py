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
    with pytest.raises(mv.DesignError, match="nothing says how 'cut' was assigned"):
        mv.kruskal(study(ratings), "tension ~ cut")


def test_what_is_told_is_all_that_is_known(ratings):
    told = study(ratings, assigned={"gender": "observed"})
    found = mv.annotation_frame(told).attrs["assigned"]
    assert found == {"modality": "within_item", "gender": "observed"}


def test_what_the_table_does_not_show_is_not_named():
    keys = pd.DataFrame({"item": list("abab"), "participant": list("1234")})
    assert assigned_of(keys.assign(x=list("uvuv"), y=list("ppqq"), z="same"), keys) == {"x": "item"}
    alone = keys.drop(columns="participant")
    assert assigned_of(alone.assign(x=list("uvuv")), alone) == {"x": "item"}
