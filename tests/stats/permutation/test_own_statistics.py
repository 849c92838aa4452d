"""Statistics of one's own: exact enumeration, scipy, the design, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv


def difference(frame, by="group", value="y"):
    """Mean of the second group less that of the first."""
    means = frame.groupby(by, observed=True)[value].mean()
    return means.iloc[1] - means.iloc[0]


@pytest.fixture
def people():
    """Six people with two values each; three of them in each group."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "item": [1, 2] * 6,
            "participant": np.repeat(list("abcdef"), 2),
            "group": np.repeat(["x", "y", "x", "y", "y", "x"], 2),
            "y": rng.normal(size=12),
        }
    )


def test_whole_participants_are_enumerated(people):
    row = mv.permutation_test(
        people, difference, by="group", assigned="participant", dependence="design"
    ).iloc[0]
    means = people.groupby("participant")["y"].mean()
    every = []
    for chosen in itertools.combinations(range(6), 3):
        there = np.isin(range(6), chosen)
        every.append(means[there].mean() - means[~there].mean())
    observed = difference(people)
    assert row["n_resamples"] == 20
    assert row["warning"] == "exact: all 20 arrangements"
    assert row["mc_error"] == 0
    np.testing.assert_allclose(
        row[["null_mean", "estimate"]].astype(float), [0, observed], atol=1e-12
    )
    assert row["null_sd"] == pytest.approx(np.std(every, ddof=1))
    larger, smaller = np.mean(np.array(every) >= observed - 1e-9), np.mean(every <= observed + 1e-9)
    assert row["p_value"] == pytest.approx(min(1, 2 * min(larger, smaller)))


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_with_one_rating_each_it_is_scipys_test(people, alternative):
    one = people.iloc[::2]
    ours = mv.permutation_test(
        one, difference, by="group", assigned="participant", alternative=alternative
    )
    x, y = (one.loc[one["group"] == name, "y"] for name in ("x", "y"))
    theirs = stats.permutation_test(
        (x, y), lambda x, y, axis: y.mean(axis=axis) - x.mean(axis=axis), alternative=alternative
    )
    np.testing.assert_allclose(ours["p_value"], theirs.pvalue)
    np.testing.assert_allclose(ours["estimate"], theirs.statistic)
    assert ours["method"].tolist() == ["ratings permuted", "whole participants permuted"]


