"""Groups compared by rank: statistics of arrangements, effects of groups, shares of variance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, sparse, special

from ...types import Array, Floats, Ints
from ..permutation.dealt import Deal
from ..sampling.multiway import PART
from .dominance import Dominance

#: A variance of effects below this is rounding.
_NO_ERROR = 1e-18

#: Smallest clustered variance, as part of that of independent rows. A larger one makes the test
#: reject too often where effects differ between clusters, a smaller one costs power without it.
FLOOR = 0.25

#: Smallest variance of a mean or a group of clusters, as part of that of independent values.
LEAST = 1e-9

#: Arrangements whose sums are held at once: so many, or fewer where units are many.
_DRAWS, _CELLS = 128, 10_000_000

#: Degrees of freedom that are as good as infinite, which the distributions of F do not take.
_MANY_DF = 1e9

#: From so many rows on sums are taken in single precision; ties are no matter then.
_MANY = 4096


# ------------------------------------------------------------------ statistics of arrangements


class CrossedRanks:
    """Wald statistic of mean ranks, errors robust to two crossed kinds of clusters.

    Called with groups of the units, (arrangement, unit), it gives the statistic, (arrangement, 1).

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows.
    row : ndarray of int, shape (row,)
        Unit of each row.
    k : int
        Number of groups.
    clusters : tuple of two ndarray of int, each shape (row,)
        Participant and item of each row, coded from 0; those that units lie in come last.
    alternative : {"two-sided", "less", "greater"}, optional
        For two groups: their t instead of the Wald statistic, turned so that large values speak
        against the null.
    raised : float, default 1
        Factor of what clusters of the first kind add to the covariance, from `raised_by` or
        `raised_for_few`.

    Notes
    -----
    The covariance of the mean ranks is ``V_12 + raised (V_1 - V_12) + (V_2 - V_12)``, from residual
    ranks summed over the clusters of each kind and over their intersections, without other
    small-sample factors. In no direction of their differences is it taken as smaller than a quarter
    of V_12, the covariance of independent rows. A residual sum is ``S - m N`` with the sum S and
    the number N of a cluster's ranks in a group and the group's mean m, so that one sparse product
    with the indicators of a group gives all that is needed.
    """

    def __init__(
        self,
        ranks: Floats,
        row: Ints,
        k: int,
        clusters: tuple[Ints, Ints],
        alternative: str | None = None,
        raised: float = 1.0,
    ) -> None:
        self._values, self._row, self._k = ranks - ranks.mean(), row, k
        self._raised = raised
        self._least, self._alternative = LEAST * float(ranks.var()), alternative
        both = _crossed(*clusters)
        self._single = int(both.max()) + 1 == len(ranks)  # nobody met an item twice
        self._kinds = [*clusters] if self._single else [*clusters, both]
        self._sums = _Sums.of(self._values, row, self._kinds)
        many = len(ranks) >= _MANY
        self._narrow = self._sums.matrix.astype(np.float32) if many else self._sums.matrix
        self.inside = np.empty(int(row.max()) + 1, dtype=np.intp)
        self.inside[row] = clusters[1]

    def __call__(self, codes: Ints) -> Floats:
        """Statistics of arrangements, (arrangement, 1)."""
        matrix = self._sums.matrix if len(codes) == 1 else self._narrow
        out = np.empty((len(codes), 1))
        step = max(8, min(_DRAWS, _CELLS // codes.shape[1]))
        for start in range(0, len(codes), step):
            some = slice(start, start + step)
            out[some, 0] = self._compared(*self._sums.of_groups(matrix, codes[some], self._k))
        return out

    def dealt(self, deal: Deal) -> Floats:
        """Statistics of all arrangements of a deal, (arrangement, 1)."""
        k, values = self._k, np.stack([self._values, self._values**2], axis=1).astype(np.float32)
        constants: list[Floats] = [
            np.stack([np.bincount(kind, self._values), np.bincount(kind)], axis=1).astype(float)
            for kind in self._kinds
        ]
        totals = np.zeros((deal.n_bundles, deal.n_cards, 3, k - 1))
        grams = np.zeros((deal.n_bundles, deal.n_cards, len(self._kinds) - 1, 2 * k, 2 * k))
        for at, kind in enumerate(self._kinds[1:]):
            for number, part in deal.within(values, self._row, kind, k):
                constant = constants[at + 1][part.clusters]
                grams[number, :, at] += _gram(part.sums[:, :, 0], part.counts, constant)
                if at == 0:
                    each = part.sums[:, :, 0], part.counts, part.sums[:, :, 1]
                    totals[number] += np.stack([sums.sum(axis=2).T for sums in each], axis=1)
        found = deal.drawn(totals.reshape(*totals.shape[:2], -1)).reshape(-1, 3, k - 1)
        inside = deal.drawn(grams.reshape(*grams.shape[:2], -1))
        inside = inside.reshape(len(found), -1, 2 * k, 2 * k)
        across = np.zeros((len(found), 2 * k, 2 * k))
        for part in deal.across(values[:, :1], self._row, self._kinds[0], k):
            across += _gram(part.sums[:, :, 0], part.counts, constants[0][part.clusters])
        whole = np.array([0.0, len(values), (self._values**2).sum()])
        last = whole[:, None] - found.sum(axis=2, keepdims=True)
        total, size, squares = np.concatenate([found, last], axis=2).transpose(1, 0, 2)
        mean = total / size
        each_kind = (across, *inside.transpose(1, 0, 2, 3))
        kinds = [_covariance(gram, mean, size) for gram in each_kind]
        return self._compared(mean, size, squares, kinds)[:, None]

    def _compared(self, mean: Floats, size: Floats, squares: Floats, kinds: list[Floats]) -> Floats:
        """Statistics from means, sizes and sums of squares of groups, and covariances by kind."""
        k = self._k
        if self._single:
            inner = np.eye(k) * np.maximum(squares / size**2 - mean**2 / size, 0.0)[:, None]
        else:
            inner = kinds.pop()
        inner = inner + np.eye(k) * (self._least / size)[:, None]
        more = self._raised * (kinds[0] - inner) + kinds[1]
        whole, inner = differences(more), differences(inner)
        gaps = mean[:, :-1] - mean[:, -1:]
        if self._alternative is None:
            return wald(gaps, whole, inner)
        spread = np.maximum(whole[:, 0, 0], FLOOR * inner[:, 0, 0])
        return directed(gaps[:, 0] / np.sqrt(spread), self._alternative)


def directed(z: Floats, alternative: str) -> Floats:
    """Standardized differences such that large ones speak against the null."""
    if alternative == "two-sided":
        return np.abs(z)
    return z if alternative == "greater" else -z


class _Sums(NamedTuple):
    """What a unit adds to sums of ranks and of rows over clusters, and to the sum of squares."""

    matrix: Any  # (sum, unit): ranks and then rows for each kind of cluster, squares last
    totals: Floats  # (sum, 1), over all units
    ends: list[int]  # where the parts of the matrix end

    @classmethod
    def of(cls, values: Floats, row: Ints, kinds: Sequence[Ints]) -> _Sums:
        parts = [(codes, weight) for codes in kinds for weight in (values, np.ones(len(values)))]
        parts.append((np.zeros(len(values), dtype=np.intp), values**2))
        units = int(row.max()) + 1
        tables = [
            sparse.coo_array((weight, (codes, row)), shape=(int(codes.max()) + 1, units)).tocsr()
            for codes, weight in parts
        ]
        matrix: Any = sparse.vstack(tables, format="csr")
        totals = np.asarray(matrix.sum(axis=1), dtype=np.float64)[:, None]
        return cls(matrix, totals, np.cumsum([len(t.indptr) - 1 for t in tables]).tolist())

    def of_groups(
        self, matrix: Any, codes: Ints, k: int
    ) -> tuple[Floats, Floats, Floats, list[Floats]]:
        """Mean, size and sum of squares of groups, and covariances of means by kind of cluster."""
        groups = np.ascontiguousarray(codes.T)
        n = groups.shape[1]
        z = np.concatenate([groups == g for g in range(k - 1)], axis=1).astype(matrix.dtype)
        found = np.empty((len(self.totals), k, n))
        found[:, :-1] = (matrix @ z).reshape(-1, k - 1, n)
        rest = found[:, :-1].sum(axis=1, keepdims=True)
        np.subtract(self.totals[:, :, None], rest, found[:, -1:])
        starts = [0, *self.ends[:-1]]
        size = found[starts[1] : self.ends[1]].sum(axis=0)  # (group, arrangement)
        mean = found[: self.ends[0]].sum(axis=0) / size
        kinds = [
            (found[starts[at] : self.ends[at]] - mean * found[starts[at + 1] : self.ends[at + 1]])
            / size
            for at in range(0, len(self.ends) - 1, 2)
        ]
        return mean.T, size.T, found[-1].T, [_products(scores) for scores in kinds]


def _crossed(first: Ints, second: Ints) -> Ints:
    """Code of each intersection of two kinds of clusters, without gaps."""
    pairs = first * (int(second.max()) + 1) + second
    return np.asarray(np.unique(pairs, return_inverse=True)[1])


def _gram(sums: Floats, counts: Floats, constant: Floats) -> Floats:
    """Cross products over clusters, (arrangement, 2 groups, 2 groups).

    Those of sums of ranks and of rows in each group but the last, and then of both in all groups,
    the constants.
    """
    features, last = np.concatenate([sums, counts]), constant.astype(sums.dtype)
    m = len(features)
    out = np.empty((features.shape[1], m + 2, m + 2))
    for i, j in itertools.combinations_with_replacement(range(m), 2):
        out[:, i, j] = out[:, j, i] = np.einsum("nc,nc->n", features[i], features[j])
    for i in range(m):
        out[:, i, m:] = out[:, m:, i] = features[i] @ last
    out[:, m:, m:] = constant.T @ constant
    return out


def _covariance(gram: Floats, mean: Floats, size: Floats) -> Floats:
    """Covariance of the means of groups from `_gram`, (arrangement, group, group)."""
    n, k = mean.shape
    weights = np.zeros((n, k, 2 * k))
    each = np.arange(k - 1)
    weights[:, each, each] = 1 / size[:, :-1]
    weights[:, each, k - 1 + each] = -(mean / size)[:, :-1]
    weights[:, -1, : k - 1], weights[:, -1, -2] = -1 / size[:, -1:], 1 / size[:, -1]
    rows = (mean / size)[:, -1]
    weights[:, -1, k - 1 : -2], weights[:, -1, -1] = rows[:, None], -rows
    return weights @ gram @ weights.transpose(0, 2, 1)


def _products(scores: Floats) -> Floats:
    """Cross products over clusters of the scores of groups, (arrangement, group, group)."""
    k, n = scores.shape[1:]
    out = np.empty((n, k, k))
    for g in range(k):
        for h in range(g + 1):
            out[:, g, h] = out[:, h, g] = (scores[:, g] * scores[:, h]).sum(axis=0)
    return out


def differences(covariance: Floats) -> Floats:
    """Covariance of all but the last less the last."""
    last = covariance[:, :-1, -1:]
    return np.asarray(
        covariance[:, :-1, :-1] - last - last.transpose(0, 2, 1) + covariance[:, -1:, -1:]
    )


def wald(gaps: Floats, whole: Floats, least: Floats) -> Floats:
    """Wald statistic of differences; the covariance is no smaller than part of another one."""
    if gaps.shape[1] == 1:
        spread = np.maximum(whole[:, 0, 0], FLOOR * least[:, 0, 0])
        return np.asarray(gaps[:, 0] ** 2 / spread)
    if gaps.shape[1] == 2:
        return _wald_of_two(gaps, whole, least)
    root = np.linalg.inv(np.linalg.cholesky(least))
    values, axes = np.linalg.eigh(root @ whole @ root.transpose(0, 2, 1))
    sides = (axes.transpose(0, 2, 1) @ (root @ gaps[:, :, None]))[:, :, 0]
    return np.asarray((sides**2 / np.maximum(values, FLOOR)).sum(axis=1))


def _wald_of_two(gaps: Floats, whole: Floats, least: Floats) -> Floats:
    """`wald` of two differences, in closed form."""
    first = 1 / np.sqrt(least[:, 0, 0])  # inverse of the Cholesky factor of `least`
    slope = least[:, 0, 1] * first
    second = 1 / np.sqrt(least[:, 1, 1] - slope**2)
    cross = -slope * first * second
    a = whole[:, 0, 0] * first**2
    b = whole[:, 0, 0] * cross * first + whole[:, 0, 1] * first * second
    c = whole[:, 0, 0] * cross**2 + 2 * whole[:, 0, 1] * cross * second + whole[:, 1, 1] * second**2
    x, y = gaps[:, 0] * first, gaps[:, 0] * cross + gaps[:, 1] * second
    middle, half = (a + c) / 2, (a - c) / 2
    reach = np.hypot(half, b)
    high, low = np.maximum(middle + reach, FLOOR), np.maximum(middle - reach, FLOOR)
    # share of the square that lies along the axis with the larger eigenvalue
    double = np.divide(half * (x**2 - y**2) + 2 * b * x * y, reach, out=x * 0, where=reach > 0)
    square = x**2 + y**2
    return np.asarray((square + double) / (2 * high) + (square - double) / (2 * low))


# ------------------------------------------------------------------------- effects of groups


@dataclass(frozen=True)
class Effects:
    """Relative effects of groups with their uncertainty.

    Parameters
    ----------
    effects : ndarray of float, shape (k,)
        Probability that a value of all groups lies below one of the group, ties counting half.
    covariance : ndarray of float, shape (m, k, k)
        Covariance, or those over two kinds of clusters and over their intersections.
    df : float
        Degrees of freedom of comparisons; NaN where there is no error.
    size : ndarray of float, shape (k,)
        Number of values of each group.
    alone : ndarray of float, shape (k, k), or None
        Covariance if each value were independent of the others, for effects of ranks.
    """

    effects: Floats
    covariance: Floats
    df: float
    size: Floats
    alone: Floats | None = None

    def noise(self, contrasts: Floats) -> float:
        """Mean error variance of contrasts of the effects, weighted by the sizes of the groups."""
        spread = np.einsum("cg,mgh,ch->mc", contrasts, self.covariance, contrasts)
        parts = spread @ self.size / self.size.sum() / max(len(self.effects) - 1, 1)
        return _whole(parts)

    def variance(self, weights: Floats) -> float:
        """Variance of a combination of the effects."""
        parts = np.einsum("g,mgh,h->m", weights, self.covariance, weights)
        return _whole(parts)

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


def _whole(parts: Floats) -> float:
    """Variance over one kind of clusters, or over both, held as `two_way` holds it."""
    if len(parts) == 1:
        return float(parts[0])
    first, second, cells = parts
    return float(max(first + second - cells, min(first, second), PART * cells))


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
        within groups. Degrees of freedom of the mean error of k groups are the smaller number of
        ``(G - 1)(k - 1)``, or of G - k for clusters within groups; NaN with fewer than two
        clusters of a kind.
    """
    effects, influence = relative_effects(values, codes, k)
    size = np.bincount(codes, minlength=k).astype(np.float64)
    kinds, inside = list(clusters), [nested, False][: len(clusters)]
    if len(kinds) == 2:
        kinds.append(_crossed(*clusters))
        inside.append(nested)
    parts = [
        _sums_of_squares(influence, kind, codes if within else np.zeros_like(codes))
        for kind, within in zip(kinds, inside, strict=True)
    ]
    spare = [  # of a mean over k - 1 directions: each has its own within each crossed cluster
        len(np.unique(kind)) - k if within else (len(np.unique(kind)) - 1) * (k - 1)
        for kind, within in zip(clusters, inside, strict=False)
    ]
    df = float(min(spare)) if min(spare) > 0 else np.nan
    if nested and k == 2:
        df = float(np.minimum(df, _welch(influence[:, 0] - influence[:, 1], codes, clusters[0])))
    alone = _sums_of_squares(influence, np.arange(len(codes)), codes)
    return Effects(effects, np.array(parts), df, size, alone)


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


# ------------------------------------------------------------------------- shares of variance


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
        along = 4 * found.variance(weights * shift)
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
