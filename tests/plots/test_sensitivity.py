"""Findings and their verdicts, as drawn."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

import muvistats as mv


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "finding": ["labels depend on gender", "arousal differs", "not tested"],
            "p_independent": [0.008, 1e-9, np.nan],
            "p_design": [0.7, 0.001, np.nan],
            "p_model": [1.0, 0.2, np.nan],
            "verdict": ["does not survive", "weakens", "undecided"],
            "alignment": "released",
            "simulated": True,
        }
    )


def test_each_p_stands_on_the_row_of_its_finding(table):
    figure = mv.plot_sensitivity(table)
    (ax,) = figure.axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["Labels depend on gender", "Arousal differs"]
    drawn = {line.get_gid(): line for line in ax.lines if str(line.get_gid()).startswith("p_")}
    for column in ("p_independent", "p_design", "p_model"):
        p = np.maximum(table[column].to_numpy()[:2], 1e-4)
        np.testing.assert_allclose(drawn[column].get_xdata(), p)
        assert np.round(drawn[column].get_ydata()).tolist() == [0, 1]
    left, right = ax.get_xlim()
    assert left > 1 > right
    said = [text.get_text() for text in ax.texts]
    assert said == ["Does not survive", "Weakens"]
    assert "simulated data" in [text.get_text() for text in figure.texts]
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=40)
    assert stream.tell() > 1000


def test_what_cannot_be_drawn_is_refused(table):
    with pytest.raises(mv.DataError, match="not a frame of sensitivity_table"):
        mv.plot_sensitivity(table.drop(columns="p_design"))
    with pytest.raises(mv.DataError, match="no rows"):
        mv.plot_sensitivity(table.iloc[2:])
    both = pd.concat([table, table.assign(alignment="corrected")])
    with pytest.raises(mv.DataError, match="several readings"):
        mv.plot_sensitivity(both)
