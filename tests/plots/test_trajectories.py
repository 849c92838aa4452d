"""The figure of trajectories and of when they differ."""

from __future__ import annotations

import numpy as np
import pytest

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
