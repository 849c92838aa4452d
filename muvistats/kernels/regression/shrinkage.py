"""Ridge regressions of many groups that share one penalty, chosen by leaving units out."""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints

#: Penalties that are tried, as multiples of what a unit adds; besides these, an infinite one.
_PENALTIES = np.logspace(4, -2, 25)


def shrunken(xx: Floats, xy: Floats, yy: Floats, group: Ints) -> tuple[Floats, float]:
    """Coefficients of each group, shrunken towards zero by what predicts left out units best.

    Parameters
    ----------
    xx : ndarray of float, shape (unit, predictor, predictor)
        Sums of products of the predictors over the rows of each unit.
    xy : ndarray of float, shape (unit, predictor)
        Sums of their products with the target.
    yy : ndarray of float, shape (unit,)
        Sums of squares of the target.
    group : ndarray of int, shape (unit,)
        Group of each unit, from 0. Each group has coefficients of its own.

    Returns
    -------
    coefficients : ndarray of float, shape (group, predictor)
        ``(sum xx + penalty I)^-1 sum xy`` over the units of a group.
    penalty : float
        The penalty, the same for all groups: infinite, with coefficients of 0, where nothing
        predicts better than 0 does.

    Notes
    -----
    The error of a penalty is the sum of squared errors on the rows of each unit, predicted by the
    other units of its group; a unit without others is predicted by 0. The largest penalty of
    equals is taken.

    Examples
    --------
    >>> one, values = np.ones((6, 1, 1)), np.array([2.0, 3.0, 2.0, -2.0, -3.0, -2.0])
    >>> found, penalty = shrunken(one, values[:, None], values**2, np.array([0, 0, 0, 1, 1, 1]))
    >>> found.ravel().round(2).tolist(), round(penalty, 2)
    ([2.29, -2.29], 0.06)
    """
    n_groups, n_predictors = int(group.max(initial=-1)) + 1, xx.shape[-1]
    products, cross = np.zeros((n_groups, *xx.shape[1:])), np.zeros((n_groups, n_predictors))
    np.add.at(products, group, xx)
    np.add.at(cross, group, xy)
    size = float(np.trace(xx, axis1=1, axis2=2).mean()) / n_predictors if len(xx) else 0.0
    if not size > 0:
        return np.zeros_like(cross), np.inf
    others, others_cross = products[group] - xx, cross[group] - xy
    best, penalty = float(yy.sum()), np.inf
    for tried in size * _PENALTIES:
        left = _solved(others, others_cross, tried)
        error = yy - 2 * (left * xy).sum(axis=1) + np.einsum("up,upq,uq->u", left, xx, left)
        if error.sum() < best:
            best, penalty = float(error.sum()), float(tried)
    if np.isinf(penalty):
        return np.zeros_like(cross), penalty
    return _solved(products, cross, penalty), penalty


def _solved(products: Floats, cross: Floats, penalty: float) -> Floats:
    """Ridge coefficients of each row."""
    ridge = products + penalty * np.eye(products.shape[-1])
    return np.asarray(np.linalg.solve(ridge, cross[..., None])[..., 0], dtype=np.float64)
