"""Time axes that xarray cut: whoever needs neighbours in time refuses a hole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats import DataError
from muvistats.dataset.interval import interval_of
from muvistats.errors import DesignError


def cut(study: xr.DataTree, steps: object, *groups: str) -> xr.DataTree:
    parts = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
    for group in groups:
        parts[group] = parts[group].isel(time=steps)
    tree = xr.DataTree.from_dict(parts, name=study.name)
    tree.attrs = dict(study.attrs)
    return tree


@pytest.fixture(scope="module")
def study() -> xr.DataTree:
    return mv.simulate_muvi(rng=1, n_items=6, n_participants=9)


NEEDS_NEIGHBOURS = {
    "agreement_over_time": {"window": 5.0},
    "compare_with_human": {"metric": "roughness", "sets": [("audiovisual", "audio")]},
    "dominance_over_time": {"window": 5.0},
    "gold_standard": {"method": "latent", "max_lag": 1.0},
    "over_time": {"formula": "arousal ~ modality"},
    "rater_lag": {"max_lag": 1.0},
    "rates_of_change": {},
}


@pytest.mark.parametrize("name", NEEDS_NEIGHBOURS)
def test_a_hole_is_refused_where_neighbours_are_needed(study, name):
    options = NEEDS_NEIGHBOURS[name]
    with pytest.raises(DataError, match="left out or not evenly spaced"):
        getattr(mv, name)(cut(study, np.delete(np.arange(120), [25]), "/annotations"), **options)


def test_a_hole_in_features_is_refused_where_their_steps_are_measured(study):
    holed = cut(study, np.delete(np.arange(120), [9]), "/features/audio", "/features/visual")
    with pytest.raises(DataError, match="/features/audio, row 9"):
        mv.feature_roughness(holed)


def test_every_other_step_is_a_step_of_twice_the_length(study):
    half = cut(study, np.arange(0, 120, 2), "/annotations")
    assert interval_of(half["annotations/time"].to_numpy()) == 1.0
    rate = mv.rates_of_change(half, window=2.0)["annotations/arousal_rate"].values
    whole = mv.rates_of_change(study, window=2.0)["annotations/arousal_rate"].values
    np.testing.assert_allclose(rate[:, 1:-1], whole[:, 2:-2:2])


def test_rounded_stamps_have_the_step_that_they_were_rounded_from():
    assert interval_of(np.round(np.arange(300) / 30, 2)) == pytest.approx(1 / 30, rel=1e-4)
    assert interval_of(np.round(np.arange(300) / 60, 2)) == pytest.approx(1 / 60, rel=1e-4)
    with pytest.raises(DesignError, match="single time step"):
        interval_of(np.zeros(1))


def test_studies_whose_grids_have_other_holes_are_not_joined():
    def built(who: str, steps: list[int]) -> xr.DataTree:
        table = pd.DataFrame({"item": "a", "participant": who, "time": np.array(steps) / 2})
        made = mv.from_frames(dynamics=table.assign(valence=0.1 * np.arange(len(steps))))
        return cut(made, [0, 1, 3], "/annotations") if who == "q" else made

    with pytest.raises(DataError, match="time steps"):
        mv.combine({"A": built("p", [0, 1, 2, 3]), "B": built("q", [0, 1, 2, 3])})
    joint = mv.combine({"A": built("p", [0, 1, 2, 3]), "B": built("r", [0, 1])})
    assert joint["annotations"].sizes["time"] == 4
