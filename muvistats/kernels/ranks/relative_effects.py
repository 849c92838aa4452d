"""Relative effects of groups, mean ranks in other words, with errors robust to clustering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import Floats, Ints
from .effects import Dominance


@dataclass(frozen=True)
class Effects:
    """Relative effects of groups with their uncertainty.

    Parameters
    ----------
    effects : ndarray of float, shape (k,)
        Probability that a value of all groups lies below one of the group, ties counting half.
    covariance : ndarray of float, shape (m, k, k)
        Covariances that are added up.
    signs : tuple of int
        Whether each of them is added (1) or taken away (-1).
    df : float
        Degrees of freedom of comparisons; NaN where there is no error.
    size : ndarray of float, shape (k,)
        Number of values of each group.
    """

    effects: Floats
    covariance: Floats
    signs: tuple[int, ...]
    df: float
    size: Floats

    def variance(self, weights: Floats) -> float:
        """Variance of a combination of the effects, at least that of each kind of cluster alone."""
        parts = np.einsum("g,mgh,h->m", weights, self.covariance, weights)
        signs = np.array(self.signs)
        return float(max(signs @ parts, parts[signs > 0].max()))

    @property
    def matrix(self) -> Floats:
        """Covariance of the effects, or that of one kind of cluster alone where it is larger."""
        signs = np.array(self.signs)
        whole = np.einsum("m,mgh->gh", signs.astype(np.float64), self.covariance)
        choices = [whole, *self.covariance[signs > 0]]
        return max(choices, key=np.trace)

    def dominance(self) -> Dominance:
        """Rank-biserial correlation of the first of two groups with its error."""
        weights = np.array([2.0, -2.0])
        error = float(np.sqrt(max(self.variance(weights), 0.0)))
        known = error > 1e-9 and np.isfinite(error)
        return Dominance(
            float(weights @ self.effects),
            error if known else np.nan,
            self.df if known else np.nan,
        )


def relative_effects(values: Floats, codes: Ints, k: int) -> tuple[Floats, Floats]:
    """Relative effects of groups and what each value adds to them.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value, 0 to k - 1; every group holds a value.
    k : int
        Number of groups.

    Returns
    -------
    effects : ndarray of float, shape (k,)
        ``p_g = sum_h n_h w_hg / n`` with ``w_hg = P(X_h < X_g) + P(X_h = X_g) / 2``; the mean
        midrank of a group is ``n p_g + 1/2``.
    influence : ndarray of float, shape (n, k)
        What each value adds to the error of each effect, to first order; sums to 0.

    Notes
    -----
    With the empirical distributions F (ties half), a value x of group g has the influence
    ``sum_(h != g) n_h (F_h(x) - w_hg) / (n n_g)`` on its own effect and
    ``-(F_h(x) - w_hg) / n`` on that of group h. The sums of squares give the variances of Brunner
    and Munzel, up to n_g instead of n_g - 1.
    """
    n = len(values)
    size = np.bincount(codes, minlength=k).astype(np.float64)
    below = np.empty((n, k))
    for group in range(k):
        members = np.sort(values[codes == group])
        left = np.searchsorted(members, values, side="left")
        below[:, group] = (left + np.searchsorted(members, values, side="right")) / 2 / size[group]
    wins = np.stack([below[codes == group].mean(axis=0) for group in range(k)], axis=1)
    centred = below - wins[:, codes].T  # (value, h): F_h(x) - w_hg
    influence = -centred / n
    rows = np.arange(n)
    own = centred[rows, codes] * size[codes]
    influence[rows, codes] = (centred @ size - own) / (n * size[codes])
    return size @ wins / n, influence


def clustered_effects(
    values: Floats,
    codes: Ints,
    k: int,
    clusters: tuple[Ints, ...],
    *,
    nested: bool = False,
) -> Effects:
    """Relative effects of groups of values that come in one or two kinds of clusters.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value, 0 to k - 1; every group holds a value.
    k : int
        Number of groups.
    clusters : tuple of one or two ndarray of int, each shape (n,)
        Clusters coded from 0, for example participants and items.
    nested : bool
        Whether the first clusters lie within the groups; two groups then get degrees of freedom
        after Satterthwaite.

    Returns
    -------
    Effects
        Effects with the covariance ``V_1 + V_2 - V_12`` of Cameron, Gelbach and Miller (2011)
        from the sums of the influences over the clusters of each kind and over their
        intersections, each times G / (G - 1); degrees of freedom are the smaller number of
        clusters less one. NaN with fewer than two clusters of a kind.
    """
    effects, influence = relative_effects(values, codes, k)
    size = np.bincount(codes, minlength=k).astype(np.float64)
    kinds = list(clusters)
    signs = (1,) * len(kinds)
    if len(kinds) == 2:
        kinds.append(kinds[0] * (int(kinds[1].max()) + 1) + kinds[1])
        signs = (1, 1, -1)
    covariance = np.empty((len(kinds), k, k))
    numbers = []
    for kind, codes_of_kind in enumerate(kinds):
        numbers.append(len(np.unique(codes_of_kind)))
        sums = _sums(influence, codes_of_kind)
        covariance[kind] = sums.T @ sums * numbers[-1] / max(numbers[-1] - 1, 1)
    least = min(numbers[: len(clusters)])
    df = float(least - 1) if least > 1 else np.nan
    if nested and k == 2 and least > 1:
        df = float(np.minimum(df, _welch(influence[:, 0] - influence[:, 1], codes, clusters[0])))
    return Effects(effects, covariance, signs, df, size)


def _sums(values: Floats, codes: Ints) -> Floats:
    size = int(codes.max()) + 1
    return np.stack([np.bincount(codes, column, size) for column in values.T], axis=1)


def _welch(influence: Floats, codes: Ints, cluster: Ints) -> float:
    """Satterthwaite's degrees of freedom of two groups of clusters."""
    top = bottom = 0.0
    for group in range(2):
        _, own = np.unique(cluster[codes == group], return_inverse=True)
        number = int(own.max()) + 1
        if number < 2:
            return np.nan
        part = float((np.bincount(own, influence[codes == group]) ** 2).sum())
        top, bottom = top + part, bottom + part**2 / (number - 1)
    return top**2 / bottom if bottom > 0 else np.nan


