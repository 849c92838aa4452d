"""Search for the lowest deviance of a mixed model.

The deviance does not change where a column of a covariance factor changes its sign. Zero is
therefore no edge but the middle of a symmetry: the search is free, a gradient of zero there says
nothing, and the curvature tells a minimum from a saddle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize

from ...progress import counted
from ...types import Floats
from .blocks import RandomBlock, lambda_factors, triangle
from .gradient import deviance_and_gradient
from .laplace import LaplaceMixed
from .linear import LinearMixed

#: A diagonal entry of a covariance factor below this counts as a variance of zero.
SINGULAR = 1e-4

_ROUNDS = 6
_NEWTON_STEPS = 8
_LARGEST_NEWTON_STEP = 0.1
#: A step that changes no digit that is read, and the deviance that none is worth.
_PRECISION = 1e-8
_NO_GAIN = 1e-16

Objective = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True)
class Optimum:
    """Where a search ended.

    Parameters
    ----------
    parameters : ndarray of float, shape (m,)
        Covariance parameters, and fixed effects where they are searched too.
    deviance : float
        Deviance there.
    hessian : ndarray of float, shape (m, m)
        Its second derivatives; None where they were not needed.
    gain : float
        Deviance that one more Newton step would gain.
    converged : bool
        Whether this is a minimum.
    """

    parameters: Floats
    deviance: float
    hessian: Floats | None
    gain: float
    converged: bool


def fit_linear(model: LinearMixed, start: Floats | None = None) -> Optimum:
    """Covariance parameters of a linear mixed model with the lowest deviance.

    Parameters
    ----------
    model : LinearMixed
        The model.
    start : ndarray of float, shape (m,), optional
        Where the search starts; by moments where not given, or where a variance is zero there.

    Returns
    -------
    Optimum
        `parameters` are theta.
    """
    moments, scale = _start(model)
    known = start is not None and not is_singular(start, model.blocks)
    return minimise(
        lambda theta: deviance_and_gradient(model, theta),
        start if start is not None and known else moments,
        model.blocks,
        scale=scale,
    )


def linear_hessian(model: LinearMixed, theta: Floats) -> Floats:
    """Second derivatives of a linear mixed model's deviance by its covariance parameters."""
    scale = np.full(len(theta), 0.1)
    return _hessian(lambda value: deviance_and_gradient(model, value), theta, scale)


def _start(model: LinearMixed) -> tuple[Floats, Floats]:
    """Covariance parameters by moments, and about the standard error of each."""
    residual = model.fixed[:, -1]
    variance = float(residual @ residual) / (model.n - model.p)
    between = []
    for block in model.blocks:
        size = np.stack(
            [np.bincount(block.codes, column**2, block.n_levels) for column in block.columns.T]
        )
        total = np.stack(
            [
                np.bincount(block.codes, column * residual, block.n_levels)
                for column in block.columns.T
            ]
        )
        squares = np.divide(
            total**2 - variance * size, size**2, out=np.zeros_like(size), where=size > 0
        )
        between.append(np.maximum(squares.mean(axis=1), 0.0))
    explained = sum(
        float(own @ (block.columns**2).mean(axis=0))
        for own, block in zip(between, model.blocks, strict=True)
    )
    left = max(variance - explained, 0.1 * variance)
    start, scale = [], []
    for own, block in zip(between, model.blocks, strict=True):
        diagonal = np.clip(np.sqrt(own / left), 0.2, 5.0)
        rows, columns = triangle(len(own))
        start.append(np.where(rows == columns, diagonal[rows], 0.0))
        scale.append(diagonal[rows] / (2 * np.sqrt(block.n_levels)))
    return np.concatenate(start), np.concatenate(scale)


def fit_laplace(model: LaplaceMixed) -> Optimum:
    """Parameters of a generalised linear mixed model with the lowest Laplace deviance.

    Parameters
    ----------
    model : LaplaceMixed
        The model, with fixed columns of similar size.

    Returns
    -------
    Optimum
        `parameters` are theta, the fixed effects, and the family's own parameters.
    """
    target, extra = model.family.start()
    beta = linalg.lstsq(model.x, target - model.offset)[0]
    start = []
    for block in model.blocks:
        rows, columns = triangle(block.columns.shape[1])
        spread = np.sqrt((block.columns**2).mean(axis=0))
        start.append(np.where(rows == columns, 0.5 / np.maximum(spread[rows], 1e-8), 0.0))

    def objective(parameters: Floats) -> tuple[float, Floats]:
        point = model.at(parameters)
        return point.deviance, point.gradient

    whole = np.concatenate([*start, beta, extra])
    return minimise(objective, whole, model.blocks, curvature=True)


def is_singular(theta: Floats, blocks: Sequence[RandomBlock]) -> bool:
    """Whether a variance is zero or a correlation is 1."""
    return any(
        bool((np.abs(np.diag(factor)) < SINGULAR).any()) for factor in lambda_factors(theta, blocks)
    )


def minimise(
    objective: Objective,
    start: Floats,
    blocks: Sequence[RandomBlock],
    *,
    scale: Floats | None = None,
    curvature: bool = False,
) -> Optimum:
    """Lowest deviance: quasi-Newton steps, then Newton's, and a look beyond saddles.

    Parameters
    ----------
    objective : callable
        Deviance and its gradient; the first parameters are the covariance parameters.
    start : ndarray of float, shape (m,)
        Where the search starts.
    blocks : sequence of RandomBlock
        Random effects, in the order of the covariance parameters.
    scale : ndarray of float, shape (m,), optional
        Size of a change that matters; 1 where not given.
    curvature : bool
        Whether the Hessian is wanted in any case; otherwise it is computed where the search
        alone did not end sharply, or ended at a variance of zero.

    Returns
    -------
    Optimum
        The diagonals of the covariance factors are not negative.
    """
    scale = np.ones(len(start)) if scale is None else scale
    with counted(objective, "Likelihoods of a mixed model") as told:
        return _search(_remembering(told), start, blocks, scale, curvature=curvature)


