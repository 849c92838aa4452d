"""Ordered ratings against R (ordinal/agreement.R) and irrCAC 0.4.4."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import muvistats as mv

HERE = Path(__file__).parent / "ordinal"
RATINGS = pd.read_csv(HERE / "ratings.csv")
INCOMPLETE = RATINGS.drop(index=range(0, 60, 7))
TWO = RATINGS[RATINGS["participant"].isin(["p1", "p2"])]

#: irrCAC.raw.CAC(table, weights, categories=1..5): Conger and Fleiss, linear, then quadratic.
KAPPA = [
    (RATINGS, [0.278008298755, 0.267059814659, 0.354156655454, 0.338061465721]),
    (INCOMPLETE, [0.279040064533, 0.266974704362, 0.348610852521, 0.330988058575]),
    (TWO, [0.126213592233, 0.019073569482, 0.358974358974, 0.217731421121]),
]


def test_kendall_with_ties():
    expected = json.loads((HERE / "agreement.json").read_text())
    row = mv.kendall_w(RATINGS, dimension="y").iloc[0]
    names = ["estimate", "statistic", "df", "p_value"]
    theirs = [expected[name] for name in ("w", "statistic", "df", "p_value")]
    assert_allclose(row[names].astype(float), theirs, rtol=1e-12)


@pytest.mark.parametrize(("ratings", "expected"), KAPPA, ids=["whole", "incomplete", "two"])
def test_weighted_kappa(ratings, expected):
    found = mv.weighted_kappa(ratings, dimension="y", n_resamples=0)
    assert_allclose(found["estimate"], expected, rtol=1e-10)
