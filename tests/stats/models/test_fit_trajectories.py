"""Estimated trajectories of fitted models, and their bands."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats.stats.models.inference import simultaneous_quantile

TIMES = [0.0, 2.0, 4.5, 9.5]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"time": np.tile(np.arange(20) / 2, 12), "g": np.repeat(list("abab"), 60)})
    frame["h"] = np.repeat(list("uvw"), 80)
    frame["y"] = np.sin(frame["time"]) + (frame["g"] == "b") * frame["time"] / 5
    return frame.assign(y=frame["y"] + rng.normal(size=240), z=rng.integers(0, 2, 240))


@pytest.fixture(scope="module")
def fit(rows):
    return mv.linear_model(rows, "y ~ g * bs(time, df=4) + h")


def test_estimates_are_means_of_predictions(fit):
    found = fit.trajectories("g", times=TIMES, n_resamples=0)
    cells = pd.MultiIndex.from_product(
        [["a", "b"], TIMES, ["u", "v", "w"]], names=["g", "time", "h"]
    )
    grid = cells.to_frame(index=False)
    expected = grid.assign(p=fit.predict(grid)).groupby(["g", "time"])["p"].mean()
    np.testing.assert_allclose(found["estimate"], expected, rtol=1e-9)
    np.testing.assert_allclose(found["fitted"], expected, rtol=1e-9)
    assert found[["group", "time"]].values.tolist() == [[g, t] for g in "ab" for t in TIMES]
    assert found["band_low"].isna().all()


def test_all_times_are_shown_where_none_are_asked_for(fit, rows):
    found = fit.trajectories(n_resamples=0)
    np.testing.assert_allclose(found["time"], np.unique(rows["time"]))
    assert set(found["group"]) == {"all"}
    many = rows.assign(time=np.linspace(0, 1, 240))
    found = mv.linear_model(many, "y ~ time").trajectories(n_resamples=0)
    assert len(found) == 200
    assert (found["time"].min(), found["time"].max()) == (0, 1)


def test_a_difference_is_a_contrast_at_each_time(fit):
    found = fit.trajectories("g", groups=("b", "a"), times=TIMES, n_resamples=99)
    both = fit.trajectories("g", times=TIMES, n_resamples=0)
    both = {name: rows["estimate"].to_numpy() for name, rows in both.groupby("group")}
    np.testing.assert_allclose(found["estimate"], both["b"] - both["a"], rtol=1e-9)
    assert set(found["group1"]) == {"b"}
    # the columns of the spline are zero at its beginning
    table = fit.tidy().set_index("term").loc["g[T.b]"]
    assert found["std_error"].iloc[0] == pytest.approx(table["std_error"], rel=1e-9)
    assert found["p_value"].iloc[0] == pytest.approx(table["p_value"], rel=1e-8)


def test_a_band_of_one_time_is_its_interval(fit):
    one = fit.trajectories("g", groups=("b", "a"), times=[3.0], n_resamples=50_000).iloc[0]
    assert one["band_low"] == pytest.approx(one["conf_low"], abs=0.02 * one["std_error"])
    assert one["band_high"] == pytest.approx(one["conf_high"], abs=0.02 * one["std_error"])


def test_the_band_holds_whole_trajectories(fit):
    """Of errors drawn anew, the share that stays inside everywhere is the level."""
    found = fit.trajectories("g", n_resamples=20_000, conf_level=0.9)
    assert (found["band_low"] < found["conf_low"]).all()
    half = (found["band_high"] - found["band_low"]) / 2
    names = fit.design.fixed.names
    grid = pd.DataFrame({"g": found["group"], "time": found["time"]})
    weights = np.mean(
        [
            fit.design.fixed.of(
                fit.design.new_values(("g", "bs(time, df=4)", "h"), grid.assign(h=h)), len(grid)
            )
            for h in "uvw"
        ],
        axis=0,
    )
    draws = np.random.default_rng(9).multivariate_normal(
        np.zeros(len(names)), fit.covariance, 20_000
    )
    # as Student's t in place of the normal distribution, by which a band is wider
    wider = stats.t.isf(stats.norm.sf(2.5), fit.degrees) / 2.5
    inside = (np.abs(draws @ weights.T) * wider <= half.to_numpy()).all(axis=1).mean()
    assert inside == pytest.approx(0.9, abs=0.012)


def test_quantiles_of_independent_and_of_equal_combinations():
    rng = np.random.default_rng(2)
    found = simultaneous_quantile(np.eye(5), np.diag([1.0, 4, 9, 1, 1]), 0.95, 200_000, rng)
    assert found == pytest.approx(stats.norm.ppf((1 + 0.95**0.2) / 2), abs=0.01)
    same = simultaneous_quantile(np.ones((3, 2)), np.eye(2), 0.95, 200_000, rng)
    assert same == pytest.approx(stats.norm.ppf(0.975), abs=0.01)


def test_a_seed_gives_the_same_band(fit):
    first, again = (fit.trajectories("g", n_resamples=199, rng=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    other = fit.trajectories("g", n_resamples=199, rng=4)
    assert not np.allclose(first["band_low"], other["band_low"])


def test_logistic_models_are_on_the_scale_of_the_link(rows):
    fit = mv.glm(rows, "z ~ g * time", family="binomial")
    found = fit.trajectories("g", times=[2.0], n_resamples=99)
    np.testing.assert_allclose(found["fitted"], 1 / (1 + np.exp(-found["estimate"])))
    expected = fit.predict(pd.DataFrame({"g": ["a", "b"], "time": 2.0}))
    np.testing.assert_allclose(found["fitted"], expected)


def test_what_cannot_be_asked_is_refused(fit, rows):
    for arguments, words in (
        ({"by": "k"}, "not in the fixed part"),
        ({"by": "g", "groups": ("b", "c")}, "there is no 'c'; there are a, b"),
        ({"by": "g", "groups": "ab"}, "groups must be two levels"),
        ({"by": "g", "times": []}, "one number or more"),
        ({"by": "g", "times": ["now"]}, "times must be a finite number"),
        ({"by": "g", "times": [30.0]}, "outside"),
        ({"variable": "y"}, "no number of the fixed part"),
        ({"n_resamples": -1}, "n_resamples"),
    ):
        with pytest.raises(mv.DesignError, match=words):
            fit.trajectories(**{"n_resamples": 9} | arguments)
    with pytest.raises(mv.DesignError, match="no number of the fixed part"):
        mv.linear_model(rows, "y ~ g").trajectories("g")


def test_slopes_of_splines(fit):
    """Slopes of a variable behind a spline, by differences of trajectories."""
    slope = fit.emtrends("time")["estimate"].item()
    mean = 4.75
    near = fit.trajectories(times=[mean - 1e-4, mean + 1e-4], n_resamples=0)["estimate"]
    assert slope == pytest.approx(near.diff().iloc[1] / 2e-4, rel=1e-4)
