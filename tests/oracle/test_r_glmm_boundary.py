"""Optima beside a variance of zero are reached, as lme4 reaches them (glmm/boundary.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

HERE = Path(__file__).parent / "glmm"
FITS = json.loads((HERE / "boundary.json").read_text())["fits"]
STUDIES = dict(list(pd.read_csv(HERE / "boundary.csv").groupby("study")))


@pytest.mark.parametrize("value", FITS, ids=lambda value: value["formula"])
def test_the_optimum_lies_beside_the_boundary(value):
    fit = mv.mixed_model(STUDIES[value["study"]], value["formula"], family=value["family"])
    glance = fit.glance().iloc[0]
    # lme4 stops a little above its optimum
    assert -1e-5 <= glance["deviance"] - value["deviance"] <= 1e-6
    assert glance["deviance"] < value["deviance_without_items"] - 0.002
    assert glance["converged"]
    assert glance["gradient"] < 1e-4
    assert glance["curvature"] > -1e-6
    sd = fit.variance_components().query("factor == 'item'")["estimate"]
    assert sd.item() == pytest.approx(value["sd"], abs=2e-3)
    estimates = fit.tidy().set_index("term")["estimate"][["Intercept", *ours(value)]]
    np.testing.assert_allclose(estimates, value["estimate"], atol=2e-3)


def ours(value: dict) -> list[str]:
    """Names of R's columns after the intercept, in its order."""
    levels = {"m": ["m[T.b]", "m[T.c]"], "g": ["g[T.h]"], "trained": ["trained"], "x": ["x"]}
    fixed = value["formula"].split(" ~ ")[1].split(" + (")[0]
    return [name for term in fixed.split(" + ") for name in levels[term]]
