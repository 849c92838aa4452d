"""Columns that say nothing new, and columns that split a response completely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import optimize

from ...types import Floats


def independent_columns(x: Floats, *, tolerance: float = 1e-7) -> npt.NDArray[np.intp]:
    """Columns that are no combination of the columns before them.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        A design matrix.
    tolerance : float
        Length that must be left of a column, relative to its own.

    Returns
    -------
    ndarray of int
        Positions, in order.
    """
    basis = np.empty((len(x), min(x.shape)))
    kept: list[int] = []
    for j in range(x.shape[1]):
        column = x[:, j].copy()
        length = np.linalg.norm(column)
        if length == 0 or len(kept) == basis.shape[1]:
            continue
        known = basis[:, : len(kept)]
        for _ in range(2):
            column -= known @ (known.T @ column)
        left = np.linalg.norm(column)
        if left > tolerance * length:
            basis[:, len(kept)] = column / left
            kept.append(j)
    return np.array(kept, dtype=np.intp)


def separated_columns(x: Floats, y: Floats, *, family: str) -> npt.NDArray[np.intp]:
    """Columns whose coefficients run to infinity at the maximum of the likelihood.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        A design matrix of full rank.
    y : ndarray of float, shape (n,)
        0 or 1, or counts.
    family : {"binomial", "poisson"}
        Distribution of the response.

    Returns
    -------
    ndarray of int
        Positions; empty where the maximum is finite.

    Notes
    -----
    A linear programme looks for a direction in which no row's likelihood falls and some row's
    rises (Albert and Anderson's complete or quasi-complete separation).
    """
    scaled = x / np.maximum(np.abs(x).max(axis=0), 1e-300)
    if family == "binomial":
        gain = np.where(y > 0, 1.0, -1.0)[:, None] * scaled
        equal = None
    else:
        gain = -scaled[y == 0]
        equal = scaled[y > 0]
    found = optimize.linprog(
        -gain.sum(axis=0),
        A_ub=-gain,
        b_ub=np.zeros(len(gain)),
        A_eq=equal,
        b_eq=None if equal is None else np.zeros(len(equal)),
        bounds=[(-1.0, 1.0)] * x.shape[1],
        method="highs",
    )
    if found.status != 0 or found.x is None or found.fun is None or found.fun > -1e-7:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.abs(np.asarray(found.x)) > 1e-9).astype(np.intp)
