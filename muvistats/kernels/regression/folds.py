"""Folds over whole items, and min-max scaling that is fitted on training rows alone.

What predicts from features shares this: a fold never cuts an item in two, and no number of a
held-out item enters the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import DesignError
from ...types import Floats, Ints

#: Seed of the shuffle, as in the paper.
FOLD_SEED = 42


def fold_labels(n: int, n_folds: int = 5, *, seed: int = FOLD_SEED) -> Ints:
    """Fold in which each of n things is held out.

    Parameters
    ----------
    n : int
        Number of things, in an order that means something: for items the order of the release.
    n_folds : int
        Number of folds.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    ndarray of int, shape (n,)
        Number of the fold, from 0.

    Raises
    ------
    DesignError
        When there are fewer things than folds, or fewer than two folds.

    Notes
    -----
    Those of scikit-learn's ``KFold(n_folds, shuffle=True, random_state=seed)``.

    Examples
    --------
    >>> fold_labels(6, 3).tolist()
    [0, 0, 1, 2, 2, 1]
    """
    if not 2 <= n_folds <= n:
        raise DesignError(f"{n_folds} folds of {n} items cannot be made")
    from sklearn.model_selection import KFold

    labels = np.empty(n, dtype=np.int64)
    folds = KFold(n_folds, shuffle=True, random_state=seed).split(np.arange(n))
    for number, (_, held_out) in enumerate(folds):
        labels[held_out] = number
    return labels


def item_folds(n: int, n_folds: int = 5, *, seed: int = FOLD_SEED) -> list[tuple[Ints, Ints]]:
    """Training and held-out items of each fold.

    Parameters
    ----------
    n, n_folds, seed
        As in `fold_labels`.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
        Positions of the training items and of the held-out items, both in order.

    Examples
    --------
    >>> [held_out.tolist() for _, held_out in item_folds(6, 3)]
    [[0, 1], [2, 5], [3, 4]]
    """
    labels = fold_labels(n, n_folds, seed=seed)
    return [(np.flatnonzero(labels != k), np.flatnonzero(labels == k)) for k in range(n_folds)]


@dataclass(frozen=True, slots=True)
class MinMax:
    """Scale that puts the training rows on [0, 1].

    Parameters
    ----------
    low : ndarray of float, shape (feature,)
        Smallest training value.
    width : ndarray of float, shape (feature,)
        Largest less smallest training value; 1 for a feature that does not move.
    constant : ndarray of bool, shape (feature,)
        Features that do not move over the training rows.
    """

    low: Floats
    width: Floats
    constant: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, lows: Floats, highs: Floats) -> MinMax:
        """Scale from the smallest and largest values of rows or of groups of rows.

        Parameters
        ----------
        lows, highs : ndarray of float, shape (row or group, feature)
            The same array twice for rows.

        Examples
        --------
        >>> rows = np.array([[0.0, 5.0], [4.0, 5.0]])
        >>> MinMax.of(rows, rows).apply(np.array([[1.0, 7.0]])).tolist()
        [[0.25, 0.0]]
        """
        low, high = lows.min(axis=0), highs.max(axis=0)
        constant = ~(high > low)
        return cls(low, np.where(constant, 1.0, high - low), constant)

    def apply(self, values: Floats) -> Floats:
        """Values on the scale of the training rows; 0 for a feature that did not move there."""
        return np.where(self.constant, 0.0, (values - self.low) / self.width)
