"""Coefficients of linear and generalised linear models, and their covariance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm

from ...errors import ConvergenceError
from ...formula import Design
from ...kernels.regression.firth import firth_logistic
from ...quiet import quiet
from ...types import Floats
from .basis import Basis

_FAMILIES = {"binomial": sm.families.Binomial, "poisson": sm.families.Poisson}
_STRUCTURES = {
    "independence": sm.cov_struct.Independence,
    "exchangeable": sm.cov_struct.Exchangeable,
}


@dataclass(frozen=True)
class LinearNumbers:
    """A fit in numbers, on orthonormal columns.

    Parameters
    ----------
    inner, covariance : ndarray of float
        Coefficients and their covariance.
    log_likelihood : float
        NaN for estimating equations.
    scale : float
        Residual variance (gaussian) or 1.
    reasons : tuple of str
        What to read with care.
    """

    inner: Floats
    covariance: Floats
    log_likelihood: float
    scale: float
    reasons: tuple[str, ...] = ()


def fit_numbers(
    design: Design, basis: Basis, family: str, correlation: str | None, *, firth: bool
) -> LinearNumbers:
    """Fit a design by least squares, maximum likelihood, Firth's method or GEE."""
    if firth:
        found = firth_logistic(
            basis.columns, design.y, offset=design.offset, weights=design.weights
        )
        if not found.converged:
            raise ConvergenceError("the model could not be fitted: Firth's estimates not found")
        return LinearNumbers(found.beta, found.covariance, found.log_likelihood, 1.0)
    gaussian = family == "gaussian"
    y = design.y - design.offset if gaussian else design.y
    unit = float(np.sqrt((y**2).mean())) if gaussian else 1.0
    # the search of other families stops by the size of the deviance, which is that of the weights
    level = 1.0 if gaussian or correlation else float(design.weights.mean())
    codes = [part.codes for part in design.random]
    with quiet():
        try:
            weighted = replace(design, weights=design.weights / level)
            fit = _statsmodels(weighted, basis.columns, y / unit, family, codes, correlation)
        except (np.linalg.LinAlgError, ValueError, ArithmeticError) as error:
            raise ConvergenceError(f"the model could not be fitted: {error}") from None
    covariance = np.asarray(fit.cov_params(), dtype=np.float64) * unit**2
    covariance /= 1.0 if codes else level  # a sandwich does not know the level of the weights
    reasons: tuple[str, ...] = ()
    if len(codes) == 2:
        covariance, reasons = _repaired(covariance, basis)
    likelihood = np.nan if correlation else level * float(fit.llf) - len(y) * float(np.log(unit))
    return LinearNumbers(
        np.asarray(fit.params, dtype=np.float64) * unit,
        covariance,
        likelihood,
        float(getattr(fit, "scale", 1.0)) * unit**2,
        reasons,
    )


def _statsmodels(
    design: Design,
    x: Floats,
    y: Floats,
    family: str,
    codes: list[npt.NDArray[np.intp]],
    correlation: str | None,
) -> Any:
    if correlation:
        kind = sm.families.Gaussian() if family == "gaussian" else _FAMILIES[family]()
        offset = None if family == "gaussian" else design.offset
        structure = _STRUCTURES[correlation]()
        return sm.GEE(y, x, groups=codes[0], family=kind, cov_struct=structure, offset=offset).fit()
    arguments: dict[str, Any] = {}
    if codes:
        groups = codes[0] if len(codes) == 1 else np.column_stack(codes)
        arguments = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    if family == "gaussian":
        return sm.WLS(y, x, weights=design.weights).fit(**arguments)
    kind = _FAMILIES[family]()
    model = sm.GLM(y, x, kind, offset=design.offset, var_weights=design.weights)
    return model.fit(tol=1e-12, maxiter=200, **arguments)


def _repaired(covariance: Floats, basis: Basis) -> tuple[Floats, tuple[str, ...]]:
    """A two-way clustered covariance without negative eigenvalues, after Cameron and others."""
    own = basis.back @ covariance @ basis.back.T
    values, vectors = np.linalg.eigh((own + own.T) / 2)
    if values[0] >= -1e-10 * np.abs(values).max():
        return covariance, ()
    ahead = np.linalg.inv(basis.back)
    positive = (vectors * np.maximum(values, 0.0)) @ vectors.T
    reason = (
        "the two-way clustered covariance was not positive: its negative eigenvalues were set to "
        "zero (Cameron, Gelbach and Miller, 2011)"
    )
    return ahead @ positive @ ahead.T, (reason,)
