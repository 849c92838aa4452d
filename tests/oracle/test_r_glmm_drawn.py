"""Fifty drawn logistic and Poisson mixed models reach lme4's optimum (glmm/glmm.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

HERE = Path(__file__).parent / "glmm"
FITS = json.loads((HERE / "values.json").read_text())["fits"]
STUDIES = dict(list(pd.read_csv(HERE / "drawn.csv").groupby("study")))


@pytest.mark.parametrize("value", FITS, ids=lambda value: f"{value['study']}-{value['family']}")
def test_the_optimum_is_that_of_lme4(value):
    frame = STUDIES[value["study"]]
    fit = mv.mixed_model(frame, "y ~ x + (1 | person) + (1 | item)", family=value["family"])
    # lme4 stops a little above its optimum
    assert -1e-5 <= fit.glance()["deviance"].item() - value["deviance"] <= 1e-6
    sd = fit.variance_components()["estimate"]
    np.testing.assert_allclose(sorted(sd), sorted(value["sd"]), atol=2e-3)
    np.testing.assert_allclose(fit.tidy()["estimate"], value["estimate"], atol=2e-3)


def test_variances_at_zero_and_away_from_it_are_among_them():
    sd = np.array([value["sd"] for value in FITS])
    assert (sd < 1e-4).any(axis=1).sum() > 10
    assert (sd > 0.1).any(axis=1).sum() > 10
