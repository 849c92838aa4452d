"""Comparison of mixed models, and checks of a fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ...errors import DesignError
from ...types import Floats
from .estimation import estimate
from .mixed_numbers import MixedNumbers


def compare_fits(first: MixedNumbers, second: MixedNumbers) -> list[dict[str, Any]]:
    """Likelihood ratio test of two fits, the smaller first."""
    same = first.n == second.n and np.array_equal(first.design.rows, second.design.rows)
    if not same or not np.array_equal(first.design.y, second.design.y):
        raise DesignError(
            f"the models were fitted to different rows ({first.n} and {second.n}): leave out the "
            "rows with missing values before fitting"
        )
    same = np.array_equal(first.design.offset, second.design.offset)
    if not same or not np.array_equal(first.design.weights, second.design.weights):
        raise DesignError("the models have different offsets or weights: they are not nested")
    if first.family != second.family:
        raise DesignError(f"families differ: {first.family} and {second.family}")
    if first.n_parameters == second.n_parameters:
        raise DesignError("the models have equally many parameters: they are not nested")
    small, large = sorted((first, second), key=lambda fit: fit.n_parameters)
    shares_fixed = set(small.design.fixed.names) == set(large.design.fixed.names)
    if not set(small.design.fixed.names) <= set(large.design.fixed.names):
        raise DesignError("the models are not nested: the smaller has fixed terms of its own")
    fits = [
        _ml(fit) if not shares_fixed or first.reml != second.reml else fit for fit in (small, large)
    ]
    rows = []
    for fit in fits:
        k, value = fit.n_parameters, fit.estimates.log_likelihood
        rows.append(
            {
                "model": fit.formula,
                "n_parameters": k,
                "log_likelihood": value,
                "deviance": -2 * value,
                "aic": -2 * value + 2 * k,
                "bic": -2 * value + np.log(fit.n) * k,
                "n": fit.n,
                "method": fit.estimates.method,
            }
        )
    degrees = fits[1].n_parameters - fits[0].n_parameters
    ratio = 2 * (fits[1].estimates.log_likelihood - fits[0].estimates.log_likelihood)
    boundary = len(small.estimates.theta) < len(large.estimates.theta)
    boundary = boundary or small.correlation is not large.correlation is not None
    rows[1].update(
        statistic=max(ratio, 0.0),
        statistic_name="chi2",
        df=float(degrees),
        p_value=float(stats.chi2.sf(max(ratio, 0.0), degrees)),
        warning="a variance is tested at its boundary: p is too large" if boundary else "",
    )
    return rows


def _ml(fit: MixedNumbers) -> MixedNumbers:
    """The same model by maximum likelihood."""
    if fit.family != "gaussian" or not fit.reml:
        return fit
    numbers = estimate(
        fit.design,
        family=fit.family,
        reml=False,
        engine=fit.engine,
        df="normal",
        correlation=fit.correlation,
    )
    return replace(fit, estimates=numbers, reml=False)


def diagnostic_rows(fit: MixedNumbers, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Residuals (from the augmented frame), random effects, collinearity and the optimum."""
    residual, fitted = frame["pearson_residual"].to_numpy(), frame["fitted"].to_numpy()
    rows: list[dict[str, Any]] = []
    if fit.correlation is not None:  # what each sample adds to the one before
        series = fit.correlation.series
        residual, fitted = series.whiten(residual, fit.estimates.rho), fitted[series.order]
        rows.append(_left_over(residual, series.lag))
    if fit.family == "gaussian":
        rows.append(_normality("normality of residuals", "", residual))
        rows.append(_spread(np.abs(residual), fitted))
    else:
        free = max(fit.n - fit.n_parameters, 0)
        total = float((residual**2).sum())
        poisson = fit.family == "poisson"
        rows.append(
            {
                "quantity": "dispersion: squared Pearson residuals per degree of freedom",
                "estimate": total / free if free else np.nan,
                "statistic": total,
                "p_value": float(stats.chi2.sf(total, free)) if poisson and free else np.nan,
                "warning": "" if poisson else "no test for single responses",
            }
        )
    rows.append(
        {
            "quantity": "residuals beyond 3 standard deviations",
            "factor": "",
            "estimate": float((np.abs(residual) > 3).mean()),
        }
    )
    for part, modes in zip(fit.design.random, fit.estimates.modes, strict=True):
        for j, name in enumerate(part.names):
            text = f"normality of random effects ({name})"
            rows.append(_normality(text, part.bar.name, modes[:, j]))
    x = fit.design.fixed.matrix[:, fit.estimates.kept]
    scaled = x / np.linalg.norm(x, axis=0)
    rows.append(
        {
            "quantity": "condition number of the fixed columns",
            "estimate": float(np.linalg.cond(scaled)),
        }
    )
    rows.append({"quantity": "deviance left to gain", "estimate": fit.estimates.gain})
    return rows


def _left_over(residual: Floats, lag: Floats) -> dict[str, Any]:
    """What correlation of neighbours an autoregression of order 1 leaves."""
    follows = np.flatnonzero(np.isfinite(lag))
    before, after = residual[follows - 1], residual[follows]
    scale = np.sqrt((before**2).mean() * (after**2).mean())
    value = float((before * after).mean() / scale) if scale > 0 else np.nan
    return {"quantity": "autocorrelation that AR(1) leaves in the residuals", "estimate": value}


def _spread(size: Floats, fitted: Floats) -> dict[str, Any]:
    row: dict[str, Any] = {"quantity": "rank correlation of absolute residual and fitted value"}
    if np.ptp(fitted) == 0 or np.ptp(size) == 0:
        return {**row, "estimate": np.nan, "warning": "all fitted values or residuals are equal"}
    found = stats.spearmanr(size, fitted)
    return {**row, "estimate": float(found.statistic), "p_value": float(found.pvalue)}


def _normality(quantity: str, factor: str, values: Floats) -> dict[str, Any]:
    row: dict[str, Any] = {"quantity": quantity, "factor": factor, "estimate": np.nan}
    if len(values) < 8 or np.ptp(values) < 1e-12:
        return {**row, "warning": "fewer than 8 values, or all equal"}
    skew = float(stats.skew(values))
    if len(values) > 5000:
        test: Any = stats.normaltest(values)
        return {
            **row,
            "estimate": skew,
            "statistic": float(test.statistic),
            "p_value": float(test.pvalue),
            "warning": "estimate: skewness; D'Agostino's test",
        }
    test = stats.shapiro(values)
    return {
        **row,
        "estimate": skew,
        "statistic": float(test.statistic),
        "p_value": float(test.pvalue),
        "warning": "estimate: skewness; Shapiro-Wilk test",
    }
