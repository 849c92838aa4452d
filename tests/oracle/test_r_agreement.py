"""Weighted estimators, concordances and intraclass correlations against R."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.kernels.raters.agreement import ewe, leave_one_out_ccc
from muvistats.kernels.raters.reliability import icc_forms

HERE = Path(__file__).parent
KEYS = ["media_id", "media_modality", "participant_id"]
VARIANTS = pytest.mark.parametrize("variant", ["constant_included", "constant_excluded"])


def expected_annotations(variant: str, dimension: str) -> pd.DataFrame:
    table = pd.read_csv(HERE / "ewe_annotations.csv", dtype={"participant_id": "str"})
    use = (table["variant"] == variant) & (table["dimension"] == dimension)
    return table[use].set_index(KEYS)


@VARIANTS
@pytest.mark.parametrize("dimension", ["arousal", "valence"])
def test_kernels(variant, dimension):
    long = pd.read_csv(HERE / "synthetic_dynamic.csv", dtype={"participant_id": "str"})
    wide = long.pivot_table(index=KEYS, columns="seq", values=dimension)
    if variant == "constant_excluded":
        wide = wide.drop(index=("item_02", "music", "12"))
    values = wide.to_numpy()
    cell = wide.groupby(level=[0, 1], sort=False).ngroup().to_numpy()
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    expected = expected_annotations(variant, dimension).loc[wide.index]
    for ddof, column in ((0, "loo_ccc_population"), (1, "loo_ccc_sample")):
        ours = leave_one_out_ccc(values, starts, ddof)
        assert_allclose(ours, expected[column], rtol=1e-10, atol=1e-14)
    gold, weights = ewe(values, starts)
    assert_allclose(weights, expected["weight"], rtol=1e-10, atol=1e-14)
    if variant == "constant_excluded":
        series = pd.read_csv(HERE / "ewe_series.csv").pivot_table(
            index=KEYS[:2], columns="seq", values=f"ewe_{dimension}"
        )
        assert_allclose(gold, series.to_numpy(), rtol=1e-10, atol=1e-14)


@VARIANTS
@pytest.mark.parametrize(("ddof", "column"), [(0, "loo_ccc_population"), (1, "loo_ccc_sample")])
def test_concordance_of_each_annotation(synthetic, variant, ddof, column):
    study = synthetic(variant)
    for dimension in ("arousal", "valence"):
        frame = mv.interrater_ccc(study, level="annotation", dimension=dimension, ddof=ddof)
        ours = frame.set_index(["item", "modality", "participant"])["ccc"].dropna()
        theirs = expected_annotations(variant, dimension)[column]
        assert len(ours) == len(theirs)
        assert_allclose(ours.loc[theirs.index], theirs, rtol=1e-10, atol=1e-14)


def test_weighted_estimator_step_by_step(synthetic):
    study = synthetic("constant_excluded")
    result = mv.ewe(study)
    series = pd.read_csv(HERE / "ewe_series.csv")
    for dimension in ("arousal", "valence"):
        ours = result["gold_standard"].sel(dimension=dimension).to_series()
        keys = [series["media_id"], series["media_modality"], series["seq"] * 0.5]
        theirs = series[f"ewe_{dimension}"].to_numpy()
        assert_allclose(ours.loc[pd.MultiIndex.from_arrays(keys)], theirs, rtol=1e-10, atol=1e-14)
        assert ours.notna().sum() == len(theirs)


@VARIANTS
def test_summary(synthetic, variant):
    summary = json.loads((HERE / "ewe_summary.json").read_text(encoding="utf-8"))[variant]
    for form, ddof in (("population", 0), ("sample", 1)):
        table = mv.interrater_ccc(synthetic(variant), level="modality", n_resamples=20, ddof=ddof)
        table = table.set_index(["dimension", "modality"])
        for dimension, modality in table.index:
            row, numbers = table.loc[(dimension, modality)], summary[dimension][modality]
            expected = [numbers[f"loo_ccc_{form}_{k}"] for k in ("mean", "sd")]
            assert_allclose([row["ccc"], row["sd"]], expected, rtol=1e-10)
            assert row["n"] == numbers["n"]


def test_intraclass_correlations():
    oracle = json.loads((HERE / "icc.json").read_text(encoding="utf-8"))
    ratings = np.array(oracle["ratings"], dtype=float)
    targets, raters = ratings.shape
    study = assemble(
        pd.DataFrame(
            {
                "item": np.repeat([f"i{i}" for i in range(targets)], raters),
                "modality": "music",
                "participant": np.tile([f"p{p}" for p in range(raters)], targets),
            }
        ),
        {"liking": ratings.ravel() / 10},  # the forms do not depend on the scale
        participants=pd.DataFrame({"participant": [f"p{p}" for p in range(raters)]}),
        items=pd.DataFrame({"item": [f"i{i}" for i in range(targets)]}),
        modalities=("music",),
    )
    ours = mv.icc(study).query("modality == 'all'")
    columns = ["estimate", "statistic", "df", "df_denom", "p_value", "conf_low", "conf_high"]
    names = ["icc", "f", "df1", "df2", "p_value", "ci_low", "ci_high"]
    theirs = pd.DataFrame(oracle["anova"])[names]
    assert_allclose(ours[columns], theirs, rtol=1e-10)
    for form, row in zip(icc_forms(ratings), theirs.to_numpy(), strict=True):
        assert_allclose([form.estimate, form.conf_low, form.conf_high], row[[0, 5, 6]], rtol=1e-10)
