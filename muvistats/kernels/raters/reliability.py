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

#: Columns of deviations that are looked at; of more, every second or third is enough.
_COLUMNS = 600

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


#: Disagreement by chance below this is the rounding of sums of shares.
_NEVER = 1e-12


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
    ndarray of float, shape (unit, label, 7)
        As in `nominal_unit`.
    """
    m, r = np.zeros((2, n_units, chosen.shape[1]))
    known = ~np.isnan(chosen)
    np.add.at(m, units, known)
    np.add.at(r, units, np.where(known, chosen, 0.0))
    return nominal_unit(m, r)


def nominal_unit(m: Floats, r: Floats) -> Floats:
    """Sums of units for agreement on a label.

    Parameters
    ----------
    m, r : ndarray of float, shape (...)
        Number of ratings, and of choices among them.

    Returns
    -------
    ndarray of float, shape (..., 7)
        1, m, r, share a of agreeing pairs, and m a, 0 with fewer than two ratings; then 1 and the
        share r / m, 0 without a rating.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        agree = (r * (r - 1) + (m - r) * (m - r - 1)) / (m * (m - 1))
        paired = np.stack([np.ones_like(r), m, r, agree, m * agree], axis=-1)
        rated = np.stack([np.ones_like(r), r / m], axis=-1)
    known = [(m > least)[..., None] for least in (1, 0)]
    kept = [np.where(k, sums, 0.0) for k, sums in zip(known, (paired, rated), strict=True)]
    return np.concatenate(kept, axis=-1)


