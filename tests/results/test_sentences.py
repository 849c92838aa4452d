"""Results in the sentences of a paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.results.frame import build_frame

COLUMNS = (
    *("dimension", "factor", "group1", "group2", "statistic", "statistic_name", "df", "df_denom"),
    *("p_value", "p_adjusted", "p_adjust_method", "effect_size", "effect_size_name", "conf_low"),
    *("conf_high", "conf_level", "median1", "median2", "n", "method", "dependence", "alignment"),
    *("simulated", "warning"),
)


@pytest.fixture
def frame():
    common = {"dimension": "arousal", "factor": "modality", "group1": "music", "group2": "visual"}
    common |= {"median1": 0.25, "median2": -0.1, "n": 1475, "conf_level": 0.9, "simulated": False}
    rows = [
        {
            "statistic": 79.448,
            "statistic_name": "H",
            "df": 2,
            "p_value": 0.0421,
            "p_adjusted": 0.0842,
            "p_adjust_method": "holm",
            "effect_size": 0.05,
            "effect_size_name": "epsilon squared, corrected",
            "conf_low": 0.01,
            "conf_high": 0.09,
            "method": "Kruskal-Wallis",
            "dependence": "independent",
        },
        {"dependence": "design", "method": "permutation", "warning": "3 people are too few"},
    ]
    return build_frame([common | row for row in rows], COLUMNS)


def test_both_rows_effect_interval_and_reason(frame):
    assert mv.in_words(frame) == (
        "Arousal by modality, music against visual: taking ratings as independent "
        "(Kruskal-Wallis), H(2) = 79.45, p = .042, p = .084 adjusted by Holm, epsilon squared "
        "(corrected) = .050, 90% CI [.010, .090], medians 0.250 against \u22120.100, n = 1,475; "
        "respecting the design (permutation), medians 0.250 against \u22120.100, no p-value, "
        "no effect size, n = 1,475 "
        "(3 people are too few)."
    )


def test_an_interval_of_no_known_level_is_still_said(frame):
    said = mv.in_words(frame.assign(conf_level=np.nan))
    assert "epsilon squared (corrected) = .050, CI [.010, .090]" in said


def test_a_row_without_any_number_says_so(frame):
    alone = frame.drop(columns=["median1", "median2"])
    said = mv.in_words(alone)
    assert "respecting the design (permutation), no p-value, no effect size, n = 1,475" in said


def test_what_all_rows_share_is_said_once():
    rows = {"modality": ["all", "music"], "ccc": [0.5, 0.25], "conf_low": [0.4, np.nan]}
    rows |= {"conf_high": [0.6, np.nan], "conf_level": 0.95, "fold": 0, "n": 4, "method": "a way"}
    rows |= {"warning": "few", "simulated": True}
    columns = ("modality", "fold", "ccc", "conf_low", "conf_high", "conf_level", "n", "method")
    assert mv.in_words(build_frame(rows, (*columns, "simulated", "warning"))).splitlines() == [
        "All ratings: CCC = .500, 95% CI [.400, .600], n = 4.",
        "Music: CCC = .250, n = 4.",
        "Method: a way.",
        "Note: few.",
        "The data is simulated.",
    ]


def test_fits_are_said_by_terms_and_coefficients(study):
    fit = mv.mixed_model(study, "arousal ~ modality + (1 | participant)")
    said = mv.in_words(fit).splitlines()
    assert said[0].startswith("Modality: respecting the design (linear mixed model, REML), F(2, ")
    assert any(line.startswith("modality[T.visual]: ") for line in said)


@pytest.mark.parametrize("wrong", [None, "kruskal", pd.DataFrame({"x": [1]}), 3])
def test_what_is_no_result_is_refused(wrong):
    for function in (mv.in_words, mv.format_table):
        with pytest.raises(mv.DataError, match="result") as error:
            function(wrong)
        assert "\n" not in str(error.value)


def test_no_rows_are_refused(frame):
    with pytest.raises(mv.DataError, match="no rows"):
        mv.in_words(frame.iloc[:0])


def said_of(**row: object) -> str:
    """Sentence about one row with these columns."""
    return mv.in_words(build_frame([row], (*row, "warning")))


def test_p_says_its_resamples_and_when_they_could_not_give_less():
    row = {"item": "a", "n_resamples": 1999, "mc_error": 0.001}
    assert "p = .042 (from 1,999 resamples)" in said_of(p_value=0.042, **row)
    floor = "p < .001 (the least that 1,999 resamples can give)"
    assert floor in said_of(p_value=1 / 2000, **row)
    exact = row | {"mc_error": 0.0, "n_resamples": 70}
    assert said_of(p_value=0.042, **exact) == "Item a: p = .042."


def test_numbers_stand_with_what_they_are_compared_with():
    assert (
        said_of(label="calm", observed=6, expected=3.94) == "Calm: observed = 6 (3.940 expected)."
    )
    assert said_of(item="a", mean=0.5, sd=0.25) == "Item a: mean = 0.500 (SD = 0.250)."
    said = said_of(item="a", p_equivalence=0.03, equivalence_margin=0.1125)
    assert said == "Item a: p of equivalence = .030 (margin 0.1125)."
    said = said_of(item="a", estimate=0.5, estimator="pairwise", chance=0.125)
    assert said == "Item a: mean correlation (pairwise) = .500 (chance 0.125)."
    said = said_of(item="a", df=95.0, p_value=0.003, estimate=0.298, estimator="Pearson r")
    assert said == "Item a: df = 95, p = .003, Pearson r = .298."


def test_a_published_bound_is_said_as_one_and_has_no_difference():
    row = {"quantity": "p_value", "published": 0.001, "relation": "<", "estimate": 0.25}
    said = said_of(**row, digits=3, difference=0.249, verdict="differs")
    assert said == "p value: published < 0.001, estimate = 0.250, verdict: differs."


def test_an_interval_without_its_number_is_said():
    said = said_of(item="a", estimate=np.nan, conf_low=0.25, conf_high=0.5, conf_level=0.9)
    assert said == "Item a: 90% CI [0.250, 0.500]."


def test_what_rows_of_another_kind_have_is_not_missed():
    rows = {"metric": ["rmse", "ccc"], "estimate": 0.5, "effect_size": [0.25, np.nan]}
    frame = build_frame(rows | {"warning": ["", "few frames"]}, (*rows, "warning"))
    assert mv.in_words(frame).splitlines()[1] == "CCC: estimate = 0.500 (few frames)."


def test_rows_that_differ_in_their_pairing_have_sentences_of_their_own(study):
    lags = mv.rater_lag(study, dimension="arousal", n_resamples=20)
    lines = mv.in_words(lags).splitlines()
    assert "Arousal, pairing own item: " in lines[3]
    assert "Arousal, pairing mismatched: " in lines[7]


def test_terms_are_in_words_but_for_names_of_levels():
    rows = {"term": ["a:b", "years_of_training > 3", "a[T.x:y]:b", "low|high"], "p_value": 0.5}
    starts = [
        line.partition(": p")[0]
        for line in mv.in_words(build_frame(rows, ("term", "p_value", "warning"))).splitlines()
    ]
    assert starts == ["a \u00d7 b", "Years of training > 3", "a[T.x:y] \u00d7 b", "low|high"]


def test_tables_of_the_paper_are_named_where_there_are_several():
    said = mv.in_words(mv.published()).splitlines()
    assert any(
        line.startswith(
            "mannwhitney_overlay, Section 4.2.1, arousal, statistic: published = 115,000"
        )
        for line in said
    )
    said = mv.in_words(mv.published("mannwhitney_overlay"))
    assert said.startswith("Arousal, statistic: published = 115,000.")


def test_a_unit_stands_behind_its_number():
    frame = pd.DataFrame({"variable": "labels", "lag": [-2], "time": [0.5], "p_value": [0.03]})
    assert mv.in_words(frame).startswith("Labels, lag \u22122 trials, time 0.5 s: p = .030")
