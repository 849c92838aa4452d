"""Labels that features predict, as drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest

import muvistats as mv


@pytest.fixture(scope="module")
def table():
    study = mv.simulate_muvi(rng=2, n_items=27, n_participants=18)
    return mv.label_prediction(study, level="label", kind="visual", n_resamples=20)


def test_points_are_the_estimates_and_only_sure_ones_are_filled(table):
    table = table.copy()
    table.loc[table["label"] == "energetic", "p_adjusted"] = 0.01
    table.loc[table["label"] != "energetic", "p_adjusted"] = 0.5
    figure = mv.plot_label_prediction(table)
    assert "simulated data" in [text.get_text() for text in figure.texts]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    for ax, modality in zip(figure.axes, ("music", "visual", "audiovisual"), strict=True):
        rows = table[table["modality"] == modality].set_index("label")
        sure, unsure, ceiling = ax.lines[1:4]
        assert list(sure.get_xdata()) == [rows.loc["energetic", "estimate"]]
        assert names[sure.get_ydata()[0]] == "Energetic"
        assert len(unsure.get_xdata()) == 26
        assert sure.get_markerfacecolor() != unsure.get_markerfacecolor() == "white"
        assert set(np.asarray(ceiling.get_xdata())) == set(rows["noise_ceiling"])
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=40)
    assert stream.tell() > 1000


def test_another_frame_is_refused(table):
    with pytest.raises(mv.DataError, match="not a frame of label_prediction"):
        mv.plot_label_prediction(table.drop(columns="noise_ceiling"))
