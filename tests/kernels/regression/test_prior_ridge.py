"""Ridge regression towards a prior against scikit-learn and the normal equations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from muvistats.kernels.regression.prior_ridge import RidgeAxes

PENALTIES = [1e-3, 0.5, 20.0]


def drawn(n: int, p: int):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, p)) * np.geomspace(0.1, 10, p) + 3
    x[:, 1] = 7.0  # does not move
    return x, x[:, 0] + rng.normal(size=n), rng.normal(size=p)


@pytest.mark.parametrize("shape", [(60, 8), (12, 30)])
def test_without_a_prior_it_is_that_of_scikit_learn(shape):
    x, y, _ = drawn(*shape)
    slopes, intercept = RidgeAxes.of(x).fit(x, y, PENALTIES)
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    for row, penalty in enumerate(PENALTIES):
        oracle = Ridge(penalty * len(y)).fit((x - x.mean(axis=0)) / spread, y)
        np.testing.assert_allclose(slopes[row] * spread, oracle.coef_, rtol=1e-9, atol=1e-9)
        fitted = x @ slopes[row] + intercept[row]
        np.testing.assert_allclose(fitted, oracle.predict((x - x.mean(axis=0)) / spread), rtol=1e-9)


@pytest.mark.parametrize("shape", [(60, 8), (12, 30)])
def test_a_prior_solves_the_normal_equations(shape):
    x, y, prior = drawn(*shape)
    slopes, intercept = RidgeAxes.of(x).fit(x, y, PENALTIES, prior)
    moves = x.std(axis=0) > 0
    centred, spread = (x - x.mean(axis=0))[:, moves], x.std(axis=0)[moves]
    for row, penalty in enumerate(PENALTIES):
        b = slopes[row][moves]
        gradient = centred.T @ (centred @ b - (y - y.mean())) / len(y)
        gradient += penalty * spread**2 * (b - prior[moves])
        np.testing.assert_allclose(gradient, 0, atol=1e-8)
        assert slopes[row][1] == 0
        np.testing.assert_allclose(np.mean(y - x @ slopes[row] - intercept[row]), 0, atol=1e-9)


def test_an_infinite_penalty_leaves_the_prior():
    x, y, prior = drawn(60, 8)
    slopes, _ = RidgeAxes.of(x).fit(x, y, [np.inf], prior)
    np.testing.assert_allclose(slopes[0], np.where(x.std(axis=0) > 0, prior, 0))


def test_small_units_of_features_make_large_slopes():
    x, y, _ = drawn(60, 8)
    slopes, intercept = RidgeAxes.of(x).fit(x, y, PENALTIES)
    other, same = RidgeAxes.of(1e-9 * x).fit(1e-9 * x, y, PENALTIES)
    np.testing.assert_allclose(1e-9 * other, slopes, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(same, intercept, rtol=1e-8)
