"""Slopes against emmeans::emtrends (trends/trends.R made the values)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

HERE = Path(__file__).parent / "trends"
VALUES: dict[str, Any] = json.loads((HERE / "trends.json").read_text())
MODALITIES = ["music", "visual", "both"]


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    frame = pd.read_csv(HERE / "ratings.csv")
    return frame.assign(modality=pd.Categorical(frame["modality"], MODALITIES))


def check(found: pd.DataFrame, name: str, rtol: float) -> None:
    value = VALUES[name]
    names = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
    theirs = ("estimate", "SE", "low", "high", "p.value")
    for column, key in zip(names, theirs, strict=True):
        np.testing.assert_allclose(found[column], np.ravel(value[key]), rtol=rtol, atol=rtol * 0.1)
    if name != "binomial":
        np.testing.assert_allclose(found["df"], np.ravel(value["df"]), rtol=1e-3)


def test_linear_models(ratings):
    fit = mv.linear_model(ratings, "arousal ~ modality * loud + gender * loud")
    check(fit.emtrends("loud", "modality"), "linear", 1e-8)
    whole = fit.emtrends("loud")
    check(whole, "whole", 1e-8)
    assert whole[["variable", "group"]].values.tolist() == [["loud", "all"]]
    cells = fit.emtrends("loud", ["modality", "gender"]).set_index("group")
    order = [f"{m}, {g}" for g in "fm" for m in MODALITIES]
    check(cells.loc[order], "cells", 1e-8)


def test_a_variable_behind_a_function(ratings):
    fit = mv.linear_model(ratings, "arousal ~ modality * log(loud)")
    check(fit.emtrends("loud", "modality"), "logarithm", 1e-4)
    fit = mv.linear_model(ratings, "arousal ~ loud + I(loud ** 2)")
    slope = fit.beta[1] + 2 * fit.beta[2] * ratings["loud"].mean()
    assert fit.emtrends("loud")["estimate"].item() == pytest.approx(slope, rel=1e-9)


def test_mixed_and_logistic_models(ratings):
    formula = "arousal ~ modality * loud + years + (1 | participant) + (1 | item)"
    check(mv.mixed_model(ratings, formula).emtrends("loud", "modality"), "mixed", 1e-4)
    fit = mv.glm(ratings, "chosen ~ modality * loud", family="binomial")
    check(fit.emtrends("loud", "modality"), "binomial", 1e-6)


def test_what_has_no_slope_is_refused(ratings):
    fit = mv.linear_model(ratings, "arousal ~ modality + loud")
    for variable in ("modality", "years", "nothing"):
        with pytest.raises(mv.DesignError, match="no number of the fixed part; there are loud"):
            fit.emtrends(variable)
    with pytest.raises(mv.DesignError, match="not in the fixed part"):
        fit.emtrends("loud", "gender")
