"""How far groups lie apart by rank: mean ranks, epsilon squared, rank-biserial, effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from ...types import Array, Floats, Ints

#: Resampled values held in memory at once.
_CHUNK = 4_000_000


class Dunn(NamedTuple):
    """Dunn's comparisons, one entry per pair (i, j), i < j, in lexicographic order."""

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    difference: Floats
    z: Floats


class Dominance(NamedTuple):
    """Probability-based comparison of two samples."""

    delta: float
    std_error: float
    df: float


def mean_ranks(values: Array, codes: Array, k: int) -> Floats:
    """Mean midrank per group, NaN for an empty group.

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
    ndarray, shape (k,)
        Mean ranks; ties get the mean of their ranks.
    """
    size = np.bincount(codes, minlength=k)
    total = np.bincount(codes, weights=stats.rankdata(values), minlength=k)
    means: Floats = np.divide(total, size, out=np.full(k, np.nan), where=size > 0)
    return means


def dunn(values: Array, codes: Array, k: int) -> Dunn:
    """Dunn's z for each pair of groups, ties corrected.

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
    Dunn
        Pairs, mean rank of the first minus mean rank of the second, and z. NaN where a group is
        empty or all values are equal.

    Notes
    -----
    ``z = (R_i - R_j) / sqrt((n (n + 1) / 12 - sum(t^3 - t) / (12 (n - 1))) (1/n_i + 1/n_j))``
    with mean midranks R over all groups and t the sizes of the ties.
    """
    first, second = np.triu_indices(k, 1)
    n = len(values)
    size = np.bincount(codes, minlength=k).astype(float)
    means = mean_ranks(values, codes, k)
    ties = np.unique(values, return_counts=True)[1].astype(float)
    difference = means[first] - means[second]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n * (n + 1) / 12 - (ties**3 - ties).sum() / (12 * np.float64(n - 1))
        z = difference / np.sqrt(variance * (1 / size[first] + 1 / size[second]))
    return Dunn(first, second, difference, np.where(len(ties) > 1, z, np.nan))


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