def test_within_items_it_is_scipys_test_of_samples():
    """Each item is rated once at each level, by people of their own: levels change within it."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 2))
    frame = pd.DataFrame(
        {
            "item": np.repeat(range(5), 2),
            "participant": range(10),
            "cut": ["long", "short"] * 5,
            "y": values.ravel(),
        }
    )

    def paired(frame):
        return difference(frame, by="cut")

    ours = mv.permutation_test(frame, paired, by="cut", assigned="within_item").iloc[1]
    theirs = stats.permutation_test(
        (values[:, 1], values[:, 0]),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        permutation_type="samples",
    )
    assert ours["n_resamples"] == 32
    assert ours["p_value"] == pytest.approx(theirs.pvalue)
    assert ours["method"] == "permuted within items"


def test_whole_items_change_levels(people):
    frame = people.assign(genre=people["item"].map({1: "slow", 2: "fast"}))
    given = {"by": "genre", "assigned": "item", "dependence": "design"}
    row = mv.permutation_test(frame, lambda f: difference(f, "genre"), **given).iloc[0]
    assert (row["n_resamples"], row["p_value"]) == (2, 1.0)
    assert row["null_mean"] == pytest.approx(0, abs=1e-12)
    assert "only 2 arrangements" in row["warning"]


def test_an_item_keeps_its_levels_and_a_person_a_trait():
    study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    seen = []

    def look(frame):
        seen.append(frame)
        return len(seen)

    mv.permutation_test(study, look, by="modality", dependence="design", n_resamples=3)
    mv.permutation_test(study, look, by="age", dependence="design", n_resamples=3)
    frame = mv.annotation_frame(study)
    before = pd.crosstab(frame["item"], frame["modality"])
    for moved in seen[1:5]:
        pd.testing.assert_frame_equal(pd.crosstab(moved["item"], moved["modality"]), before)
    ages = sorted(frame.groupby("participant")["age"].first())
    for moved in seen[6:]:
        of_people = moved.groupby("participant")["age"]
        assert (of_people.min() == of_people.max()).all()
        assert sorted(of_people.first()) == ages
    assert not seen[2]["modality"].equals(seen[3]["modality"])
    assert not seen[6]["age"].equals(seen[7]["age"])
    assert seen[2].attrs == frame.attrs


def test_expressions_strata_and_several_numbers(study):
    by = "years_of_training > 3"

    def two(frame):
        return pd.Series({d: difference(frame, by, d) for d in ("arousal", "valence")})

    rows = mv.permutation_test(study, two, by=by, strata="gender", n_resamples=49)
    assert rows["quantity"].tolist() == ["arousal", "valence"] * 2
    assert rows["method"].tolist()[2:] == ["whole participants permuted, within gender"] * 2
    for _, part in rows.groupby("dependence"):
        expected = np.minimum(1, np.maximum.accumulate(np.sort(part["p_value"]) * [2, 1]))
        np.testing.assert_allclose(np.sort(part["p_adjusted"]), expected)
    fewer = mv.permutation_test(study, two, by=by, dependence="design", n_resamples=0)
    assert fewer["p_value"].isna().all()
    assert (fewer["warning"] == "no p: n_resamples is 0").all()


def test_people_who_differ_are_no_false_alarm():
    """A trait without any effect: ratings taken as independent reject far too often."""
    rng = np.random.default_rng(1)
    rejected = np.zeros(2)
    for _ in range(25):
        habits = np.repeat(rng.normal(size=10), 6)
        frame = pd.DataFrame(
            {
                "item": np.tile(range(6), 10),
                "participant": np.repeat(range(10), 6),
                "group": np.repeat(rng.permutation(["x", "y"] * 5), 6),
                "y": habits + 0.3 * rng.normal(size=60),
            }
        )
        found = mv.permutation_test(
            frame,
            lambda f: abs(difference(f)),
            by="group",
            assigned="participant",
            alternative="greater",
            n_resamples=19,
        )
        rejected += found["p_value"].to_numpy() <= 0.05
    assert rejected[0] > 8
    assert rejected[1] < 5


def test_what_nobody_assigned_has_no_row_of_the_design(study):
    rows = mv.permutation_test(
        study, lambda f: difference(f, "familiar", "valence"), by="familiar", n_resamples=9
    )
    assert rows["p_value"].isna().tolist() == [False, True]
    assert rows["estimate"][0] == rows["estimate"][1]
    assert "mixed_model" in rows["warning"][1]
    bare = mv.annotation_frame(study).drop(columns="item")
    rows = mv.permutation_test(
        bare, lambda f: difference(f, "gender", "valence"), by="gender", n_resamples=9
    )
    assert 'item="..."' in rows["warning"][1]


def test_what_cannot_be_told_is_said(study):
    def run(statistic, **given):
        return mv.permutation_test(study, statistic, by="gender", n_resamples=9, **given)

    said = run(lambda f: f["arousal"].mean())["warning"]
    assert said.str.contains("does not read the column 'gender'").all()
    calls = itertools.count()
    said = run(lambda _: np.nan if next(calls) % 2 else 1.0, dependence="design").iloc[0]
    assert "no number and count as extreme" in said["warning"]
    row = run(lambda _: np.nan, dependence="design").iloc[0]
    assert np.isnan(row["p_value"])
    assert "not a number" in row["warning"]


def test_what_is_no_statistic_is_refused(study):
    for wrong in (None, "mean", 3):
        with pytest.raises(mv.DesignError, match="statistic must be a function"):
            mv.permutation_test(study, wrong, by="gender")
    for wrong in (lambda _: "a", lambda f: f["gender"], lambda _: {}, lambda _: None):
        with pytest.raises(mv.DesignError, match="must give a number"):
            mv.permutation_test(study, wrong, by="gender")
    calls = itertools.count()
    with pytest.raises(mv.DesignError, match="same names"):
        mv.permutation_test(study, lambda _: {f"n{next(calls)}": 1.0}, by="gender", n_resamples=9)
    with pytest.raises(ZeroDivisionError):
        mv.permutation_test(study, lambda _: 1 / 0, by="gender")
    with pytest.raises(mv.DesignError, match="not a trait"):
        mv.permutation_test(study, len, by="modality", assigned="participant", n_resamples=9)


def test_the_frame_of_the_caller_stays(people):
    before = people.copy()

    def careless(frame):
        frame["y"] = 0.0
        return difference(frame)

    mv.permutation_test(people, careless, by="group", assigned="participant", n_resamples=5)
    pd.testing.assert_frame_equal(people, before)
