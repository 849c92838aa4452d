"""The committed false-alarm rates: whole, of this code, and none of the design tests liberal."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats.results.frame import RESULT_COLUMNS
from muvistats.stats.simulations.false_alarms import with_limits
from muvistats.stats.simulations.presets import KEYS, PRESETS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table():
    return mv.calibration_table()


def test_every_test_is_there_in_all_its_null_scenarios(table):
    found = set(zip(table["test"], table["scenario"], strict=True))
    assert found == {(name, s) for name, preset in PRESETS.items() for s in preset.scenarios}
    assert table["null"].all()
    assert table["simulated"].all()
    assert (table["alpha"] == 0.05).all()


def test_it_is_a_frame_of_calibration(table, assert_types):
    assert tuple(table.columns) == RESULT_COLUMNS["calibration"]
    assert_types(table)


def test_there_are_enough_studies(table):
    assert (table["n"] + table["n_undefined"] == 800).all()
    common = table["label"].isna() | (table["label"] == "any")
    assert (table.loc[common, "n_undefined"] == 0).all()
    assert table["n"].min() > 400  # rare labels are not chosen by some groups


def test_limits_and_verdicts_follow_from_the_counts(table):
    again = with_limits(table, 0.95)
    for column in ("conf_low", "conf_high", "simultaneous_low", "simultaneous_high"):
        pd.testing.assert_series_equal(table[column], again[column], rtol=1e-5, atol=1e-6)
    assert table["verdict"].tolist() == again["verdict"].tolist()


def test_no_design_test_is_liberal(table):
    admitted = table["dependence"] == "design"
    assert admitted.sum() > 300
    columns = ["scenario", "test", *KEYS[:5], "estimate", "simultaneous_low"]
    liberal = table.loc[admitted & (table["verdict"] == "liberal"), columns]
    assert liberal.empty, f"\n{liberal.to_string()}"


def test_the_published_tests_stand_beside(table):
    beside = ["scenario", "test", "dimension", "label", "group", "group1", "group2"]
    rows = {
        name: set(part[beside].fillna("").itertuples(index=False, name=None))
        for name, part in table.groupby("dependence")
    }
    ours = {row for row in rows["design"] if row[3] in ("", "any")}
    published = {row[:4] for row in rows["independent"]}
    assert {row[:4] for row in ours} <= published
    independent = table["dependence"] == "independent"
    rates = table[independent & table["label"].isna()].set_index(["scenario", "test"])["estimate"]
    for test in ("chisquare_labels: gender", "mannwhitney of n_labels: gender"):
        assert rates["no_gender", test] > 0.4
    assert rates["no_familiarity", "chisquare_labels: familiar"] > 0.4


@pytest.mark.parametrize(
    ("test", "scenario"),
    [
        ("chisquare_labels: gender", "no_gender"),
        ("mannwhitney: familiar", "familiarity_confounded"),
        ("kruskal_modality", "modality_by_item"),
    ],
)
def test_the_table_is_of_this_code(table, test, scenario):
    """A few studies simulated again: as many rejections as the committed rates allow."""
    again = mv.calibration(test, scenario, 12, cache=False, progress=False)
    keys = ["dimension", "dependence", "method"]
    known = table[(table["test"] == test) & (table["scenario"] == scenario)]
    both = again.fillna({"dimension": ""}).merge(known.fillna({"dimension": ""}), on=keys)
    assert len(both) == len(again) == len(known)
    for row in both.itertuples():
        rate = min(max(row.estimate_y, 0.001), 0.999)
        fits = stats.binomtest(row.n_rejected_x, row.n_x, rate).pvalue
        assert fits > 1e-4, (row.dependence, row.n_rejected_x, rate)
