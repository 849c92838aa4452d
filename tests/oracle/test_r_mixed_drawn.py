"""Drawn mixed models against lme4 and lmerTest: slopes, weights, offsets, boundaries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

HERE = Path(__file__).parent / "mixed"
FITS = json.loads((HERE / "drawn.json").read_text())["fits"]
STUDIES = dict(list(pd.read_csv(HERE / "drawn.csv").groupby("study")))


def ours(term: str) -> str:
    """R's name of a column, as ours."""
    term = term.replace("(Intercept)", "Intercept")
    return re.sub(r"\b([fg])([a-d]|u|v)\b", r"\1[T.\2]", term)


@pytest.mark.parametrize("value", FITS, ids=lambda value: f"{value['study']}: {value['formula']}")
def test_a_drawn_model_is_that_of_lme4(value):
    options = {name: value[name] for name in ("family", "reml", "weights")}
    fit = mv.mixed_model(STUDIES[value["study"]], value["formula"], **options)
    found = fit.glance()["log_likelihood"].item()
    assert 2 * found == pytest.approx(2 * value["log_likelihood"], abs=1e-6)
    table = fit.tidy().set_index("term").loc[[ours(term) for term in value["terms"]]]
    errors = np.array(value["std_error"])
    expected = np.array(value["estimate"]) / errors
    np.testing.assert_allclose(table["estimate"] / errors, expected, atol=1e-5)
    gaussian = value["family"] == "gaussian"
    np.testing.assert_allclose(table["std_error"], errors, rtol=1e-5 if gaussian else 1e-3)
    np.testing.assert_allclose(table["p_value"], value["p_value"], atol=1e-6)
    if gaussian:
        np.testing.assert_allclose(table["df"], value["df"], rtol=1e-3)
        expected = value["anova"]
        anova = fit.anova().set_index("term").loc[expected["term"]]
        np.testing.assert_allclose(anova["statistic"], expected["F"], rtol=1e-5)
        np.testing.assert_allclose(anova["df_denom"], expected["df_denom"], rtol=1e-3)
        np.testing.assert_allclose(anova["p_value"], expected["p_value"], atol=1e-6)
