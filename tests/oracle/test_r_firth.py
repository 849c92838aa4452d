"""Firth's logistic regression against brglm2 (firth.R made the values)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

VALUES = json.loads((Path(__file__).parent / "firth.json").read_text())
DATA = pd.DataFrame(VALUES["data"])


@pytest.mark.parametrize("name", sorted(VALUES["fits"]))
def test_firth_estimates_are_those_of_brglm2(name):
    value = VALUES["fits"][name]
    formula = value["formula"] + (" + offset(o)" if value["offset"] else "")
    fit = mv.glm(DATA, formula, weights="w" if value["weights"] else None, firth=True)
    table = fit.tidy().set_index("term")
    terms = [
        ":".join(f"g[T.{part[1]}]" if part[0] == "g" else part for part in term.split(":"))
        for term in value["term"]
    ]
    table = table.loc[[term.replace("(Intercept)", "Intercept") for term in terms][:1] + terms[1:]]
    np.testing.assert_allclose(table["estimate"], value["estimate"], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(table["std_error"], value["std_error"], rtol=1e-6)
    found = fit.glance()["log_likelihood"].iloc[0]
    assert found == pytest.approx(value["log_likelihood"], rel=1e-9)
