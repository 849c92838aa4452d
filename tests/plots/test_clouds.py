"""Rainclouds hold the values of each group."""

from __future__ import annotations

import numpy as np
import pytest

import muvistats as mv

from .drawing import lines


def test_each_group_has_its_values_and_median(study):
    figure = mv.plot_raincloud(study, by="years_of_training > 3", dimension=["valence"])
    (ax,) = figure.axes
    frame = mv.annotation_frame(study)
    groups = [g["valence"].dropna() for _, g in frame.groupby(frame["years_of_training"] > 3)]
    for points, median, values in zip(
        lines(ax, "points"), lines(ax, "median"), groups, strict=True
    ):
        np.testing.assert_allclose(np.sort(points.get_xdata()), np.sort(values))
        assert median.get_xdata()[0] == pytest.approx(values.median())
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        f"{name}\nn = {len(values)}" for name, values in zip(("False", "True"), groups, strict=True)
    ]


def test_values_of_any_range_and_groups_of_one(study):
    frame = mv.annotation_frame(study)
    frame["pulse"] = np.linspace(50, 180, len(frame))
    frame["kind"] = ["alone", *["others"] * (len(frame) - 1)]
    (ax,) = mv.plot_raincloud(frame, by="kind", dimension="pulse").axes
    low, high = ax.get_xlim()
    assert low < 50
    assert high > 180
    assert len([each for each in ax.collections if each.get_gid() == "cloud"]) == 1


def test_no_value_at_all(study):
    frame = mv.annotation_frame(study).assign(arousal=np.nan)
    with pytest.raises(mv.DataError, match="no group has a value"):
        mv.plot_raincloud(frame, by="gender", dimension="arousal")
