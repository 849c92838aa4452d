"""Ridge regression through principal axes: standardised, and blind to the test rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from muvistats.kernels.regression.ridge import cross_validated, ridge_folds

PENALTIES = [0.3, 3.0, 30.0, 300.0, 3000.0]


@pytest.mark.parametrize(("n", "p"), [(40, 12), (30, 200)])
def test_axes_of_the_training_rows_change_nothing(n, p):
    rng = np.random.default_rng(p)
    x = rng.normal(size=(n, p)) * rng.uniform(0.1, 50, p) + rng.normal(size=p)
    y = x[:, :3] / x[:, :3].std(axis=0) + rng.normal(size=(n, 3)) * [0.3, 2.0, 30.0]
    folds = list(KFold(5, shuffle=True, random_state=42).split(x))
    expected = np.empty_like(y)
    for train, test in folds:
        model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))
        expected[test] = model.fit(x[train], y[train]).predict(x[test])
    found = cross_validated(ridge_folds(x, folds), y, PENALTIES)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_what_is_predicted_never_enters():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 5)), rng.normal(size=(20, 1))
    (_, test), *_ = folds = list(KFold(4).split(x))
    first = cross_validated(ridge_folds(x, folds), y, PENALTIES)[test]
    y[test] = 1e6
    again = cross_validated(ridge_folds(x, folds), y, PENALTIES)[test]
    np.testing.assert_array_equal(again, first)
    changed = x.copy()
    changed[test[1:]] *= 1e6  # scaling comes from the training rows alone
    again = cross_validated(ridge_folds(changed, folds[:1]), y, PENALTIES)[test]
    np.testing.assert_allclose(again[0], first[0])


def test_a_constant_feature_has_no_say():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(20, 5)), rng.normal(size=(20, 2))
    folds = list(KFold(4).split(x))
    wider = np.column_stack([x, np.full(20, 7.0)])
    np.testing.assert_allclose(
        cross_validated(ridge_folds(wider, folds), y, PENALTIES),
        cross_validated(ridge_folds(x, folds), y, PENALTIES),
    )


def test_equal_penalties_give_the_largest():
    x = np.random.default_rng(5).normal(size=(12, 3))
    folds = [(np.arange(9), np.arange(9, 12))]
    y = np.full((12, 1), 0.25)  # no error under any penalty
    np.testing.assert_allclose(cross_validated(ridge_folds(x, folds), y, PENALTIES)[9:], 0.25)