def _search(
    objective: Objective,
    start: Floats,
    blocks: Sequence[RandomBlock],
    scale: Floats,
    *,
    curvature: bool,
) -> Optimum:
    parameters, step = _quasi_newton(objective, start, scale)
    for _ in range(_ROUNDS):
        parameters, at_zero = _tidied(objective, parameters, blocks)
        if step < _PRECISION and not at_zero and not curvature:
            deviance, gradient = objective(parameters)
            return Optimum(parameters, deviance, None, step * float(np.abs(gradient).max()), True)
        hessian = _hessian(objective, parameters, scale)
        lower = _beyond_saddle(objective, parameters, hessian)
        if lower is None:
            return _newton(objective, parameters, hessian)
        parameters, step = _quasi_newton(objective, lower, scale)
    deviance, _ = objective(parameters)
    return Optimum(parameters, deviance, hessian, np.inf, False)


def _remembering(objective: Objective) -> Objective:
    """The same, without a second computation at the last point."""
    last: dict[bytes, tuple[float, Floats]] = {}

    def remembered(parameters: Floats) -> tuple[float, Floats]:
        key = parameters.tobytes()
        if key not in last:
            value = objective(parameters)
            last.clear()
            last[key] = value
        return last[key]

    return remembered


def _quasi_newton(objective: Objective, start: Floats, scale: Floats) -> tuple[Floats, float]:
    """Where the gradient vanishes, and about how far the optimum is from there."""

    def careful(scaled: Floats) -> tuple[float, Floats]:
        try:
            value, slope = objective(scaled * scale)
        except (np.linalg.LinAlgError, ValueError):
            return np.inf, np.zeros(len(scaled))
        return value, slope * scale

    best = optimize.minimize(
        careful,
        start / scale,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 500, "maxfun": 1000, "ftol": 1e-15, "gtol": 1e-6, "maxls": 40},
    )
    step = np.abs(best.hess_inv.dot(best.jac) * scale).max()
    return np.asarray(best.x * scale, dtype=np.float64), float(step)


def _tidied(
    objective: Objective, parameters: Floats, blocks: Sequence[RandomBlock]
) -> tuple[Floats, bool]:
    """The same point with diagonals of at least zero, and whether one is zero."""
    out, zeroed = parameters.copy(), False
    at = 0
    for block in blocks:
        rows, columns = triangle(block.columns.shape[1])
        own = out[at : at + len(rows)]
        for j in rows[rows == columns]:
            diagonal = own[(rows == j) & (columns == j)][0]
            if diagonal < 0:
                own[columns == j] = 0.0 - own[columns == j]
            if abs(diagonal) < SINGULAR:
                own[(columns == j) & (np.abs(own) < SINGULAR)] = 0.0
                zeroed = True
        at += len(rows)
    if zeroed:
        before, after = objective(parameters)[0], objective(out)[0]
        if after > before + 1e-9 * max(1.0, abs(before)):
            return np.where(out == 0, np.abs(parameters), out), True
    return out, zeroed


def _hessian(objective: Objective, parameters: Floats, scale: Floats) -> Floats:
    """Central differences of the exact gradient."""
    out = np.empty((len(parameters), len(parameters)))
    for i, size in enumerate(scale):
        near = np.zeros(len(parameters))
        near[i] = 1e-4 * max(size, abs(parameters[i]))
        ahead, behind = objective(parameters + near)[1], objective(parameters - near)[1]
        out[i] = (ahead - behind) / (2 * near[i])
    return (out + out.T) / 2


def _beyond_saddle(objective: Objective, parameters: Floats, hessian: Floats) -> Floats | None:
    """A lower point in the direction in which the deviance bends down most; None at a minimum."""
    values, vectors = np.linalg.eigh(hessian)
    if not values[0] < -1e-6 * max(1.0, abs(values[-1])):
        return None
    here = objective(parameters)[0]
    steps = [sign * size * vectors[:, 0] for size in (0.03, 0.1, 0.3, 1.0) for sign in (1, -1)]
    deviances = [objective(parameters + step)[0] for step in steps]
    best = int(np.nanargmin(deviances))
    if deviances[best] < here - 1e-9 * max(1.0, abs(here)):
        return np.asarray(parameters + steps[best])
    return None


def _newton(objective: Objective, parameters: Floats, hessian: Floats) -> Optimum:
    """Newton steps with one Hessian, while the deviance has something to gain."""
    deviance, gradient = objective(parameters)
    for _ in range(_NEWTON_STEPS):
        step = _solve(hessian, gradient)
        if abs(gradient @ step) < _NO_GAIN or np.abs(step).max() > _LARGEST_NEWTON_STEP:
            break
        value, slope = objective(parameters - step)
        if value > deviance + 1e-10 * max(1.0, abs(deviance)):
            break
        parameters, deviance, gradient = parameters - step, value, slope
    gain = float(abs(gradient @ _solve(hessian, gradient)))
    return Optimum(parameters, deviance, hessian, gain, gain < 1e-4)


def _solve(symmetric: Floats, right: Floats) -> Floats:
    """Solution in the directions in which a symmetric matrix is not flat."""
    values, vectors = np.linalg.eigh(symmetric)
    use = np.abs(values) > 1e-12 * np.abs(values).max(initial=1e-300)
    kept = vectors[:, use]
    return np.asarray(kept @ ((kept.T @ right) / values[use]))
