"""Intraclass correlation where nothing, or only one thing, varies."""

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

KEYS = ["item", "participant", "modality"]


def forms(values, rated=None):
    """Forms by name, of ratings (item, rater) of which `rated` were given."""
    rated = np.ones(np.shape(values), dtype=bool) if rated is None else rated
    rows = [
        (f"i{i}", f"p{p}", "music", values[i][p])
        for i in range(len(values))
        for p in range(len(values[0]))
        if rated[i][p]
    ]
    frame = pd.DataFrame(rows, columns=[*KEYS, "arousal"])
    study = mv.from_frames(frame, modalities=("music",), dimensions=["arousal"])
    return mv.icc(study).query("modality == 'music'").set_index("estimator")


def of_items(raters=4, items=7, shift=0.0, scale=1.0):
    """Ratings that all raters share, in a unit and from an origin in which sums are rounded."""
    return np.repeat(np.sin(np.arange(items) * 1.7)[:, None], raters, axis=1) * scale + shift


@pytest.mark.parametrize(
    ("shift", "scale"), [(0.0, 0.9), (0.1, 1 / 3), (-0.7, 1e-7), (0.0, 1e-200)]
)
@pytest.mark.parametrize("raters", [2, 3, 7])
def test_perfect_agreement(raters, shift, scale):
    found = forms(of_items(raters, shift=shift, scale=scale))
    assert (found["estimate"] == 1).all()
    assert (found["statistic"] == np.inf).all()
    assert (found["p_value"] == 0).all()
    assert (found["conf_low"] == 1).all()
    assert (found["conf_high"] == 1).all()


def test_perfect_agreement_of_incomplete_ratings():
    rated = np.ones((7, 4), dtype=bool)
    rated[0, 0] = rated[3, 2] = False
    found = forms(of_items(), rated)
    assert (found["estimate"] == 1).all()
    assert (found["conf_low"] == 1).all()


def test_raters_who_differ_by_constants_are_consistent():
    found = forms(of_items() / 2 + np.arange(4) / 8)
    assert found.loc["ICC(C,1)", "estimate"] == 1
    assert found.loc["ICC(C,1)", "statistic"] == np.inf
    assert 0 < found.loc["ICC(A,1)", "estimate"] < 1


def test_raters_who_differ_by_constants_are_consistent_in_incomplete_ratings():
    rated = np.ones((7, 4), dtype=bool)
    rated[0, 0] = rated[3, 2] = False
    found = forms(of_items() / 2 + np.arange(4) / 8, rated)
    assert found.loc["ICC(C,1)", "estimate"] == pytest.approx(1, abs=1e-6)
    assert 0 < found.loc["ICC(A,1)", "estimate"] < 1


def test_equal_means_of_items_leave_the_mean_of_raters_without_reliability():
    values = np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.1], [0.3, 0.1, 0.2], [0.1, 0.3, 0.2]])
    found = forms(values)
    assert found.loc["ICC(1)", "estimate"] == pytest.approx(-1 / 2)
    assert found.loc["ICC(1)", "statistic"] == 0
    assert found.loc["ICC(1)", "p_value"] == 1
    averages = found.loc[["ICC(k)", "ICC(A,k)", "ICC(C,k)"]]
    assert averages["estimate"].isna().all()
    assert averages["warning"].str.contains("means of the targets are equal").all()


def test_limits_of_the_mean_of_raters_stand_on_both_sides_of_it():
    found = forms(np.array([[0.3, 0.2], [-0.4, -0.35]]))
    assert (found["conf_low"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["conf_high"]).all()
    assert (found["conf_high"] <= 1).all()
    assert found.loc["ICC(A,k)", "conf_low"] == -np.inf


def test_a_mean_of_raters_without_variance_has_no_reliability():
    # items differ less than chance has it, raters have one mean: MSB + (MSC - MSE) / m < 0
    values = np.array([[0.5, -0.5], [-0.5, 0.5], [0.45, -0.45], [-0.45, 0.46]])
    found = forms(values)
    row = found.loc["ICC(A,k)"]
    assert row[["estimate", "conf_low", "conf_high"]].isna().all()
    assert "differ less" in row["warning"]
    assert np.isfinite(found.loc["ICC(A,1)", "estimate"])


def test_where_only_raters_differ_there_is_no_test_of_agreement():
    keys = [(f"i{i}", f"p{p}", float(p)) for i in range(5) for p in range(4)]
    frame = pd.DataFrame(keys, columns=["item", "participant", "y"])
    row = mv.icc(frame, dimension="y").set_index("estimator").loc["ICC(A,1)"]
    assert row["estimate"] == 0
    assert np.isnan(row["p_value"])
    assert "neither the means of the targets nor the residuals vary" in row["warning"]


def test_constant_raters_have_no_consistency():
    found = forms(np.tile([0.1, 0.2, 0.7], (5, 1)))
    assert found.loc["ICC(C,1)", ["estimate", "statistic"]].isna().all()
    assert "means of the targets are equal" in found.loc["ICC(C,1)", "warning"]
    assert found.loc["ICC(A,1)", "estimate"] == 0


def test_one_rating_of_each_rater_tells_nothing_of_raters():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 0.2, (20, 1)) + rng.normal(0, 0.2, (20, 80))
    rated = np.arange(80)[None, :] // 4 == np.arange(20)[:, None]
    found = forms(values, rated)
    assert found.loc[["ICC(C,1)", "ICC(C,k)"], "estimate"].isna().all()
    assert "one rating" in found.loc["ICC(C,1)", "warning"]
    agreement = found.loc[["ICC(A,1)", "ICC(A,k)"], "estimate"].to_numpy()
    assert (agreement == found.loc[["ICC(1)", "ICC(k)"], "estimate"].to_numpy()).all()
    assert np.isfinite(agreement).all()


@pytest.mark.parametrize("scale", [1e-200, 1e-8])
def test_incomplete_ratings_have_no_unit(scale):
    rng = np.random.default_rng(2)
    values = rng.normal(0, 0.2, (12, 1)) + rng.normal(0, 0.2, (12, 5))
    rated = rng.random((12, 5)) < 0.8
    plain, other = forms(values, rated)["estimate"], forms(values * scale, rated)["estimate"]
    assert np.allclose(plain, other, rtol=1e-6)
