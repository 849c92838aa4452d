"""Figures of fits show their numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

import muvistats as mv

from .drawing import lines


@pytest.fixture(scope="module")
def small():
    return mv.simulate_muvi(rng=1, n_items=9, n_participants=9, features=False)


@pytest.fixture(scope="module")
def linear(small):
    return mv.linear_model(small, "arousal ~ modality + gender")


@pytest.fixture(scope="module")
def logistic(small):
    return mv.glm(small, "sad ~ modality")


def rows_of(ax) -> list[str]:
    return [tick.get_text() for tick in ax.get_yticklabels()]


def test_coefficients_are_those_of_the_fit(linear):
    (ax,) = mv.plot_coefficients(linear).axes
    tidy = linear.tidy().set_index("term").drop(index="Intercept")
    assert rows_of(ax) == list(tidy.index)
    (points,) = lines(ax, "estimate")
    np.testing.assert_array_equal(points.get_xdata(), tidy["estimate"])
    (intervals,) = [each for each in ax.collections if each.get_gid() == "interval"]
    ends = np.array([segment[:, 0] for segment in intervals.get_segments()])
    np.testing.assert_array_equal(ends, tidy[["conf_low", "conf_high"]])
    assert "Intercept" in rows_of(mv.plot_coefficients(linear.tidy(), intercept=True).axes[0])


def test_several_models_stand_side_by_side(linear, small):
    other = mv.linear_model(small, "arousal ~ modality")
    figure = mv.plot_coefficients({"both": linear, "one": other})
    first, second = lines(figure.axes[0], "estimate")
    assert np.isfinite(first.get_xdata()).sum() == 3
    assert np.isnan(second.get_xdata()).sum() == 1  # it has no gender
    assert not figure.axes[0].texts
    assert (np.abs(first.get_ydata() - second.get_ydata()) > 0.2).all()
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["both", "one"]


def test_ratios_stand_on_a_logarithmic_axis(logistic):
    (ax,) = mv.plot_coefficients(logistic, exponentiate=True).axes
    assert ax.get_xscale() == "log"
    estimates = logistic.tidy()["estimate"].to_numpy()[1:]
    np.testing.assert_allclose(lines(ax, "estimate")[0].get_xdata(), np.exp(estimates))


def test_a_term_without_an_estimate_says_so(linear):
    tidy = linear.tidy()
    tidy.loc[1, ["estimate", "conf_low", "conf_high"]] = np.nan
    (ax,) = mv.plot_coefficients(tidy).axes
    assert [text.get_text() for text in ax.texts] == ["no estimate"]


@pytest.mark.parametrize("wrong", [3, "fit", None, pd.DataFrame({"x": [1]})])
def test_what_is_no_fit(wrong):
    with pytest.raises(mv.DataError):
        mv.plot_coefficients(wrong)
    with pytest.raises(mv.DataError):
        mv.plot_residuals(wrong)


def test_means_stand_at_their_levels(small):
    means = mv.linear_model(small, "arousal ~ modality * gender").emmeans(["modality", "gender"])
    (ax,) = mv.plot_means(means).axes
    assert rows_of(ax) == ["Music", "Visual", "Audiovisual"]
    female, male = lines(ax, "estimate")
    np.testing.assert_array_equal(female.get_xdata(), means["estimate"][::2])
    np.testing.assert_array_equal(male.get_xdata(), means["estimate"][1::2])
    assert female.get_marker() != male.get_marker()
    commas = means.assign(group=means["group"] + ", so to say")
    assert len(rows_of(mv.plot_means(commas).axes[0])) == 6


def test_means_of_a_link_stand_on_the_scale_of_the_response(logistic):
    means = logistic.emmeans("modality")
    (ax,) = mv.plot_means(means).axes
    np.testing.assert_allclose(lines(ax, "estimate")[0].get_xdata(), means["fitted"])
    (intervals,) = [each for each in ax.collections if each.get_gid() == "interval"]
    ends = np.array([segment[:, 0] for segment in intervals.get_segments()])
    np.testing.assert_allclose(ends, expit(means[["conf_low", "conf_high"]]))
    (ax,) = mv.plot_means(means, scale="link").axes
    np.testing.assert_allclose(lines(ax, "estimate")[0].get_xdata(), means["estimate"])
    assert ax.get_xlabel() == "estimated mean (logit scale)"
    with pytest.raises(mv.DesignError, match="scale must be one of"):
        mv.plot_means(means, scale="odds")


def test_quantiles_of_residuals_and_their_band(linear):
    left, right = mv.plot_residuals(linear).axes
    rows = linear.augment()
    scaled = rows["residual"] / rows["residual"].std(ddof=0)
    (points,) = lines(left, "residual")
    np.testing.assert_allclose(points.get_xdata(), rows["fitted"])
    np.testing.assert_allclose(points.get_ydata(), scaled)
    (points,) = lines(right, "residual")
    np.testing.assert_allclose(points.get_ydata(), np.sort(scaled))
    n = len(rows)
    assert points.get_xdata()[n // 2] == pytest.approx(
        stats.norm.ppf((n // 2 + 1 - 0.375) / (n + 0.25))
    )
    band = right.collections[0].get_paths()[0].vertices
    rng = np.random.default_rng(0)
    least = np.sort(rng.normal(size=(4000, n)), axis=1)[:, 0]
    at_least = band[np.isclose(band[:, 0], points.get_xdata()[0])][:, 1]
    assert ((least > at_least.min()) & (least < at_least.max())).mean() == pytest.approx(
        0.95, abs=0.02
    )


def test_one_of_the_two_panels(linear):
    assert len(mv.plot_residuals(linear, show="qq").axes) == 1
    constant = linear.augment().assign(residual=0.0)
    with pytest.raises(mv.DataError, match="no residual that varies"):
        mv.plot_residuals(constant)
