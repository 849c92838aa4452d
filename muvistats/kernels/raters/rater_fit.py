"""How well one person's values follow those of the others on the same items."""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints
from ..scale import unit_factor
from .alignment import Placed, sums_by

#: Deviations below this part of the largest value, and sums below this part, are rounding errors.
_TINY = 1e-12


def other_means(placed: Placed, item: Ints, participant: Ints, block: Ints, n_items: int) -> Floats:
    """Mean of the other participants' values on the item of each row.

    Parameters
    ----------
    placed : Placed
        Values beside the items they belong to.
    item, participant : ndarray of int, shape (row,)
        Rows of the study for which the means are wanted.
    block : ndarray of int, shape (participant,)
        Participants with the same code are not among the others.
    n_items : int
        Number of items.

    Returns
    -------
    ndarray of float, shape (row, column)
        NaN where nobody else rated the item.
    """
    own_key = block[placed.participant] * n_items + placed.item
    cells, inverse = np.unique(own_key, return_inverse=True)
    own = sums_by(placed.values, inverse, len(cells))
    own_count = np.bincount(inverse, minlength=len(cells))
    sums: Floats = sums_by(placed.values, placed.item, n_items)[item]
    counts = np.bincount(placed.item, minlength=n_items)[item].astype(float)
    if len(cells):
        key = block[participant] * n_items + item
        cell = np.minimum(np.searchsorted(cells, key), len(cells) - 1)
        mine = cells[cell] == key
        sums[mine] -= own[cell[mine]]
        counts[mine] -= own_count[cell[mine]]
    counts[counts == 0] = np.nan
    means: Floats = sums / counts[:, None]
    return means


def rater_fit(values: Floats, means: Floats) -> tuple[float, float, Floats]:
    """How well one participant's values follow the means of the others.

    Parameters
    ----------
    values, means : ndarray of float, shape (row, column)
        Values of the participant and means of the others beside them; no NaN.

    Returns
    -------
    estimate : float
        Correlation over rows and columns, every column centred; NaN where one side is constant.
    z : float
        The same against permutation of the rows, exact mean and variance.
    products : ndarray of float, shape (row, row)
        Products of centred rows, for `permuted_fit`.
    """
    x, m = (_centred(part) for part in (values, means))
    products = m @ x.T
    scale = float(np.sqrt((x**2).sum() * (m**2).sum()))
    if len(values) < 2 or scale == 0:
        return np.nan, np.nan, products
    fit = float(np.trace(products))
    sd = float(np.sqrt((products**2).sum() / (len(values) - 1)))
    return fit / scale, fit / sd if sd > _TINY * scale else np.nan, products


def _centred(values: Floats) -> Floats:
    """Columns less their mean, in a unit of the largest; 0 where only rounding is left."""
    if not len(values):
        return values
    scaled = values * unit_factor(values, None)
    moved = scaled - scaled[:1]
    out: Floats = moved - moved.mean(axis=0)
    return np.where(np.abs(out).max(initial=0.0) > _TINY, out * unit_factor(out, None), 0.0)


def permuted_fit(products: Floats, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Z of `rater_fit` after permutations of the participant's rows.

    Parameters
    ----------
    products : ndarray of float, shape (row, row)
        As returned by `rater_fit`.
    n_resamples : int
        Number of permutations.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of float, shape (n_resamples,)
        The z values.
    """
    n = len(products)
    rows = rng.permuted(np.broadcast_to(np.arange(n), (n_resamples, n)), axis=1)
    sd = np.sqrt((products**2).sum() / (n - 1))
    fit: Floats = products[np.arange(n), rows].sum(axis=1) / sd
    return fit
