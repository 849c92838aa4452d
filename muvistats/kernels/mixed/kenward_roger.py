"""Kenward and Roger's adjusted covariance and degrees of freedom for linear mixed models.

The covariance of the response is linear in the variances and covariances of the random effects
and of the residuals; every matrix of the method is a product of small ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from ...types import Floats
from .blocks import lambda_factors
from .linear import LinearMixed


@dataclass(frozen=True)
class KenwardRoger:
    """What tests after Kenward and Roger need.

    Parameters
    ----------
    adjusted : ndarray of float, shape (p, p)
        Adjusted covariance of the fixed effects.
    plain : ndarray of float, shape (p, p)
        Their estimated covariance.
    slopes : ndarray of float, shape (m, p, p)
        Derivative of the fixed effects' information by each variance parameter.
    weights : ndarray of float, shape (m, m)
        Asymptotic covariance of the variance parameters.
    """

    adjusted: Floats
    plain: Floats
    slopes: Floats
    weights: Floats

    def test(self, contrast: Floats) -> tuple[float, float]:
        """Denominator degrees of freedom of combinations, and the factor of their F statistic.

        Parameters
        ----------
        contrast : ndarray of float, shape (r, p)
            Independent combinations of the fixed effects.

        Returns
        -------
        df : float
            Degrees of freedom.
        scale : float
            Factor of the F statistic that uses the adjusted covariance. Both are NaN where the
            approximation breaks down.
        """
        slopes = self.plain @ self.slopes @ self.plain
        return scaled_f(contrast, self.plain, slopes, self.weights)


def scaled_f(
    contrast: Floats, covariance: Floats, slopes: Floats, weights: Floats
) -> tuple[float, float]:
    """Degrees of freedom and factor of an F statistic whose covariance is estimated.

    Parameters
    ----------
    contrast : ndarray of float, shape (r, p)
        Independent combinations of the fixed effects.
    covariance : ndarray of float, shape (p, p)
        Covariance of the fixed effects.
    slopes : ndarray of float, shape (m, p, p)
        Its derivative by each of some parameters.
    weights : ndarray of float, shape (m, m)
        Covariance of these parameters.

    Returns
    -------
    df : float
        Denominator degrees of freedom, those of Satterthwaite where there is one combination.
    scale : float
        Factor of the F statistic: with a covariance of any form that whole clusters tell, F is then
        Hotelling's. Both are NaN where the approximation breaks down.
    """
    rank = len(contrast)
    spread = contrast @ covariance @ contrast.T
    if np.linalg.matrix_rank(spread, hermitian=True) < rank:
        return np.nan, np.nan
    middle = contrast.T @ np.linalg.solve(spread, contrast)
    parts = [middle @ slope for slope in slopes]
    traces = np.array([np.trace(part) for part in parts])
    crossed = np.array([[(a * b.T).sum() for b in parts] for a in parts])
    first = np.float64(traces @ weights @ traces)
    second = np.float64((weights * crossed).sum())
    if second <= 0:  # the covariance does not depend on the variances
        return np.inf, 1.0
    b = (first + 6 * second) / (2 * rank)
    g = ((rank + 1) * first - (rank + 4) * second) / ((rank + 2) * second)
    below = 3 * rank + 2 * (1 - g)
    mean = 1 - second / rank
    with np.errstate(all="ignore"):
        top = 1 + g / below * b
        left, right = 1 - (rank - g) / below * b, 1 - (rank + 2 - g) / below * b
        rho = (mean / left) ** 2 * top / right / rank
        df = float(4 + (rank + 2) / (rank * rho - 1))
    if not df > 0:
        return np.nan, np.nan
    if np.isinf(df):
        return df, float(mean)
    return df, float(df * mean / (df - 2)) if abs(df - 2) > 1e-2 else 1.0


def kenward_roger(model: LinearMixed, x: Floats, theta: Floats) -> KenwardRoger:
    """Adjust the covariance of the fixed effects for the estimation of the variances.

    Parameters
    ----------
    model : LinearMixed
        The model, restricted likelihood.
    x : ndarray of float, shape (n, p)
        Its fixed columns.
    theta : ndarray of float, shape (m,)
        Its estimates.

    Returns
    -------
    KenwardRoger
        Covariances and what the tests need.
    """
    point = model.at(theta)
    variance = model.sigma(point) ** 2
    blocks = model.blocks
    z = sparse.hstack([block.matrix for block in blocks], format="csr")
    factors = lambda_factors(theta, blocks)
    spread = sparse.block_diag(
        [
            sparse.kron(sparse.eye_array(block.n_levels), factor)
            for block, factor in zip(blocks, factors, strict=True)
        ],
        format="csr",
    )
    scaled = (z @ spread).tocsr()
    inverse = model.random_inverse(theta)

    def solve(columns: Floats) -> Floats:
        """Inverse covariance of the response times columns."""
        return np.asarray((columns - scaled @ (inverse @ (scaled.T @ columns))) / variance)

    sx, sz = solve(x), solve(z.toarray())
    cross = z.T @ sz
    units = _units([block.columns.shape[1] for block in blocks], [b.n_levels for b in blocks])
    side = z.T @ sx  # Z' S^-1 X
    turned = [np.asarray(unit @ side) for unit in units]
    moved = [np.asarray(unit @ cross) for unit in units]
    plain = variance * point.unscaled
    twice = solve(sx)
    slopes = [-(side.T @ part) for part in turned] + [-(sx.T @ sx)]
    m = len(units)
    q = np.empty((m + 1, m + 1), dtype=object)
    traces = np.empty((m + 1, m + 1))
    square = sz.T @ sz
    for r in range(m):
        for s in range(m):
            q[r, s] = turned[r].T @ cross @ turned[s]
            traces[r, s] = (moved[r] * moved[s].T).sum()
        q[m, r] = (sz.T @ sx).T @ turned[r]
        q[r, m] = q[m, r].T
        traces[m, r] = traces[r, m] = (units[r] @ square).trace()
    q[m, m] = sx.T @ twice
    left = np.eye(len(inverse)) - inverse
    whole = model.n - 2 * np.trace(left) + (left * left.T).sum()
    traces[m, m] = whole / variance**2
    information = np.empty((m + 1, m + 1))
    total = np.zeros_like(plain)
    for r in range(m + 1):
        for s in range(m + 1):
            pair = (plain @ slopes[r] @ plain * slopes[s].T).sum()
            information[r, s] = traces[r, s] - 2 * (plain * q[r, s].T).sum() + pair
    weights = 2 * linalg.pinvh((information + information.T) / 2)
    for r in range(m + 1):
        for s in range(m + 1):
            total += weights[r, s] * (q[r, s] - slopes[r] @ plain @ slopes[s])
    adjusted = plain + 2 * plain @ ((total + total.T) / 2) @ plain
    return KenwardRoger(adjusted, plain, np.array(slopes), np.asarray(weights, dtype=np.float64))


def _units(widths: list[int], levels: list[int]) -> list[sparse.csr_array]:
    """Derivative of the random effects' covariance by each of its entries."""
    size = sum(k * m for k, m in zip(widths, levels, strict=True))
    out = []
    start = 0
    for k, m in zip(widths, levels, strict=True):
        for i, j in zip(*np.tril_indices(k), strict=True):
            unit = np.zeros((k, k))
            unit[i, j] = unit[j, i] = 1.0
            own = sparse.kron(sparse.eye_array(m), unit).tocoo()
            where = (own.row + start, own.col + start)
            out.append(sparse.csr_array((own.data, where), shape=(size, size)))
        start += k * m
    return out
