"""Tables of a paper."""

from __future__ import annotations

import pytest

import muvistats as mv
from muvistats.results.frame import build_frame


@pytest.fixture
def frame():
    rows = {"dimension": ["arousal", "valence"], "estimate": [0.5, 0.25], "p_value": [0.2, 0.0001]}
    rows |= {"conf_low": 0.1, "conf_high": 0.7, "conf_level": 0.95, "method": "the way"}
    columns = ("dimension", "estimate", "p_value", "conf_low", "conf_high", "conf_level", "method")
    return build_frame(rows, (*columns, "warning"))


def test_a_table_has_all_rows_and_its_note(frame):
    lines = mv.format_table(frame).splitlines()
    assert lines[1].split() == ["Dimension", "Estimate", "95%", "CI", "p"]
    assert lines[3].split() == ["arousal", "0.500", "[0.100,", "0.700]", ".200"]
    assert lines[-1] == "Note. The way."
    assert all(set(lines[n]) == {"\u2500"} for n in (0, 2, 5))
    long = frame.loc[[0] * 99].reset_index(drop=True)
    assert len(mv.format_table(long, "markdown").splitlines()) == 2 + 99 + 2


def test_columns_can_be_chosen(frame):
    chosen = ["p_value", "dimension", "conf_low", "conf_high"]
    head = mv.format_table(frame, "markdown", columns=chosen).splitlines()[0]
    assert head == "| p | Dimension | 95% CI |"
    assert mv.format_table(frame, "markdown", columns="p_value").startswith("| p |")
    for wrong in (["nothing"], []):
        with pytest.raises(mv.DesignError, match="columns"):
            mv.format_table(frame, columns=wrong)


def test_the_style_is_one_of_four(frame):
    assert mv.format_table(frame, "latex").startswith(r"\begin{tabular}")
    assert mv.format_table(frame, "html").startswith("<table")
    with pytest.raises(mv.DesignError, match="apa, latex, markdown, html"):
        mv.format_table(frame, "word")


def test_a_fit_gives_its_coefficients(study):
    fit = mv.linear_model(study, "arousal ~ modality")
    assert "modality[T.visual]" in mv.format_table(fit)


def test_the_apa_has_no_zero_where_numbers_cannot_exceed_one():
    rows = {"item": ["a", "b"], "estimate": [0.25, -0.5], "estimator": "Pearson r"}
    rows |= {"conf_low": 0.125, "conf_high": [0.5, 1.0], "conf_level": 0.95}
    frame = build_frame(rows, (*rows, "warning"))
    table = mv.format_table(frame, "apa")
    assert " .250   [.125, .500]" in table
    assert "-.500  [.125, 1.000]" in table
    assert "0.250" in mv.format_table(frame, "markdown")
    other = mv.format_table(frame.assign(estimator="mean difference"), "apa")
    assert " 0.250  [0.125, 0.500]" in other
