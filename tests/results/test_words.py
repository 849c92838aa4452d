from __future__ import annotations

import math

import pytest

from muvistats.results import words
from muvistats.results.glossary import GLOSSARY


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0421, ".042"),
        (0.00099, "< .001"),
        (0.001, ".001"),
        (0.05, ".050"),
        (0.0, "< .001"),
        (1.0, "> .999"),
        (0.9991, "> .999"),
        (0.999, ".999"),
        (math.nan, "\u2013"),
    ],
)
def test_p_value(value: float, text: str) -> None:
    assert words.p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0421, "p = .042"), (2e-9, "p < .001"), (0.9999, "p > .999"), (math.nan, "p = \u2013")],
)
def test_a_p_value_in_a_sentence_stays_in_one_piece(value: float, text: str) -> None:
    assert words.p_phrase(value) == text.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0009, "***"), (0.001, "**"), (0.01, "*"), (0.05, ""), (math.nan, "")],
)
def test_stars_stand_strictly_below_their_limit(value: float, text: str) -> None:
    assert words.stars(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.045678, "0.0457"),
        (-0.5, "\u22120.500"),
        (12.345, "12.3"),
        (1234.5, "1,234"),
        (0.0, "0"),
        (3.14e-7, "3.14e\u22127"),
        (math.inf, "∞"),
        (-math.inf, "\u2212∞"),
    ],
)
def test_significant(value: float, text: str) -> None:
    assert words.significant(value) == text


def test_rounding_to_zero_leaves_no_minus() -> None:
    assert words.fixed(-0.0001, 3) == "0.000"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (46.35688, 2, "46.36"),
        (115432.0, -3, "115,000"),
        (-0.00874, 4, "\u22120.0087"),
        (5.0, 0, "5"),
    ],
)
def test_printed_like(value: float, digits: int, text: str) -> None:
    assert words.printed_like(value, digits) == text


def test_statistic_and_interval_and_percent() -> None:
    assert words.statistic(99.804358) == "99.80"
    assert words.statistic(-1234.4) == "\u22121,234"
    assert words.interval(-0.1, 0.25) == "[\u22120.100, 0.250]"
    assert words.interval(math.nan, math.nan) == "\u2013"
    assert words.percent(0.63265, 2) == "63.27%"


def test_one_column_has_the_same_decimals_in_every_row() -> None:
    assert words.column_texts("median", [0.29565, -0.0087, 0.0]) == [
        "0.296",
        "\u22120.009",
        "0.000",
    ]
    assert words.column_texts("median", [15.83, 6.0]) == ["15.83", "6.00"]
    assert words.column_texts("mean_rank", [858.1004, 590.7]) == ["858.1", "590.7"]
    assert words.column_texts("median", [4.0, 16.0]) == ["4", "16"]


def test_numbers_of_different_kinds_are_rounded_on_their_own() -> None:
    assert words.column_texts("mean", [30.0, 0.0645, 6.148148, math.nan], "mixed") == [
        "30",
        "0.065",
        "6.15",
        "\u2013",
    ]


@pytest.mark.parametrize(
    ("column", "values", "texts"),
    [
        ("df", [26.0, 41.5, math.nan], ["26", "41.50", "\u2013"]),
        ("n", [1494, 3], ["1,494", "3"]),
        ("share", [0.5], ["50.0%"]),
        ("simulated", [True, False], ["yes", "no"]),
        ("item", ["clip06_x", "7"], ["clip06_x", "7"]),
        ("label", ["filled_with_wonder", math.nan], ["filled with wonder", ""]),
    ],
)
def test_columns_follow_their_rule(column: str, values: list, texts: list[str]) -> None:
    assert words.column_texts(column, values) == texts


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("years_of_training > 3", "years of training > 3"),
        ("av_data.csv", "av_data.csv"),
        ("modality muted_video is named visual", "modality muted_video is named visual"),
        ("keep_dynamic", "ratings"),
        ("released", "as released"),
    ],
)
def test_codes_become_words_and_file_names_stay(code: str, text: str) -> None:
    assert words.word(code) == text


def test_every_result_column_has_a_rule_that_is_explained() -> None:
    for column in GLOSSARY:
        assert words.rule_of(column) in words.RULES
        assert words.heading(column)


def test_degrees_of_freedom_without_end_and_statistics_that_are_missing() -> None:
    assert words.test_text("F", 4.1, 2.0, math.inf) == "F(2, \u221e) = 4.10"
    assert words.test_text("z", 4.1, math.inf) == "z = 4.10"
    assert words.test_text("F", math.inf, 2.0, 30.0) == "F(2, 30) = \u221e"
    assert words.test_text("F", math.nan, 2.0, 30.0) == "\u2013"


def test_zeros_before_the_point_go_and_no_others() -> None:
    assert words.without_zero("[\u22120.250, 10.050]") == "[\u2212.250, 10.050]"
    assert words.without_zero("0") == "0"


def test_numbers_of_a_tiny_unit_are_not_shown_as_zero() -> None:
    """Ratings times 1e-18, or a Bayes factor of 1e-20, are no noise of rounding."""
    assert words.column_texts("estimate", [1.5e-18, 2.5e-19], "number") == [
        "1.5e\u221218",
        "2.5e\u221219",
    ]
    assert words.column_texts("estimate", [1.5e-20, 0.5], "mixed") == ["1.5e\u221220", "0.500"]
    assert words.column_texts("estimate", [3e-9], "number") == ["3.0e\u22129"]
