"""Chi-square statistics whose parts are not independent: Rao and Scott's corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...progress import watched
from ...types import Floats, Ints

#: A smallest eigenvalue below this part of the largest is zero.
_SINGULAR = 1e-12


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected test.

    Parameters
    ----------
    statistic, df, df_denom, p_value : float
        Chi-square (`df_denom` is inf) or F, its degrees of freedom, and p.
    """

    statistic: float
    df: float
    df_denom: float
    p_value: float


def table_effects(counts: Floats) -> Floats:
    """Design effects of a two-way table whose counts come from clusters.

    Parameters
    ----------
    counts : ndarray of float, shape (cluster, r, c)
        Counts of each cluster; no row or column of their sum is empty.

    Returns
    -------
    ndarray of float, shape ((r - 1)(c - 1),)
        Eigenvalues of ``(C' D^-1 C / n)^-1 (C' D^-1 V D^-1 C)``: D holds the cell proportions, V
        their covariance between clusters (with clusters / (clusters - 1)), and C the contrasts
        of interaction. All are 1 where the counts are independent. A cell without counts does
        not enter. NaN with one cluster, or with so many cells without counts that there is no
        inverse.
    """
    n_clusters, r, c = counts.shape
    if n_clusters < 2:
        return np.full((r - 1) * (c - 1), np.nan)
    flat = counts.reshape(n_clusters, r * c)
    n = flat.sum()
    share = flat.sum(axis=0) / n
    scores = (flat - flat.sum(axis=1, keepdims=True) * share) / n
    scores -= scores.mean(axis=0)
    contrasts = np.kron(_contrasts(r), _contrasts(c))
    inverse = np.divide(1.0, share, out=np.zeros_like(share), where=share > 0)
    weighted = inverse[:, None] * contrasts
    between = scores @ weighted
    numerator = between.T @ between * (n_clusters / (n_clusters - 1))
    return _eigenvalues(contrasts.T @ weighted / n, numerator)


def _contrasts(levels: int) -> Floats:
    """Orthonormal contrasts of a factor, (level, level - 1)."""
    first = np.concatenate([np.ones((levels, 1)), np.eye(levels)[:, :-1]], axis=1)
    return np.asarray(np.linalg.qr(first)[0][:, 1:], dtype=np.float64)


def _eigenvalues(base: Floats, numerator: Floats) -> Floats:
    """Eigenvalues of base^-1 numerator, both symmetric; NaN where the base has no inverse."""
    spread = np.linalg.eigvalsh(base)
    if spread[0] <= _SINGULAR * spread[-1]:
        return np.full(len(base), np.nan)
    root = np.linalg.cholesky(base)
    half = np.linalg.solve(root, numerator)
    return np.asarray(np.linalg.eigvalsh(np.linalg.solve(root, half.T)))[::-1]


def first_order(statistic: float, effects: Floats) -> Corrected:
    """Statistic over the mean design effect, against chi-square.

    Parameters
    ----------
    statistic : float
        Chi-square as if everything were independent.
    effects : ndarray of float
        Design effects.

    Returns
    -------
    Corrected
        Exact only where all design effects are equal.
    """
    value = statistic / float(np.mean(effects))
    df = float(len(effects))
    return Corrected(value, df, np.inf, float(stats.chi2.sf(value, df)))


def second_order(statistic: float, effects: Floats, n_clusters: int) -> Corrected:
    """F whose degrees of freedom allow for design effects of different size.

    Parameters
    ----------
    statistic : float
        Chi-square as if everything were independent.
    effects : ndarray of float
        Design effects.
    n_clusters : int
        Clusters that they were estimated from.

    Returns
    -------
    Corrected
        ``F = statistic / sum(effects)`` with ``d = sum(effects)^2 / sum(effects^2)`` and
        d (clusters - 1) degrees of freedom.
    """
    total = float(np.sum(effects))
    value, df = statistic / total, total**2 / float(np.sum(effects**2))
    denom = df * (n_clusters - 1)
    return Corrected(value, df, denom, float(stats.f.sf(value, df, denom)))


