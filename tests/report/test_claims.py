"""The table of the paper's claims: every row can be answered, and is answered rightly."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.report.claims import NO_ANALYSIS, ONE_ANALYSIS, RULES, Claim, answer, claims
from muvistats.report.parts import Settings, Table
from muvistats.report.sections import catalogue
from muvistats.results.frame import RESULT_COLUMNS


def tables() -> dict[str, Table]:
    return {table.key: table for section in catalogue.SECTIONS for table in section.tables}


def claim(text: str) -> Claim:
    (found,) = [one for one in claims() if one.claim.startswith(text)]
    return found


def test_the_table_is_whole() -> None:
    names = [one.claim for one in claims()]
    assert len(set(names)) == len(names) > 60
    keys = set(tables()) | {""}
    for one in claims():
        assert one.rule in RULES, one
        assert one.needs, one
        assert re.fullmatch(r"\d(\.\d)*", one.section), one
        assert {one.table, one.test.partition(":")[0]} <= keys, one
        columns = RESULT_COLUMNS.get(one.table)
        if columns:
            assert {*one.rows, one.column} <= set(columns), one


def test_every_statement_of_the_sections_is_there() -> None:
    by_section = pd.Series([one.section for one in claims()]).value_counts()
    assert (by_section[["4.2.1", "4.2.2", "7.1.1", "7.1.2", "7.2", "8"]] >= 6).all()
    people = [one for one in claims() if one.table == "compare_with_human"]
    assert len({tuple(sorted(one.rows.items())) for one in people}) == 10


def shaped(**columns: object) -> pd.DataFrame:
    """Rows of a test: the published one and the one of the design."""
    plain = {"dependence": ["independent", "design"], "statistic_name": "t", "statistic": 2.0}
    return pd.DataFrame(plain | columns)


@pytest.mark.parametrize(
    ("rule", "p_values", "estimate", "expected", "by_design"),
    [
        ("differs", (0.01, 0.01), 0.3, "agrees", "holds"),
        ("differs", (0.01, 0.30), 0.3, "agrees", "does not survive"),
        ("differs", (0.20, 0.30), 0.3, "differs", "does not survive"),
        ("same", (0.20, 0.30), 0.3, "agrees", "stays null"),
        ("same", (0.20, 0.01), 0.3, "agrees", "emerges"),
        ("same", (0.01, 0.30), 0.3, "differs", "stays null"),
        ("higher", (0.01, 0.01), 0.3, "agrees", "holds"),
        ("higher", (0.01, 0.01), -0.3, "differs", "reversed"),
        ("higher", (0.01, 0.30), -0.3, "differs", "does not survive"),
        ("lower", (0.01, 0.01), -0.3, "agrees", "holds"),
        ("lower", (0.06, 0.04), -0.3, "differs", "holds"),
        ("differs", (np.nan, 0.04), 0.3, "not comparable", "does not survive"),
    ],
)
def test_rules_of_tests(
    rule: str, p_values: tuple[float, float], estimate: float, expected: str, by_design: str
) -> None:
    row = Claim("1", "x", "t", rule, {"target": "a"}, "", "estimate", "", {}, "data")
    frame = shaped(p_value=p_values, estimate=estimate, target="A")
    found = answer(row, {"t": frame})
    assert found.recomputed == expected
    assert found.survives == by_design
    assert found.note == ONE_ANALYSIS


def values(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"name": list("abcd"), "ccc": [0.4, 0.1, -0.5, np.nan]} | columns)


@pytest.mark.parametrize(
    ("rule", "rows", "than", "expected"),
    [
        ("above", "a", "name=b", "agrees"),
        ("below", "a", "name=b", "differs"),
        ("above", "a", "0.5", "differs"),
        ("below", "c", "0", "agrees"),
        ("above", "d", "0", "not comparable"),
        ("above", "z", "0", "not comparable"),
        ("top", "a", "name=a|b|c", "agrees"),
        ("top", "a|b", "name=a|b|c", "agrees"),
        ("top", "b", "name=a|b|c", "differs"),
        ("bottom", "c", "", "agrees"),
        ("bottom", "a", "", "differs"),
        ("top", "a", "name=a", "not comparable"),
    ],
)
def test_rules_of_orders(rule: str, rows: str, than: str, expected: str) -> None:
    row = Claim("1", "x", "t", rule, {"name": rows}, than, "ccc", "", {}, "data")
    assert answer(row, {"t": values()}).recomputed == expected


def test_residuals_are_ranked_without_their_sign() -> None:
    row = Claim("1", "x", "t", "top", {"name": "c"}, "", "std_residual", "", {}, "labels")
    frame = values(std_residual=[0.4, 0.1, -0.5, np.nan])
    assert answer(row, {"t": frame}).recomputed == "agrees"


def test_what_is_not_here_says_what_it_needs() -> None:
    found = answer(claim("Sneezing goes with lower arousal"), {}, "a file is missing")
    assert found.recomputed == "not here"
    assert found.numbers == "needs ratings over time and visual features: a file is missing"
    assert not found.survives


def findings(**columns: object) -> pd.DataFrame:
    """A row of `sensitivity_table`."""
    row = {"finding": "x", "factor": "modality", "p_design": 0.01, "p_model": 0.01,
           "effect_size": 0.2, "effect_size_name": "epsilon squared", "conf_low": 0.1,
           "conf_high": 0.3, "warning": np.nan}  # fmt: skip
    return pd.DataFrame([row | columns])


LOWER = "arousal is lower in music than in audiovisual"
NOTHING = {"p_model": 0.3, "p_design": 0.2}


@pytest.mark.parametrize(
    ("rule", "finding", "verdict", "numbers", "expected"),
    [
        ("differs", "arousal differs between modalities", "weakens", {}, "weakens"),
        ("same", "labels depend on modality", "holds", {}, "emerges"),
        ("same", "labels depend on modality", "does not survive", {}, "stays null"),
        ("higher", LOWER, "holds", {}, "reversed"),
        ("higher", LOWER, "weakens", {}, "does not survive"),
        ("differs", "it is alike", "emerges", {}, "holds"),
        ("higher", "it is alike", "emerges", {"effect_size": -0.2}, "reversed"),
        ("higher", "it is alike", "stays null", {"p_model": 0.3}, "weakens"),
        ("higher", "it is alike", "stays null", NOTHING, "does not survive"),
        ("higher", "it is alike", "undecided", {"warning": "no people"}, "undecided"),
    ],
)  # fmt: skip
def test_a_verdict_is_about_what_was_said(
    rule: str, finding: str, verdict: str, numbers: dict[str, object], expected: str
) -> None:
    """Of another study, the table asks about what that study would say."""
    row = Claim("1", "x", "t", rule, {}, "", "estimate", "", {"factor": "modality"}, "data")
    table = findings(finding=finding, verdict=verdict, **numbers)
    found = answer(row, {"t": shaped(p_value=(0.2, 0.2), estimate=0.1), "sensitivity_table": table})
    assert found.recomputed == ("agrees" if rule == "same" else "differs")
    assert found.survives == expected
    assert found.p_values.startswith("design p")
    assert "[0.10, 0.30] epsilon squared" in found.effect
    assert found.note == numbers.get("warning", "")


def test_what_nothing_tests_is_undecided() -> None:
    row = Claim("1", "x", "t", "above", {"name": "a"}, "name=b", "ccc", "", {}, "data")
    found = answer(row, {"t": values()})
    assert (found.recomputed, found.survives, found.note) == ("agrees", "undecided", NO_ANALYSIS)


def frame_of(key: str, study: xr.DataTree) -> pd.DataFrame:
    settings = Settings(full=False, n_resamples=999, is_muvi=True)
    return tables()[key].compute(study, settings)


def test_training_and_familiarity_of_the_release(released: xr.DataTree) -> None:
    """52.6 against 47.4%: a chi-square of 4.03 by rows, and nothing by people."""
    one = claim("People with three years of training or less")
    frame = frame_of("familiar_by_training", released)
    plain, design = (
        frame[frame["dependence"] == name].iloc[0] for name in ("independent", "design")
    )
    assert plain["n"] == 1494
    assert [round(100 * plain[name], 1) for name in ("mean1", "mean2")] == [52.6, 47.4]
    assert plain["statistic"] == pytest.approx(4.03, abs=0.005)
    assert plain["p_value"] == pytest.approx(0.0447, abs=0.0001)
    assert design["p_value"] == pytest.approx(0.31, abs=0.04)
    found = answer(one, {one.table: frame})
    assert found.recomputed == "agrees"
    assert found.survives == "does not survive"
    assert found.effect.startswith("5.2% [0.1%, 10.3%]")
    assert found.effect.endswith("52.6% against 47.4%")


def test_greatest_deviations_of_the_release(released: xr.DataTree) -> None:
    """Nostalgic and tense are where the text has them; by gender there is a greater one."""
    parts = [mv.label_deviations(released, by=by, n_resamples=199) for by in FACTORS]
    frames = {"label_deviations": pd.concat(parts, ignore_index=True)}
    said = {
        one.claim.split(",")[0]: answer(one, frames).recomputed
        for one in claims()
        if one.table == "label_deviations"
    }
    assert said == {
        "By gender": "differs", "By musical training": "agrees", "By familiarity": "agrees",
    }  # fmt: skip


FACTORS = ("gender", "years_of_training > 3", "familiar")

Compute = Callable[[xr.DataTree], pd.DataFrame]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("In visual ratings, people agree more on valence", "interrater_ccc"),
        ("The picture lowers agreement on arousal", "interrater_ccc"),
        ("The picture lowers valence", "pairwise_modality"),
    ],
)
def test_orders_of_agreement_are_those_of_the_frames(
    study: xr.DataTree, text: str, key: str
) -> None:
    one = claim(text)
    frames = {name: frame_of(name, study) for name in {key, one.test.partition(":")[0]} - {""}}
    found = answer(one, frames)
    assert "design p" in found.p_values
    if key == "interrater_ccc":
        own = mv.interrater_ccc(study, level="modality", n_resamples=0)
        means = own.set_index(["modality", "dimension"])["ccc"]
        first = means[one.rows["modality"], one.rows["dimension"]]
        assert f"{first:.2f} against" in found.numbers


@pytest.mark.parametrize(
    ("estimate", "p_value", "by_design"),
    [(-0.4, 0.01, "holds"), (0.4, 0.01, "reversed"), (-0.4, 0.3, "does not survive")],
)
def test_the_sign_of_a_coefficient_is_tested_over_items(
    estimate: float, p_value: float, by_design: str
) -> None:
    one = claim("Stretching arm goes with lower arousal")
    keys = {"modality": "audiovisual", "features": "visual", "target": "arousal"}
    keys["feature"] = "action_stretching_arm"
    coefficient = pd.DataFrame([keys | {"estimate": -0.2}])
    row = {"feature": keys["feature"], "dimension": "arousal", "dependence": "design"}
    row |= {"estimate": estimate, "p_value": p_value, "estimator": "Pearson r"}
    row |= {"conf_low": estimate - 0.1, "conf_high": estimate + 0.1}
    found = answer(one, {one.table: coefficient, "actions_over_items": pd.DataFrame([row])})
    assert (found.recomputed, found.survives) == ("agrees", by_design)
    assert "Pearson r" in found.effect


def test_actions_stand_beside_ratings_item_by_item() -> None:
    study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12)
    frame = tables()["actions_over_items"].compute(study, Settings(full=False, n_resamples=9))
    assert len(frame) == 4
    assert frame["n_items"].eq(9).all()
    items = study["features/visual"]["values"].sel(feature="action_sneezing").mean("time")
    ratings = mv.annotation_frame(mv.select(study, modality="audiovisual"))
    means = ratings.groupby("item", observed=True)["valence"].mean()
    row = frame[(frame["feature"] == "action_sneezing") & (frame["dimension"] == "valence")]
    r = np.corrcoef(items.to_series()[means.index], means)[0, 1]
    assert row["estimate"].item() == pytest.approx(r)
