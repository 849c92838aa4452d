"""Share of variance that a term explains, from its F test."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

__all__ = ["partial_eta_squared"]


def partial_eta_squared(
    statistic: float, df: float, df_denom: float, conf_level: float
) -> tuple[float, float, float]:
    """Partial eta squared of an F test, with confidence limits.

    Parameters
    ----------
    statistic, df, df_denom : float
        F and its degrees of freedom.
    conf_level : float
        Confidence level.

    Returns
    -------
    estimate, low, high : float
        ``F df / (F df + df_denom)``, and ``L / (L + df + df_denom + 1)`` with L the
        noncentralities at which F would stand at its upper and lower tail; NaN where F is not
        defined.
    """
    if not (np.isfinite(statistic) and np.isfinite(df_denom) and statistic >= 0 and df > 0):
        return np.nan, np.nan, np.nan
    tail = (1 - conf_level) / 2
    limits = [_noncentrality(statistic, df, df_denom, p) for p in (1 - tail, tail)]
    low, high = (value / (value + df + df_denom + 1) for value in limits)
    return statistic * df / (statistic * df + df_denom), low, high


def _noncentrality(statistic: float, df: float, df_denom: float, p: float) -> float:
    """Noncentrality with which F falls below the statistic with probability p; at least 0."""

    def gap(value: float) -> float:
        return float(stats.ncf.cdf(statistic, df, df_denom, value)) - p

    if statistic == 0 or gap(0.0) <= 0:
        return 0.0
    top = max(1.0, 2 * statistic * df)
    while gap(top) > 0:
        top *= 2
    return float(optimize.brentq(gap, 0.0, top))
