"""Ridge regression of many targets on few rows, cross-validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...types import Floats, Ints
from ...workers import few_threads

#: A spread below this part of the mean is rounding error.
_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class RidgeFold:
    """One fold: what does not depend on the targets, computed once.

    Parameters
    ----------
    train, test : ndarray of int
        Rows that are fitted and rows that are predicted.
    train_scores, test_scores : ndarray of float, shape (row, component)
        Standardised features on the principal axes of the training rows. Ridge regression does
        not change under rotation, and there are no more axes than training rows.
    """

    train: Ints
    test: Ints
    train_scores: Floats
    test_scores: Floats


def ridge_folds(features: Floats, folds: Sequence[tuple[Ints, Ints]]) -> list[RidgeFold]:
    """Folds that can predict any targets of the same rows.

    Parameters
    ----------
    features : ndarray of float, shape (row, feature)
        Features without NaN. They are standardised by the training rows of each fold; those that
        are constant there have no say.
    folds : sequence of tuple of ndarray of int
        Training and test rows of each fold.

    Returns
    -------
    list of RidgeFold
        One per fold.
    """
    out = []
    for train, test in folds:
        known = features[train]
        mean, spread = known.mean(axis=0), known.std(axis=0)
        varies = spread > _FLAT * np.abs(mean)
        scaled = (features[:, varies] - mean[varies]) / spread[varies]
        u, size, axes = np.linalg.svd(scaled[train], full_matrices=False)
        out.append(RidgeFold(train, test, u * size, scaled[test] @ axes.T))
    return out


def cross_validated(
    folds: Sequence[RidgeFold], targets: Floats, penalties: Sequence[float]
) -> Floats:
    """Predictions of each row by the fold that did not fit it.

    Parameters
    ----------
    folds : sequence of RidgeFold
        Folds whose test rows make up all rows.
    targets : ndarray of float, shape (row, target)
        Targets without NaN.
    penalties : sequence of float
        Penalties to choose from, above 0. Each target of a fold has the one with the smallest
        squared leave-one-out error among the training rows, the largest of equals.

    Returns
    -------
    ndarray of float, shape (row, target)
        Out-of-fold predictions.
    """
    from sklearn.linear_model import RidgeCV

    out = np.full(targets.shape, np.nan)
    model = RidgeCV(sorted(penalties, reverse=True), alpha_per_target=True)
    with few_threads(0):
        for fold in folds:
            model.fit(fold.train_scores, targets[fold.train])
            out[fold.test] = model.predict(fold.test_scores).reshape(len(fold.test), -1)
    return out
