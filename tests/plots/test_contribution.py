"""The figure of what decides the audiovisual emotion."""

from __future__ import annotations

import pandas as pd
import pytest

import muvistats as mv


@pytest.fixture(scope="module")
def both(study):
    parts = [
        mv.modality_contribution(study, scope=scope, n_resamples=50)
        for scope in ("within_item", "between_item")
    ]
    return pd.concat(parts, ignore_index=True)


def bars(figure, name):
    return [patch for patch in figure.axes[0].patches if patch.get_gid() == name]


def test_bars_meet_where_the_shares_say(both):
    figure = mv.plot_modality_contribution(both)
    shares = both[both["quantity"] == "share"]
    arousal = shares[shares["dimension"] == "arousal"]
    expected = arousal.loc[arousal["modality"] == "music", "estimate"].tolist()
    music, visual = bars(figure, "music"), bars(figure, "visual")
    assert len(music) == 4
    assert [bar.get_width() for bar in music[:2]] == pytest.approx(expected)
    for left, right in zip(music, visual, strict=True):
        assert right.get_x() == pytest.approx(left.get_width())
        assert right.get_x() + right.get_width() == pytest.approx(1)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[0] == "Arousal\nover the seconds of an item"
    assert labels[1] == "Arousal\nbetween items"


def test_interval_is_that_of_the_border(both):
    figure = mv.plot_modality_contribution(both)
    line = next(line for line in figure.axes[0].lines if line.get_gid() == "interval")
    row = both[(both["quantity"] == "share") & (both["modality"] == "music")].iloc[0]
    limits = row[["conf_low", "conf_high"]].clip(0, 1).tolist()
    assert list(line.get_xdata()) == pytest.approx(limits)


def test_noise_left_in_and_taken_out_have_bars_of_their_own(study):
    frames = [
        mv.modality_contribution(study, corrected=corrected, n_resamples=0, dimension="arousal")
        for corrected in (True, False)
    ]
    figure = mv.plot_modality_contribution(pd.concat(frames, ignore_index=True))
    labels = [label.get_text().split("\n")[-1] for label in figure.axes[0].get_yticklabels()]
    assert labels == ["rater noise taken out", "rater noise left in"]
    assert not [line for line in figure.axes[0].lines if line.get_gid() == "interval"]


def test_without_an_estimate(study):
    one = mv.select(study, item=study["items/item"].values[0])
    figure = mv.plot_modality_contribution(mv.modality_contribution(one, scope="between_item"))
    assert not figure.axes[0].patches
    assert "not estimated" in [text.get_text() for text in figure.axes[0].texts]


def test_r_squared_is_the_bounded_one(both):
    frame = both.copy()
    frame.loc[frame["quantity"] == "r_squared", ["estimate", "estimate_bounded"]] = [2066.0, 0.98]
    said = [text.get_text() for text in mv.plot_modality_contribution(frame).axes[0].texts]
    assert said.count("R\u00b2 0.98") == 4
    assert not [text for text in said if "2,066" in text]


def test_other_frames_are_refused(study):
    with pytest.raises(mv.DataError):
        mv.plot_modality_contribution(mv.modality_correlations(study))
    with pytest.raises(mv.DataError, match="no shares"):
        mv.plot_modality_contribution(
            mv.modality_contribution(mv.select(study, modality=["music", "visual"]))
        )
