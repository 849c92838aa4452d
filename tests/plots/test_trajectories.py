"""The figure of trajectories and of when they differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv

from .drawing import lines, save


@pytest.fixture(scope="module")
def steps(study):
    return mv.over_time(study, "arousal ~ modality", level="group", n_resamples=19)


def test_means_are_drawn_as_they_are(steps):
    figure = mv.plot_over_time(steps)
    for name in ("music", "visual", "audiovisual"):
        (line,) = lines(figure.axes[0], name.capitalize())
        expected = steps.loc[steps["group"] == name, "mean"]
        np.testing.assert_allclose(line.get_ydata(), expected)
    save(figure)


def test_significant_clusters_are_shaded(steps):
    frame = steps.assign(mass=0.0, p_adjusted=1.0)
    inside = frame["time"].between(10, 14.5) | frame["time"].between(20, 22)
    frame.loc[inside, "mass"] = 30.0
    frame.loc[frame["time"].between(10, 14.5), "p_adjusted"] = 0.01
    frame.loc[frame["time"].between(20, 22), "p_adjusted"] = 0.06
    figure = mv.plot_over_time(frame)
    shades = [patch for patch in figure.axes[0].patches if patch.get_gid() == "cluster"]
    assert [(shade.get_x(), shade.get_x() + shade.get_width()) for shade in shades] == [(10, 15)]
    assert len(mv.plot_over_time(frame, alpha=0.1).axes[0].patches) == 2


def test_a_difference_has_one_line(study):
    pair = ("audiovisual", "music")
    found = mv.over_time(study, "arousal ~ modality", groups=pair, level="time", n_resamples=19)
    figure = mv.plot_over_time(found)
    (line,) = lines(figure.axes[0], "effect_size")
    np.testing.assert_allclose(line.get_ydata(), found["effect_size"])
    save(figure)


def test_clusters_alone_are_no_trajectories(study):
    found = mv.over_time(study, "arousal ~ modality", n_resamples=19)
    with pytest.raises(mv.DataError, match="no trajectories"):
        mv.plot_over_time(found)


def test_dimensions_have_a_panel_each(steps):
    other = steps.assign(dimension="valence", mean=-steps["mean"])
    figure = mv.plot_over_time(pd.concat([steps, other], ignore_index=True))
    assert [ax.get_ylabel() for ax in figure.axes] == ["Arousal", "Valence"]
    (line,) = lines(figure.axes[1], "Music")
    expected = -steps.loc[steps["group"] == "music", "mean"]
    np.testing.assert_allclose(line.get_ydata(), expected)
    save(figure)


@pytest.fixture(scope="module")
def model(study):
    early = mv.select(study, time=(0, 10))
    formula = "arousal ~ modality * cr(time, df=3) + (1 | participant) + (1 | item)"
    return mv.mixed_model(early, formula, correlation="ar1", rho=0.9)


def test_estimated_trajectories_are_drawn_with_their_bands(model):
    frame = model.trajectories("modality", n_resamples=199)
    figure = mv.plot_trajectories(frame)
    for name in ("music", "visual", "audiovisual"):
        (line,) = lines(figure.axes[0], name.capitalize())
        own = frame[frame["group"] == name]
        np.testing.assert_allclose(line.get_ydata(), own["estimate"])
    bands = [each for each in figure.axes[0].collections if each.get_gid() == "band"]
    heights = bands[-1].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(own["band_low"].min())
    assert heights.max() == pytest.approx(own["band_high"].max())
    save(figure)
    pair = model.trajectories("modality", groups=("audiovisual", "music"), n_resamples=199)
    single = mv.plot_trajectories(pair)
    (line,) = lines(single.axes[0], "estimate")
    np.testing.assert_allclose(line.get_ydata(), pair["estimate"])
    assert "Audiovisual less music" in single.texts[0].get_text()
    save(single)


def test_other_frames_have_no_estimated_trajectories(steps):
    with pytest.raises(mv.DataError, match="trajectories"):
        mv.plot_trajectories(steps)


def test_means_over_items_with_their_intervals(study):
    figure = mv.plot_mean_trajectories(study, by="gender", dimension="arousal")
    (ax,) = figure.axes
    people = study["participants"].to_dataset()["gender"].to_series()
    long = mv.to_long(study)
    for name, rows in long.groupby(long["participant"].map(people)):
        items = rows.pivot_table(index="item", columns="time", values="arousal", aggfunc="mean")
        (line,) = lines(ax, name)
        np.testing.assert_allclose(line.get_ydata(), items.mean())
        reach = stats.t.ppf(0.975, items.count() - 1) * items.std() / np.sqrt(items.count())
        band = ax.collections[[each.get_label() for each in ax.lines].index(name)]
        ends = band.get_paths()[0].vertices[:, 1]
        assert ends.max() == pytest.approx((items.mean() + reach).max())
        assert ends.min() == pytest.approx((items.mean() - reach).min())
