"""Ridge regression that shrinks coefficients towards a prior mean instead of 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...types import Floats
from ...workers import few_threads

#: A spread below this part of the mean is rounding error.
_FLAT = 1e-12

#: Axes with less than this part of the largest sum of squares are rounding error.
_NONE = 1e-13


@dataclass(frozen=True, slots=True)
class RidgeAxes:
    """Principal axes of training rows, for any targets, priors and penalties.

    Parameters
    ----------
    mean, spread : ndarray of float, shape (feature,)
        Of the training rows; the spread of a feature that does not move is inf.
    axes : ndarray of float, shape (axis, feature)
        Orthonormal axes of the features less their means, in units of their spread.
    size : ndarray of float, shape (axis,)
        Sum of squares along each.
    """

    mean: Floats
    spread: Floats
    axes: Floats
    size: Floats

    @classmethod
    def of(cls, features: Floats) -> RidgeAxes:
        """From features of the training rows, (row, feature), without NaN."""
        n, p = features.shape
        mean, spread = features.mean(axis=0), features.std(axis=0)
        spread = np.where(spread > _FLAT * np.abs(mean), spread, np.inf)
        scaled = (features - mean) / spread
        with few_threads(0):
            size, vectors = np.linalg.eigh(scaled.T @ scaled if n > p else scaled @ scaled.T)
            there = size > _NONE * size.max(initial=0.0)
            size, vectors = size[there], vectors[:, there]
            axes = vectors.T if n > p else (vectors / np.sqrt(size)).T @ scaled
        return cls(mean, spread, axes, size)

    def fit(
        self,
        features: Floats,
        y: Floats,
        penalties: Sequence[float],
        prior: Floats | None = None,
    ) -> tuple[Floats, Floats]:
        """Coefficients for each penalty.

        Parameters
        ----------
        features : ndarray of float, shape (row, feature)
            Those that the axes were made of.
        y : ndarray of float, shape (row,)
            Target without NaN.
        penalties : sequence of float
            In units of the number of rows, above 0; inf takes the prior as it is.
        prior : ndarray of float, shape (feature,), optional
            Coefficients that are shrunken to, of the features as they are; 0 where not given, and
            of features that do not move.

        Returns
        -------
        coefficients : ndarray of float, shape (penalty, feature)
            The b of ``argmin |y - a - X b|^2 / n + penalty |s (b - prior)|^2`` with s the spreads
            of the features.
        intercept : ndarray of float, shape (penalty,)
            The a.
        """
        moves = np.isfinite(self.spread)
        scale = np.where(moves, self.spread, 1.0)
        start = np.where(moves, 0.0 if prior is None else prior, 0.0)
        centre = y.mean()
        moment = np.where(moves, features.T @ (y - centre), 0.0) / scale
        along = self.axes @ moment - self.size * (self.axes @ (start * scale))
        damped = self.size + len(y) * np.asarray(penalties, dtype=float)[:, None]
        coefficients = np.where(moves, start + (along / damped) @ self.axes / scale, 0.0)
        return coefficients, centre - coefficients @ self.mean
