"""Tests of linear combinations of coefficients, alone and joint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg, special, stats

from ...formula import Design
from ...types import Floats

#: Numbers of the errors that are drawn at once.
_CHUNK = 4_000_000


def inverse_link(family: str, eta: Floats) -> Floats:
    """Mean of the response at a linear predictor."""
    if family in ("binomial", "beta"):
        return np.asarray(special.expit(eta))
    return np.asarray(np.exp(eta)) if family == "poisson" else eta


def contrast_rows(
    weights: Floats,
    beta: Floats,
    covariance: Floats,
    degrees: Callable[[Floats], float],
    conf_level: float,
    offset: float = 0.0,
) -> list[dict[str, Any]]:
    """Estimate, standard error, test and interval of each linear combination.

    Parameters
    ----------
    weights : ndarray of float, shape (m, p)
        The combinations.
    beta, covariance : ndarray of float
        Estimates and their covariance.
    degrees : callable
        Degrees of freedom of a combination; infinite for the normal distribution.
    conf_level : float
        Confidence level of the intervals.
    offset : float
        What is known beside the coefficients, added to each estimate.

    Returns
    -------
    list of dict
        One per combination.
    """
    rows = []
    for row in weights:
        estimate = float(row @ beta) + offset
        variance = float(row @ covariance @ row)
        size = float(row**2 @ np.abs(np.diag(covariance)))
        error = float(np.sqrt(variance)) if variance > 1e-13 * size else np.nan
        df = degrees(row)
        if error > 0 and np.isfinite(error):
            statistic = estimate / error
            p_value = float(2 * stats.t.sf(abs(statistic), df))
            reach = float(stats.t.ppf((1 + conf_level) / 2, df)) * error
        else:
            statistic = p_value = reach = np.nan
        rows.append(
            {
                "estimate": estimate,
                "std_error": error,
                "statistic": statistic,
                "df": df,
                "p_value": p_value,
                "conf_low": estimate - reach,
                "conf_high": estimate + reach,
                "conf_level": conf_level,
            }
        )
    return rows


def joint_test(
    weights: Floats,
    beta: Floats,
    covariance: Floats,
    degrees: Callable[[Floats], float] | None,
) -> dict[str, Any]:
    """Test that several combinations are zero at once.

    Parameters
    ----------
    weights : ndarray of float, shape (m, p)
        The combinations.
    beta, covariance : ndarray of float
        Estimates and their covariance.
    degrees : callable or None
        Denominator degrees of freedom of one combination; None for a Wald chi-square.

    Returns
    -------
    dict
        `statistic`, `statistic_name`, `df`, `df_denom`, `p_value`.

    Notes
    -----
    The F statistic's denominator follows Fai and Cornelius (1996): the combinations are turned
    to independent ones, whose degrees of freedom are pooled so that the expectation of F is met.
    """
    spread = weights @ covariance @ weights.T
    values, vectors = np.linalg.eigh(spread)
    use = values > 1e-10 * max(float(values.max()), 1e-300)
    turned = vectors[:, use].T @ weights
    squares = (turned @ beta) ** 2 / values[use]
    count = int(use.sum())
    if count < len(weights):
        return {"warning": "no joint test: the covariance of these estimates is not positive"}
    if degrees is None:
        total = float(squares.sum())
        return {
            "statistic": total,
            "statistic_name": "chi2",
            "df": float(count),
            "df_denom": np.nan,
            "p_value": float(stats.chi2.sf(total, count)),
        }
    each = np.array([degrees(row) for row in turned])
    pooled = _pooled(each)
    statistic = float(squares.mean())
    return {
        "statistic": statistic,
        "statistic_name": "F",
        "df": float(count),
        "df_denom": pooled,
        "p_value": float(stats.f.sf(statistic, count, pooled))
        if np.isfinite(pooled)
        else float(stats.chi2.sf(statistic * count, count)),
    }


def _pooled(degrees: Floats) -> float:
    if np.isinf(degrees).all() or np.ptp(degrees) < 1e-8:
        return float(degrees[0])
    if (degrees <= 2).any():
        return 2.0
    expected = float((1 + 2 / (degrees - 2)).sum())
    return 2 * expected / (expected - len(degrees))


def simultaneous_quantile(
    weights: Floats,
    covariance: Floats,
    conf_level: float,
    n_draws: int,
    rng: np.random.Generator,
) -> float:
    """Quantile of the largest absolute standardised error of several combinations.

    Parameters
    ----------
    weights : ndarray of float, shape (m, p)
        The combinations, none of them without a variance.
    covariance : ndarray of float, shape (p, p)
        Covariance of the estimates.
    conf_level : float
        Probability of the quantile.
    n_draws : int
        Draws of the estimates' errors.
    rng : Generator
        Source of randomness.

    Returns
    -------
    float
        Between the normal quantile of one combination and that of m independent ones.
    """
    values, vectors = np.linalg.eigh(covariance)
    turned = weights @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    draws = rng.normal(size=(n_draws, turned.shape[1]))
    step = max(1, _CHUNK // len(turned))
    largest = [
        np.abs(draws[at : at + step] @ turned.T).max(axis=1) for at in range(0, n_draws, step)
    ]
    found = float(np.quantile(np.concatenate(largest), conf_level))
    return max(found, float(stats.norm.ppf((1 + conf_level) / 2)))


def type_three(design: Design) -> dict[str, Floats]:
    """Type III hypotheses: each term of a model in which every factor sums to zero.

    Parameters
    ----------
    design : Design
        A design whose columns are all independent.

    Returns
    -------
    dict of str to ndarray
        Weights of the model's own coefficients, per term, without the intercept.

    Notes
    -----
    Each row is a contrast of an orthonormal set. Another order, coding or naming of levels turns
    the set, which changes neither F nor the pooled degrees of freedom. (lmerTest takes treatment
    contrasts, whose pooled degrees of freedom depend on the level that is the reference.)
    """
    even = design.evenly_coded()
    size = np.linalg.norm(even.matrix, axis=0)
    own = linalg.lstsq(even.matrix / size, design.fixed.matrix)[0] / size[:, None]
    names = zip(even.terms.values(), design.fixed.terms, strict=True)
    return {name: own[part] for part, name in names if name != "Intercept"}
