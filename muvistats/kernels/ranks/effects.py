"""How far groups lie apart by rank: mean ranks, epsilon squared, rank-biserial, effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from ...types import Array, Floats, Ints
from ..contingency import noncentral_f_interval

#: A variance of effects below this is rounding.
_NO_ERROR = 1e-18


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
    alone : ndarray of float, shape (k, k), or None
        Covariance if each value were independent of the others, for effects of ranks.
    """

    effects: Floats
    covariance: Floats
    signs: tuple[int, ...]
    df: float
    size: Floats
    alone: Floats | None = None

    def noise(self, contrasts: Floats) -> float:
        """Mean error variance of contrasts of the effects, weighted by the sizes of the groups."""
        weights = self.size / self.size.sum()
        spread = np.diagonal(contrasts @ self.matrix @ contrasts.T)
        return float(weights @ spread) / max(len(self.effects) - 1, 1)

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
        return between / self.variance_of_ranks(ranks)

    def variance_of_ranks(self, ranks: Floats) -> float:
        """Variance of the ranks in the unit of the effects, squared."""
        return float(((ranks - ranks.mean()) ** 2).sum()) / len(ranks) ** 3

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
        intersections, each times G / (G - 1), with G the clusters of the group where they lie
        within groups; degrees of freedom are the smaller number of clusters less one, or less
        the number of groups. NaN with fewer than two clusters of a kind.
    """
    effects, influence = relative_effects(values, codes, k)
    size = np.bincount(codes, minlength=k).astype(np.float64)
    kinds, inside = list(clusters), [nested, False][: len(clusters)]
    signs = (1,) * len(kinds)
    if len(kinds) == 2:
        kinds.append(kinds[0] * (int(kinds[1].max()) + 1) + kinds[1])
        inside.append(nested)
        signs = (1, 1, -1)
    parts = [
        _sums_of_squares(influence, kind, codes if within else np.zeros_like(codes))
        for kind, within in zip(kinds, inside, strict=True)
    ]
    spare = [
        len(np.unique(kind)) - (k if within else 1)
        for kind, within in zip(clusters, inside, strict=False)
    ]
    df = float(min(spare)) if min(spare) > 0 else np.nan
    if nested and k == 2:
        df = float(np.minimum(df, _welch(influence[:, 0] - influence[:, 1], codes, clusters[0])))
    alone = _sums_of_squares(influence, np.arange(len(codes)), codes)
    return Effects(effects, np.array(parts), signs, df, size, alone)


def _sums_of_squares(influence: Floats, cluster: Ints, group: Ints) -> Floats:
    """Squared sums of influences over clusters, G / (G - 1) times, G being those of a group."""
    n_clusters = int(cluster.max()) + 1
    number = np.bincount(np.unique(group * n_clusters + cluster) // n_clusters).astype(np.float64)
    factor = np.sqrt(number / np.maximum(number - 1, 1))
    sums = _sums(influence * factor[group][:, None], cluster)
    return sums.T @ sums


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
        part *= number / (number - 1)
        top, bottom = top + part, bottom + part**2 / (number - 1)
    return top**2 / bottom if bottom > 0 else np.nan


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
    the ratio of the traces of the clustered and of the independent covariance. Ranks need not
    have the variances that F supposes: as far as F speaks for an effect, by ``1 - 1 / F``, N is
    replaced by what the covariance says of the direction of the effects, where that is more.

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
    limits = noncentral_f_interval(between / noise / (k - 1), k - 1, found.df, conf_level)
    low, high = (limit * noise / (limit * noise + within) for limit in limits)
    return min(low, share), max(high, share)
