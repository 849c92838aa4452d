"""Logistic regression with Firth's penalty: finite where a maximum of the likelihood is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from ...types import Floats

_STEPS = 500


@dataclass(frozen=True)
class FirthFit:
    """Firth's estimates.

    Parameters
    ----------
    beta : ndarray of float, shape (p,)
        Coefficients.
    covariance : ndarray of float, shape (p, p)
        Inverse of the information there.
    log_likelihood : float
        Without the penalty.
    converged : bool
        Whether the adjusted score is zero.
    """

    beta: Floats
    covariance: Floats
    log_likelihood: float
    converged: bool


def firth_logistic(
    x: Floats, y: Floats, *, offset: Floats | None = None, weights: Floats | None = None
) -> FirthFit:
    """Maximum of the likelihood times the root of the determinant of the information.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        Columns of full rank.
    y : ndarray of float, shape (n,)
        0 or 1.
    offset, weights : ndarray of float, shape (n,), optional
        What is added to the linear predictor, and prior weights.

    Returns
    -------
    FirthFit
        The estimates.

    Notes
    -----
    Newton steps with the information, halved while the penalised likelihood falls.

    References
    ----------
    Firth, D. (1993). Bias reduction of maximum likelihood estimates. https://doi.org/10.1093/biomet/80.1.27
    """
    offset = np.zeros(len(y)) if offset is None else offset
    weights = np.ones(len(y)) if weights is None else weights

    def at(beta: Floats) -> tuple[float, float, Floats, Floats]:
        """Penalised and plain log-likelihood, adjusted score, root of the information."""
        eta = x @ beta + offset
        mean = special.expit(eta)
        root = np.sqrt(weights * mean * special.expit(-eta))
        q, upper = linalg.qr(x * root[:, None], mode="economic")
        plain = float((weights * (y * eta - np.logaddexp(0.0, eta))).sum())
        lever = (q**2).sum(axis=1)
        score = x.T @ (weights * (y - mean) + lever * (0.5 - mean))
        penalty = float(np.log(np.abs(np.diag(upper))).sum())
        return plain + penalty, plain, np.asarray(score), np.asarray(upper)

    beta = np.zeros(x.shape[1])
    value, plain, score, upper = at(beta)
    gain = np.inf
    for _ in range(_STEPS):
        step = linalg.cho_solve((upper, False), score)
        gain = float(score @ step)
        if gain < 1e-20:
            break
        size = 1.0
        while size > 1e-10:
            there = at(beta + size * step)
            if np.isfinite(there[0]) and there[0] >= value - 1e-12 * abs(value):
                break
            size /= 2
        else:
            break
        beta = beta + size * step
        value, plain, score, upper = there
    covariance = linalg.cho_solve((upper, False), np.eye(len(beta)))
    return FirthFit(beta, np.asarray(covariance), plain, gain < 1e-14)
