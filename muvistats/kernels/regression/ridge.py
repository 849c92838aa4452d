"""Ridge regression of many targets on few rows, cross-validated, through the Gram matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...types import Floats, Ints


class RidgeFold:
    """One fold: what does not depend on the targets, computed once.

    Parameters
    ----------
    features : ndarray of float, shape (row, feature)
        Features of all rows, without NaN.
    train, test : ndarray of int
        Rows that are fitted and rows that are predicted.
    penalties : sequence of float
        Penalties to choose from, above 0.

    Notes
    -----
    Features are standardised by the mean and standard deviation of the training rows; those
    that are constant there are left out. With K the Gram matrix of the training rows,
    ``K = U diag(d) U'``, fitted values are ``mean + U diag(d / (d + penalty)) U' (y - mean)``.
    """

    def __init__(
        self, features: Floats, train: Ints, test: Ints, penalties: Sequence[float]
    ) -> None:
        self.train, self.test = train, test
        known = features[train]
        mean, spread = known.mean(axis=0), known.std(axis=0)
        varies = spread > 1e-12 * np.maximum(np.abs(mean), 1e-300)
        mean, spread = mean[varies], spread[varies]
        scaled = (known[:, varies] - mean) / spread
        other = (features[test][:, varies] - mean) / spread
        self._d, self._u = np.linalg.eigh(scaled @ scaled.T)
        self._d = np.maximum(self._d, 0.0)
        self._to_test = other @ scaled.T @ self._u
        self.penalties = np.asarray(penalties, dtype=np.float64)

    def predict(self, targets: Floats) -> tuple[Floats, Floats]:
        """Predictions for the test rows, each target with the penalty that suits it best.

        Parameters
        ----------
        targets : ndarray of float, shape (row, target)
            Targets of all rows; those of the test rows are not looked at.

        Returns
        -------
        predicted : ndarray of float, shape (test row, target)
            Predictions.
        penalty : ndarray of float, shape (target,)
            The penalty with the smallest squared leave-one-out error among the training rows,
            the largest of equals.
        """
        known = targets[self.train]
        mean = known.mean(axis=0)
        centred = known - mean
        rotated = self._u.T @ centred
        n = len(known)
        best = np.full(targets.shape[1], np.inf)
        penalty = np.full(targets.shape[1], self.penalties.max())
        for value in np.sort(self.penalties)[::-1]:
            shrink = self._d / (self._d + value)
            free = 1 - 1 / n - (self._u**2 @ shrink)
            errors = (centred - self._u @ (shrink[:, None] * rotated)) / free[:, None]
            loss = np.einsum("ij,ij->j", errors, errors)
            better = loss < best
            best[better], penalty[better] = loss[better], value
        weights = rotated / (self._d[:, None] + penalty)
        return mean + self._to_test @ weights, penalty


def ridge_fold(
    features: Floats, folds: Sequence[tuple[Ints, Ints]], penalties: Sequence[float]
) -> list[RidgeFold]:
    """Folds that can predict any targets of the same rows.

    Parameters
    ----------
    features : ndarray of float, shape (row, feature)
        Features without NaN.
    folds : sequence of tuple of ndarray of int
        Training and test rows of each fold.
    penalties : sequence of float
        Penalties to choose from.

    Returns
    -------
    list of RidgeFold
        One per fold.
    """
    return [RidgeFold(features, train, test, penalties) for train, test in folds]


def cross_validated(folds: Sequence[RidgeFold], targets: Floats) -> Floats:
    """Predictions of each row by the fold that did not fit it.

    Parameters
    ----------
    folds : sequence of RidgeFold
        Folds whose test rows make up all rows.
    targets : ndarray of float, shape (row, target)
        Targets without NaN.

    Returns
    -------
    ndarray of float, shape (row, target)
        Out-of-fold predictions.
    """
    out = np.full(targets.shape, np.nan)
    for fold in folds:
        out[fold.test] = fold.predict(targets)[0]
    return out
