"""Generalised linear mixed models: the Laplace deviance with its exact gradient.

For responses whose log-likelihood is known by row (`families`). The conditional modes are found by
Newton steps to machine precision, so the gradient of the deviance, by implicit differentiation, is
exact too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...types import Floats, Ints
from .blocks import Nest, RandomBlock, lambda_factors, n_theta, nest_of, triangle
from .families import family_of
from .system import Cells, System

#: With so many cells of its table for each row a system takes longer to factor than to use.
_COSTLY = 5

#: Squared length of a step to the modes after which a last step of Newton's leaves no error.
_NEAR = 1e-12

#: An earlier system serves as long as each step with it shortens the next, squared, to this part.
_SHRINKING = 1e-2


@dataclass(frozen=True)
class LaplacePoint:
    """A model at one value of its parameters.

    Parameters
    ----------
    deviance : float
        -2 log-likelihood by Laplace's approximation, with every constant.
    gradient : ndarray of float, shape (n_theta + p + n_extra,)
        Its gradient by theta, beta and the family's own parameters.
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
    """Generalised linear mixed model, evaluated at any parameters.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        Fixed columns.
    y : ndarray of float, shape (n,)
        0 or 1, counts, categories 0, 1, 2..., or numbers between 0 and 1.
    blocks : sequence of RandomBlock
        Random effects.
    family : {"binomial", "poisson", "cumulative", "beta"}
        Distribution of the response, as in `families`.
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
        self.x, self.y, self.blocks = x, y, list(blocks)
        self.family = family_of(family, y)
        self.n_theta = n_theta(blocks)
        nest = nest_of(blocks)
        self._shape = nest.block.n_levels, nest.block.columns.shape[1]
        self._order = _positions(nest, blocks)
        self.q = max(int(own.max()) for own in self._order) + 1
        self._index = np.concatenate(
            [
                own[
                    block.codes * block.columns.shape[1]
                    + np.arange(block.columns.shape[1])[:, None]
                ]
                for own, block in zip(self._order, blocks, strict=True)
            ]
        )
        self._raw = np.concatenate([block.columns.T for block in blocks])
        self._pairs = list(self._places())
        self._cells = self._used_cells()
        m, k = self._shape
        self._is_costly = m * k * (self.q - m * k) > _COSTLY * len(y)
        self._start = np.zeros(self.q)
        self._known: System | None = None  # of the last point, for steps to the modes of the next

    def _columns(self, factors: list[Floats]) -> Floats:
        """Random columns of each row, shape (column, n)."""
        parts, at = [], 0
        for factor in factors:
            k = len(factor)
            parts.append(factor.T @ self._raw[at : at + k])
            at += k
        return np.concatenate(parts)

    def _gather(self, values: Floats, weights: Floats) -> Floats:
        """Transposed random columns times weights."""
        flat = (values * weights).ravel()
        return np.bincount(self._index.ravel(), flat, self.q).astype(np.float64)

    def _spread(self, values: Floats, effects: Floats) -> Floats:
        """Random columns times effects, for each row."""
        return np.asarray((values * effects[self._index]).sum(axis=0))

    def _places(self) -> Iterator[tuple[int, int, int, Ints]]:
        """Where the products of two columns stand: in which part of the system, and at which place.

        Parts are the first levels, these beside the others, and the others.
        """
        m, k = self._shape
        head, width = m * k, self.q - m * k
        is_head = (self._index < head).all(axis=1)
        for i, j in itertools.product(range(len(is_head)), repeat=2):
            a, b = self._index[i], self._index[j]
            if is_head[i] and is_head[j]:
                yield i, j, 0, a * k + b % k
            elif is_head[i]:
                yield i, j, 1, a * width + b - head
            elif not is_head[j]:
                yield i, j, 2, (a - head) * width + b - head

    def _used_cells(self) -> Cells | None:
        """Cells of the first levels beside the others that hold anything, where these are few."""
        m, k = self._shape
        used = [places for _, _, part, places in self._pairs if part == 1]
        if k > 1 or not used:
            return None
        return Cells.few(np.concatenate(used), (m, self.q - m))

    def _system(self, values: Floats, weights: Floats) -> System:
        """The random system, its first levels eliminated."""
        m, k = self._shape
        width = self.q - m * k
        parts = [np.zeros(size) for size in (m * k * k, m * k * width, width * width)]
        weighted = values * weights
        for i, j, part, places in self._pairs:
            parts[part] += np.bincount(places, weighted[i] * values[j], len(parts[part]))
        own, cross, inner = parts
        return System.of(
            own.reshape(m, k, k),
            cross.reshape(m * k, width),
            inner.reshape(width, width),
            self._cells,
        )

    def _turned(self, values: Floats, system: System) -> Floats:
        """Random columns of each row times the inverse of the random system, (column, n)."""
        inverse = [part.ravel() for part in system.inverse()]
        out = np.zeros_like(values)
        for i, j, part, places in self._pairs:
            near = inverse[part][places]
            out[j] += values[i] * near
            if part == 1:
                out[i] += values[j] * near
        return out

    def _towards(self, values: Floats, weight: Floats) -> System:
        """The system of a step to the modes; far from them the likelihood may bend upwards."""
        try:
            return self._system(values, weight)
        except np.linalg.LinAlgError:
            return self._system(values, np.maximum(weight, 0.0))

    def _modes(self, values: Floats, fixed: Floats, extra: Floats) -> tuple[Floats, Floats, bool]:
        """Conditional modes, the linear predictor there, and whether they were found."""
        fit = self.family.deviance
        spherical = self._start
        eta = fixed + self._spread(values, spherical)
        current = fit(eta, extra) + float(spherical @ spherical)
        if not np.isfinite(current):
            spherical, eta = np.zeros(self.q), fixed
            current = fit(eta, extra)
        system, gain = self._known, np.inf
        for _ in range(60):
            error, weight, _ = self.family.slopes(eta, extra)
            slope = self._gather(values, error) - spherical
            known = system if self._is_costly else None
            step = slope if known is None else known.solve(slope)
            is_new = known is None or not 0 <= slope @ step < _SHRINKING * gain
            if is_new:
                system = self._towards(values, weight)
                step = system.solve(slope)
            gain = float(slope @ step)
            if gain < (_NEAR if is_new else _NEAR**2):  # a last step of Newton's squares the error
                spherical = spherical + step
                return spherical, fixed + self._spread(values, spherical), True
            size = 1.0
            while size > 1e-8:
                moved = spherical + size * step
                there = fixed + self._spread(values, moved)
                value = fit(there, extra) + float(moved @ moved)
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
        parameters : ndarray of float, shape (n_theta + p + n_extra,)
            Lower triangles of the relative covariance factors, the fixed effects, and the family's
            own parameters.

        Returns
        -------
        LaplacePoint
            Deviance, gradient and modes.
        """
        theta, beta, extra = np.split(parameters, [self.n_theta, self.n_theta + self.x.shape[1]])
        values = self._columns(lambda_factors(theta, self.blocks))
        spherical, eta, converged = self._modes(values, self.x @ beta + self.offset, extra)
        if converged:
            self._start = spherical
        error, weight, bend = self.family.slopes(eta, extra)
        system = self._system(values, weight)
        self._known = system
        square = float(spherical @ spherical)
        deviance = self.family.deviance(eta, extra) + square + system.log_det
        turned = self._turned(values, system)
        leverage = (turned * values).sum(axis=0)
        pull = bend * leverage
        response = system.solve(self._gather(values, pull))
        echo = self._spread(values, response)
        total = pull - 2 * error - weight * echo
        likelihood, by_error, by_weight = self.family.by_extra(eta, extra)
        gradient = np.concatenate(
            [
                self._theta_gradient(total, error, weight, turned, spherical, response),
                self.x.T @ total,
                by_weight @ leverage + by_error @ echo - 2 * likelihood.sum(axis=1),
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
            for i, j in zip(*triangle(k), strict=True):
                raw, place = self._raw[at + i], self._index[at + j]
                direct = (
                    total * spherical[place] + error * response[place] + 2 * weight * turned[at + j]
                )
                slopes.append(float(raw @ direct))
            at += k
        return np.array(slopes)

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
