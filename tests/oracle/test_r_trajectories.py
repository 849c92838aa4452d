"""Models of trajectories against nlme's corCAR1 and mgcv's bam (trajectories/trajectories.R)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

HERE = Path(__file__).parent / "trajectories"
VALUES: dict[str, Any] = json.loads((HERE / "trajectories.json").read_text())

ANNOTATIONS = "(1 | participant:item)"
SMOOTH = f"y ~ modality * bs(time, df=4) + (1 | participant) + {ANNOTATIONS}"
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "intercepts": (SMOOTH, {}),
    "likelihood": (SMOOTH, {"reml": False}),
    "slopes": (SMOOTH.replace("(1 | participant)", "(time | participant)"), {}),
    "weighted": (SMOOTH, {"weights": "weight"}),
    "single": ("y ~ modality * time + (1 | participant)", {}),
}


def samples(*, gaps: bool) -> pd.DataFrame:
    """The samples in another order; without those that are missing where there are gaps."""
    frame = pd.read_csv(HERE / "samples.csv").sample(frac=1, random_state=1)
    frame["modality"] = pd.Categorical(frame["modality"], ["music", "visual", "both"])
    return frame[~frame["gap"]] if gaps else frame


def ours(term: str) -> str:
    """R's name of a column, as ours."""
    term = term.replace("(Intercept)", "Intercept").replace("df = 4", "df=4")
    term = re.sub(r"\bmodality(visual|both)\b", r"modality[T.\1]", term)
    return re.sub(r"\)(\d)$", lambda found: f")[{int(found[1]) - 1}]", term)


@pytest.mark.parametrize("name", MODELS)
def test_gaps_count_as_in_nlme(name):
    formula, options = MODELS[name]
    rows, value = samples(gaps=True), VALUES[name]
    rows = rows[rows["item"] == "V4"] if name == "single" else rows
    fit = mv.mixed_model(rows, formula, correlation="ar1", **options)
    whole = fit.glance().iloc[0]
    assert whole["log_likelihood"] == pytest.approx(value["log_likelihood"], abs=1e-6)
    assert whole["rho"] == pytest.approx(value["rho"], abs=1e-5)
    assert whole["sigma"] == pytest.approx(value["sigma"], rel=1e-5)
    # nlme takes its Hessian from coarse differences
    found = whole[["rho_low", "rho_high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(found, value["limits"], atol=1e-3)
    parts = fit.variance_components()
    own = parts.loc[(parts["quantity"] == "sd") & (parts["factor"] != "residual"), "estimate"]
    np.testing.assert_allclose(own, value["deviations"], atol=1e-5)
    table = fit.tidy().set_index("term").loc[[ours(term) for term in value["terms"]]]
    errors = np.array(value["std_error"])
    np.testing.assert_allclose(table["estimate"] / errors, value["estimate"] / errors, atol=1e-5)
    np.testing.assert_allclose(table["std_error"], errors, rtol=1e-5)
    assert set(table["dependence"]) == {"design"}
    np.testing.assert_allclose(fit.anova()["statistic"], value["F"], rtol=1e-4)


@pytest.mark.parametrize("value", VALUES["crossed"], ids=lambda value: f"rho {value['rho']}")
def test_crossed_groups_at_a_given_rho_are_those_of_mgcv(value):
    smooth = "modality + modality:cr(time, knots=[2, 4.5, 7])"
    formula = f"y ~ {smooth} + (1 | participant) + (1 | item) + {ANNOTATIONS}"
    fit = mv.mixed_model(samples(gaps=False), formula, correlation="ar1", rho=value["rho"])
    parts = fit.variance_components()
    deviations = parts.loc[parts["quantity"] == "sd", "estimate"]
    np.testing.assert_allclose(deviations, [*value["deviations"], value["sigma"]], rtol=1e-5)
    found = fit.trajectories("modality", times=[0, 1.25, 3, 6, 9.5], n_resamples=99)
    keys = pd.DataFrame({"group": value["modality"], "time": value["time"]})
    found = keys.merge(found, how="left")
    np.testing.assert_allclose(found["estimate"], value["estimate"], atol=1e-5)
    np.testing.assert_allclose(found["std_error"], value["std_error"], rtol=1e-5)
    assert np.isnan(fit.glance()["rho_low"].item())
