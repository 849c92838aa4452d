"""Shrunken slopes against ridge regressions that leave units out one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from muvistats.kernels.regression.shrinkage import _PENALTIES, shrunken


def rows(seed: int, n_predictors: int, slope: float):
    """Rows of 24 units, four for each of six groups with slopes of their own."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(24), 5)
    x = rng.normal(size=(len(unit), n_predictors))
    slopes = slope * rng.normal(size=(6, n_predictors))
    y = (x * slopes[unit // 4]).sum(axis=1) + rng.normal(size=len(unit))
    return unit, x, y


def sums(unit, x, y):
    parts = [(x[unit == u], y[unit == u]) for u in range(unit.max() + 1)]
    xx, xy, yy = zip(*[(a.T @ a, a.T @ b, b @ b) for a, b in parts], strict=True)
    return np.array(xx), np.array(xy), np.array(yy)


@pytest.mark.parametrize("n_predictors", [1, 3])
@pytest.mark.parametrize("slope", [0.2, 1.0])
def test_it_is_ridge_regression_by_left_out_units(n_predictors, slope):
    unit, x, y = rows(3, n_predictors, slope)
    xx, xy, yy = sums(unit, x, y)
    group = np.arange(24) // 4
    found, penalty = shrunken(xx, xy, yy, group)

    def ridge(use, alpha):
        return Ridge(alpha=alpha, fit_intercept=False, tol=1e-12).fit(x[use], y[use])

    errors = {np.inf: (y**2).sum()}
    for alpha in np.trace(xx, axis1=1, axis2=2).mean() / n_predictors * _PENALTIES:
        errors[alpha] = sum(
            (
                (
                    ridge((unit // 4 == u // 4) & (unit != u), alpha).predict(x[unit == u])
                    - y[unit == u]
                )
                ** 2
            ).sum()
            for u in range(24)
        )
    best = min(errors, key=errors.get)
    assert penalty == pytest.approx(best)
    assert np.isfinite(best)
    for g in range(6):
        np.testing.assert_allclose(found[g], ridge(unit // 4 == g, best).coef_, rtol=1e-6)


def test_nothing_to_learn_is_no_slope():
    one, values = np.ones((4, 1, 1)), np.array([1.0, -1.0, 1.0, -1.0])
    found, penalty = shrunken(one, values[:, None], values**2, np.array([0, 0, 1, 1]))
    assert np.isinf(penalty)
    assert (found == 0).all()
    found, penalty = shrunken(np.zeros((2, 1, 1)), np.zeros((2, 1)), np.ones(2), np.array([0, 2]))
    assert np.isinf(penalty)
    assert found.shape == (3, 1)
    found, _ = shrunken(np.zeros((0, 1, 1)), np.zeros((0, 1)), np.zeros(0), np.array([], dtype=int))
    assert found.shape == (0, 1)


def test_unit_of_the_values_only_scales_the_slopes():
    xx, xy, yy = sums(*rows(5, 1, 1.0))
    group = np.arange(24) // 4
    found, penalty = shrunken(xx, xy, yy, group)
    larger, same = shrunken(xx, 4 * xy, 16 * yy, group)
    assert same == penalty
    np.testing.assert_allclose(larger, 4 * found)
