"""Exact gradient of a linear mixed model's deviance by its covariance parameters.

With M the inverse of the random system Lambda'Z'Z Lambda + I, the log determinant changes with the
diagonal blocks of Z'Z Lambda M. The penalised sums of squares are minima, so that they change only
with Lambda itself, never through the estimates.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, sparse

from ...types import Floats
from .blocks import lambda_factors, triangle
from .linear import LinearMixed, Reduced

#: Numbers of the dense product that is held at once.
_CHUNK = 4_000_000


def deviance_and_gradient(model: LinearMixed, theta: Floats) -> tuple[float, Floats]:
    """Profiled (restricted) deviance of a linear mixed model, and its gradient.

    Parameters
    ----------
    model : LinearMixed
        The model.
    theta : ndarray of float, shape (m,)
        Covariance parameters.

    Returns
    -------
    deviance : float
        -2 log-likelihood.
    gradient : ndarray of float, shape (m,)
        Its derivative by each covariance parameter.
    """
    point = model.at(theta)
    reduced, lower = model.factor(theta)
    factors = lambda_factors(theta, model.blocks)
    determinants = _determinants(model, reduced, lower, factors)
    squares = _squares(model, reduced, lower, factors, model.degrees / point.penalised)
    slopes = [2 * (a - b) for a, b in zip(determinants, squares, strict=True)]
    return model.deviance_at(point), np.concatenate(
        [slope[triangle(len(slope))] for slope in slopes]
    )


def _squares(
    model: LinearMixed, reduced: Reduced, lower: Floats, factors: list[Floats], weight: float
) -> list[Floats]:
    """Sums over the levels of each block: Z'V^-1 e times the spherical effects of e.

    The columns of e are the residual and, for the restricted likelihood, the fixed columns,
    turned so that X'V^-1 X is the identity.
    """
    p, width = model.p, len(reduced.inner)
    root = lower[width : width + p, width : width + p]
    rest = linalg.solve_triangular(
        lower[:width, :width], lower[width:, :width].T, trans="T", lower=True
    )
    m, k = reduced.lower.shape[:2]
    back = reduced.root.transpose(0, 2, 1)
    first = (back @ (reduced.top - reduced.cross @ rest).reshape(m, k, -1)).reshape(m * k, -1)
    delta = linalg.solve_triangular(
        root, lower[width + p, width : width + p], trans="T", lower=True
    )
    turn = np.zeros((p + 1, p + 1 if model.reml else 1))
    turn[:p, -1], turn[p, -1] = -delta, 1.0
    turn[:, -1] *= np.sqrt(weight)
    if model.reml:
        turn[:p, :p] = linalg.solve_triangular(root, np.eye(p), lower=True).T
    first, rest = first @ turn, rest @ turn
    own = model.nest.factor(factors)
    others = [factors[i] for i in model.rest]
    scaled_first = (own @ first.reshape(m, k, -1)).reshape(m * k, -1)
    scaled_rest = model.scale_columns(rest.T, [factor.T for factor in others]).T
    side_first = model.top @ turn - model.cross @ scaled_rest
    side_first -= (model.own @ scaled_first.reshape(m, k, -1)).reshape(m * k, -1)
    side_rest = model.side @ turn - model.cross.T @ scaled_first - model.inner @ scaled_rest
    parts = [np.empty((0, 0))] * len(factors)
    for i, nested in model.nest.split(_level_sum(side_first, first, k)):
        parts[i] = nested
    for i, part in zip(model.rest, model.rest_slices, strict=True):
        parts[i] = _level_sum(side_rest[part], rest[part], len(factors[i]))
    return parts


def _level_sum(left: Floats, right: Floats, k: int) -> Floats:
    """Sum of the outer products of two tables over their levels and columns."""
    a = left.reshape(-1, k, left.shape[1]).transpose(1, 0, 2).reshape(k, -1)
    b = right.reshape(-1, k, right.shape[1]).transpose(1, 0, 2).reshape(k, -1)
    return np.asarray(a @ b.T)


def _determinants(
    model: LinearMixed, reduced: Reduced, lower: Floats, factors: list[Floats]
) -> list[Floats]:
    """Sums of the diagonal blocks of Z'Z Lambda M, for each block of random effects."""
    own = model.nest.factor(factors)
    back = reduced.root.transpose(0, 2, 1)
    nested = (model.own @ own @ (back @ back.transpose(0, 2, 1))).sum(axis=0)
    parts = [np.zeros_like(factor) for factor in factors]
    if model.rest:
        nested += _crossed_determinants(model, reduced, lower, factors, parts)
    for i, part in model.nest.split(nested):
        parts[i] = part
    return parts