def share_interval(
    found: Effects, share: float, conf_level: float, n_draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Confidence limits of the share of the ranks' variance between groups.

    Parameters
    ----------
    found : Effects
        Relative effects with their errors.
    share : float
        The share that was found: epsilon squared.
    conf_level : float
        Confidence level.
    n_draws : int
        Draws from the distribution of the effects.
    rng : Generator
        Source of randomness.

    Returns
    -------
    low, high : float
        Percentiles q of the shares of effects drawn from Student's t with the covariance of the
        effects, each moved down by ``(1 - q)`` times the part of the share that the errors of
        the effects make, kept within [0, 1] and widened to hold the share; NaN without an error.
    """
    k = len(found.effects)
    weights = found.size / found.size.sum()
    middle = np.eye(k) - weights  # effect less the weighted mean of all, row by row
    values, vectors = np.linalg.eigh(found.matrix)
    values = np.maximum(values, 0.0)
    between = weights @ ((middle @ found.effects) ** 2)
    if np.isnan(found.df) or not n_draws or values.max() <= 1e-18 or between <= 0:
        return np.nan, np.nan
    root = vectors * np.sqrt(values)
    scale = np.sqrt(found.df / rng.chisquare(found.df, n_draws))[:, None]
    drawn = found.effects + (rng.normal(size=(n_draws, k)) @ root.T) * scale
    factor = share / between
    shares = np.minimum((drawn @ middle.T) ** 2 @ weights * factor, 1.0)
    extra = float(weights @ ((middle @ root) ** 2).sum(axis=1)) * factor
    tail = (1 - conf_level) / 2
    limits = np.quantile(shares, [tail, 1 - tail])
    low, high = limits - (1 - limits) * extra
    return min(max(0.0, float(low)), share), max(float(high), share)
