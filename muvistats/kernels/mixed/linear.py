"""Linear mixed models at given covariance parameters: likelihood, estimates, derivatives.

A grouping factor has a block-diagonal cross product, and so have factors whose levels stand inside
its own. These blocks are eliminated first, level by level; what is left is one small dense system.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, sparse

from ...types import Floats
from .blocks import RandomBlock, cholesky_of_blocks, lambda_factors, level_products, nest_of

_DENSE_LIMIT = 250_000


@dataclass(frozen=True)
class Point:
    """A linear mixed model at one value of its covariance parameters.

    Parameters
    ----------
    log_det_random : float
        Log determinant of the random system.
    log_det_fixed : float
        Log determinant of X' V^-1 X, V relative to the residual variance.
    penalised : float
        Penalised residual sum of squares.
    beta : ndarray of float, shape (p,)
        Fixed effects.
    unscaled : ndarray of float, shape (p, p)
        Covariance of the fixed effects divided by the residual variance.
    """

    log_det_random: float
    log_det_fixed: float
    penalised: float
    beta: Floats
    unscaled: Floats


@dataclass(frozen=True)
class Reduced:
    """The random system after its first block was eliminated.

    Parameters
    ----------
    lower : ndarray of float, shape (m, k, k)
        Cholesky factor of each level of the first block.
    root : ndarray of float, shape (m, k, k)
        Inverse of each.
    cross : array, shape (m * k, w)
        Scaled cross product of the first block with the others.
    inner : ndarray of float, shape (w, w)
        What is left for the others.
    side : ndarray of float, shape (w, p + 1)
        Others against the fixed columns and the response.
    top : ndarray of float, shape (m * k, p + 1)
        First block against the fixed columns and the response.
    log_det : float
        Log determinant of the first block.
    """

    lower: Floats
    root: Floats
    cross: Any
    inner: Floats
    side: Floats
    top: Floats
    log_det: float


class LinearMixed:
    """Gaussian mixed model, evaluated at any covariance parameters.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        Fixed columns of full rank.
    y : ndarray of float, shape (n,)
        Response.
    blocks : sequence of RandomBlock
        Random effects.
    reml : bool
        Restricted likelihood.
    """

    def __init__(
        self, x: Floats, y: Floats, blocks: Sequence[RandomBlock], *, reml: bool = True
    ) -> None:
        self.n, self.p = x.shape
        self.reml = reml
        self.blocks = list(blocks)
        self.nest = nest_of(self.blocks)
        self.rest = [i for i in range(len(self.blocks)) if i not in self.nest.members]
        # Orthonormal columns and a residual response keep the sums of squares free of
        # cancellation; estimates are turned back at the end.
        self._q, self.r = linalg.qr(x, mode="economic")
        start = self._q.T @ y
        self._start = start
        self._last: tuple[bytes, Reduced, Floats] | None = None
        residual = y - self._q @ start
        #: Share of the response's square that the fixed columns leave.
        self.residual_share = float(residual @ residual) / max(float(y @ y), 1e-300)
        self._prepare(residual)

    @property
    def degrees(self) -> int:
        """Divisor of the residual variance."""
        return int(self.n - self.p if self.reml else self.n)

    def _prepare(self, residual: Floats) -> None:
        first = self.nest.block
        k, m = first.columns.shape[1], first.n_levels
        self.own = level_products(first)
        self.fixed = np.column_stack([self._q, residual])
        z = first.matrix
        self.sizes = [self.blocks[i].size for i in self.rest]
        width = sum(self.sizes)
        ends = np.cumsum([0, *self.sizes])
        self.rest_slices = [slice(a, b) for a, b in itertools.pairwise(ends)]
        others = [self.blocks[i].matrix for i in self.rest]
        whole = sparse.hstack(others, format="csr") if others else _empty(self.n)
        cross = (z.T @ whole).tocsr()
        self.is_sparse = m * k * width > _DENSE_LIMIT and cross.nnz < 0.1 * m * k * width
        self.cross = cross if self.is_sparse else cross.toarray()
        inner = (whole.T @ whole).tocsr()
        self.inner = inner if self.is_sparse else inner.toarray()
        self.side = whole.T @ self.fixed
        self.top = z.T @ self.fixed
        self._corner = self.fixed.T @ self.fixed

    def at(self, theta: Floats) -> Point:
        """Evaluate the model.

        Parameters
        ----------
        theta : ndarray of float, shape (n_theta,)
            Lower triangles of the relative covariance factors, block by block, row by row.

        Returns
        -------
        Point
            Likelihood parts and estimates.
        """
        reduced, full = self.factor(theta)
        log_det = reduced.log_det
        q = sum(self.sizes)
        corner = full[q:, q:]
        p = self.p
        diagonal = np.diag(full)
        log_det += 2 * float(np.log(diagonal[:q]).sum())
        scale = np.abs(np.diag(self.r))
        log_det_fixed = 2 * float(np.log(np.diag(corner)[:p]).sum() + np.log(scale).sum())
        root = corner[:p, :p]
        delta = linalg.solve_triangular(root, corner[p, :p], lower=True, trans="T")
        inverse = linalg.solve_triangular(root, np.eye(p), lower=True)
        back = linalg.solve_triangular(self.r, inverse.T)
        beta = linalg.solve_triangular(self.r, self._start + delta)
        return Point(log_det, log_det_fixed, float(corner[p, p] ** 2), beta, back @ back.T)

    def factor(self, theta: Floats) -> tuple[Reduced, Floats]:
        """The system after its first block was eliminated, and the Cholesky factor of the rest."""
        key = np.asarray(theta, dtype=np.float64).tobytes()
        if self._last is not None and self._last[0] == key:
            return self._last[1:]
        reduced = self.reduce(theta)
        width = len(reduced.inner)
        full = np.empty((width + self.p + 1, width + self.p + 1))
        full[:width, :width] = reduced.inner
        full[width:, :width] = reduced.side.T
        full[width:, width:] = self._corner - reduced.top.T @ reduced.top
        # The C order of `full` makes its transpose the Fortran array that LAPACK works on.
        lower = linalg.cholesky(full.T, lower=False, overwrite_a=True, check_finite=False).T
        self._last = key, reduced, np.asarray(lower)
        return self._last[1:]

    def reduce(self, theta: Floats) -> Reduced:
        """Eliminate the first block, level by level."""
        factors = lambda_factors(theta, self.blocks)
        own = self.nest.factor(factors)
        lower, inverse = cholesky_of_blocks(own.T @ self.own @ own)
        log_det = 2 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
        turn = inverse @ own.T
        m, k = turn.shape[:2]
        top = (turn @ self.top.reshape(m, k, -1)).reshape(m * k, -1)
        rest = [factors[i] for i in self.rest]
        cross: Any
        if self.is_sparse:
            left = sparse.bsr_array(
                (turn, np.arange(m), np.arange(m + 1)), shape=(m * k, m * k)
            ).tocsr()
            right = self._spread(rest)
            cross = (left @ self.cross @ right).tocsr()
            inner = (right.T @ self.inner @ right - cross.T @ cross).toarray()
        else:
            turned = (turn @ self.cross.reshape(m, k, -1)).reshape(m * k, -1)
            cross = self.scale_columns(turned, rest)
            scaled = self.scale_columns(self.scale_columns(self.inner, rest).T, rest)
            inner = scaled - cross.T @ cross
        inner[np.diag_indices(len(inner))] += 1.0
        side = self.scale_columns(self.side.T, rest).T - cross.T @ top
        return Reduced(lower, inverse, cross, inner, np.asarray(side), top, log_det)

    def scale_columns(self, matrix: Floats, factors: list[Floats]) -> Floats:
        """Multiply the columns of each of the other blocks with its factor."""
        parts = []
        at = 0
        for factor, size in zip(factors, self.sizes, strict=True):
            part = matrix[:, at : at + size]
            k = len(factor)
            parts.append((part.reshape(len(matrix), -1, k) @ factor).reshape(len(matrix), size))
            at += size
        return np.concatenate(parts, axis=1) if parts else matrix

    def _spread(self, factors: list[Floats]) -> sparse.csr_array:
        parts = [
            sparse.kron(sparse.eye_array(self.blocks[i].n_levels), factor)
            for i, factor in zip(self.rest, factors, strict=True)
        ]
        return sparse.csr_array(sparse.block_diag(parts, format="csr"))

    def random_inverse(self, theta: Floats) -> Floats:
        """Inverse of Lambda' Z' Z Lambda + I, dense, in the order of the blocks."""
        reduced = self.reduce(theta)
        m, k = reduced.lower.shape[:2]
        width, first = len(reduced.inner), m * k
        inverse = np.empty((first + width, first + width))
        root = reduced.root.transpose(0, 2, 1)
        if width:
            lower = linalg.cholesky(reduced.inner, lower=True, check_finite=False)
            inner = linalg.lapack.dpotri(lower, lower=1)[0]
            inner = np.tril(inner) + np.tril(inner, -1).T
            cross = (reduced.cross @ inner).reshape(m, k, width)
            side = -(root @ cross).reshape(first, width)
            inverse[first:, first:] = inner
            inverse[:first, first:] = side
            inverse[first:, :first] = side.T
            own = -(reduced.cross @ side.T).reshape(m, k, first)
            inverse[:first, :first] = (root @ own).reshape(first, first)
        else:
            inverse[:] = 0.0
        levels = np.arange(m)
        view = inverse[:first, :first].reshape(m, k, m, k)
        view[levels, :, levels, :] += root @ root.transpose(0, 2, 1)
        places = dict(zip(self.nest.members, self.nest.places, strict=True))
        for i, part in zip(self.rest, self.rest_slices, strict=True):
            places[i] = first + np.arange(part.start, part.stop)
        order = np.concatenate([places[i] for i in range(len(self.blocks))])
        is_whole = len(order) == len(inverse) and (np.diff(order) == 1).all()
        return inverse if is_whole else inverse[np.ix_(order, order)]

    def turned(self, beta: Floats) -> Floats:
        """Fixed effects on the orthonormal columns, as a change from least squares."""
        return self.r @ beta - self._start

    def deviance(self, theta: Floats) -> float:
        """Profiled (restricted) deviance, -2 log-likelihood."""
        return self.deviance_at(self.at(theta))

    def deviance_at(self, point: Point) -> float:
        """Profiled (restricted) deviance of a point."""
        spread = 1 + np.log(2 * np.pi * point.penalised / self.degrees)
        return float(self.log_determinant(point) + self.degrees * spread)

    def log_determinant(self, point: Point) -> float:
        """What the deviance of a point has beside its residuals."""
        return point.log_det_random + (point.log_det_fixed if self.reml else 0.0)

    def sigma(self, point: Point) -> float:
        """Residual standard deviation at a point."""
        return float(np.sqrt(point.penalised / self.degrees))

    def random_effects(self, theta: Floats, beta: Floats, y: Floats, x: Floats) -> list[Floats]:
        """Conditional modes of each block, shape (n_levels, k), for given fixed effects."""
        factors = lambda_factors(theta, self.blocks)
        parts = [
            block.matrix @ sparse.kron(sparse.eye_array(block.n_levels), factor)
            for block, factor in zip(self.blocks, factors, strict=True)
        ]
        z = sparse.hstack(parts, format="csr")
        system = (z.T @ z + sparse.eye_array(z.shape[1])).tocsc()
        right = z.T @ (y - x @ beta)
        if z.shape[1] <= 3000:
            spherical = linalg.cho_solve(linalg.cho_factor(system.toarray()), right)
        else:
            spherical = sparse.linalg.cg(system, right, rtol=1e-13, maxiter=5000)[0]
        modes = []
        at = 0
        for block, factor in zip(self.blocks, factors, strict=True):
            part = spherical[at : at + block.size].reshape(block.n_levels, -1)
            modes.append(part @ factor.T)
            at += block.size
        return modes


def _empty(n: int) -> sparse.csr_array:
    return sparse.csr_array((n, 0))