def bootstrap_epsilon_squared(
    values: Array, codes: Array, k: int, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Epsilon squared of samples drawn with replacement within each group.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value, 0 to k - 1; every group holds a value.
    k : int
        Number of groups.
    n_resamples : int
        Number of samples.
    rng : Generator
        Source of the draws.

    Returns
    -------
    ndarray, shape (n_resamples,)
        Epsilon squared of each sample. The order of the values does not matter.

    Notes
    -----
    Ranks come from the counts of the distinct values, so nothing is sorted again per sample.
    """
    levels, position = np.unique(values, return_inverse=True)
    groups = [np.sort(position[codes == g]) for g in range(k)]
    step = max(1, _CHUNK // max(len(values), k * len(levels)))
    out = np.empty(n_resamples)
    for start in range(0, n_resamples, step):
        draws = min(step, n_resamples - start)
        counts = np.empty((draws, k, len(levels)))
        offset = np.arange(draws)[:, None] * len(levels)
        for g, members in enumerate(groups):
            drawn = members[rng.integers(len(members), size=(draws, len(members)))]
            flat = np.bincount((drawn + offset).ravel(), minlength=draws * len(levels))
            counts[:, g] = flat.reshape(draws, len(levels))
        out[start : start + draws] = _share_between(counts)
    return out


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


def epsilon_squared_interval(
    resampled: Floats, n: int, k: int, conf_level: float
) -> tuple[float, float]:
    """Shifted percentile interval of epsilon squared.

    Parameters
    ----------
    resampled : ndarray
        What `bootstrap_epsilon_squared` returned.
    n, k : int
        Number of values and of groups.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : float
        Limits in [0, 1].

    Notes
    -----
    Epsilon squared cannot be negative, so its samples lie too high: without any effect its mean
    is (k - 1) / (n - 1), and a plain percentile interval would never hold 0. Near 1 there is no
    room left for such a bias. A percentile q is therefore moved down by
    ``(1 - q) (k - 1) / (n - 1)`` and cut off at 0.
    """
    tail = (1 - conf_level) / 2
    percentiles = np.nanquantile(resampled, [tail, 1 - tail])
    low, high = percentiles - (1 - percentiles) * (k - 1) / (n - 1)
    return max(0.0, float(low)), max(0.0, float(high))


def overlapping(values: Array, codes: Array, k: int) -> bool:
    """Whether the ranges of at least two groups have a point in common.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value, 0 to k - 1; every group holds a value.
    k : int
        Number of groups.

    Returns
    -------
    bool
        False where each group lies wholly above or below each other one.
    """
    low, high = np.full(k, np.inf), np.full(k, -np.inf)
    np.minimum.at(low, codes, values)
    np.maximum.at(high, codes, values)
    order = np.argsort(low)
    return bool((low[order][1:] <= high[order][:-1]).any())


def dominance(first: Array, second: Array) -> Dominance:
    """Rank-biserial correlation of two samples with its Brunner-Munzel standard error.

    Parameters
    ----------
    first, second : ndarray, shapes (n1,) and (n2,)
        Values without NaN, at least one each.

    Returns
    -------
    Dominance
        delta = P(first > second) - P(first < second), also known as Cliff's delta and equal to
        ``2 U / (n1 n2) - 1``; its standard error, NaN with fewer than two values in a sample;
        Satterthwaite's degrees of freedom, NaN where the standard error is 0 or NaN.

    Notes
    -----
    The placements ``p_i = P(second < x_i) + P(second = x_i) / 2`` of the first sample, and the
    like of the second, have variances s1 and s2 (divisor n - 1); the squared standard error of
    delta is ``4 (s1 / n1 + s2 / n2)``. The samples need not have equal spread or be without ties.
    """
    n1, n2 = len(first), len(second)
    ranks = stats.rankdata(np.concatenate([first, second]))
    placed1 = (ranks[:n1] - stats.rankdata(first)) / n2
    placed2 = (ranks[n1:] - stats.rankdata(second)) / n1
    delta = float(2 * placed1.mean() - 1)
    if n1 < 2 or n2 < 2:
        return Dominance(delta, np.nan, np.nan)
    part1, part2 = placed1.var(ddof=1) / n1, placed2.var(ddof=1) / n2
    spread = part1**2 / (n1 - 1) + part2**2 / (n2 - 1)
    df = float((part1 + part2) ** 2 / spread) if spread > 0 else np.nan
    return Dominance(delta, float(2 * np.sqrt(part1 + part2)), df)


def dominance_interval(found: Dominance, conf_level: float) -> tuple[float, float]:
    """Confidence limits of the rank-biserial correlation, kept within [-1, 1].

    Parameters
    ----------
    found : Dominance
        What `dominance` returned.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : float
        ``tanh(atanh(delta) -+ t se / (1 - delta^2))``; NaN where the standard error is 0 or NaN.
    """
    if np.isnan(found.df) or abs(found.delta) >= 1:
        return np.nan, np.nan
    half = stats.t.ppf((1 + conf_level) / 2, found.df) * found.std_error / (1 - found.delta**2)
    middle = np.arctanh(found.delta)
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def equivalence_p(found: Dominance, margin: float) -> float:
    """p-value of the two one-sided tests that delta lies within (-margin, margin).

    Parameters
    ----------
    found : Dominance
        What `dominance` returned.
    margin : float
        Largest delta that counts as equivalent.

    Returns
    -------
    float
        The larger p of the tests of ``delta <= -margin`` and ``delta >= margin``, each
        ``t = (delta +- margin) / se``; NaN where the standard error is 0 or NaN.
    """
    if np.isnan(found.df):
        return np.nan
    above = stats.t.sf((found.delta + margin) / found.std_error, found.df)
    below = stats.t.cdf((found.delta - margin) / found.std_error, found.df)
    return float(max(above, below))


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

    def share_of_ranks(self, ranks: Floats) -> float:
        """Share of the variance of the ranks that lies between the groups."""
        weights = self.size / self.size.sum()
        between = float(weights @ (self.effects - weights @ self.effects) ** 2)
        return between * len(ranks) ** 3 / float(((ranks - ranks.mean()) ** 2).sum())

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
