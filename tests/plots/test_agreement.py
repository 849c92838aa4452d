"""Raters, their estimator and Table 5 as drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import muvistats as mv

from .drawing import lines, save, texts


@pytest.fixture(scope="module")
def table(study):
    return mv.interrater_ccc(study, level="modality", n_resamples=40)


def test_trajectories_are_those_of_the_raters(study):
    item = str(study["items/item"].values[2])
    masked = mv.exclude(study, study["annotations/item"].values == item, reason="all but one")
    keep = masked["annotations/keep_dynamic"].values
    rows = np.flatnonzero(~keep)
    keep[rows[1:]] = True
    figure = mv.plot_agreement_trajectory(masked, item=item, dimension="valence")
    estimator = mv.ewe(masked, dimension="valence").sel(dimension="valence", item=item)
    annotations = masked["annotations"].to_dataset()
    for ax, modality in zip(figure.axes, ("music", "visual", "audiovisual"), strict=True):
        assert ax.get_title("left").lower() == modality
        use = (annotations["item"] == item) & (annotations["modality"] == modality)
        values = annotations["valence"].to_numpy()[use & annotations["keep_dynamic"]]
        drawn = np.array([line.get_ydata() for line in lines(ax, "rater")])
        np.testing.assert_array_equal(drawn, values)
        cell = estimator.sel(modality=modality)
        (gold,) = lines(ax, "estimator")
        np.testing.assert_array_equal(gold.get_ydata(), cell["gold_standard"])
        assert ax.get_title("right").startswith(f"{len(values)} raters, CCC")
        (band,) = [c for c in ax.collections if c.get_gid() == "band"]
        top = np.minimum(cell["gold_standard"] + cell["sd"], 1).to_numpy()
        assert_allclose(band.get_paths()[0].vertices[:, 1].max(), np.nanmax(top))
    assert "simulated data" in texts(figure)
    save(figure)


def test_a_rater_without_weight_is_dotted(study):
    result = mv.ewe(study, dimension="arousal")
    weight = result["weight"].to_numpy()[0]
    number = np.flatnonzero((weight == 0) & study["annotations/keep_dynamic"].values)[0]
    item = str(study["annotations/item"].values[number])
    figure = mv.plot_agreement_trajectory(study, item=item, dimension="arousal")
    dotted = [
        line for ax in figure.axes for line in lines(ax, "rater") if line.get_linestyle() == ":"
    ]
    of_item = study["annotations/item"].values == item
    assert len(dotted) == (weight[of_item] == 0).sum()
    assert [t.get_text() for t in figure.legends[0].get_texts()][-1] == "weight 0"


def test_every_dimension_has_a_row_and_a_crowd_is_grey(tiny):
    figure = mv.plot_agreement_trajectory(tiny, item="a_1")
    assert [ax.get_ylabel() for ax in figure.axes[::3]] == ["Arousal", "Valence"]
    assert "simulated data" not in texts(figure)
    save(figure)
    people = [f"p{p}" for p in range(12)]
    rows = [
        {"item": "i", "participant": who, "time": t / 2, "joy": np.sin(t + p) / 2}
        for p, who in enumerate(people)
        for t in range(20)
    ]
    crowd = mv.from_frames(
        dynamics=pd.DataFrame(rows), dimensions=["joy"], modalities=("audiovisual",)
    )
    figure = mv.plot_agreement_trajectory(crowd, item="i")
    assert len({line.get_color() for line in lines(figure.axes[0], "rater")}) == 1
    save(figure)


def test_what_cannot_be_drawn(tiny):
    with pytest.raises(mv.DataError, match="not in the study"):
        mv.plot_agreement_trajectory(tiny, item="nothing")
    with pytest.raises(mv.DataError, match="dimension"):
        mv.plot_agreement_trajectory(tiny, item="a_1", dimension="liking")
    with pytest.raises(mv.DataError, match="level='modality'"):
        mv.plot_interrater_ccc(mv.interrater_ccc(tiny, level="annotation"))
    with pytest.raises(mv.DataError, match="interrater_ccc"):
        mv.plot_interrater_ccc(mv.modality_correlations(tiny))


def test_means_intervals_and_printed_values(table):
    printed = mv.published("interrater_ccc")
    figure = mv.plot_interrater_ccc(table, printed=printed)
    ticks = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert ticks == ["Music", "Visual", "Audiovisual", "All"]
    for ax, dimension in zip(figure.axes, ("arousal", "valence"), strict=True):
        part = table[table["dimension"] == dimension]
        drawn = [line.get_xdata()[0] for line in lines(ax, "mean")]
        assert_allclose(drawn, part["ccc"])
        segments = [c.get_segments()[0][:, 0] for c in ax.collections if c.get_gid() == "interval"]
        assert_allclose(segments, part[["conf_low", "conf_high"]])
        theirs = printed[(printed["dimension"] == dimension) & (printed["quantity"] == "ccc")]
        diamonds = [line.get_xdata()[0] for line in lines(ax, "printed")]
        assert_allclose(sorted(diamonds), sorted(theirs["published"]))
    assert any("open diamond: the paper" in text for text in texts(figure))
    save(figure)
    alone = mv.plot_interrater_ccc(table)
    assert not lines(alone.axes[0], "printed")


def test_a_mean_that_is_not_defined(table):
    frame = table.copy()
    frame.loc[1, ["ccc", "conf_low", "conf_high"]] = np.nan
    figure = mv.plot_interrater_ccc(frame)
    assert "not defined" in [t.get_text() for t in figure.axes[0].texts]
    save(figure)
