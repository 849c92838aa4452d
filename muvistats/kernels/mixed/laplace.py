"""Generalised linear mixed models: the Laplace deviance with its exact gradient.

For binomial (logit) and Poisson (log) responses. The conditional modes are found by Newton steps
to machine precision, so the gradient of the deviance, by implicit differentiation, is exact too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from ...types import Floats
from .blocks import RandomBlock, lambda_factors, n_theta


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
        places, at = [], 0
        for block in blocks:
            k = block.columns.shape[1]
            places.append(at + block.codes[:, None] * k + np.arange(k))
            at += block.size
        self.q = at
        self._index = np.concatenate(places, axis=1)
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

    def _system(self, values: Floats, weights: Floats) -> Floats:
        total = np.zeros(self.q * self.q)
        width = values.shape[1]
        for i in range(width):
            for j in range(i + 1):
                flat = self._index[:, i] * self.q + self._index[:, j]
                part = np.bincount(flat, weights * values[:, i] * values[:, j], len(total))
                total += part
                if i != j:
                    total += part.reshape(self.q, self.q).T.ravel()
        system = total.reshape(self.q, self.q)
        system[np.diag_indices(self.q)] += 1.0
        return system

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
            lower = linalg.cholesky(self._system(values, weight), lower=True, check_finite=False)
            step = linalg.cho_solve((lower, True), slope, check_finite=False)
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
        lower = linalg.cholesky(self._system(values, weight), lower=True, check_finite=False)
        log_det = 2 * float(np.log(np.diag(lower)).sum())
        deviance = self._fit(eta) + self._constant + float(spherical @ spherical) + log_det
        inverse = linalg.lapack.dpotri(lower, lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        near = inverse[self._index[:, :, None], self._index[:, None, :]]
        turned = np.einsum("ni,nij->nj", values, near)
        pull = bend * (turned * values).sum(axis=1)
        response = inverse @ self._gather(values, pull)
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
        modes, at = [], 0
        for block, factor in zip(self.blocks, lambda_factors(theta, self.blocks), strict=True):
            part = spherical[at : at + block.size].reshape(block.n_levels, -1)
            modes.append(part @ factor.T)
            at += block.size
        return modes
