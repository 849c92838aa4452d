"""Spread of values and shares of it that lie between groups, with their limits."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from ...types import Array, Floats
from .effects import Effects

#: A variance of effects below this is rounding.
_NO_ERROR = 1e-18

#: Degrees of freedom that are as good as infinite, which the distributions of F do not take.
_MANY_DF = 1e9


def standard_deviation(values: Floats) -> float:
    """Standard deviation of a group by 1/(n - 1), whatever its unit and origin.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.

    Returns
    -------
    float
        Computed from differences from the first value, in a power of two of their size, so that no
        digit is lost and no square overflows; NaN of fewer than two values.
    """
    if len(values) < 2:
        return np.nan
    unit = np.ldexp(1.0, np.clip(np.frexp(np.abs(values).max())[1] - 1, -1000, 1000))
    return float(np.std(values / unit - values[0] / unit, ddof=1) * unit)


def epsilon_squared(values: Array, codes: Array, k: int) -> float:
    """Share of the variance of the ranks that lies between groups, H / (n - 1).

    Parameters
    ----------
    values : ndarray, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value, 0 to k - 1.
    k : int
        Number of groups.

    Returns
    -------
    float
        Epsilon squared, NaN when all values are equal.
    """
    levels, position = np.unique(values, return_inverse=True)
    counts = np.zeros((1, k, len(levels)))
    np.add.at(counts[0], (codes, position), 1)
    return float(_share_between(counts)[0])


def _share_between(counts: Floats) -> Floats:
    """Epsilon squared from counts (sample, group, distinct value in ascending order)."""
    ties = counts.sum(axis=1)
    n = ties.sum(axis=1)
    size = counts.sum(axis=2)
    centred = np.cumsum(ties, axis=1) - (ties - 1) / 2 - (n[:, None] + 1) / 2
    sums = np.einsum("bgl,bl->bg", counts, centred)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(size > 0, sums**2 / size, 0.0).sum(axis=1)
        return np.asarray(between / np.einsum("bl,bl,bl->b", ties, centred, centred))


def share_interval(
    found: Effects, share: float, within: float, conf_level: float
) -> tuple[float, float]:
    """Confidence limits of the share of the variance that lies between groups.

    Parameters
    ----------
    found : Effects
        Effects of groups with their errors.
    share : float
        The share that was found.
    within : float
        Variance of the values about the effect of their group, in the unit of the effects
        squared.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : float
        Limits in [0, 1], widened to hold the share that was found; NaN without an error, or where
        no two groups of ranks overlap.

    Notes
    -----
    With B the weighted variance of the effects and N the part of it, for each of the k - 1
    directions, that their errors make, ``F = B / ((k - 1) N)`` is taken as noncentral F. The two
    noncentralities L at which it would stand at its tails give the limits
    ``L N / (L N + within)``. For independent values N is ``within / n``; clusters multiply it by
    the ratio of the traces of the clustered and of the independent covariance. F has the n - k
    degrees of freedom of `within`; that fewer clusters tell N is made up for by the ratio of the
    central quantiles, by which N grows: with two groups these are the limits of Student's t.
    Ranks need not have the variances that F supposes: as far as F speaks for an effect, by
    ``1 - 1 / F``, N is replaced by what the covariance says of the direction of the effects,
    where that is more.

    References
    ----------
    Steiger, J. H. (2004). Beyond the F test: Effect size confidence intervals and tests of close
    fit in the analysis of variance and contrast analysis. Psychological Methods, 9(2), 164-182.
    https://doi.org/10.1037/1082-989X.9.2.164
    """
    k, n = len(found.effects), float(found.size.sum())
    weights = found.size / n
    middle = np.eye(k) - weights  # effect less the weighted mean of all, row by row
    shift = middle @ found.effects
    between = float(weights @ shift**2)
    noise = found.noise(middle)
    if np.isnan(found.df) or not noise > _NO_ERROR or within <= 0:
        return np.nan, np.nan
    if found.alone is not None:
        alone = float(weights @ np.diagonal(middle @ found.alone @ middle.T)) / (k - 1)
        if alone <= _NO_ERROR:
            return np.nan, np.nan
        unit = (within + (k - 1) * noise) / n
        noise *= unit / alone
        along = 4 * float((weights * shift) @ found.matrix @ (weights * shift))
        expected = within**2 * share * (4 - 2 * share) / n
        effect = max(0.0, 1 - (k - 1) * noise / between) if between > 0 else 0.0
        if effect > 0:
            noise = max(noise, (1 - effect) * noise + effect * unit * along / expected)
    df, tail = max(n - k, 1.0), (1 + conf_level) / 2
    few = special.fdtri(k - 1, min(found.df, _MANY_DF), tail)
    noise *= float(few / special.fdtri(k - 1, df, tail))
    limits = noncentral_f_interval(between / noise / (k - 1), k - 1, df, conf_level)
    low, high = (limit * noise / (limit * noise + within) for limit in limits)
    return min(low, share), max(high, share)


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
    limits = noncentral_f_interval(statistic, df, df_denom, conf_level)
    low, high = (value / (value + df + df_denom + 1) for value in limits)
    return statistic * df / (statistic * df + df_denom), low, high


def noncentral_f_interval(
    statistic: float, df: float, df_denom: float, conf_level: float
) -> tuple[float, float]:
    """Confidence limits of the noncentrality of an F statistic.

    Parameters
    ----------
    statistic, df, df_denom : float
        F and its degrees of freedom.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : float
        The noncentralities at which F stands at its upper and lower ``(1 - conf_level) / 2``
        quantile; 0 where even the central distribution is past it.
    """
    tail = (1 - conf_level) / 2
    low, high = (_noncentrality(statistic, df, df_denom, p) for p in (1 - tail, tail))
    return low, high


def _noncentrality(statistic: float, df: float, df_denom: float, p: float) -> float:
    """Noncentrality with which F falls below the statistic with probability p; at least 0."""

    def gap(value: float) -> float:
        return float(special.ncfdtr(df, df_denom, value, statistic)) - p

    if statistic == 0 or gap(0.0) <= 0:
        return 0.0
    top = max(1.0, 2 * statistic * df)
    while gap(top) > 0:
        top *= 2
    return float(optimize.brentq(gap, 0.0, top))
