"""Which columns of a study of one's own are factors, and the model of all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.report.factors import factor_codes, models_of_factors, own_factors


@pytest.fixture(scope="module")
def study() -> xr.DataTree:
    grid = pd.MultiIndex.from_product([range(12), range(14)], names=["item", "participant"])
    frame = grid.to_frame(index=False)
    rng = np.random.default_rng(2)
    frame["calm"] = rng.integers(1, 8, len(frame))
    frame["sex"] = 1 + frame["participant"] % 2
    frame["age"] = 20 + frame["participant"]
    frame["lab name"] = np.where(frame["participant"] < 7, "north", "south")
    frame["room"] = frame["lab name"] + (frame["participant"] % 3).astype("str")
    frame["seconds"] = rng.normal(size=len(frame))
    return mv.from_frames(frame, dimensions=["calm"], scale=(1, 7))


def test_codes_of_two_numbers_are_levels_and_measures_are_not(study):
    assert own_factors(study) == ["sex", "lab name", "room"]
    assert factor_codes(study) == ["C(sex)", "Q('lab name')", "room"]


def test_a_factor_from_which_another_follows_is_left_out_of_the_model(study):
    rows = models_of_factors(study)
    assert rows["term"].tolist() == ["sex", "lab name"]
    assert rows["p_value"].notna().all()
    assert rows["warning"].str.contains("other factors follow from them: room").all()


def test_people_with_one_rating_have_no_effect_of_their_own(study):
    frame = mv.annotation_frame(study).drop_duplicates("participant")
    frame = frame.assign(item=range(14))[["item", "participant", "calm", "lab name"]]
    frame["item"] //= 4
    crowd = mv.from_frames(frame, dimensions=["calm"], scale=(1, 7))
    rows = models_of_factors(crowd)
    assert rows["warning"].str.contains("no random effects of participant").all()
    assert "(1 | item)" in mv.demographic_model(crowd).formula
