from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import KFold
from sklearn.preprocessing import MinMaxScaler

from muvistats.errors import DesignError
from muvistats.kernels.regression.folds import MinMax, fold_labels, item_folds


@pytest.mark.parametrize(("n", "k"), [(81, 5), (7, 5), (5, 5), (9, 2)])
def test_folds_are_those_of_scikit_learn(n, k):
    theirs = list(KFold(k, shuffle=True, random_state=42).split(np.arange(n)))
    ours = item_folds(n, k)
    assert len(ours) == k
    for (train, test), (their_train, their_test) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(train, their_train)
        np.testing.assert_array_equal(test, their_test)
    labels = fold_labels(n, k)
    assert all((labels[test] == i).all() for i, (_, test) in enumerate(theirs))


@pytest.mark.parametrize(("n", "k"), [(4, 5), (5, 1), (0, 2)])
def test_folds_that_cannot_be_made(n, k):
    with pytest.raises(DesignError, match=f"{k} folds of {n} items"):
        fold_labels(n, k)


def test_scale_is_that_of_scikit_learn_and_knows_constants():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 3)) * [1.0, 1e-6, 1e5]
    rows[:, 1] = 3.0
    scale = MinMax.of(rows, rows)
    theirs = MinMaxScaler().fit(rows)
    new = rng.normal(size=(5, 3))
    np.testing.assert_allclose(scale.apply(new)[:, [0, 2]], theirs.transform(new)[:, [0, 2]])
    assert scale.constant.tolist() == [False, True, False]
    assert (scale.apply(new)[:, 1] == 0).all()
    halves = [rows[:20], rows[20:]]
    of_groups = MinMax.of(
        np.stack([h.min(axis=0) for h in halves]), np.stack([h.max(axis=0) for h in halves])
    )
    np.testing.assert_array_equal(of_groups.low, scale.low)
    np.testing.assert_array_equal(of_groups.width, scale.width)
