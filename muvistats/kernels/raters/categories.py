"""Agreement on categories of which each rater chose one."""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints


def category_sums(codes: Ints, units: Ints, n_units: int, n_categories: int) -> Floats:
    """Sums per unit for agreement on categories.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Category that was chosen.
    units : ndarray of int, shape (n,)
        Unit of each choice.
    n_units, n_categories : int
        How many there are.

    Returns
    -------
    ndarray of float, shape (unit, 5 + 2 category)
        1, number of choices m, share a of agreeing pairs, m a and the count of each category, 0
        with fewer than two choices; then 1 and the share of each category, 0 without a choice.
    """
    counts = np.bincount(units * n_categories + codes, minlength=n_units * n_categories)
    counts = counts.reshape(n_units, n_categories).astype(float)
    m = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        agree = (counts * (counts - 1)).sum(axis=1) / (m * (m - 1))
        share = counts / m[:, None]
    paired = np.column_stack([np.ones_like(m), m, agree, m * agree, counts])
    rated = np.column_stack([np.ones_like(m), share])
    known = [np.where((m > least)[:, None], s, 0.0) for least, s in ((1, paired), (0, rated))]
    return np.concatenate(known, axis=1)


def category_coefficients(sums: Floats) -> dict[str, Floats]:
    """Three chance-corrected coefficients over all categories.

    Parameters
    ----------
    sums : ndarray of float, shape (..., 5 + 2 category)
        `category_sums` added over units, each as often as it counts.

    Returns
    -------
    dict of ndarray, shape (...)
        ``fleiss_kappa``, ``krippendorff_alpha`` and ``gwet_ac1``; kappa and alpha are NaN where
        everybody chose one category.
    """
    units, n, agree, weighted = np.moveaxis(sums[..., :4], -1, 0)
    k = (sums.shape[-1] - 5) // 2
    counts, rated, share = sums[..., 4 : 4 + k], sums[..., 4 + k], sums[..., 5 + k :]
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = agree / units
        p = share / rated[..., None]
        chance = (p**2).sum(axis=-1)
        kappa: Floats = (observed - chance) / (1 - chance)
        spread = (p * (1 - p)).sum(axis=-1) / (k - 1)
        ac1: Floats = (observed - spread) / (1 - spread)
        alike = (counts * (counts - 1)).sum(axis=-1) / (n * (n - 1))
        alpha: Floats = 1 - (1 - weighted / n) / (1 - alike)
    return {
        "fleiss_kappa": np.where((share > 0).sum(axis=-1) > 1, kappa, np.nan),
        "krippendorff_alpha": np.where((counts > 0).sum(axis=-1) > 1, alpha, np.nan),
        "gwet_ac1": ac1,
    }


def clustered_errors(influence: Floats, clusters: tuple[Ints, ...]) -> Floats:
    """Standard errors of sums of influences, rows of one cluster being dependent.

    Parameters
    ----------
    influence : ndarray of float, shape (n, statistic)
        What each row adds to each statistic, with mean 0.
    clusters : tuple of ndarray of int, shape (n,)
        One or two kinds of clusters, as codes from 0.

    Returns
    -------
    ndarray of float, shape (statistic,)
        For two kinds, variances by each are added and that of the rows is taken off once; the sum
        counts no less than that of the rows.
    """

    def variance(codes: Ints) -> Floats:
        size = int(codes.max()) + 1
        totals = np.stack(
            [np.bincount(codes, weights=column, minlength=size) for column in influence.T], axis=1
        )
        out: Floats = (totals**2).sum(axis=0) * size / (size - 1)
        return out

    total = np.sum([variance(codes) for codes in clusters], axis=0)
    if len(clusters) > 1:
        rows = (influence**2).sum(axis=0) * len(influence) / (len(influence) - 1)
        total = np.maximum(total - rows, rows)
    errors: Floats = np.sqrt(total)
    return errors
