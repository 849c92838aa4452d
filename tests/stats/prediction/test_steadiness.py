"""Roughness of features over time, in pairs of families."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from statsmodels.stats.stattools import durbin_watson

import muvistats as mv


def with_values(study, change):
    """The study with other visual features."""
    features = study["features/visual"].to_dataset()
    changed = change(features["values"].transpose("item", "time", "feature").to_numpy().copy())
    study = study.copy()
    values = (("item", "time", "feature"), changed)
    study["features/visual"] = xr.DataTree(features.assign(values=values))
    return study


def family(study, name):
    return np.flatnonzero(study["features/visual/family"].to_numpy() == name)


def test_a_pair_is_a_paired_test_over_items(featured):
    frame = mv.feature_roughness(featured, kind="visual").set_index(["group1", "group2"])
    values = featured["features/visual/values"].transpose("item", "feature", "time").to_numpy()
    means = []
    for name in ("action", "face"):
        own = values[:, family(featured, name)].astype(float)
        rough = np.empty(own.shape[:2])
        for i, j in np.ndindex(rough.shape):
            x = own[i, j][~np.isnan(own[i, j])]
            rough[i, j] = durbin_watson(x - x.mean()) / 2 * len(x) / (len(x) - 1)
        means.append(rough.mean(axis=1))
    paired = stats.ttest_rel(*means)
    row = frame.loc[("action", "face")]
    assert row["statistic"] == pytest.approx(paired.statistic, rel=1e-6)
    assert row["p_value"] == pytest.approx(paired.pvalue, rel=1e-6)
    assert (row["mean1"], row["mean2"]) == pytest.approx([m.mean() for m in means], rel=1e-6)
    assert len(frame) == 15  # six families
    both = mv.feature_roughness(featured)
    assert (both["features"] == "visual").sum() == 15
    assert (both["features"] == "audio").any()


def test_steady_scenes_are_found(featured):
    """Actions of whole scenes of 20 windows, everything else from frame to frame."""
    actions = family(featured, "action")

    def scenes(values):
        held = np.arange(values.shape[1]) // 20 * 20
        values[:, :, actions] = values[:, held][:, :, actions]
        return values

    frame = mv.feature_roughness(with_values(featured, scenes), kind="visual")
    rows = frame[frame["group1"] == "action"]
    assert (rows["conf_high"] < 0).all()
    assert (rows["p_adjusted"] < 0.01).all()


def test_two_items_have_an_interval(featured):
    two = mv.select(featured, item=featured["items/item"].to_numpy()[:2].tolist())
    for row in mv.feature_roughness(two, kind="visual").itertuples():
        assert row.n_items == 2
        # with two values Student's t has one degree of freedom, and its quantile a closed form
        half = np.tan(0.475 * np.pi) * row.std_error
        assert (row.conf_low, row.conf_high) == pytest.approx(
            (row.estimate - half, row.estimate + half)
        )


def test_features_of_one_moment_have_no_roughness(featured):
    still = featured.copy()
    visual = featured["features/visual"].to_dataset()
    still["features/visual"] = xr.DataTree(visual.isel(time=slice(0, 1)))
    frame = mv.feature_roughness(still)
    of_picture = frame["features"] == "visual"
    assert (frame.loc[of_picture, "n_items"] == 0).all()
    assert (frame.loc[of_picture, "warning"] == "fewer than two items").all()
    assert frame.loc[~of_picture, "p_value"].notna().all()


def test_what_never_moves_has_no_roughness(featured):
    faces = family(featured, "face")

    def still(values):
        values[:3, :, faces] = 0.0
        return values

    frame = mv.feature_roughness(with_values(featured, still), kind="visual").set_index(
        ["group1", "group2"]
    )
    row = frame.loc[("action", "face")]
    assert (row["n_items"], row["n_missing"]) == (12, 3)
    bare = mv.simulate_muvi(rng=1, n_items=6, n_participants=6, features=False)
    with pytest.raises(mv.DataError, match="no audio or visual features"):
        mv.feature_roughness(bare)
    with pytest.raises(mv.DesignError, match="kind must be one of"):
        mv.feature_roughness(featured, kind="audio_visual")
