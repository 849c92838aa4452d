"""Lasso paths against R's glmnet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from muvistats.kernels.regression.lasso import Recipe, penalty_grid, penalty_path
from muvistats.kernels.regression.moments import Moments, Sums

HERE = Path(__file__).parent
ORACLE = json.loads((HERE / "lasso.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("standardize", [True, False])
def test_coefficients(standardize):
    table = pd.read_csv(HERE / "lasso_data.csv")
    x, y = table[ORACLE["feature_names"]].to_numpy(), table[["y"]].to_numpy()
    spread = x.std(axis=0) if standardize else np.ones(x.shape[1])
    scaled = (x - x.mean(axis=0)) / spread
    data = Sums(Moments.of(scaled, y), None, np.arange(x.shape[1]))
    recipe = Recipe(tol=1e-15, max_iter=100_000)
    expected = ORACLE[f"standardize_{str(standardize).lower()}"]
    assert penalty_grid(data, recipe)[0] == pytest.approx(expected["lambda_max"], rel=1e-12)
    found = penalty_path(data, np.array(ORACLE["lambda"]), recipe) / spread[:, None]
    for ours, fit in zip(found.T, expected["fits"], strict=True):
        np.testing.assert_allclose(ours, fit["coefficients"], atol=1e-7)
        assert np.count_nonzero(ours) == fit["n_nonzero"]
        intercept = y.mean() - x.mean(axis=0) @ ours
        assert intercept == pytest.approx(fit["intercept"], abs=1e-6)
        residual = y[:, 0] - intercept - x @ ours
        explained = 1 - residual @ residual / np.sum((y - y.mean()) ** 2)
        assert explained == pytest.approx(fit["deviance_ratio"], rel=1e-9)
