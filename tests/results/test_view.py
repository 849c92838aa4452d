"""Short views: what is shown of a frame, and that it fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import deep
from muvistats.results.cells import interval_owner
from muvistats.results.frame import RESULT_COLUMNS, build_frame
from muvistats.results.glossary import GLOSSARY, KEYS
from muvistats.results.layout import as_text
from muvistats.results.view import WIDTH, short_view
from muvistats.results.words import heading

for _module in (mv, deep):
    for _name in _module.__all__:
        getattr(_module, _name)  # importing registers its columns


def titles(frame: pd.DataFrame) -> list[str]:
    return [column.title for column in short_view(frame).columns]


def full(columns: tuple[str, ...], n: int = 45) -> pd.DataFrame:
    """A frame with something in every cell: long names, and numbers as wide as they get."""
    draw = np.random.default_rng(0)
    number = np.arange(n)
    made: dict[str, object] = {}
    for name in columns:
        kind = GLOSSARY[name].kind
        if name == "dependence":
            made[name] = np.where(number % 2, "design", "independent").tolist()
        elif name == "conf_level":
            made[name] = 0.95
        elif kind == "text":
            words = "of several words, as people give them" if name in KEYS else "by a method"
            made[name] = [f"{name} {place} {words}" for place in number]
        elif kind == "integer":
            made[name] = draw.integers(0, 100_000, n)
        elif kind == "number":
            made[name] = draw.random(n) / 50 if name.startswith("p_") else -500 * draw.random(n)
        else:
            made[name] = draw.random(n) < 0.5
    return build_frame(made, columns)


@pytest.mark.parametrize("name", sorted(RESULT_COLUMNS))
def test_every_frame_shows_p_estimate_and_interval_within_its_width(name):
    columns = RESULT_COLUMNS[name]
    frame = full(columns)
    shown = titles(frame)
    assert max(map(len, as_text(short_view(frame)).splitlines())) <= WIDTH
    assert ("p" in shown) == ("p_value" in columns)
    assert ("Estimate" in shown) == ("estimate" in columns)
    assert ("95% CI" in shown) == ("conf_low" in columns)
    owner = interval_owner(frame)
    if owner is not None:  # what an interval is about stands before it
        assert shown[shown.index("95% CI") - 1] == heading(owner)


def test_keys_tell_rows_apart_and_the_same_is_said_once():
    frame = build_frame(
        {
            "dimension": ["arousal", "arousal", "valence", "valence"],
            "factor": "modality",
            "group1": ["music", "music", "music", "music"],
            "group2": ["visual", "audiovisual", "visual", "audiovisual"],
            "estimate": [0.1, 0.2, 0.3, 0.4],
            "estimator": "difference",
            "p_value": 0.5,
            "n": 3,
            "n_missing": 0,
            "method": "the test",
            "alignment": "corrected",
            "simulated": False,
        },
        (
            *("dimension", "factor", "group1", "group2", "estimate", "estimator", "p_value", "n"),
            *("n_missing", "method", "alignment", "simulated", "warning"),
        ),
    )
    assert titles(frame) == ["Dimension", "Factor", "Group 1", "Group 2", "Estimate", "p", "n"]
    assert short_view(frame).line == "The test. Estimate: difference. Labels corrected."


def test_methods_that_go_with_the_dependence_are_said_of_it():
    frame = build_frame(
        {
            "dimension": "arousal",
            "statistic": [2.0, 3.0],
            "statistic_name": ["H", "a statistic with a long name"],
            "p_value": [0.1, 0.2],
            "method": ["one", "another"],
            "dependence": ["independent", "design"],
        },
        ("dimension", "statistic", "statistic_name", "p_value", "method", "dependence", "warning"),
    )
    view = short_view(frame)
    assert view.line == "Independent: one. Design: another; a statistic with a long name."
    assert {c.title: c.texts for c in view.columns}["Test"] == ["H = 2.00", "3.00"]


def test_estimates_of_other_units_are_told_apart():
    rows = {"item": "a", "dependence": ["independent", "design"], "estimate": [18.6, 0.2]}
    rows |= {"estimator": ["difference of mean ranks", "difference of adjusted means"]}
    line = short_view(
        build_frame(rows, (*rows, "warning")), columns=["dependence", "estimate"]
    ).line
    assert "Independent: difference of mean ranks. Design: difference of adjusted means." in line


def test_reasons_stand_below_by_letter_once_or_counted():
    def view(reasons: list[str]):
        rows = {"item": [f"i{n}" for n in range(len(reasons))], "estimate": 1.5, "warning": reasons}
        return short_view(build_frame(rows, ("item", "estimate", "warning")))

    assert view(["", "why", "why"]).marks == ["", "a", "a"]
    assert view(["", "why", "why"]).line == "(a) why."
    assert view(["why", "why"]).marks == ["", ""]
    assert view(["why", "why"]).line == "Why."
    many = view([f"reason {n}" for n in range(45)])
    assert many.line.endswith("(e) reason 4. (f) one of 40 other reasons, which `warning` has.")
    assert set(many.marks) == set("abcdef")


def test_numbers_of_different_kinds_have_their_own_digits_and_shares_are_percent():
    rows = {"quantity": ["count", "ratio"], "estimate": [30.0, 0.00042]}
    rows |= {"conf_low": [29.5, 0.0001], "conf_high": [31.0, 0.0007], "conf_level": 0.9}
    columns = ("quantity", "estimate", "conf_low", "conf_high", "conf_level", "warning")
    _, estimate, interval = short_view(build_frame(rows, columns)).columns
    assert estimate.texts == ["30", "0.00042"]
    assert interval.title == "90% CI"
    assert interval.texts == ["[29.50, 31.00]", "[0.00010, 0.00070]"]
    rows = {"label": "calm", "share": 0.5, "conf_low": 0.4, "conf_high": 0.6, "conf_level": 0.95}
    columns = ("label", "share", "conf_low", "conf_high", "conf_level", "warning")
    assert short_view(build_frame([rows], columns)).columns[2].texts == ["[40.0%, 60.0%]"]


def test_many_keys_that_most_rows_lack_are_joined():
    keys = ("dimension", "modality", "variable", "label", "item", "target", "metric", "family")
    keys = (*keys, "feature", "group1", "group2", "scenario", "test")
    rows = [{name: f"{name} of a row", "estimate": 0.5, "p_value": 0.5} for name in keys]
    frame = build_frame(rows, (*keys, "estimate", "p_value", "warning"))
    what, estimate, p = short_view(frame).columns
    assert what.texts == [f"{name} of a row" for name in keys]
    assert (what.title, estimate.title, p.title) == ("What", "Estimate", "p")


def test_columns_of_ones_own_are_shown_as_they_are():
    frame = build_frame([{"item": "a", "estimate": 0.5}], ("item", "estimate", "warning"))
    assert titles(frame.assign(mine=[0.25])) == ["Item", "Estimate", "Mine"]


def test_long_frames_show_their_ends():
    frame = full(("item", "estimate", "warning"), 100)
    view = short_view(frame.drop(columns="warning"), most=4)
    assert len(view.marks) == 5
    assert [text.split()[:2] for text in view.columns[0].texts] == [
        ["item", "0"],
        ["item", "1"],
        ["\u2026"],
        ["item", "98"],
        ["item", "99"],
    ]


def test_limits_have_no_more_decimals_than_their_number():
    rows = {"term": ["a", "b"], "estimate": [5.317, 0.0661], "conf_low": [-3.09, -2.561]}
    rows |= {"conf_high": [7.5567, 2.693], "conf_level": 0.95}
    _, estimate, interval = short_view(build_frame(rows, (*rows, "warning"))).columns
    assert estimate.texts == ["5.32", "0.066"]
    assert interval.texts == ["[\u22123.09, 7.56]", "[\u22122.561, 2.693]"]


def test_the_note_says_margin_resamples_and_how_rows_were_taken():
    rows = {"factor": "overlay", "group1": "side_by_side", "group2": "overlaid", "p_value": 0.5}
    rows |= {"p_equivalence": 0.25, "equivalence_margin": 0.1125, "n_resamples": 1999}
    wide = {name: f"{name} {'of a long name ' * 4}" for name in ("dimension", "item", "trait")}
    rows |= {"dependence": "design"}
    frame = build_frame([rows, rows | {"group1": "none"}], (*rows, "warning")).assign(**wide)
    line = short_view(frame, columns=["group1", "p_value", "p_equivalence"]).line
    assert "Margin of equivalence: 0.1125. 1,999 resamples. Respecting the design." in line
    alone = build_frame([rows], (*rows, "warning"))
    assert short_view(alone, columns=["p_value"]).line.startswith("Factor overlay, side by side")


def test_each_way_has_its_methods_and_resamples():
    rows = {"item": ["a", "a", "b", "b"], "dependence": ["independent", "design"] * 2}
    rows |= {"p_value": 0.5, "method": ["one", "two", "one", "three"], "n_resamples": [0, 99] * 2}
    line = short_view(build_frame(rows, (*rows, "warning"))).line
    assert line == "Independent: one. Design: two; in other rows three; 99 resamples."
    exact = build_frame(rows | {"mc_error": [np.nan, 0.0] * 2}, (*rows, "mc_error", "warning"))
    assert short_view(exact).line == "Independent: one. Design: two; in other rows three."


def test_printed_values_are_shown_as_printed():
    rows = {"quantity": ["statistic", "p_value"], "published": [79.45, 0.001]}
    rows |= {"relation": ["=", "<"], "digits": [2, 3], "estimate": [79.4, 0.0001]}
    shown = {c.title: c.texts for c in short_view(build_frame(rows, (*rows, "warning"))).columns}
    assert shown["Published"] == ["79.45", "< 0.001"]


def test_each_kind_of_row_says_how_its_p_is_adjusted():
    frame = pd.DataFrame(
        {"label": ["sad", "sad"], "dependence": ["independent", "design"], "p_value": [0.01, 0.02],
         "p_adjusted": [0.02, 0.03], "p_adjust_method": ["holm", "max-statistic"],
         "method": ["one", "two"], "warning": None}
    )  # fmt: skip
    said = short_view(frame).line
    assert "Independent: one; p adjusted by Holm." in said
    assert "Design: two; p adjusted by max-statistic." in said
    assert "p adjusted" not in short_view(frame.drop(columns="p_adjusted")).line
