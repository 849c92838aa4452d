"""How a linear mixed model changes with its covariance parameters, in closed form.

With V = Z Lambda Lambda' Z' + I and P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1, every derivative of
the deviance is a trace or a quadratic form of Z'PZ and Z'Py, which are small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...types import Floats
from .blocks import RandomBlock, lambda_factors, triangle
from .linear import LinearMixed, Point

_CLOSED_LIMIT = 5000
_SMALL = 1e-3


@dataclass(frozen=True)
class Uncertainty:
    """What Satterthwaite's degrees of freedom need.

    Parameters
    ----------
    covariance : ndarray of float, shape (m + 1, m + 1)
        Asymptotic covariance of (theta, sigma).
    jacobian : ndarray of float, shape (m + 1, p, p)
        Derivative of the fixed effects' covariance by (theta, sigma).
    gradient : ndarray of float, shape (m,)
        Gradient of the profiled deviance by theta.
    hessian : ndarray of float, shape (m, m)
        Hessian of the profiled deviance by theta.
    """

    covariance: Floats
    jacobian: Floats
    gradient: Floats
    hessian: Floats


@dataclass(frozen=True)
class _Derivatives:
    """First and second derivatives of log-determinants (a) and penalised residuals (b)."""

    a1: Floats
    b1: Floats
    a2: Floats
    b2: Floats
    covariance: Floats


@dataclass(frozen=True)
class Neighbours:
    """A model at values of one more parameter, on both sides of its estimate.

    Parameters
    ----------
    below, above : LinearMixed
        The model one step below and above the estimate.
    log_determinants : ndarray of float, shape (3,)
        What the parameter itself adds to the deviance below, at and above the estimate.
    step : float
        The step.
    """

    below: LinearMixed
    above: LinearMixed
    log_determinants: Floats
    step: float


def uncertainty(
    model: LinearMixed,
    theta: Floats,
    *,
    closed: bool | None = None,
    beside: Neighbours | None = None,
) -> Uncertainty:
    """Covariance of (theta, sigma), and how the fixed effects' covariance depends on them.

    Parameters
    ----------
    model : LinearMixed
        The model.
    theta : ndarray of float, shape (m,)
        The estimates.
    closed : bool, optional
        Closed form (True) or central differences (False); by default the closed form for up to
        5,000 random effects.
    beside : Neighbours, optional
        The model beside the estimate of one more parameter, which then counts as the last of theta.

    Returns
    -------
    Uncertainty
        Directions in which the deviance does not curve upwards carry no information, as at a
        variance of zero.
    """
    size = sum(block.size for block in model.blocks)
    point = model.at(theta)
    use_closed = size <= _CLOSED_LIMIT if closed is None else closed
    parts = _derivatives(model, theta, use_closed)
    if beside is not None:
        parts = _with_one_more(parts, theta, model, beside, use_closed)
    sigma = model.sigma(point)
    b, m, degrees = point.penalised, len(parts.a1), model.degrees
    whole = np.empty((m + 1, m + 1))
    whole[:m, :m] = parts.a2 + parts.b2 / sigma**2
    whole[:m, m] = whole[m, :m] = -2 * parts.b1 / sigma**3
    whole[m, m] = 6 * b / sigma**4 - 2 * degrees / sigma**2
    jacobian = np.concatenate([sigma**2 * parts.covariance, 2 * sigma * point.unscaled[None, :, :]])
    gradient = parts.a1 + degrees * parts.b1 / b
    hessian = parts.a2 + degrees * (parts.b2 / b - np.outer(parts.b1, parts.b1) / b**2)
    return Uncertainty(2 * _positive_inverse(whole), jacobian, gradient, hessian)


def _with_one_more(
    parts: _Derivatives, theta: Floats, model: LinearMixed, beside: Neighbours, closed: bool
) -> _Derivatives:
    """Derivatives by one more parameter as well: central differences of the exact ones."""
    low, high = (_derivatives(near, theta, closed) for near in (beside.below, beside.above))
    step = beside.step
    points = [near.at(theta) for near in (beside.below, model, beside.above)]
    a = beside.log_determinants + [model.log_determinant(point) for point in points]
    b = np.array([point.penalised for point in points])

    def slope(below: Floats, above: Floats) -> Floats:
        return (above - below) / (2 * step)

    def bordered(inner: Floats, cross: Floats, values: Floats) -> Floats:
        corner = (values[2] - 2 * values[1] + values[0]) / step**2
        return np.block([[inner, cross[:, None]], [cross[None, :], np.full((1, 1), corner)]])

    return _Derivatives(
        np.append(parts.a1, slope(a[0], a[2])),
        np.append(parts.b1, slope(b[0], b[2])),
        bordered(parts.a2, slope(low.a1, high.a1), a),
        bordered(parts.b2, slope(low.b1, high.b1), b),
        np.concatenate([parts.covariance, slope(points[0].unscaled, points[2].unscaled)[None]]),
    )


def satterthwaite(contrast: Floats, covariance: Floats, parts: Uncertainty) -> float:
    """Degrees of freedom of one contrast of the fixed effects.

    Parameters
    ----------
    contrast : ndarray of float, shape (p,)
        Weights of the fixed effects.
    covariance : ndarray of float, shape (p, p)
        Covariance of the fixed effects.
    parts : Uncertainty
        Of the model.

    Returns
    -------
    float
        ``2 v^2 / (g' A g)`` with v the variance of the contrast, g its gradient by the
        covariance parameters and A their covariance; infinite where v does not depend on them.
    """
    variance = float(contrast @ covariance @ contrast)
    if not variance > 0:
        return np.inf
    slope = np.einsum("i,mij,j->m", contrast, parts.jacobian, contrast) / variance
    spread = float(slope @ parts.covariance @ slope)
    return 2 / spread if spread > 0 else np.inf


def _positive_inverse(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    use = values > 1e-8
    kept = vectors[:, use]
    return np.asarray((kept / values[use]) @ kept.T)


def _entries(blocks: Sequence[RandomBlock]) -> list[tuple[int, int, int]]:
    """Block, row and column of each theta."""
    return [
        (number, int(i), int(j))
        for number, block in enumerate(blocks)
        for i, j in zip(*triangle(block.columns.shape[1]), strict=True)
    ]


def _derivatives(model: LinearMixed, theta: Floats, closed: bool) -> _Derivatives:
    return _closed(model, theta, model.at(theta)) if closed else _numeric(model, theta)


def _closed(model: LinearMixed, theta: Floats, point: Point) -> _Derivatives:
    blocks = model.blocks
    factors = lambda_factors(theta, blocks)
    plain, g, w, u = _projected(model, theta, point)
    known = g if model.reml else plain
    starts = np.cumsum([0, *(block.size for block in blocks)])
    entries = _entries(blocks)
    units = []
    for number, i, j in entries:
        unit = np.zeros_like(factors[number])
        unit[i, j] = 1.0
        units.append(unit)
    slopes = [
        unit @ factors[e[0]].T + factors[e[0]] @ unit.T
        for unit, e in zip(units, entries, strict=True)
    ]
    m, p = len(theta), model.p
    a1, b1, a2, b2 = np.zeros(m), np.zeros(m), np.zeros((m, m)), np.zeros((m, m))
    covariance = np.zeros((m, p, p))
    inside = [_level_sum(known, w, block, at) for block, at in zip(blocks, starts, strict=False)]
    moved = np.zeros((m, len(w)))
    for t, (number, _, _) in enumerate(entries):
        trace, square = inside[number]
        a1[t] = (trace * slopes[t]).sum()
        b1[t] = -(square * slopes[t]).sum()
        part = slice(starts[number], starts[number + 1])
        k = len(slopes[t])
        moved[t, part] = (w[part].reshape(-1, k) @ slopes[t]).ravel()
        levels = u[part].reshape(-1, k, p)
        covariance[t] = np.einsum("lip,ij,ljq->pq", levels, slopes[t], levels, optimize=True)
    b2 += 2 * moved @ g @ moved.T
    for s in range(m):
        for t in range(s + 1):
            first, second = entries[s][0], entries[t][0]
            pair = _pair(known, blocks, starts, first, second)
            a2[s, t] = -np.einsum("uv,yx,uxvy->", slopes[s], slopes[t], pair)
            if first == second:
                bend = units[s] @ units[t].T + units[t] @ units[s].T
                a2[s, t] += (inside[first][0] * bend).sum()
                b2[s, t] -= (inside[first][1] * bend).sum()
            a2[t, s] = a2[s, t]
            b2[t, s] = b2[s, t]
    return _Derivatives(a1, b1, a2, b2, covariance)


def _projected(
    model: LinearMixed, theta: Floats, point: Point
) -> tuple[Floats, Floats, Floats, Floats]:
    """Z'V^-1 Z, Z'PZ, Z'Py and Z'V^-1 X C."""
    z = sparse.hstack([block.matrix for block in model.blocks], format="csr")
    factors = lambda_factors(theta, model.blocks)
    spread = sparse.block_diag(
        [
            sparse.kron(sparse.eye_array(block.n_levels), factor)
            for block, factor in zip(model.blocks, factors, strict=True)
        ],
        format="csr",
    )
    inverse = model.random_inverse(theta)
    scaled = ((z.T @ z) @ spread).tocsr()
    plain = _random_cross(model, factors, inverse, scaled)
    side = z.T @ model.fixed
    side = side - scaled @ (inverse @ (spread.T @ side))
    fixed, response = side[:, :-1], side[:, -1]
    change = model.turned(point.beta)
    u = fixed @ model.r @ point.unscaled
    projected = plain - (u @ model.r.T) @ fixed.T
    return plain, projected, response - fixed @ change, u


def _random_cross(
    model: LinearMixed, factors: list[Floats], inverse: Floats, scaled: sparse.csr_array
) -> Floats:
    """Z'V^-1 Z from the inverse of the random system."""
    smallest = min(np.abs(np.diag(factor)).min() for factor in factors)
    if smallest < _SMALL:
        plain = np.asarray(-(scaled @ (scaled @ inverse).T))
        z = sparse.hstack([block.matrix for block in model.blocks], format="csr")
        entries = (z.T @ z).tocoo()
        np.add.at(plain, (entries.row, entries.col), entries.data)
        return plain
    # Z'V^-1 Z = L^-T (I - (L'Z'ZL + I)^-1) L^-1 where every factor L can be inverted
    plain = -inverse
    plain[np.diag_indices(len(plain))] += 1.0
    at = 0
    for block, factor in zip(model.blocks, factors, strict=True):
        part, back = slice(at, at + block.size), np.linalg.inv(factor)
        k = len(factor)
        if k == 1:
            plain[part] *= back[0, 0]
            plain[:, part] *= back[0, 0]
        else:
            rows = plain[part].reshape(block.n_levels, k, -1)
            plain[part] = (back.T @ rows).reshape(block.size, -1)
            columns = plain[:, part].reshape(len(plain), block.n_levels, k)
            plain[:, part] = (columns @ back).reshape(len(plain), block.size)
        at += block.size
    return plain


def _level_sum(g: Floats, w: Floats, block: RandomBlock, start: int) -> tuple[Floats, Floats]:
    """Sums over the levels of a block: diagonal blocks of g, and outer products of w."""
    k = block.columns.shape[1]
    end = start + block.size
    own = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            own[i, j] = g[np.arange(start + i, end, k), np.arange(start + j, end, k)].sum()
    levels = w[start:end].reshape(-1, k)
    return own, levels.T @ levels


def _pair(
    g: Floats, blocks: Sequence[RandomBlock], starts: npt.NDArray[np.int_], first: int, second: int
) -> Floats:
    """Sums of products of the columns of g between two blocks, shape (k, l, k, l)."""
    k, m = blocks[first].columns.shape[1], blocks[second].columns.shape[1]
    part = g[starts[first] : starts[first + 1], starts[second] : starts[second + 1]]
    flat = [part[u::k, x::m].ravel() for u in range(k) for x in range(m)]
    table = np.array([[a @ b for b in flat] for a in flat])
    return table.reshape(k, m, k, m)


def _numeric(model: LinearMixed, theta: Floats) -> _Derivatives:
    """The same by central differences of fourth order."""

    def parts(values: Floats) -> Floats:
        point = model.at(values)
        a = model.log_determinant(point)
        return np.concatenate([[a, point.penalised], point.unscaled.ravel()])

    m, p = len(theta), model.p
    steps = 0.02 * np.maximum(np.abs(theta), 0.1)
    base = parts(theta)
    first, second = np.empty((m, len(base))), np.empty((m, m, 2))
    for i in range(m):
        near = np.zeros(m)
        near[i] = steps[i]
        a, b, c, d = (parts(theta + times * near) for times in (1, -1, 2, -2))
        first[i] = (8 * (a - b) - (c - d)) / (12 * steps[i])
        sums = 16 * (a[:2] + b[:2]) - (c[:2] + d[:2]) - 30 * base[:2]
        second[i, i] = sums / (12 * steps[i] ** 2)
        for j in range(i):
            one, two = (_mixed(parts, theta, steps, (i, j), times) for times in (1.0, 2.0))
            second[i, j] = second[j, i] = (4 * one - two) / 3
    return _Derivatives(
        first[:, 0], first[:, 1], second[..., 0], second[..., 1], first[:, 2:].reshape(m, p, p)
    )


def _mixed(
    parts: Callable[[Floats], Floats],
    theta: Floats,
    steps: Floats,
    pair: tuple[int, int],
    times: float,
) -> Floats:
    """Mixed second difference of the first two parts."""
    total = np.zeros(2)
    for a in (1, -1):
        for b in (1, -1):
            moved = theta.copy()
            moved[pair[0]] += a * times * steps[pair[0]]
            moved[pair[1]] += b * times * steps[pair[1]]
            total += a * b * parts(moved)[:2]
    return np.asarray(total / (4 * times**2 * steps[pair[0]] * steps[pair[1]]))