def _crossed_determinants(
    model: LinearMixed,
    reduced: Reduced,
    lower: Floats,
    factors: list[Floats],
    parts: list[Floats],
) -> Floats:
    """The same of the blocks that are not eliminated, into `parts`; what they add to the first."""
    m, k = reduced.lower.shape[:2]
    width = len(reduced.inner)
    own = model.nest.factor(factors)
    others = [factors[i] for i in model.rest]
    back = reduced.root.transpose(0, 2, 1)
    nested = np.zeros_like(own)
    # Two products are faster than LAPACK's potri, which runs in small blocks.
    root = linalg.lapack.dtrtri(lower[:width, :width], lower=1)[0]
    inverse = linalg.blas.dtrmm(1.0, root, root, lower=1, trans_a=1)
    scaled = model.scale_columns(inverse, [factor.T for factor in others]).T  # Lambda M, rest
    for i, part in zip(model.rest, model.rest_slices, strict=True):
        parts[i] += _diagonal_sum(model.inner[:, part], scaled[:, part], len(factors[i]))
    step = max(1, _CHUNK // (k * width))
    for start in range(0, m, step):
        levels = slice(start, min(start + step, m))
        rows = slice(levels.start * k, levels.stop * k)
        count = levels.stop - levels.start
        cross = reduced.cross[rows]
        joint = (cross @ inverse).reshape(count, k, width)
        joint = -(back[levels] @ joint).reshape(count * k, width)  # M, first against rest
        turned = (own @ joint.reshape(count, k, width)).reshape(count * k, width)
        # The product of `joint` and `cross` at each level
        square = _row_products(cross, joint, k)
        nested -= (
            model.own[levels] @ own @ square.transpose(0, 2, 1) @ back[levels].transpose(0, 2, 1)
        ).sum(axis=0)
        raw = model.cross[rows]
        shifted = model.scale_columns(joint, [factor.T for factor in others])
        nested += _row_products(raw, shifted, k).sum(axis=0)
        for i, part in zip(model.rest, model.rest_slices, strict=True):
            parts[i] += _diagonal_sum(raw[:, part], turned[:, part], len(factors[i]))
    return nested


def _row_products(left: Floats | sparse.csr_array, right: Floats, k: int) -> Floats:
    """Inner products of the rows of each level, shape (levels, k, k)."""
    if not sparse.issparse(left):
        shape = (-1, k, right.shape[1])
        return np.asarray(left.reshape(shape) @ right.reshape(shape).transpose(0, 2, 1))
    count = len(right) // k
    out = np.empty((count, k, k))
    for i in range(k):
        for j in range(k):
            out[:, i, j] = left[i::k].multiply(right[j::k]).sum(axis=1)
    return out


def _diagonal_sum(left: Floats | sparse.csr_array, right: Floats, k: int) -> Floats:
    """Sum over the levels of the columns' inner products within a level, shape (k, k)."""
    out = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            a, b = left[:, i::k], right[:, j::k]
            out[i, j] = a.multiply(b).sum() if sparse.issparse(a) else np.vdot(a, b)
    return out
