"""Explained variance and intraclass correlation of mixed models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...kernels.mixed.blocks import lambda_factors
from ...results.frame import join_reasons
from .estimation import blocks_of, estimate
from .mixed_numbers import MixedNumbers


def _random_variances(fit: MixedNumbers) -> dict[str, float]:
    """Mean variance over the rows that each grouping factor adds."""
    design, parts = fit.design, fit.estimates
    out: dict[str, float] = {}
    factors = lambda_factors(parts.theta, blocks_of(design))
    for part, factor in zip(design.random, factors, strict=True):
        covariance = parts.sigma**2 * factor @ factor.T
        value = np.einsum("ni,ij,nj->n", part.columns, covariance, part.columns).mean()
        out[part.bar.name] = out.get(part.bar.name, 0.0) + float(value)
    return out


def _residual_variance(fit: MixedNumbers) -> tuple[float, str]:
    if fit.family == "gaussian":
        return fit.estimates.sigma**2, ""
    if fit.family in ("binomial", "cumulative"):
        return np.pi**2 / 3, ""
    if fit.family == "beta":
        return np.nan, "a beta model has no residual variance on the link scale"
    null = _null_model(fit)
    intercept = float(null.estimates.beta[0])
    with np.errstate(over="ignore"):
        mean = np.exp(intercept + sum(_random_variances(null).values()) / 2)
    reason = "" if null.estimates.converged else "the model without predictors did not converge"
    if fit.design.formula.offsets:
        reason = join_reasons(reason, "variances at offset 0")
    return float(np.log1p(1 / mean)), reason


def _null_model(fit: MixedNumbers) -> MixedNumbers:
    """The same random part with an intercept only."""
    ones = np.ones((fit.n, 1))
    fixed = replace(fit.design.fixed, matrix=ones, names=["Intercept"], terms={})
    design = replace(fit.design, fixed=fixed)
    numbers = estimate(design, family=fit.family, reml=fit.reml, engine=fit.engine, df="normal")
    return replace(fit, design=design, estimates=numbers)


def r2_row(fit: MixedNumbers) -> dict[str, Any]:
    """Marginal and conditional R squared."""
    parts = fit.estimates
    fixed = float(np.var(fit.design.fixed.matrix[:, parts.kept] @ parts.beta, ddof=1))
    random = sum(_random_variances(fit).values())
    residual, reason = _residual_variance(fit)
    whole = fixed + random + residual
    return {
        "model": fit.formula,
        "r2_marginal": fixed / whole,
        "r2_conditional": (fixed + random) / whole,
        "method": "Nakagawa",
        "warning": reason,
    }


def icc_rows(fit: MixedNumbers) -> list[dict[str, Any]]:
    """Adjusted intraclass correlations."""
    variances = _random_variances(fit)
    residual, reason = _residual_variance(fit)
    whole = sum(variances.values()) + residual
    shares = {**variances, "all": sum(variances.values())}
    return [
        {"factor": name, "estimate": value / whole, "method": "adjusted ICC", "warning": reason}
        for name, value in shares.items()
    ]
