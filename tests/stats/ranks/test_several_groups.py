"""The published rank tests; those that respect the design are in test_by_design.py."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats import DataError, DesignError, annotation_frame

kruskal = partial(mv.kruskal, dependence="independent")
kruskal_modality = partial(mv.kruskal_modality, dependence="independent")
mannwhitney = partial(mv.mannwhitney, dependence="independent")
mannwhitney_overlay = partial(mv.mannwhitney_overlay, dependence="independent")
normality = partial(mv.normality, dependence="independent")
pairwise_modality = partial(mv.pairwise_modality, dependence="independent")


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 90
    group = pd.Categorical(rng.choice(["b", "a", "c"], n), categories=["b", "a", "c"])
    value = np.round(rng.normal(size=n) + 0.5 * group.codes, 1)
    return pd.DataFrame({"y": value, "g": group, "years": rng.integers(0, 9, n).astype(float)})


def test_kruskal_agrees_with_scipy(frame):
    row = kruskal(frame, "y ~ g", rng=1).iloc[0]
    parts = [frame.loc[frame["g"] == level, "y"] for level in ("b", "a", "c")]
    expected = stats.kruskal(*parts)
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-12)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-12)
    assert row["effect_size"] == pytest.approx(expected.statistic / 89, rel=1e-12)
    assert (row["df"], row["n"], row["n_missing"]) == (2, 90, 0)
    assert 0 <= row["conf_low"] < row["effect_size"] < row["conf_high"] <= 1
    assert pd.isna(row["warning"])


def test_kruskal_groups_keep_their_order_and_name_empty_ones(frame):
    frame["g"] = frame["g"].cat.add_categories("d")
    rows = kruskal(frame, "y ~ g", level="group").set_index("group")
    assert rows.index.tolist() == ["b", "a", "c", "d"]
    ranks = stats.rankdata(frame["y"])
    for level in ("b", "a", "c"):
        use = (frame["g"] == level).to_numpy()
        assert rows.loc[level, "median"] == np.median(frame.loc[use, "y"])
        assert rows.loc[level, "sd"] == pytest.approx(frame.loc[use, "y"].std())
        assert rows.loc[level, "mean_rank"] == pytest.approx(ranks[use].mean())
    assert rows.loc["d", "n"] == 0
    assert np.isnan(rows.loc["d", "sd"])
    assert rows.loc["d", "warning"] == "no values in this group"
    test = kruskal(frame, "y ~ g", n_resamples=0).iloc[0]
    assert test["df"] == 2
    assert test["warning"].startswith("no values in d")


def test_missing_rows_are_counted_not_used(frame):
    whole = kruskal(frame.iloc[6:], "y ~ g", rng=1).iloc[0]
    frame.loc[:2, "y"] = np.nan
    frame.loc[3:5, "g"] = np.nan
    row = kruskal(frame, "y ~ g", rng=1).iloc[0]
    assert row["n_missing"] == 6
    assert row.drop("n_missing").equals(whole.drop("n_missing"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.assign(g="a"), "only one group has values: a"),
        (lambda f: f.assign(y=np.nan), "no values"),
        (lambda f: f.assign(g=pd.Categorical([None] * len(f), ["a", "b"])), "no values"),
        (lambda f: f.assign(y=1.0), "all values are equal"),
    ],
)
def test_a_test_that_cannot_be_made_is_a_row_with_a_reason(frame, change, reason):
    row = kruskal(change(frame), "y ~ g").iloc[0]
    assert np.isnan(row[["statistic", "p_value", "effect_size", "conf_low"]].astype(float)).all()
    assert row["warning"].startswith(reason)
    row = mannwhitney(change(frame[frame["g"] != "c"]), "y ~ g").iloc[0]
    assert np.isnan(row[["statistic", "p_value", "p_equivalence"]].astype(float)).all()
    assert row["warning"].startswith(reason)


def test_kruskal_modality_tests_each_dimension(study):
    rows = kruskal_modality(study, rng=3)
    assert rows["dimension"].tolist() == ["arousal", "valence"]
    frame = annotation_frame(study)
    for row in rows.to_dict("records"):
        parts = [part[row["dimension"]].dropna() for _, part in frame.groupby("modality")]
        assert row["statistic"] == pytest.approx(stats.kruskal(*parts).statistic, rel=1e-12)
    assert rows["simulated"].all()
    pd.testing.assert_frame_equal(rows, kruskal_modality(study, rng=3))
    assert rows["sd"].tolist() == pytest.approx([frame["arousal"].std(), frame["valence"].std()])
    pd.testing.assert_frame_equal(rows, kruskal_modality(frame, rng=3))
    assert rows["conf_low"].equals(kruskal_modality(study, rng=4)["conf_low"])  # nothing is drawn


def test_masked_annotations_are_missing(tiny):
    tiny["annotations/keep_dynamic"][:5] = False
    row = kruskal_modality(tiny, dimension="arousal", rng=1).iloc[0]
    assert (row["n"], row["n_missing"]) == (19, 5)


def test_pairwise_family_is_one_dimension(study):
    rows = pairwise_modality(study, adjust="bonferroni")
    assert len(rows) == 6
    assert rows["p_adjusted"].to_numpy() == pytest.approx(np.minimum(1, 3 * rows["p_value"]))
    assert np.sign(rows["estimate"]).equals(np.sign(rows["statistic"]))
    plain = pairwise_modality(study, adjust="none")
    assert plain["p_adjusted"].equals(plain["p_value"])


def test_pairwise_with_one_modality_is_a_row_with_a_reason(tiny):
    frame = annotation_frame(tiny)
    rows = pairwise_modality(frame[frame["modality"] == "visual"], dimension="arousal")
    assert len(rows) == 1
    assert rows.loc[0, "group1"] == "visual"
    assert rows.loc[0, "warning"] == "only one group has values: visual"


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize("continuity", [True, False])
def test_mannwhitney_agrees_with_scipy(frame, alternative, continuity):
    row = mannwhitney(frame, "y ~ years > 4", alternative=alternative, continuity=continuity).iloc[
        0
    ]
    first, second = frame.loc[frame["years"] <= 4, "y"], frame.loc[frame["years"] > 4, "y"]
    expected = stats.mannwhitneyu(
        first, second, alternative=alternative, use_continuity=continuity, method="asymptotic"
    )
    assert (row["statistic"], row["p_value"]) == (expected.statistic, expected.pvalue)
    assert (row["group1"], row["n1"], row["n2"]) == ("False", len(first), len(second))
    pairs = np.sign(first.to_numpy()[:, None] - second.to_numpy()[None, :])
    assert row["effect_size"] == pytest.approx(pairs.mean())
    assert row["conf_low"] < row["effect_size"] < row["conf_high"]
    assert row["median1"] == first.median()


def test_equivalence_agrees_with_scipys_brunner_munzel_of_shifted_effects(frame):
    row = mannwhitney(frame, "y ~ years > 4", equivalence_margin=0.3).iloc[0]
    first, second = frame.loc[frame["years"] <= 4, "y"], frame.loc[frame["years"] > 4, "y"]
    munzel = stats.brunnermunzel(first, second)
    error = -row["effect_size"] / munzel.statistic
    low, high = (row["effect_size"] + 0.3) / error, (row["effect_size"] - 0.3) / error
    df = 2 * (len(first) + len(second))  # any df near the normal: the bounds are loose
    assert row["p_equivalence"] == pytest.approx(
        max(stats.t.sf(low, df), stats.t.cdf(high, df)), abs=0.01
    )
    wide = mannwhitney(frame, "y ~ years > 4", equivalence_margin=0.9).iloc[0]
    assert wide["p_equivalence"] < 1e-3 < row["p_equivalence"]


def test_overlay_leaves_music_out(study):
    frame = annotation_frame(study)
    rows = mannwhitney_overlay(study)
    shown = frame[frame["modality"] != "music"]
    for row in rows.to_dict("records"):
        first = shown.loc[shown["overlay"] == "side_by_side", row["dimension"]].dropna()
        second = shown.loc[shown["overlay"] == "overlaid", row["dimension"]].dropna()
        expected = stats.mannwhitneyu(first, second, method="asymptotic")
        assert row["statistic"] == expected.statistic
        assert row["n"] + row["n_missing"] == len(shown)


def test_more_than_two_groups_are_refused(frame):
    with pytest.raises(DesignError, match="3 groups"):
        mannwhitney(frame, "y ~ g")


def test_tiny_groups_say_so():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4], "g": ["a", "a", "b", "b"]})
    row = mannwhitney(frame, "y ~ g").iloc[0]
    assert row["effect_size"] == -1
    assert np.isnan(row["conf_low"])
    assert "fewer than eight" in row["warning"]
    assert "no standard error" in row["warning"]
    assert "fewer than five" in kruskal(frame, "y ~ g", rng=1).loc[0, "warning"]
    one = mannwhitney(frame.iloc[:3], "y ~ g").iloc[0]
    assert not np.isnan(one["p_value"])
    assert np.isnan(one["p_equivalence"])


def test_normality_of_a_large_normal_sample():
    values = stats.norm.ppf((np.arange(500) + 0.5) / 500)
    rows = normality(pd.DataFrame({"y": values}), dimension="y")
    assert rows["statistic_name"].tolist() == ["D", "D", "D", "W"]
    assert rows.loc[:1, "statistic"].to_numpy() == pytest.approx(0.5 / 500)
    assert (rows["p_value"] > 0.9).all()
    assert rows["warning"].isna().all()


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ([], ["no values", "no values", "fewer than four values", "fewer than three values"]),
        ([0.5], ["", "", "fewer than four values", "fewer than three values"]),
        ([0.5, 0.7, 1.0], ["", "", "fewer than four values", ""]),
        ([0.5] * 6, ["ties: p is approximate"] * 2 + ["all values are equal"] * 2),
    ],
)
def test_normality_of_little(values, reasons):
    frame = pd.DataFrame({"y": np.array([*values, np.nan])})
    rows = normality(frame, dimension="y")
    assert rows["warning"].fillna("").tolist() == reasons
    assert (rows["n_missing"] == 1).all()
    assert (rows["n"] == len(values)).all()


def test_normality_of_many_values_says_that_p_is_not_calibrated():
    frame = pd.DataFrame({"y": np.random.default_rng(1).normal(size=5001)})
    assert "5,000" in normality(frame, dimension="y").loc[3, "warning"]


def test_normality_by_group(study):
    rows = normality(study, dimension="arousal", by="modality")
    assert rows["group"].unique().tolist() == ["music", "visual", "audiovisual"]
    whole = normality(study, dimension="arousal")
    assert rows.groupby("method")["n"].sum().iloc[0] == whole.loc[0, "n"]


def test_wrong_arguments_are_refused(tiny, frame):
    for call in (
        lambda: kruskal(frame, "y ~ g", dependence="robust"),
        lambda: kruskal_modality(tiny, dependence=("design", "robust")),
        lambda: pairwise_modality(tiny, dependence="robust"),
        lambda: mannwhitney(frame, "y ~ g", dependence="robust"),
        lambda: mannwhitney_overlay(tiny, dependence="robust"),
        lambda: normality(tiny, dependence="robust"),
    ):
        with pytest.raises(DesignError, match="dependence must be one or both"):
            call()
    for call, match in (
        (lambda: kruskal(frame, "y ~ g", level="item"), "level must be one of"),
        (lambda: kruskal(frame, "y ~ g", conf_level=95), "conf_level"),
        (lambda: kruskal(frame, "y ~ g", n_resamples=-1), "n_resamples"),
        (lambda: kruskal(frame, "g ~ y"), "'g' is not a number"),
        (lambda: mannwhitney(frame, "y ~ g", alternative="more"), "alternative"),
        (lambda: mannwhitney(frame, "y ~ g", equivalence_margin=0), "equivalence_margin"),
        (lambda: pairwise_modality(tiny, adjust="tukey"), "adjust must be one of"),
    ):
        with pytest.raises(DesignError, match=match):
            call()
    with pytest.raises(DataError, match="no such rated dimension"):
        kruskal_modality(tiny, dimension="tension")
    with pytest.raises(DataError, match="no rated dimension"):
        kruskal_modality(frame)
    with pytest.raises(DataError, match="neither a study nor a frame"):
        kruskal([1, 2], "y ~ g")


@pytest.mark.parametrize("groups", ["aabbcc", "aaabbb", "aabbbc"])
def test_kruskal_without_an_interval_says_why(groups):
    frame = pd.DataFrame({"y": np.arange(6.0), "g": list(groups)})
    row = kruskal(frame, "y ~ g", n_resamples=50).iloc[0]
    assert np.isnan(row[["conf_low", "conf_high"]].astype(float)).all()
    assert row["n_resamples"] == 0
    assert "no interval: the groups do not overlap" in row["warning"]
    assert row["effect_size"] > 0


def test_a_group_with_a_single_value_takes_part_in_the_interval():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4, 2, 6], "g": list("aabbbc")})
    row = kruskal(frame, "y ~ g").iloc[0]
    assert row["conf_low"] == 0
    assert row["effect_size"] <= row["conf_high"] < 1


@pytest.mark.parametrize("n_resamples", [-1, 2.5, True, "9"])
def test_kruskal_refuses_what_is_no_count(study, n_resamples):
    with pytest.raises(DesignError, match="n_resamples"):
        kruskal_modality(study, n_resamples=n_resamples)


def test_normality_counts_rows_without_a_group():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.normal(size=12), "g": ["a"] * 5 + ["b"] * 5 + [None] * 2})
    rows = normality(frame, dimension="y", by="g")
    assert rows["n"].tolist() == [5] * 8
    assert (rows["warning"] == "2 rows have no g and are in no group").all()
    nobody = normality(frame.assign(g=pd.Series([None] * 12, dtype="str")), dimension="y", by="g")
    assert nobody["n"].tolist() == [0] * 4
    assert nobody["warning"].str.contains("12 rows have no g").all()


def test_small_p_of_lilliefors_is_the_formula_of_dallal_and_wilkinson():
    values = np.random.default_rng(2).gamma(4.0, size=60)
    row = normality(pd.DataFrame({"y": values}), dimension="y").iloc[2]
    d, n = row["statistic"], 60
    z = np.sort((values - values.mean()) / values.std(ddof=1))
    phi = stats.norm.cdf(z)
    steps = np.arange(n + 1) / n
    assert d == pytest.approx(max((steps[1:] - phi).max(), (phi - steps[:-1]).max()), rel=1e-12)
    exponent = -7.01256 * d**2 * (n + 2.78019) + 2.99587 * d * np.sqrt(n + 2.78019)
    exponent += -0.122119 + 0.974598 / np.sqrt(n) + 1.67997 / n
    assert np.exp(exponent) < 0.1
    assert row["p_value"] == pytest.approx(np.exp(exponent), rel=1e-10)
