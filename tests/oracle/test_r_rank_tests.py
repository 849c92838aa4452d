"""Rank and normality tests on the medians of the synthetic study against R."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import muvistats as mv

kruskal = partial(mv.kruskal, dependence="independent")
kruskal_modality = partial(mv.kruskal_modality, dependence="independent")
mannwhitney = partial(mv.mannwhitney, dependence="independent")
normality = partial(mv.normality, dependence="independent")
pairwise_modality = partial(mv.pairwise_modality, dependence="independent")

HERE = Path(__file__).parent
ORACLE = json.loads((HERE / "rank_tests.json").read_text(encoding="utf-8"))
REL = 1e-10
MODALITIES = ["music", "visual", "audiovisual"]
CASES = [(v, d) for v in ("constant_included", "constant_excluded") for d in ("arousal", "valence")]


def medians(variant: str) -> pd.DataFrame:
    frame = pd.read_csv(HERE / "annotation_summary.csv")
    if variant == "constant_excluded":
        frame = frame[~frame["constant_arousal"]]
    return pd.DataFrame(
        {
            "modality": pd.Categorical(frame["media_modality"], MODALITIES),
            "arousal": frame["median_arousal"],
            "valence": frame["median_valence"],
        }
    )


@pytest.mark.parametrize(("variant", "dimension"), CASES)
def test_kruskal(variant, dimension):
    expected = ORACLE[variant][dimension]
    frame = medians(variant)
    found = kruskal(frame, f"{dimension} ~ modality", n_resamples=0).iloc[0]
    for ours, theirs in (
        ("n", "n"),
        ("df", "df"),
        ("statistic", "statistic"),
        ("p_value", "p_value"),
        ("effect_size", "epsilon_squared"),
    ):
        assert found[ours] == pytest.approx(expected["kruskal_wallis"][theirs], rel=REL)
    preset = kruskal_modality(frame, dimension=dimension, n_resamples=0).iloc[0]
    assert preset["statistic"] == found["statistic"]
    groups = kruskal(frame, f"{dimension} ~ modality", level="group").set_index("group")
    for name in MODALITIES:
        assert groups.loc[name, "n"] == expected["group_n"][name]
        assert groups.loc[name, "median"] == pytest.approx(expected["group_median"][name], rel=REL)
        assert groups.loc[name, "mean_rank"] == pytest.approx(
            expected["group_mean_rank"][name], rel=REL
        )


@pytest.mark.parametrize(("variant", "dimension"), CASES)
def test_dunn(variant, dimension):
    expected = {
        frozenset((r["group1"], r["group2"])): r for r in ORACLE[variant][dimension]["dunn"]
    }
    found = pairwise_modality(medians(variant), dimension=dimension)
    assert len(found) == 3
    for row in found.to_dict("records"):
        theirs = expected[frozenset((row["group1"], row["group2"]))]
        sign = 1 if theirs["group1"] == row["group1"] else -1
        assert row["estimate"] == pytest.approx(sign * theirs["mean_rank_difference"], rel=REL)
        assert row["statistic"] == pytest.approx(sign * theirs["z"], rel=REL)
        assert row["p_value"] == pytest.approx(theirs["p"], rel=REL)
        assert row["p_adjusted"] == pytest.approx(theirs["p_holm"], rel=REL)


@pytest.mark.parametrize(("variant", "dimension"), CASES)
def test_mann_whitney(variant, dimension):
    frame = medians(variant)
    for pair, expected in ORACLE[variant][dimension]["mann_whitney"].items():
        names = pair.split("_vs_")
        part = frame[frame["modality"].isin(names)]
        part = part.assign(modality=part["modality"].cat.set_categories(names))
        for continuity, p_name in (
            (True, "p_continuity_correction"),
            (False, "p_no_correction"),
        ):
            row = mannwhitney(part, f"{dimension} ~ modality", continuity=continuity).iloc[0]
            assert (row["group1"], row["n1"], row["n2"]) == (
                names[0],
                expected["n1"],
                expected["n2"],
            )
            assert row["statistic"] == pytest.approx(expected["w_first"], rel=REL)
            assert row["n1"] * row["n2"] - row["statistic"] == expected["u_second"]
            assert row["p_value"] == pytest.approx(expected[p_name], rel=REL)
            assert row["effect_size"] == pytest.approx(expected["rank_biserial"], rel=REL)


@pytest.mark.parametrize(("variant", "dimension"), CASES)
def test_normality(variant, dimension):
    frame = medians(variant)
    whole = normality(frame, dimension=dimension)
    parts = normality(frame, dimension=dimension, by="modality")
    for group, rows in (("all", whole), *parts.groupby("group")):
        expected = ORACLE[variant][dimension]["normality"][group]
        exact, limiting, lilliefors, shapiro = rows.to_dict("records")
        assert exact["n"] == expected["n"]
        ks = expected["ks_standard_normal"]
        for row in (exact, limiting):
            assert row["statistic"] == pytest.approx(ks["statistic"], rel=REL)
        # R's exact p is good to about 1e-5; its limiting p is a difference from 1
        assert exact["p_value"] == pytest.approx(ks["p_exact"], rel=1e-5, abs=1e-14)
        assert limiting["p_value"] == pytest.approx(ks["p_asymptotic"], rel=1e-9, abs=1e-15)
        theirs = expected["lilliefors"]
        assert lilliefors["statistic"] == pytest.approx(theirs["statistic"], rel=REL)
        # p differs between programs in the second digit
        assert lilliefors["p_value"] == pytest.approx(theirs["p_value"], abs=0.1)
        theirs = expected["shapiro_wilk"]
        assert shapiro["statistic"] == pytest.approx(theirs["statistic"], rel=1e-7)
        assert shapiro["p_value"] == pytest.approx(theirs["p_value"], abs=1e-7)
