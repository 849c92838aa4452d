"""Cumulative and beta mixed models against ordinal, glmmTMB and emmeans (link/link.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

HERE = Path(__file__).parent / "link"
VALUES: dict[str, Any] = json.loads((HERE / "link.json").read_text())
MODALITIES = ["music", "visual", "both"]
CROSSED = "modality + loud + (1 | participant) + (1 | item)"
SLOPES = "loud + (1 + loud | participant) + (1 | item)"


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    frame = pd.read_csv(HERE / "ratings.csv")
    return frame.assign(modality=pd.Categorical(frame["modality"], MODALITIES))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("crossed", f"calm ~ {CROSSED}"),
        ("slopes", f"calm ~ {SLOPES}"),
        ("beta", f"share ~ {CROSSED}"),
        ("beta_slopes", f"share ~ {SLOPES}"),
    ],
)
def test_estimates_are_those_of_r(ratings, name, formula):
    value = VALUES[name]
    family = "beta" if name.startswith("beta") else "cumulative"
    fit = mv.mixed_model(ratings, formula, family=family)
    rows = fit.tidy()
    names = {"(Intercept)": "Intercept"} | {f"modality{m}": f"modality[T.{m}]" for m in MODALITIES}
    assert rows["term"].tolist() == [names.get(key, key) for key in value["coef"]]
    np.testing.assert_allclose(rows["estimate"], list(value["coef"].values()), atol=1e-4)
    np.testing.assert_allclose(rows["std_error"], list(value["se"].values()), rtol=1e-4)
    parts = fit.variance_components().set_index("quantity")["estimate"]
    theirs = [sd for each in value["sd"].values() for sd in np.atleast_1d(each)]
    np.testing.assert_allclose(parts["sd"], theirs, atol=1e-4)
    if family == "beta":
        assert parts["precision"] == pytest.approx(value["phi"], abs=1e-4)
    assert fit.glance()["log_likelihood"].item() == pytest.approx(value["logLik"], abs=1e-4)


def check(found: pd.DataFrame, value: dict[str, Any]) -> None:
    theirs = {"estimate": value.get("estimate", value.get("emmean", value.get("loud.trend")))}
    theirs |= {"std_error": value["SE"], "p_value": value["p.value"]}
    theirs |= {"conf_low": value["asymp.LCL"], "conf_high": value["asymp.UCL"]}
    for column, numbers in theirs.items():
        np.testing.assert_allclose(found[column], numbers, atol=1e-4)


def test_means_contrasts_and_slopes_are_those_of_emmeans(ratings):
    fit = mv.mixed_model(ratings, f"calm ~ {CROSSED}", family="cumulative")
    check(fit.emmeans("modality"), VALUES["means"])
    check(fit.contrasts("modality", adjust="none"), VALUES["pairs"])
    more = mv.mixed_model(ratings, f"calm ~ {CROSSED} + modality:loud", family="cumulative")
    check(more.emtrends("loud", "modality"), VALUES["trends"])
    beta = mv.mixed_model(ratings, f"share ~ {CROSSED}", family="beta").emmeans("modality")
    np.testing.assert_allclose(beta["estimate"], VALUES["beta_means"]["emmean"], atol=1e-4)
    np.testing.assert_allclose(beta["std_error"], VALUES["beta_means"]["SE"], atol=1e-4)


def test_likelihood_ratio_is_that_of_r(ratings):
    large = mv.mixed_model(ratings, f"calm ~ {CROSSED}", family="cumulative")
    small = mv.mixed_model(ratings, f"calm ~ {CROSSED.split(' + ', 1)[1]}", family="cumulative")
    row, value = large.compare(small).iloc[1], VALUES["ratio"]
    assert row["statistic"] == pytest.approx(value["statistic"], abs=2e-4)
    assert (row["df"], row["p_value"]) == (value["df"], pytest.approx(value["p"], abs=1e-4))
