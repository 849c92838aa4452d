"""Residuals whose correlation within a series decays with time: an autoregression of order 1.

The correlation of two samples k steps apart is rho^k. What a sample adds to the one before it is
then independent of all earlier ones, so that a bidiagonal map makes the rows of a series
independent: the machinery of independent residuals does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

from ...progress import counted
from ...types import Floats, Ints
from .blocks import RandomBlock
from .derivatives import Neighbours, Uncertainty, uncertainty
from .linear import LinearMixed
from .search import Optimum, fit_linear

#: Logits of rho between which it is searched: .0001 to 1 - 3e-7. The grid finds the valley.
_EDGES = (-9.0, 15.0)
_GRID = np.arange(-7.0, 15.0, 2.0)

#: Deviance that no correlation is worth.
_NO_GAIN = 1e-7

#: How exactly the logit is found, and the step of its differences.
_EXACT = 1e-7
_STEP = 1e-3


@dataclass(frozen=True)
class Series:
    """Rows of series, in the order of time.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        The rows, series by series.
    lag : ndarray of float, shape (n,)
        Steps from the row before to each of these; infinite at the first of a series.
    """

    order: Ints
    lag: Floats

    def whiten(self, values: Floats, rho: float) -> Floats:
        """Rows in the order of the series, made independent of those before them.

        Parameters
        ----------
        values : ndarray of float, shape (n,) or (n, k)
            The rows as they were given.
        rho : float
            Correlation of residuals one step apart, from 0 to below 1.

        Returns
        -------
        ndarray of float, same shape
            ``(v_t - rho^k v_(t-1)) / sqrt(1 - rho^2k)``, k steps after the row before.
        """
        rows = values[self.order]
        column = (-1,) + (1,) * (rows.ndim - 1)
        kept, left = self._shares(rho)
        out = rows.copy()
        out[1:] -= kept[1:].reshape(column) * rows[:-1]
        return np.asarray(out / np.sqrt(left).reshape(column))

    def log_determinant(self, rho: float) -> float:
        """Log determinant of the correlation matrix of all rows."""
        return float(np.log(self._shares(rho)[1]).sum())

    def _shares(self, rho: float) -> tuple[Floats, Floats]:
        """Correlation with the row before, and the share of variance that it leaves."""
        if rho == 0:
            return np.zeros(len(self.lag)), np.ones(len(self.lag))
        exponent = self.lag * np.log(rho)
        return np.exp(exponent), -np.expm1(2 * exponent)


@dataclass(frozen=True)
class AutocorrelatedRows:
    """A linear mixed model with autocorrelated residuals, before their correlation is known.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        Fixed columns of full rank.
    y : ndarray of float, shape (n,)
        Response.
    blocks : list of RandomBlock
        Random effects; all rows of a series have the same level of each.
    series : Series
        Which rows follow each other.
    reml : bool
        Restricted likelihood.
    """

    x: Floats
    y: Floats
    blocks: list[RandomBlock]
    series: Series
    reml: bool

    def at(self, rho: float) -> LinearMixed:
        """The model of the rows made independent, whose deviance lacks their log determinant."""
        of = self.series.whiten
        blocks = [
            RandomBlock(of(block.columns, rho), block.codes[self.series.order], block.n_levels)
            for block in self.blocks
        ]
        return LinearMixed(of(self.x, rho), of(self.y, rho), blocks, reml=self.reml)

    def deviance(self, rho: float, theta: Floats) -> float:
        """(Restricted) deviance, -2 log-likelihood."""
        return self.at(rho).deviance(theta) + self.series.log_determinant(rho)


@dataclass(frozen=True)
class Autocorrelated:
    """A fitted linear mixed model with autocorrelated residuals.

    Parameters
    ----------
    rows : AutocorrelatedRows
        What was fitted.
    rho : float
        Correlation of residuals one step apart.
    model : LinearMixed
        The model of the rows made independent.
    optimum : Optimum
        Its covariance parameters, and the deviance of the rows as they are.
    is_free : bool
        Whether rho was searched, and found inside of its limits.
    """

    rows: AutocorrelatedRows
    rho: float
    model: LinearMixed
    optimum: Optimum
    is_free: bool

    def uncertainty(self) -> Uncertainty:
        """That of theta, the logit of rho where it was found inside of its limits, and sigma."""
        theta = self.optimum.parameters
        if not self.is_free:
            return uncertainty(self.model, theta)
        logit = float(special.logit(self.rho))
        near = special.expit([logit - _STEP, logit, logit + _STEP])
        beside = Neighbours(
            self.rows.at(near[0]),
            self.rows.at(near[2]),
            np.array([self.rows.series.log_determinant(rho) for rho in near]),
            _STEP,
        )
        return uncertainty(self.model, theta, beside=beside)


def fit_autocorrelated(rows: AutocorrelatedRows, rho: float | None = None) -> Autocorrelated:
    """Covariance parameters, and the correlation, with the lowest deviance.

    Parameters
    ----------
    rows : AutocorrelatedRows
        Rows of series.
    rho : float, optional
        The correlation, where it is known.

    Returns
    -------
    Autocorrelated
        The fit. Where no correlation above 0 has a lower deviance, rho is 0.

    Notes
    -----
    The deviance is profiled over the covariance parameters: a grid over the logit of rho finds the
    valley, Brent's method its lowest point.
    """
    profile = _Profile(rows)
    if rho is not None:
        return profile.fit(rho, is_free=False)
    with counted(profile, "Fits of a mixed model, by autocorrelation") as told:
        grid = [told(logit) for logit in _GRID]
        middle = float(_GRID[int(np.argmin(grid))])
        span = max(middle - 2, _EDGES[0]), min(middle + 2, _EDGES[1])
        found = optimize.minimize_scalar(
            told, bounds=span, method="bounded", options={"xatol": _EXACT}
        )
    independent = profile.fit(0.0)
    if independent.optimum.deviance <= found.fun + _NO_GAIN:
        return independent
    return profile.fit(float(special.expit(found.x)), is_free=bool(found.x < _EDGES[1] - 0.01))


@dataclass
class _Profile:
    """Deviance by the logit of rho, lowest over the covariance parameters."""

    rows: AutocorrelatedRows
    start: Floats | None = None

    def __call__(self, logit: float) -> float:
        found = self.fit(float(special.expit(logit)))
        self.start = found.optimum.parameters
        return found.optimum.deviance

    def fit(self, rho: float, *, is_free: bool = False) -> Autocorrelated:
        """The model at a correlation."""
        model = self.rows.at(rho)
        optimum = fit_linear(model, self.start)
        whole = optimum.deviance + self.rows.series.log_determinant(rho)
        return Autocorrelated(self.rows, rho, model, replace(optimum, deviance=whole), is_free)
