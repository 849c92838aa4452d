"""Chance-corrected agreement and intraclass correlation.

Agreement coefficients are functions of a few sums per unit, so a bootstrap over units needs only
new weights for those sums, never the ratings again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...types import Floats, Ints
from ..scale import centred, unit_factor

#: Deviations of this size, relative to the largest rating, are the rounding of the ratings.
ROUNDING = 4 * np.finfo(float).eps


def interval_sums(values: Floats, units: Ints, n_units: int) -> Floats:
    """Sums per unit from which Krippendorff's interval alpha follows.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Ratings without NaN.
    units : ndarray of int, shape (n,)
        Unit of each rating.
    n_units : int
        Number of units.

    Returns
    -------
    ndarray of float, shape (unit, 4)
        Number of ratings m, their sum, sum of squares, and ``m SS / (m - 1)``; 0 for a unit with
        fewer than two ratings, which cannot be paired. Ratings are taken less the mean of all that
        can be paired, and in units of the largest.
    """
    paired = np.bincount(units, minlength=n_units)[units] > 1
    if not paired.any():
        return np.zeros((n_units, 4))
    units, values = units[paired], centred(values[paired])
    values = values * unit_factor(values)
    m = np.bincount(units, minlength=n_units).astype(float)
    total = np.bincount(units, weights=values, minlength=n_units)
    square = np.bincount(units, weights=values**2, minlength=n_units)
    first = np.zeros(n_units)
    first[units[::-1]] = values[::-1]
    moved = values - first[units]
    with np.errstate(divide="ignore", invalid="ignore"):
        moved -= (np.bincount(units, weights=moved, minlength=n_units) / m)[units]
        within = m * np.bincount(units, weights=moved**2, minlength=n_units) / (m - 1)
    sums = np.stack([m, total, square, within], axis=1)
    return np.where((m > 1)[:, None], sums, 0.0)


def interval_alpha(sums: Floats) -> Floats:
    """Krippendorff's alpha with the interval metric.

    Parameters
    ----------
    sums : ndarray of float, shape (..., 4)
        `interval_sums` added over units, each as often as it counts.

    Returns
    -------
    ndarray of float, shape (...)
        ``1 - D_o / D_e`` with ``D_o = 2 / n sum_u m SS_u / (m - 1)`` and
        ``D_e = 2 SS / (n - 1)``; NaN where nothing varies.
    """
    n, total, square, within = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = square - total**2 / n
        alpha: Floats = 1 - (n - 1) * within / (n * spread)
    return np.where(spread > 1e-12 * square, alpha, np.nan)


def nominal_sums(chosen: Floats, units: Ints, n_units: int) -> Floats:
    """Sums per unit for agreement on yes-or-no labels.

    Parameters
    ----------
    chosen : ndarray of float, shape (n, label)
        1 chosen, 0 not, NaN where missing, which counts for that label only.
    units : ndarray of int, shape (n,)
        Unit of each row.
    n_units : int
        Number of units.

    Returns
    -------
    ndarray of float, shape (unit, label, 6)
        1, number of ratings m, of choices r, share r / m, share a of agreeing pairs, and m a; 0
        for a unit with fewer than two ratings.
    """
    m, r = np.zeros((2, n_units, chosen.shape[1]))
    known = ~np.isnan(chosen)
    np.add.at(m, units, known)
    np.add.at(r, units, np.where(known, chosen, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        agree = (r * (r - 1) + (m - r) * (m - r - 1)) / (m * (m - 1))
        share = r / m
    sums = np.stack([np.ones_like(r), m, r, share, agree, m * agree], axis=-1)
    return np.where((m > 1)[..., None], sums, 0.0)


def agreement_coefficients(sums: Floats) -> dict[str, Floats]:
    """Three chance-corrected coefficients for yes-or-no labels.

    Parameters
    ----------
    sums : ndarray of float, shape (..., 6)
        `nominal_sums` added over units, each as often as it counts.

    Returns
    -------
    dict of ndarray, shape (...)
        ``fleiss_kappa``, ``krippendorff_alpha`` and ``gwet_ac1``; NaN where chance agreement is
        complete (a label that nobody or everybody chose leaves kappa and alpha undefined).
    """
    units, n, chosen, share, agree, weighted = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = agree / units
        p = share / units
        unequal = 2 * p * (1 - p)
        kappa: Floats = 1 - (1 - observed) / unequal
        ac1: Floats = (observed - unequal) / (1 - unequal)
        alpha: Floats = 1 - (n - weighted) * (n - 1) / (2 * chosen * (n - chosen))
    defined = (chosen > 0) & (chosen < n)
    return {
        "fleiss_kappa": np.where(defined, kappa, np.nan),
        "krippendorff_alpha": np.where(defined, alpha, np.nan),
        "gwet_ac1": ac1,
    }


@dataclass(frozen=True, slots=True)
class IccForm:
    """One form of the intraclass correlation, with its test against 0 and its interval.

    `reason` says why the estimate is NaN.
    """

    name: str
    estimate: float
    f: float
    df: float
    df_denom: float
    p_value: float
    conf_low: float
    conf_high: float
    reason: str = ""


def icc_forms(ratings: Floats, conf_level: float = 0.95) -> list[IccForm]:
    """Six forms of the intraclass correlation from mean squares.

    Parameters
    ----------
    ratings : ndarray of float, shape (target, rater)
        Complete ratings.
    conf_level : float
        Confidence level.

    Returns
    -------
    list of IccForm
        ICC(1), ICC(A,1), ICC(C,1), then the same for the mean of all raters. With perfect
        agreement F is infinite and its p 0. Where the means of the targets are equal, F is 0 and
        the mean of the raters has no reliability, NaN; where nothing but the means of the raters
        differs, consistency is NaN too.
    """
    n, k = ratings.shape
    msb, msc, mse, msw = _mean_squares(ratings)
    tail = (1 + conf_level) / 2
    df1, df_within, df_error = n - 1.0, n * (k - 1.0), (n - 1.0) * (k - 1.0)
    single: list[IccForm] = []
    average: list[IccForm] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        raters = (msc - mse) / n
        for letter, error, offset, df2 in (
            ("", msw, np.float64(0.0), df_within),
            ("A,", mse, raters, df_error),
            ("C,", mse, np.float64(0.0), df_error),
        ):
            f = msb / error
            p = float(stats.f.sf(f, df1, df2))
            estimate = (msb - error) / (msb + (k - 1) * error + k * offset)
            mean = np.where(msb > 0, (msb - error) / (msb + offset), np.nan)
            if letter == "A,":
                low, high = _agreement_limits(n, k, msb, msc, mse, estimate, tail)
            else:
                below = error * stats.f.ppf(tail, df1, df2)
                above = error / stats.f.ppf(tail, df2, df1)
                low, high = ((msb - e) / (msb + (k - 1) * e) for e in (below, above))
            found = (float(f), df1, df2, p)
            limits = np.array([low, high])
            single.append(_form(f"ICC({letter}1)", estimate, found, limits))
            averaged = np.where(msb > 0, limits * k / (1 + (k - 1) * limits), np.nan)
            average.append(_form(f"ICC({letter}k)", mean, found, averaged))
    return [*single, *average]


def _form(
    name: str, estimate: Floats, found: tuple[float, float, float, float], limits: Floats
) -> IccForm:
    """A form, with the reason why it has no value."""
    reason = ""
    if np.isnan(estimate):
        reason = "the means of the targets are equal"
    return IccForm(name, float(estimate), *found, float(limits[0]), float(limits[1]), reason)


def _mean_squares(ratings: Floats) -> Floats:
    """Mean squares between targets, between raters, of the residuals and within targets.

    What is no more than the rounding of the ratings is 0.
    """
    n, k = ratings.shape
    values = ratings * unit_factor(ratings, None)
    values = values - values[0, 0]
    moved = values - values[:, :1]
    within = moved - moved.mean(axis=1, keepdims=True)
    rater = within.mean(axis=0)
    target = values.mean(axis=1)
    parts = (
        np.sqrt(k) * (target - target.mean()),
        np.sqrt(n) * rater,
        within - rater,
        within,
    )
    df = np.array([n - 1, k - 1, (n - 1) * (k - 1), n * (k - 1)], dtype=float)
    squares = np.array([(part**2).sum() for part in parts])
    squares[squares <= n * k * ROUNDING**2] = 0.0
    out: Floats = squares / df
    return out


def _agreement_limits(
    n: int, k: int, msb: float, msc: float, mse: float, rho: float, tail: float
) -> tuple[float, float]:
    """Limits of ICC(A,1), whose error degrees of freedom are approximated."""
    if msc == mse == 0:
        return 1.0, 1.0
    inner = mse * (n * (1 + (k - 1) * rho) - k * rho)
    df = (k - 1) * (n - 1) * (k * rho * msc + inner) ** 2
    df /= (n - 1) * k**2 * rho**2 * msc**2 + inner**2
    f_low, f_high = stats.f.ppf(tail, n - 1, df), stats.f.ppf(tail, df, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    low = n * (msb - f_low * mse) / (f_low * rest + n * msb)
    high = n * (f_high * msb - mse) / (rest + n * f_high * msb)
    return float(low), float(high)
