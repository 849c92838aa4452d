"""Rao-Scott and Bilder-Loughin tests against R (`label_table/label_tests.json`)."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from muvistats import bilder_loughin, chisquare_labels, rao_scott
from muvistats.kernels.sampling.clustered_tables import marginal_chi_square

FOLDER = Path(__file__).parent / "label_table"
EXPECTED = json.loads((FOLDER / "label_tests.json").read_text(encoding="utf-8"))
LABELS = ["sad", "energetic", "calm", "tense", "joyful"]
REL = 1e-10


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    frame = pd.read_csv(FOLDER / "labels.csv", dtype={"participant": str, "item": str})
    frame.attrs["labels"] = LABELS
    return frame


def both_orders(found: pd.DataFrame, expected: dict) -> None:
    first, second = found.iloc[0], found.iloc[1]
    assert (first["statistic_name"], second["statistic_name"]) == ("chi-square", "F")
    assert first["p_value"] == pytest.approx(expected["first_p"], rel=REL)
    assert second["statistic"] == pytest.approx(expected["second_f"], rel=REL)
    assert [second["df"], second["df_denom"]] == pytest.approx(expected["second_df"], rel=REL)
    assert second["p_value"] == pytest.approx(expected["second_p"], rel=REL)


@pytest.mark.parametrize("cluster", ["participant", "item"])
@pytest.mark.parametrize("by", ["modality", "gender"])
def test_rao_scott_is_svychisq(table, by, cluster):
    expected = EXPECTED[f"rao_scott {by} {cluster}"]
    found = rao_scott(table, by=by, cluster=cluster)
    both_orders(found, expected)
    assert found.loc[0, "df"] == expected["first_df"]
    pearson = chisquare_labels(table, by=by, dependence="independent").loc[0, "statistic"]
    assert pearson == pytest.approx(expected["pearson"], rel=REL)
    assert found.loc[0, "statistic"] == pytest.approx(pearson / found.loc[0, "design_effect"])
    other = {"participant": "items", "item": "participants"}[cluster]
    assert found["ignores"].tolist() == [other] * 2
    assert found["accounts_for"].str.endswith(f", {cluster}s").all()


@pytest.mark.parametrize("cluster", [None, "participant"])
@pytest.mark.parametrize("by", ["modality", "gender"])
def test_bilder_loughin(table, by, cluster):
    expected = EXPECTED[f"bilder_loughin {by} {cluster or 'annotation'}"]
    found = bilder_loughin(table, by=by, cluster=cluster, correction=["first", "second"])
    both_orders(found, expected)
    each = marginal_chi_square(
        table[LABELS].to_numpy(dtype=float),
        pd.factorize(table[by], sort=True)[0],
        table[by].nunique(),
    )
    assert each == pytest.approx(expected["each"], rel=REL)
    assert each.sum() == pytest.approx(expected["statistic"], rel=REL)


def test_the_bootstrap_agrees_with_the_second_order(table):
    rows = bilder_loughin(table, by="modality", n_resamples=2000).set_index("method")
    boot = rows.loc["Bilder-Loughin, bootstrap"]
    assert boot["statistic"] == pytest.approx(
        EXPECTED["bilder_loughin modality annotation"]["statistic"]
    )
    second = rows.loc["Bilder-Loughin, second order", "p_value"]
    assert abs(boot["p_value"] - second) < 4 * boot["mc_error"] + 0.01
