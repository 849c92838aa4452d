"""Figures of simulated tests show the rows of their frame."""

from __future__ import annotations

import numpy as np
import pytest

import muvistats as mv
from muvistats.plots.layout import SIMULATED

SMALL = [
    mv.Scenario(name, null=("overlay", "gender"), n_items=6, n_participants=9)
    for name in ("small", "another_one")
]
FAST = {"n_resamples": 19, "cache": False, "progress": False}


@pytest.fixture(scope="module")
def rates():
    return mv.calibration(["chisquare_labels: gender", "kruskal: gender"], SMALL, 4, **FAST)


@pytest.fixture(scope="module")
def plan():
    return mv.power_study(
        n_participants=(9, 15), n_items=(3, 6), effect_multiplier=(1, 2), n_sims=3, **FAST
    )


def points(ax, name):
    (line,) = [line for line in ax.lines if line.get_gid() == name]
    return line


def test_every_rate_is_a_point_on_its_line(rates):
    figure = mv.plot_calibration(rates)
    assert [ax.get_title("left") for ax in figure.axes] == ["Small", "Another one"]
    for ax, scenario in zip(figure.axes, SMALL, strict=True):
        rows = rates[rates["scenario"] == scenario.name]
        lines = [text.get_text() for text in ax.get_yticklabels()]
        assert lines == [
            "chisquare_labels: gender",
            "kruskal: gender, arousal",
            "kruskal: gender, valence",
        ]
        for name in ("independent", "design"):
            drawn = points(ax, name)
            part = rows[rows["dependence"] == name]
            np.testing.assert_array_equal(drawn.get_xdata(), part["estimate"])
            near = np.round(np.asarray(drawn.get_ydata())).astype(int)
            dimension = part["dimension"].fillna("").tolist()
            assert [
                lines[i].rpartition(", ")[2] in (d, part_name)
                for i, d, part_name in zip(near, dimension, part["test"], strict=True)
            ] == [True] * len(part)
        assert 0.05 in [line.get_xdata()[0] for line in ax.lines]
    assert SIMULATED in [text.get_text() for text in figure.texts]


def test_bars_hold_at_once(rates):
    ax = mv.plot_calibration(rates[rates["scenario"] == "small"]).axes[0]
    drawn = sorted(tuple(path[:, 0]) for bars in ax.collections for path in bars.get_segments())
    rows = rates[rates["scenario"] == "small"]
    expected = sorted(zip(rows["simultaneous_low"], rows["simultaneous_high"], strict=True))
    np.testing.assert_allclose(drawn, expected)


def test_a_heat_map_has_the_largest_rate_of_each_test(rates):
    figure = mv.plot_calibration(rates, style="heatmap")
    alone, design = figure.axes
    for ax, name in ((alone, "independent"), (design, "design")):
        part = rates[(rates["dependence"] == name) & (rates["alpha"] == 0.05)]
        largest = part.groupby(["scenario", "test"], sort=False)["estimate"].max().unstack("test")
        drawn = np.asarray(ax.images[0].get_array())
        np.testing.assert_allclose(drawn, largest.to_numpy())
        assert len(ax.texts) == drawn.size
    with pytest.raises(mv.DataError, match="without an effect"):
        mv.plot_calibration(rates.assign(null=False), style="heatmap")
    with pytest.raises(mv.DesignError, match="style"):
        mv.plot_calibration(rates, style="bars")


def test_power_is_drawn_against_what_varies(plan):
    figure = mv.plot_power(plan)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title("left") for ax in shown] == [
        "kruskal_modality, arousal",
        "kruskal_modality, valence",
    ]
    assert {ax.get_xlabel() for ax in shown} == {"Participants"}
    labels = [text.get_text() for text in shown[0].get_legend().get_texts()]
    assert len(labels) == 8  # two ways to take rows, two numbers of items, two effects
    assert "Design, items 3, effect multiplier 2" in labels
    ax = shown[1]
    bars = dict(zip(labels, ax.containers, strict=True))
    rows = plan[
        (plan["dimension"] == "valence")
        & (plan["dependence"] == "independent")
        & (plan["n_items"] == 6)
        & (plan["effect_multiplier"] == 1)
    ].sort_values("n_participants")
    line = bars["Independent, items 6, effect multiplier 1"].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), rows["n_participants"])
    np.testing.assert_array_equal(line.get_ydata(), rows["estimate"])


def test_power_against_cost(plan):
    axes = mv.plot_power(plan, x="participant_hours").axes
    assert axes[0].get_xlabel() == "Hours of all participants"
    xs = {x for bar in axes[0].containers for x in bar.lines[0].get_xdata()}
    assert xs == set(plan["participant_hours"])
    with pytest.raises(mv.DesignError, match="x must be one of n_participants"):
        mv.plot_power(plan, x="n")


def test_other_frames_are_refused(rates, plan):
    with pytest.raises(mv.DataError, match="not a frame of calibration"):
        mv.plot_calibration(plan)
    with pytest.raises(mv.DataError, match="not a frame of power_study"):
        mv.plot_power(rates)
    with pytest.raises(mv.DataError, match="no row has a rate"):
        mv.plot_calibration(rates.assign(estimate=np.nan))
