"""Mixed models against lme4, lmerTest and emmeans (mixed/models.R made the values)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

HERE = Path(__file__).parent
VALUES: dict[str, Any] = json.loads((HERE / "mixed" / "values.json").read_text())
VERSIONS = VALUES.pop("versions")
GAUSSIAN = sorted(name for name, value in VALUES.items() if value["family"] == "gaussian")
OTHERS = sorted(set(VALUES) - set(GAUSSIAN))


@pytest.fixture(scope="session")
def synthetic() -> pd.DataFrame:
    dynamic = pd.read_csv(HERE / "synthetic_dynamic.csv")
    keys = ["participant_id", "media_id", "media_modality"]
    frame = dynamic.groupby(keys)[["arousal", "valence"]].median().reset_index()
    frame.columns = ["participant", "item", "modality", "arousal", "valence"]
    levels = ["music", "visual", "audiovisual"]
    return frame.assign(modality=pd.Categorical(frame["modality"], levels))


def fit_of(name: str, request: pytest.FixtureRequest) -> mv.MixedFit:
    value = VALUES[name]
    data = request.getfixturevalue(value["data"])
    return mv.mixed_model(data, value["formula"], family=value["family"], reml=value["reml"])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def ours(term: str) -> str:
    """R's name of a column, as ours."""
    term = term.replace("(Intercept)", "Intercept")
    return re.sub(r"\b(modality|gender|familiar)([A-Za-z]+)", r"\1[T.\2]", term)


def close(found: Any, expected: Any, rtol: float, scale: float = 0.0) -> None:
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(expected, float), rtol=rtol, atol=scale
    )


def check_estimates(fit: mv.MixedFit, value: dict[str, Any], rtol: float) -> pd.DataFrame:
    table = fit.tidy().set_index("term").loc[[ours(term) for term in listed(value["terms"])]]
    errors = np.array(listed(value["std_error"]))
    # an estimate near zero is compared on the scale of its standard error
    close(table["estimate"] / errors, np.array(listed(value["estimate"])) / errors, rtol, rtol)
    close(table["std_error"], errors, rtol)
    close(table["p_value"], listed(value["p_value"]), 1e-3, 1e-6)
    random = pd.DataFrame(value["random"])
    parts = fit.variance_components()
    for row in random.itertuples():
        group = re.sub(r"\.\d+$", "", row.grp)
        group = {"Residual": "residual", "modality:item": "item:modality"}.get(group, group)
        some = parts[parts["factor"] == group]
        if group != "residual":
            names = [ours(str(v)) for v in (row.var1, row.var2) if isinstance(v, str)]
            some = some[some["term"] == ", ".join(names)]
        if fit.estimates.singular and row.sdcor != row.sdcor:
            continue
        if len(names := [v for v in (row.var1, row.var2) if isinstance(v, str)]) == 2:
            close(some["estimate"], [row.sdcor], 10 * rtol, 10 * rtol)
        else:
            close(some["estimate"], [row.sdcor], rtol, 1e-5 if fit.estimates.singular else 0)
        assert len(names) <= 2
    glance = fit.glance().iloc[0]
    assert glance["log_likelihood"] == pytest.approx(value["log_likelihood"], abs=1e-5)
    assert glance["aic"] == pytest.approx(value["aic"], abs=2e-5)
    assert glance["bic"] == pytest.approx(value["bic"], abs=2e-5)
    assert glance["singular"] == value["singular"]
    assert glance["n"] == value["n"]
    assert glance["converged"]
    return table


def check_means(fit: mv.MixedFit, value: dict[str, Any], rtol: float) -> None:
    by = "modality" if "modality" in value["emmeans"] else "familiar"
    means = fit.emmeans(by).set_index("group").loc[value["emmeans"][by]]
    close(means["estimate"], value["emmeans"]["emmean"], rtol, rtol * 0.1)
    close(means["std_error"], value["emmeans"]["SE"], rtol)
    gaussian = fit.family == "gaussian"
    if gaussian:
        close(means["df"], value["emmeans"]["df"], 1e-3)
    expected = {key: listed(column) for key, column in value["contrasts"].items()}
    pairs = fit.contrasts(by, adjust="tukey")
    pairs.index = pairs["group2"] + " - " + pairs["group1"]
    pairs = pairs.loc[expected["contrast"]]
    turned = -pairs["estimate"]  # R was asked for the second less the first
    close(turned, expected["estimate"], rtol, rtol * np.mean(expected["SE"]))
    close(pairs["std_error"], expected["SE"], rtol)
    close(pairs["p_adjusted"], expected["p.value"], 1e-3, 1e-5)
    holm = fit.contrasts(by, adjust="holm")
    holm.index = holm["group2"] + " - " + holm["group1"]
    close(holm.loc[expected["contrast"], "p_adjusted"], listed(value["contrasts_holm"]), 1e-3, 1e-5)


@pytest.mark.parametrize("name", GAUSSIAN)
def test_linear_mixed_model_is_that_of_lme4(name, request):
    value = VALUES[name]
    fit = fit_of(name, request)
    table = check_estimates(fit, value, 1e-5)
    close(table["df"], listed(value["df"]), 1e-3)
    anova = fit.anova().set_index("term").loc[listed(value["anova"]["term"])]
    close(anova["statistic"], listed(value["anova"]["F value"]), 1e-5)
    close(anova["df"], listed(value["anova"]["NumDF"]), 1e-9)
    close(anova["df_denom"], listed(value["anova"]["DenDF"]), 1e-3)
    close(anova["p_value"], listed(value["anova"]["Pr(>F)"]), 1e-3, 1e-7)
    if "emmeans" in value:
        check_means(fit, value, 1e-5)


@pytest.mark.parametrize("name", [name for name in GAUSSIAN if "kenward_roger" in VALUES[name]])
def test_kenward_roger_is_that_of_pbkrtest(name, request):
    value = VALUES[name]
    data = request.getfixturevalue(value["data"])
    fit = mv.mixed_model(data, value["formula"], df="kenward-roger")
    table = fit.tidy().set_index("term").loc[[ours(term) for term in value["terms"]]]
    close(table["std_error"], value["kenward_roger"]["std_error"], 1e-6)
    close(table["df"], value["kenward_roger"]["df"], 1e-6)
    close(table["p_value"], value["kenward_roger"]["p_value"], 1e-5, 1e-12)
    expected = {key: listed(column) for key, column in value["kenward_roger_anova"].items()}
    anova = fit.anova().set_index("term").loc[expected["term"]]
    close(anova["statistic"], expected["F value"], 1e-6)
    close(anova["df_denom"], expected["DenDF"], 1e-6)
    close(anova["p_value"], expected["Pr(>F)"], 1e-5, 1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_generalised_mixed_model_is_that_of_lme4(name, request):
    value = VALUES[name]
    fit = fit_of(name, request)
    check_estimates(fit, value, 1e-3)
    if "emmeans" in value:
        check_means(fit, value, 1e-3)


def test_values_were_made_by_the_versions_that_the_script_names():
    assert set(VERSIONS) == {"R", "lme4", "lmerTest", "emmeans", "pbkrtest"}
    assert len(GAUSSIAN) >= 8
    assert len(OTHERS) >= 5
