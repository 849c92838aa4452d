"""What permutations of the contrast say, and the fewest items that models are fitted to."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import muvistats as mv
from muvistats.stats.prediction.contrast import _permutation_row


def test_spread_and_p_of_permutations_by_hand():
    row = _permutation_row(np.array([0.5, 3.5]), np.array([1.0, 2.0, -3.0, 0.0]))
    assert row["estimate"] == 2
    assert row["sd"] == pytest.approx(np.sqrt(14 / 3))
    assert row["p_value"] == pytest.approx(3 / 5)  # two are as far from 0, and the observed one
    assert np.isnan(_permutation_row(np.array([0.5]), np.array([1.0]))["sd"])


def test_three_items_have_two_to_train_on():
    study = mv.simulate_muvi(rng=1, n_items=3, n_participants=9)
    audio = study["features/audio"].to_dataset()
    study["features/audio"] = xr.DataTree(audio.isel(feature=slice(0, None, 120)))
    frame = mv.lasso_models(
        study, model="linear", sets=[("music", "audio")], n_folds=3, dimension="arousal"
    )
    assert frame["mean"].notna().all()
    assert not frame["warning"].str.contains("fewer than two").any()
    few = mv.lasso_models(study, model="linear", sets=[("music", "audio")], n_folds=2)
    assert few["warning"].str.contains("3 items leave fewer than two to train on").all()
