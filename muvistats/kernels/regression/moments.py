"""Sums of squares and products of blocks of rows, from which any regression of any fold follows.

A block is a set of rows, for example those of an inner fold. Its sums are computed once. The sums
of a training set are those of all blocks less those of the one that is held out, and centring and
choosing features or a target are algebra on them, done only for the features that a model uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the rows of a block.

    Parameters
    ----------
    n : int
        Number of rows.
    x : ndarray of float, shape (feature,)
        Sums of the features.
    y : ndarray of float, shape (target,)
        Sums of the targets.
    xx : ndarray of float, shape (feature, feature)
        Sums of products of features.
    xy : ndarray of float, shape (target, feature)
        Sums of products of targets and features.
    yy : ndarray of float, shape (target,)
        Sums of squares of the targets.
    """

    n: int
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats
    yy: Floats

    @classmethod
    def of(cls, x: Floats, y: Floats) -> Moments:
        """Sums over rows x (row, feature) and y (row, target)."""
        return cls(len(x), x.sum(axis=0), y.sum(axis=0), x.T @ x, y.T @ x, (y**2).sum(axis=0))

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def with_targets(self, x: Floats, y: Floats) -> Moments:
        """The same rows x (row, feature) with other targets y (row, target)."""
        return Moments(self.n, self.x, y.sum(axis=0), self.xx, y.T @ x, (y**2).sum(axis=0))


class Sums:
    """Centred sums of products of some features and one target.

    Parameters
    ----------
    whole : Moments
        Sums over all blocks.
    less : Moments, optional
        Sums over a block that is taken away.
    features : ndarray of int, shape (feature,)
        Features that enter.
    target : int
        The target.
    """

    def __init__(
        self, whole: Moments, less: Moments | None, features: Ints, target: int = 0
    ) -> None:
        self._whole, self._less, self._features = whole, less, features
        self.n = whole.n - (less.n if less else 0)
        x = whole.x[features] - (less.x[features] if less else 0.0)
        y = float(whole.y[target] - (less.y[target] if less else 0.0))
        xy = whole.xy[target, features] - (less.xy[target, features] if less else 0.0)
        yy = float(whole.yy[target] - (less.yy[target] if less else 0.0))
        self.x_mean: Floats = x / self.n
        self.y_mean = y / self.n
        self.xy: Floats = xy - self.x_mean * y
        self.yy = max(yy - y * self.y_mean, 0.0)

    @property
    def size(self) -> int:
        """Number of features."""
        return len(self._features)

    def rows(self, chosen: Ints) -> Floats:
        """Products of the chosen features with all features, shape (chosen, feature)."""
        wanted = np.ix_(self._features[chosen], self._features)
        out: Floats = self._whole.xx[wanted]
        if self._less:
            out -= self._less.xx[wanted]
        out -= np.outer(self.n * self.x_mean[chosen], self.x_mean)
        return out

    def gram(self) -> Floats:
        """Products of all features with each other."""
        return self.rows(np.arange(self.size))

    def squared_errors(self, coefficients: Floats, trained: Sums) -> Floats:
        """Sum of squared errors on these rows of models that were fitted to others.

        Parameters
        ----------
        coefficients : ndarray of float, shape (feature, model)
            Their coefficients.
        trained : Sums
            What they were fitted to, which gives the intercepts.

        Returns
        -------
        ndarray of float, shape (model,)
            The sums.
        """
        used = np.flatnonzero(np.any(coefficients != 0, axis=1))
        chosen = coefficients[used]
        columns = self._features[used]
        square = self._whole.xx[np.ix_(columns, columns)]
        if self._less:
            square = square - self._less.xx[np.ix_(columns, columns)]
        inside = ((square @ chosen) * chosen).sum(axis=0)
        inside -= self.n * (self.x_mean[used] @ chosen) ** 2
        inside += self.yy - 2 * (self.xy[used] @ chosen)
        shift = (self.x_mean - trained.x_mean)[used] @ chosen
        out: Floats = inside + self.n * (self.y_mean - trained.y_mean - shift) ** 2
        return np.maximum(out, 0.0)


def block_moments(x: Floats, y: Floats, labels: Ints, n_blocks: int) -> Sequence[Moments]:
    """Sums over the rows of each block.

    Parameters
    ----------
    x : ndarray of float, shape (row, feature)
        Features.
    y : ndarray of float, shape (row, target)
        Targets.
    labels : ndarray of int, shape (row,)
        Block of each row; rows below 0 enter nowhere.
    n_blocks : int
        Number of blocks.

    Returns
    -------
    sequence of Moments
        One for each block.
    """
    return [Moments.of(x[rows], y[rows]) for rows in (labels == k for k in range(n_blocks))]
