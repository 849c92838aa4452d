"""How far ratings come back when the same people rate the same again.

Each estimate comes with its influence: what it gains, to first order, as a pair counts for more.
Sums of squared influences over whole units are its variance when these units are sampled.
"""

from __future__ import annotations

import numpy as np

from ...types import Floats
from ..scale import unit_factor


def agreement_of_pairs(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Concordance, correlation, mean difference and error of measurement of pairs.

    Parameters
    ----------
    first, second : ndarray of float, shape (pair,)
        Ratings without NaN, at least two, of a size whose squares are numbers.

    Returns
    -------
    estimate : ndarray of float, shape (4,)
        ``2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2)``; Pearson's r; the mean of second - first; and
        the standard deviation of the differences (by n - 1) over the root of 2. The first two are
        NaN where nothing varies; r too where one side does not.
    influence : ndarray of float, shape (pair, 4)
        Of these.
    """
    n, start = len(first), first[0]
    unit = min(unit_factor(first - start)[0], unit_factor(second - start)[0])
    first, second = (first - start) * unit, (second - start) * unit
    gap = np.mean(second - first)
    dx, dy, moved = (_deviations(values) for values in (first, second, second - first))
    vx, vy, cov, vd = (float(np.mean(product)) for product in (dx**2, dy**2, dx * dy, moved**2))
    error = np.sqrt(vd * n / (n - 1) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.divide(1.0, vx + vy + gap**2)
        ccc = 2 * cov * spread
        by_spread = dx**2 - vx + dy**2 - vy + 2 * gap * moved
        of_ccc = spread * (2 * (dx * dy - cov) - ccc * by_spread)
        zx, zy = dx / np.sqrt(vx), dy / np.sqrt(vy)
        r = float(np.mean(zx * zy))
        of_r = zx * zy - r * (zx**2 + zy**2) / 2
        of_error = error * (moved**2 / vd - 1) / 2
    influence = np.column_stack([of_ccc, of_r, moved / unit, of_error / unit])
    return np.array([ccc, r, gap / unit, error / unit]), influence / n


def _deviations(values: Floats) -> Floats:
    """Values less their mean, 0 to the last bit where they are equal."""
    moved = values - values[0]
    out: Floats = moved - moved.mean()
    return out


def kappa_of_pairs(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Cohen's kappa of yes and no.

    Parameters
    ----------
    first, second : ndarray of float, shape (pair,)
        1 chosen, 0 not.

    Returns
    -------
    estimate : ndarray of float, shape (1,)
        ``(A - E) / (1 - E)``, with A the share of equal answers and E that of independent ones;
        NaN where both sides give one and the same answer always.
    influence : ndarray of float, shape (pair, 1)
        Of it.
    """
    p, q = first.mean(), second.mean()
    equal = (first == second).astype(float)
    chance = p * q + (1 - p) * (1 - q)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = np.divide(equal.mean() - chance, 1 - chance)
        by_chance = (2 * q - 1) * (first - p) + (2 * p - 1) * (second - q)
        influence = (equal - equal.mean() - (1 - kappa) * by_chance) / (1 - chance)
    return np.array([kappa]), influence[:, None] / len(first)