def marginal_chi_square(chosen: Floats, codes: Ints, n_groups: int) -> Floats:
    """Pearson's chi-square of each choice (chosen or not) between groups.

    Parameters
    ----------
    chosen : ndarray of float, shape (n, choice)
        1 chosen, 0 not.
    codes : ndarray of int, shape (n,)
        Group of each row; every group has rows.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray of float, shape (choice,)
        Statistics with n_groups - 1 degrees of freedom; NaN where all or nobody chose.
    """
    groups = np.eye(n_groups)[codes]
    size = groups.sum(axis=0)[:, None]
    share = chosen.mean(axis=0)
    deviation = groups.T @ chosen - size * share
    spread = share * (1 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (deviation**2 / size).sum(axis=0) / spread, np.nan)


def marginal_effects(chosen: Floats, codes: Ints, n_groups: int, clusters: Ints) -> Floats:
    """Design effects of the sum of `marginal_chi_square` over choices.

    Parameters
    ----------
    chosen : ndarray of float, shape (n, choice)
        1 chosen, 0 not; every choice varies.
    codes, clusters : ndarray of int, shape (n,)
        Group and cluster of each row, coded from 0.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray of float, shape ((n_groups - 1) * choice,)
        Eigenvalues of the covariance between clusters of the deviations
        ``sum over the group of (y - mean)``, in units of ``n_g p (1 - p)``.
    """
    n_clusters = int(clusters.max()) + 1
    if n_clusters < 2:
        return np.full((n_groups - 1) * chosen.shape[1], np.nan)
    share = chosen.mean(axis=0)
    centred = (chosen - share) / np.sqrt(share * (1 - share))
    size = np.bincount(codes, minlength=n_groups)
    scores = np.zeros((n_clusters, n_groups, chosen.shape[1]))
    np.add.at(scores, (clusters, codes), centred)
    own = np.zeros((n_clusters, chosen.shape[1]))
    np.add.at(own, clusters, centred)
    scores -= own[:, None, :] * (size / len(codes))[:, None]
    scores /= np.sqrt(size)[:, None]
    flat = scores.reshape(n_clusters, -1)
    flat = flat - flat.mean(axis=0)
    few = flat @ flat.T if n_clusters < flat.shape[1] else flat.T @ flat
    values = np.linalg.eigvalsh(few)[::-1] * n_clusters / (n_clusters - 1)
    out = np.zeros((n_groups - 1) * chosen.shape[1])
    out[: len(values)] = np.maximum(values, 0)[: len(out)]
    return out


def bootstrap_marginal(
    chosen: Floats, codes: Ints, n_groups: int, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Sums of `marginal_chi_square` when rows of choices meet groups at random.

    Parameters
    ----------
    chosen : ndarray of float, shape (n, choice)
        1 chosen, 0 not.
    codes : ndarray of int, shape (n,)
        Group of each row.
    n_groups, n_resamples : int
        Numbers.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of float, shape (n_resamples,)
        Choices of whole rows, and groups, are each drawn with replacement. A choice that all or
        nobody made in a sample adds nothing.
    """
    n, out = len(codes), np.empty(n_resamples)
    for place in watched(range(n_resamples), "Resamples", n_resamples):
        rows, groups = chosen[rng.integers(0, n, n)], codes[rng.integers(0, n, n)]
        size = np.bincount(groups, minlength=n_groups)[:, None]
        share = rows.mean(axis=0)
        sums = np.stack([rows[groups == group].sum(axis=0) for group in range(n_groups)])
        spread = share * (1 - share)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = (sums - size * share) ** 2 / size / spread
        out[place] = np.nansum(np.where(np.isfinite(parts), parts, 0.0))
    return out
