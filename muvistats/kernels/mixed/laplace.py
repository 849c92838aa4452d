"""Generalised linear mixed models: the Laplace deviance with its exact gradient.

For binomial (logit) and Poisson (log) responses. The conditional modes are found by Newton steps
to machine precision, so the gradient of the deviance, by implicit differentiation, is exact too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from ...types import Floats, Ints
from .blocks import Nest, RandomBlock, lambda_factors, n_theta, nest_of


@dataclass(frozen=True)
class LaplacePoint:
    """A model at one value of its parameters.

    Parameters
    ----------
    deviance : float
        -2 log-likelihood by Laplace's approximation, with every constant.
    gradient : ndarray of float, shape (n_theta + p,)
        Its gradient by theta and beta.
    spherical : ndarray of float, shape (q,)
        Conditional modes, before scaling.
    converged : bool
        Whether the modes were found.
    """

    deviance: float
    gradient: Floats
    spherical: Floats
    converged: bool


class LaplaceMixed:
    """Binomial or Poisson mixed model, evaluated at any parameters.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        Fixed columns.
    y : ndarray of float, shape (n,)
        0 or 1, or counts.
    blocks : sequence of RandomBlock
        Random effects.
    family : {"binomial", "poisson"}
        Distribution, with its canonical link.
    offset : ndarray of float, shape (n,), optional
        What is added to the linear predictor.
    """

    def __init__(
        self,
        x: Floats,
        y: Floats,
        blocks: Sequence[RandomBlock],
        *,
        family: str,
        offset: Floats | None = None,
    ) -> None:
        self.offset = np.zeros(len(y)) if offset is None else offset
        self.x, self.y, self.blocks, self.family = x, y, list(blocks), family
        self.n_theta = n_theta(blocks)
        nest = nest_of(blocks)
        self._shape = nest.block.n_levels, nest.block.columns.shape[1]
        self._order = _positions(nest, blocks)
        self.q = max(int(own.max()) for own in self._order) + 1
        self._index = np.concatenate(
            [
                own[
                    block.codes[:, None] * block.columns.shape[1]
                    + np.arange(block.columns.shape[1])
                ]
                for own, block in zip(self._order, blocks, strict=True)
            ],
            axis=1,
        )
        self._is_head = (self._index < self._shape[0] * self._shape[1]).all(axis=0)
        self._raw = np.concatenate([block.columns for block in blocks], axis=1)
        self._start = np.zeros(self.q)
        constant = special.gammaln(y + 1).sum() if family == "poisson" else 0.0
        self._constant = 2 * float(constant)

    def _mean(self, eta: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean, its slope and the slope's slope."""
        if self.family == "binomial":
            mean = special.expit(eta)
            weight = mean * (1 - mean)
            return mean, weight, weight * (1 - 2 * mean)
        mean = np.exp(np.minimum(eta, 300.0))
        return mean, mean, mean

    def _fit(self, eta: Floats) -> float:
        """-2 log-likelihood of the response, without its constant."""
        if self.family == "binomial":
            return float(2 * (np.logaddexp(0.0, eta) - self.y * eta).sum())
        return float(2 * (np.exp(np.minimum(eta, 300.0)) - self.y * eta).sum())

    def _columns(self, factors: list[Floats]) -> Floats:
        parts, at = [], 0
        for factor in factors:
            k = len(factor)
            parts.append(self._raw[:, at : at + k] @ factor)
            at += k
        return np.concatenate(parts, axis=1)

    def _gather(self, values: Floats, weights: Floats) -> Floats:
        """Transposed random columns times weights."""
        flat = (values * weights[:, None]).ravel()
        return np.bincount(self._index.ravel(), flat, self.q).astype(np.float64)

    def _system(self, values: Floats, weights: Floats) -> _System:
        """The random system, its first levels eliminated."""
        m, k = self._shape
        head, width = m * k, self.q - m * k
        own, cross, inner = np.zeros(m * k * k), np.zeros(head * width), np.zeros(width * width)
        for i, j in self._pairs():
            product = weights * values[:, i] * values[:, j]
            a, b = self._index[:, i], self._index[:, j]
            if self._is_head[i] and self._is_head[j]:
                own += np.bincount(a * k + b % k, product, len(own))
            elif self._is_head[i]:
                cross += np.bincount(a * width + b - head, product, len(cross))
            elif not self._is_head[j]:
                inner += np.bincount((a - head) * width + b - head, product, len(inner))
        return _System.of(
            own.reshape(m, k, k), cross.reshape(head, width), inner.reshape(width, width)
        )

    def _pairs(self) -> list[tuple[int, int]]:
        width = range(len(self._is_head))
        return [(i, j) for i in width for j in width]

    def _near(self, inverse: tuple[Floats, Floats, Floats]) -> Floats:
        """Inverse of the random system between the effects of each row, shape (n, w, w)."""
        own, side, inner = inverse
        head, k = len(side), own.shape[2]
        near = np.empty((len(self.y), len(self._is_head), len(self._is_head)))
        for i, j in self._pairs():
            a, b = self._index[:, i], self._index[:, j]
            if self._is_head[i] and self._is_head[j]:
                near[:, i, j] = own[a // k, a % k, b % k]
            elif self._is_head[i]:
                near[:, i, j] = near[:, j, i] = side[a, b - head]
            elif not self._is_head[j]:
                near[:, i, j] = inner[a - head, b - head]
        return near

    def _modes(self, values: Floats, fixed: Floats) -> tuple[Floats, Floats, bool]:
        """Conditional modes, the linear predictor there, and whether they were found."""
        spherical = self._start
        eta = fixed + (values * spherical[self._index]).sum(axis=1)
        current = self._fit(eta) + float(spherical @ spherical)
        if not np.isfinite(current):
            spherical, eta = np.zeros(self.q), fixed
            current = self._fit(eta)
        for _ in range(60):
            mean, weight, _ = self._mean(eta)
            slope = self._gather(values, self.y - mean) - spherical
            step = self._system(values, weight).solve(slope)
            gain = float(slope @ step)
            if gain < 1e-12:  # one more step of Newton's squares the error
                spherical = spherical + step
                return spherical, fixed + (values * spherical[self._index]).sum(axis=1), True
            size = 1.0
            while size > 1e-8:
                moved = spherical + size * step
                there = fixed + (values * moved[self._index]).sum(axis=1)
                value = self._fit(there) + float(moved @ moved)
                if value <= current + 1e-12 * abs(current):
                    break
                size /= 2
            else:
                return spherical, eta, gain < 1e-10 * max(1.0, abs(current))
            spherical, eta, current = moved, there, value
        return spherical, eta, False

    def at(self, parameters: Floats) -> LaplacePoint:
        """Evaluate the model.

        Parameters
        ----------
        parameters : ndarray of float, shape (n_theta + p,)
            Lower triangles of the relative covariance factors, then the fixed effects.

        Returns
        -------
        LaplacePoint
            Deviance, gradient and modes.
        """
        theta, beta = parameters[: self.n_theta], parameters[self.n_theta :]
        values = self._columns(lambda_factors(theta, self.blocks))
        spherical, eta, converged = self._modes(values, self.x @ beta + self.offset)
        if converged:
            self._start = spherical
        mean, weight, bend = self._mean(eta)
        system = self._system(values, weight)
        square = float(spherical @ spherical)
        deviance = self._fit(eta) + self._constant + square + system.log_det
        turned = np.einsum("ni,nij->nj", values, self._near(system.inverse()))
        pull = bend * (turned * values).sum(axis=1)
        response = system.solve(self._gather(values, pull))
        error = self.y - mean
        total = pull - 2 * error - weight * (values * response[self._index]).sum(axis=1)
        gradient = np.concatenate(
            [
                self._theta_gradient(total, error, weight, turned, spherical, response),
                self.x.T @ total,
            ]
        )
        return LaplacePoint(deviance, gradient, spherical, converged)

    def _theta_gradient(
        self,
        total: Floats,
        error: Floats,
        weight: Floats,
        turned: Floats,
        spherical: Floats,
        response: Floats,
    ) -> Floats:
        slopes = []
        at = 0
        for block in self.blocks:
            k = block.columns.shape[1]
            for i, j in zip(*np.tril_indices(k), strict=True):
                raw, place = self._raw[:, at + i], self._index[:, at + j]
                direct = (
                    total * spherical[place]
                    + error * response[place]
                    + 2 * weight * turned[:, at + j]
                )
                slopes.append(float(raw @ direct))
            at += k
        return np.array(slopes)

    def hessian(self, parameters: Floats) -> Floats:
        """Hessian of the deviance, by central differences of the exact gradient."""
        m = len(parameters)
        scale = np.ones(m)
        spread = np.sqrt((self.x**2).mean(axis=0))
        scale[self.n_theta :] = 1 / np.where(spread > 0, spread, 1.0)
        out = np.empty((m, m))
        for i in range(m):
            near = np.zeros(m)
            near[i] = 1e-4 * scale[i] * max(1.0, abs(parameters[i]) / scale[i])
            ahead, behind = self.at(parameters + near), self.at(parameters - near)
            out[i] = (ahead.gradient - behind.gradient) / (2 * near[i])
        return (out + out.T) / 2

    def random_effects(self, theta: Floats, spherical: Floats) -> list[Floats]:
        """Conditional modes of each block, shape (n_levels, k)."""
        factors = lambda_factors(theta, self.blocks)
        return [
            spherical[own].reshape(-1, len(factor)) @ factor.T
            for own, factor in zip(self._order, factors, strict=True)
        ]


def _positions(nest: Nest, blocks: Sequence[RandomBlock]) -> list[Ints]:
    """Where the effects of each block stand: those of the nest first, level by level."""
    at = nest.block.size
    places = dict(zip(nest.members, nest.places, strict=True))
    for i, block in enumerate(blocks):
        if i not in places:
            places[i] = at + np.arange(block.size)
            at += block.size
    return [places[i] for i in range(len(blocks))]


@dataclass(frozen=True)
class _System:
    """A random system [[A, B], [B', C]] + I with A block-diagonal, factored.

    Parameters
    ----------
    root : ndarray of float, shape (m, k, k)
        Inverse of the Cholesky factor of each block of A + I.
    cross : ndarray of float, shape (m * k, w)
        B, after the blocks were eliminated.
    lower : ndarray of float, shape (w, w)
        Cholesky factor of what is left of C + I.
    log_det : float
        Log determinant of the whole.
    """

    root: Floats
    cross: Floats
    lower: Floats
    log_det: float

    @classmethod
    def of(cls, own: Floats, cross: Floats, inner: Floats) -> _System:
        """Factor a system."""
        m, k = own.shape[:2]
        lower = np.linalg.cholesky(own + np.eye(k))
        root = np.linalg.inv(lower)
        reduced = (root @ cross.reshape(m, k, -1)).reshape(m * k, -1)
        left = inner - reduced.T @ reduced
        left[np.diag_indices(len(left))] += 1.0
        rest = linalg.cholesky(left, lower=True, check_finite=False) if len(left) else left
        diagonals = np.diagonal(lower, axis1=1, axis2=2), np.diag(rest)
        log_det = 2 * sum(float(np.log(diagonal).sum()) for diagonal in diagonals)
        return cls(root, reduced, np.asarray(rest), log_det)

    def solve(self, right: Floats) -> Floats:
        """Solution of the system."""
        m, k = self.root.shape[:2]
        first: Floats = (self.root @ right[: m * k].reshape(m, k, 1)).reshape(-1)
        rest = right[m * k :] - self.cross.T @ first
        if len(rest):
            rest = linalg.cho_solve((self.lower, True), rest, check_finite=False)
        left = (first - self.cross @ rest).reshape(m, k, 1)
        return np.concatenate([(self.root.transpose(0, 2, 1) @ left).reshape(-1), rest])

    def inverse(self) -> tuple[Floats, Floats, Floats]:
        """Inverse: blocks within the first levels, those beside the others, the others."""
        m, k = self.root.shape[:2]
        back = self.root.transpose(0, 2, 1)
        own = back @ self.root
        if not len(self.lower):
            return own, self.cross, self.lower
        inner = linalg.lapack.dpotri(self.lower, lower=1)[0]
        inner = np.tril(inner) + np.tril(inner, -1).T
        turned = back @ self.cross.reshape(m, k, -1)
        side = turned @ inner
        own = own + side @ turned.transpose(0, 2, 1)
        return own, -side.reshape(m * k, -1), inner
