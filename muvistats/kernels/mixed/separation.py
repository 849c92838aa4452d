"""Columns that say nothing new, and columns that split a response completely."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, sparse

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


def separated_directions(x: Floats, y: Floats, *, family: str) -> Floats:
    """Directions in which the coefficients run to infinity at the maximum of the likelihood.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        A design matrix of full rank, its columns of similar size.
    y : ndarray of float, shape (n,)
        0 or 1, or counts.
    family : {"binomial", "poisson"}
        Distribution of the response.

    Returns
    -------
    ndarray of float, shape (p, m)
        Orthonormal basis of these directions; m is 0 where the maximum is finite. A combination
        of coefficients has a finite estimate where it is orthogonal to all of them.

    Notes
    -----
    Konis' linear programme looks for directions in which no row's likelihood falls (complete or
    quasi-complete separation, after Albert and Anderson). Each row's gain counts up to 1, so that
    its optimum shows every row that gains in any such direction. What is left of the likelihood
    is that of the other rows: it has no maximum in the directions that they do not know.

    References
    ----------
    Konis, K. (2007). Linear programming algorithms for detecting separated data in binary
    logistic regression models. DPhil thesis, University of Oxford.
    """
    none = np.zeros((x.shape[1], 0))
    if family == "binomial":
        rows, fixed = np.where(y > 0, 1.0, -1.0)[:, None] * x, x[:0]
    else:
        rows, fixed = -x[y == 0], x[y > 0]
    rows, fixed = (np.unique(np.round(part, 12), axis=0) for part in (rows, fixed))
    m, p = rows.shape
    if not m:
        return none
    gain: Any = sparse.hstack([sparse.csr_array(-rows), sparse.eye_array(m)], format="csr")
    equal: Any = None
    if len(fixed):
        equal = sparse.csr_array(np.hstack([fixed, np.zeros((len(fixed), m))]))
    bounds: Any = [(None, None)] * p + [(0.0, 1.0)] * m
    found: Any = optimize.linprog(
        np.concatenate([np.zeros(p), -np.ones(m)]),
        A_ub=gain,
        b_ub=np.zeros(m),
        A_eq=equal,
        b_eq=None if equal is None else np.zeros(len(fixed)),
        bounds=bounds,
        method="highs",
    )
    if found.status != 0 or found.x is None:
        return none
    gains = np.asarray(found.x)[p:] > 0.5
    if not gains.any():
        return none
    others = np.vstack([rows[~gains], fixed])
    return np.asarray(linalg.null_space(others, rcond=1e-8)) if len(others) else np.eye(p)


def separated_columns(directions: Floats, back: Floats | None = None) -> npt.NDArray[np.intp]:
    """Coefficients without a finite estimate.

    Parameters
    ----------
    directions : ndarray of float, shape (p, m)
        As `separated_directions` gives them.
    back : ndarray of float, shape (k, p), optional
        Combinations that are asked about; each coefficient where not given.

    Returns
    -------
    ndarray of int
        Positions of the combinations that have no finite estimate.
    """
    asked = np.eye(len(directions)) if back is None else back
    moved = np.linalg.norm(asked @ directions, axis=1)
    return np.flatnonzero(moved > 1e-7 * np.linalg.norm(asked, axis=1)).astype(np.intp)
