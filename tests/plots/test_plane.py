"""Labels stand at their mean ratings, and their names apart."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import muvistats as mv
from muvistats.plots.plane import write_beside

from .drawing import illegible


def test_labels_stand_at_the_mean_of_their_annotations(study):
    (ax,) = mv.plot_label_plane(study, labels=["sad", "joyful"]).axes
    frame = mv.annotation_frame(study)
    wanted = [
        frame.loc[frame[name] == 1, ["valence", "arousal"]].mean() for name in ("sad", "joyful")
    ]
    np.testing.assert_allclose(ax.collections[0].get_offsets(), wanted)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Valence", "Arousal")
    assert sorted(text.get_text() for text in ax.texts) == ["Joyful", "Sad"]


def test_a_frame_names_its_labels(study):
    frame = mv.annotation_frame(study)
    frame.attrs = {}
    with pytest.raises(mv.DataError):
        mv.plot_label_plane(frame)
    figure = mv.plot_label_plane(frame, labels=["sad"], dimension=["arousal", "valence"])
    assert figure.axes[0].get_xlabel() == "Arousal"


@pytest.mark.parametrize(
    "wrong", [{"labels": ["sda"]}, {"dimension": "arousal"}, {"dimension": ["a", "b"]}]
)
def test_what_is_not_there(study, wrong):
    with pytest.raises(mv.DataError):
        mv.plot_label_plane(study, **wrong)


def test_forty_five_names_in_the_thick_of_it_keep_apart():
    figure = Figure(figsize=(5, 5))
    ax = figure.subplots()
    spots = np.random.default_rng(0).normal(scale=0.15, size=(45, 2))
    ax.set(xlim=(-1, 1), ylim=(-1, 1))
    write_beside(ax, spots, [f"name {k}" for k in range(45)])
    assert illegible(figure) == []
