"""Ridge regression by the Gram matrix against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from muvistats.kernels.regression.ridge import cross_validated, ridge_fold

PENALTIES = [0.3, 3.0, 30.0, 300.0, 3000.0]


@pytest.mark.parametrize(("n", "p"), [(40, 12), (30, 200)])
def test_equals_scikit_learn_with_a_penalty_for_each_target(n, p):
    rng = np.random.default_rng(p)
    x = rng.normal(size=(n, p)) * rng.uniform(0.1, 50, p) + rng.normal(size=p)
    y = x[:, :3] / x[:, :3].std(axis=0) + rng.normal(size=(n, 3)) * [0.3, 2.0, 30.0]
    folds = list(KFold(5, shuffle=True, random_state=42).split(x))
    expected = np.empty_like(y)
    for train, test in folds:
        model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))
        expected[test] = model.fit(x[train], y[train]).predict(x[test])
    found = cross_validated(ridge_fold(x, folds, PENALTIES), y)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_what_is_predicted_never_enters():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 5)), rng.normal(size=(20, 1))
    (_, test), *_ = folds = list(KFold(4).split(x))
    first = ridge_fold(x, folds, PENALTIES)[0].predict(y)[0]
    y[test] = 1e6
    np.testing.assert_array_equal(ridge_fold(x, folds, PENALTIES)[0].predict(y)[0], first)
    changed = x.copy()
    changed[test[1:]] *= 1e6  # scaling comes from the training rows alone
    again = ridge_fold(changed, folds, PENALTIES)[0].predict(y)[0]
    np.testing.assert_allclose(again[0], first[0])


def test_a_constant_feature_is_left_out():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(20, 5)), rng.normal(size=(20, 2))
    folds = list(KFold(4).split(x))
    wider = np.column_stack([x, np.full(20, 7.0)])
    np.testing.assert_allclose(
        cross_validated(ridge_fold(wider, folds, PENALTIES), y),
        cross_validated(ridge_fold(x, folds, PENALTIES), y),
    )
