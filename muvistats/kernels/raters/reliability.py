"""Chance-corrected agreement and intraclass correlation.

Agreement coefficients are functions of a few sums per unit, so a bootstrap over units needs only
new weights for those sums, never the ratings again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...types import Floats, Ints


def interval_sums(values: Floats, units: Ints, n_units: int) -> Floats:
    """Sums per unit from which Krippendorff's interval alpha follows.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Ratings without NaN, best centred.
    units : ndarray of int, shape (n,)
        Unit of each rating.
    n_units : int
        Number of units.

    Returns
    -------
    ndarray of float, shape (unit, 4)
        Number of ratings m, their sum, sum of squares, and ``m SS / (m - 1)``; 0 for a unit with
        fewer than two ratings, which cannot be paired.
    """
    m = np.bincount(units, minlength=n_units).astype(float)
    total = np.bincount(units, weights=values, minlength=n_units)
    square = np.bincount(units, weights=values**2, minlength=n_units)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = m * (square - total**2 / m) / (m - 1)
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
        1 chosen, 0 not, without NaN.
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
    m = np.bincount(units, minlength=n_units).astype(float)[:, None]
    r = np.zeros((n_units, chosen.shape[1]))
    np.add.at(r, units, chosen)
    with np.errstate(divide="ignore", invalid="ignore"):
        agree = (r * (r - 1) + (m - r) * (m - r - 1)) / (m * (m - 1))
        share = r / m
    ratings = np.broadcast_to(m, r.shape)
    sums = np.stack([np.ones_like(r), ratings, r, share, agree, m * agree], axis=-1)
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
        p = chosen / n
        by_pool = p**2 + (1 - p) ** 2
        mean_share = share / units
        by_gwet = 2 * mean_share * (1 - mean_share)
        kappa: Floats = (observed - by_pool) / (1 - by_pool)
        ac1: Floats = (observed - by_gwet) / (1 - by_gwet)
        alpha: Floats = 1 - (n - weighted) * (n - 1) / (2 * chosen * (n - chosen))
    defined = (p > 0) & (p < 1)
    return {
        "fleiss_kappa": np.where(defined, kappa, np.nan),
        "krippendorff_alpha": np.where(defined, alpha, np.nan),
        "gwet_ac1": ac1,
    }


@dataclass(frozen=True, slots=True)
class IccForm:
    """One form of the intraclass correlation, with its test against 0 and its interval."""

    name: str
    estimate: float
    f: float
    df: float
    df_denom: float
    p_value: float
    conf_low: float
    conf_high: float


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
        ICC(1), ICC(A,1), ICC(C,1), then the same for the mean of all raters.
    """
    n, k = ratings.shape
    grand = ratings.mean()
    row_ss = k * ((ratings.mean(axis=1) - grand) ** 2).sum()
    column_ss = n * ((ratings.mean(axis=0) - grand) ** 2).sum()
    total_ss = ((ratings - grand) ** 2).sum()
    msb = row_ss / (n - 1)
    msc = column_ss / (k - 1)
    mse = (total_ss - row_ss - column_ss) / ((n - 1) * (k - 1))
    msw = (total_ss - row_ss) / (n * (k - 1))
    tail = (1 + conf_level) / 2
    df1, df_within, df_error = n - 1.0, n * (k - 1.0), (n - 1.0) * (k - 1.0)
    out: list[IccForm] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        one_way = (msb - msw) / (msb + (k - 1) * msw)
        agreement = (msb - mse) / (msb + (k - 1) * mse + k * (msc - mse) / n)
        consistency = (msb - mse) / (msb + (k - 1) * mse)
        agreement_limits = _agreement_limits(n, k, msb, msc, mse, agreement, tail)
        for name, estimate, error, df2 in (
            ("ICC(1)", one_way, msw, df_within),
            ("ICC(A,1)", agreement, mse, df_error),
            ("ICC(C,1)", consistency, mse, df_error),
        ):
            f = msb / error
            if name == "ICC(A,1)":
                low, high = agreement_limits
            else:
                f_low = f / stats.f.ppf(tail, df1, df2)
                f_high = f * stats.f.ppf(tail, df2, df1)
                low, high = ((g - 1) / (g + k - 1) for g in (f_low, f_high))
            p = float(stats.f.sf(f, df1, df2))
            out.append(
                IccForm(name, float(estimate), float(f), df1, df2, p, float(low), float(high))
            )
        for form in list(out):
            values = (form.estimate, form.conf_low, form.conf_high)
            estimate, low, high = (v * k / (1 + (k - 1) * v) for v in values)
            name = form.name.replace("1)", "k)") if "," in form.name else "ICC(k)"
            out.append(
                IccForm(name, estimate, form.f, form.df, form.df_denom, form.p_value, low, high)
            )
    return out


def _agreement_limits(
    n: int, k: int, msb: float, msc: float, mse: float, rho: float, tail: float
) -> tuple[float, float]:
    """Limits of ICC(A,1), whose error degrees of freedom are approximated."""
    fj = msc / mse
    inner = n * (1 + (k - 1) * rho) - k * rho
    df = (k - 1) * (n - 1) * (k * rho * fj + inner) ** 2
    df /= (n - 1) * k**2 * rho**2 * fj**2 + inner**2
    f_low, f_high = stats.f.ppf(tail, n - 1, df), stats.f.ppf(tail, df, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    low = n * (msb - f_low * mse) / (f_low * rest + n * msb)
    high = n * (f_high * msb - mse) / (rest + n * f_high * msb)
    return float(low), float(high)