def agreement_coefficients(sums: Floats) -> dict[str, Floats]:
    """Three chance-corrected coefficients for yes-or-no labels.

    Parameters
    ----------
    sums : ndarray of float, shape (..., 7)
        `nominal_sums` added over units, each as often as it counts.

    Returns
    -------
    dict of ndarray, shape (...)
        ``fleiss_kappa``, ``krippendorff_alpha`` and ``gwet_ac1``; NaN where chance agreement is
        complete (a label that nobody or everybody chose leaves kappa and alpha undefined).
    """
    units, n, chosen, agree, weighted, rated, share = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = agree / units
        p = share / rated
        unequal = 2 * p * (1 - p)
        kappa: Floats = 1 - (1 - observed) / unequal
        ac1: Floats = (observed - unequal) / (1 - unequal)
        alpha: Floats = 1 - (n - weighted) * (n - 1) / (2 * chosen * (n - chosen))
    return {
        "fleiss_kappa": np.where(unequal > _NEVER, kappa, np.nan),
        "krippendorff_alpha": np.where((chosen > 0) & (chosen < n), alpha, np.nan),
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


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Mean squares behind one form of the intraclass correlation.

    Parameters
    ----------
    between, error : float
        Mean squares between targets and of the error beside them.
    df, df_error : float
        Their degrees of freedom.
    raters, df_raters : float
        Mean square between raters, where their differences count as error too; else NaN.
    """

    between: float
    error: float
    df: float
    df_error: float
    raters: float = np.nan
    df_raters: float = np.nan


def icc_forms(ratings: Floats, conf_level: float = 0.95) -> list[IccForm]:
    """Six forms of the intraclass correlation of complete ratings.

    Parameters
    ----------
    ratings : ndarray of float, shape (target, rater)
        Complete ratings.
    conf_level : float
        Confidence level.

    Returns
    -------
    list of IccForm
        What `icc_of_squares` gives for the `mean_squares` of the ratings.
    """
    n, k = ratings.shape
    return icc_of_squares(mean_squares(ratings), k, n, conf_level)


def icc_of_squares(
    squares: dict[str, MeanSquares], k: float, m: float, conf_level: float
) -> list[IccForm]:
    """Six forms of the intraclass correlation from mean squares.

    Parameters
    ----------
    squares : dict of MeanSquares
        By form: ``"1"``, ``"A"`` and ``"C"``.
    k, m : float
        Raters per target, and targets per rater.
    conf_level : float
        Confidence level.

    Returns
    -------
    list of IccForm
        ICC(1), ICC(A,1), ICC(C,1), then the same for the mean of all raters. With perfect
        agreement F is infinite and its p 0. Where the means of the targets are equal, F is 0 and
        the mean of the raters has no reliability, NaN, as where its variance is not positive; where
        nothing but the means of the raters differs, consistency is NaN too. A limit of the mean is
        minus infinity where that of one rater is -1 / (k - 1) or less.

    Notes
    -----
    ICC(A,1) is rho where ``F = MSB / (a MSC + b MSE)``, with ``a = k rho / (m (1 - rho))`` and
    ``b = 1 + k rho / (1 - rho) - a``, has the expectation of a central F; its limits are those of
    McGraw and Wong (1996), with Satterthwaite's degrees of freedom of the denominator.
    """
    tail = (1 + conf_level) / 2
    single: list[IccForm] = []
    average: list[IccForm] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for form, own in squares.items():
            msb, error = np.float64(own.between), np.float64(own.error)
            offset = np.float64(0.0) if np.isnan(own.raters) else (own.raters - error) / m
            f = msb / error
            found = float(f), own.df, own.df_error, float(stats.f.sf(f, own.df, own.df_error))
            estimate = (msb - error) / (msb + (k - 1) * error + k * offset)
            defined = (msb > 0) & (msb + offset > 0)
            mean = np.where(defined, (msb - error) / (msb + offset), np.nan)
            if np.isnan(own.raters):
                below = error * stats.f.ppf(tail, own.df, own.df_error)
                above = error / stats.f.ppf(tail, own.df_error, own.df)
                limits = np.array([(msb - e) / (msb + (k - 1) * e) for e in (below, above)])
            else:
                limits = _agreement_limits(own, k, m, float(estimate), tail)
            bracket = "" if form == "1" else f"{form},"
            single.append(_form(f"ICC({bracket}1)", float(estimate), found, limits))
            room = 1 + (k - 1) * limits  # 0 where the mean of the raters has no variance
            averaged = np.where(room > 0, limits * k / room, -np.inf)
            averaged = np.where(defined, averaged, np.nan)
            average.append(_form(f"ICC({bracket}k)", float(mean), found, averaged))
    return [*single, *average]


def _form(
    name: str, estimate: float, found: tuple[float, float, float, float], limits: Floats
) -> IccForm:
    """A form, with the reason why it has no value."""
    reason = ""
    if np.isnan(estimate):
        reason = "the means of the targets are equal, or differ less than raters make them"
    elif np.isnan(found[0]):
        reason = "neither the means of the targets nor the residuals vary: no F test"
    return IccForm(name, estimate, *found, float(limits[0]), float(limits[1]), reason)


def mean_squares(ratings: Floats) -> dict[str, MeanSquares]:
    """Mean squares of complete ratings, by form of the intraclass correlation.

    Parameters
    ----------
    ratings : ndarray of float, shape (target, rater)
        Complete ratings.

    Returns
    -------
    dict of MeanSquares
        For `icc_of_squares`. What is no more than the rounding of the ratings is 0.
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
    sums = np.array([(part**2).sum() for part in parts])
    sums[sums <= n * k * ROUNDING**2] = 0.0
    msb, msc, mse, msw = (sums / df).tolist()
    df_targets, df_raters, df_error, df_within = df.tolist()
    return {
        "1": MeanSquares(msb, msw, df_targets, df_within),
        "A": MeanSquares(msb, mse, df_targets, df_error, msc, df_raters),
        "C": MeanSquares(msb, mse, df_targets, df_error),
    }


def _agreement_limits(own: MeanSquares, k: float, m: float, rho: float, tail: float) -> Floats:
    """Limits of ICC(A,1), whose error degrees of freedom are approximated."""
    msb, msc, mse = np.array([own.between, own.raters, own.error])
    if msc == mse == 0:
        return np.ones(2)
    outer, inner = k * rho * msc, mse * (m * (1 + (k - 1) * rho) - k * rho)
    df = (outer + inner) ** 2 / (outer**2 / own.df_raters + inner**2 / own.df_error)
    f_low, f_high = stats.f.ppf(tail, own.df, df), stats.f.ppf(tail, df, own.df)
    rest = k * msc + (k * m - k - m) * mse
    low = m * (msb - f_low * mse) / (f_low * rest + m * msb)
    high = m * (f_high * msb - mse) / (rest + m * f_high * msb)
    return np.array([low, high])


def effective_df(deviations: Floats, lost: int, *, cautious: bool = False) -> float:
    """Degrees of freedom of a sum of squares whose terms depend on each other within units.

    Parameters
    ----------
    deviations : ndarray of float, shape (unit, column)
        Deviations of each unit, for example one per time step; NaN where it has none. Units are
        independent, columns are not.
    lost : int
        Units' degrees of freedom that the means took.
    cautious : bool
        Leave the squares of the covariances as they are, too large where units are few: then the
        number is low, and does not rise by chance when the sum of squares is small.

    Returns
    -------
    float
        Satterthwaite's ``(sum g_jj n_jj)^2 / sum_jk n_jk g_jk^2`` (Box, 1954), with g the
        covariances between columns and n the units that have both; the squares of the
        covariances are freed of their bias. At least 1. For a single column it is units - lost;
        for independent ones that number times the columns; NaN without a unit to spare.

    References
    ----------
    Box, G. E. P. (1954). Some theorems on quadratic forms applied in the study of analysis of
    variance problems, II. The Annals of Mathematical Statistics, 25(3), 484-498.
    https://doi.org/10.1214/aoms/1177728717
    """
    stride = -(-deviations.shape[1] // _COLUMNS)
    deviations = deviations[:, ::stride]
    known = (~np.isnan(deviations)).astype(float)
    deviations, known = deviations[:, known.any(axis=0)], known[:, known.any(axis=0)]
    left = 1 - lost / len(deviations)
    if left <= 0:
        return np.nan
    filled = np.where(known > 0, deviations, 0.0)
    filled = filled * unit_factor(filled, None)
    products, number = filled.T @ filled, left * (known.T @ known)
    total = float(np.trace(products))
    if total == 0:
        return max(1.0, float(np.trace(number)))
    variance = np.outer(*[np.diagonal(products)] * 2) / np.outer(*[np.diagonal(number)] * 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        square = (products / number) ** 2
        if not cautious:
            square = (square - variance / number) * number**2 / ((number - 1) * (number + 2))
    alone = variance * np.eye(len(number))
    spread = float((number * np.where(number > 1, square, alone)).sum())
    most = float(np.trace(number)) * stride
    return float(np.clip(total**2 / spread - 2 * (not cautious), 1.0, most)) if spread > 0 else most
