"""Permutation tests: what is left of values, how their groups are rearranged, and how often.

Values are freed of the effects of one factor and of shrunken effects of another, groups of units
are rearranged within strata, all ways, at random or dealt, and a statistic of each
arrangement is set beside that of the one observed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse, special

from ...progress import in_parts
from ...types import Floats, Ints, Statistic
from ...workers import few_threads, in_threads
from .dealt import dealt_draws

#: Codes of units in one batch of arrangements; batches do not depend on the number of workers.
_BATCH = 500_000

#: From so many codes on, arrangements are dealt where a statistic and the strata allow it.
_DEAL = 4_000_000

#: Statistics that differ by less than this part of themselves are equal; in single precision.
_TIE, _TIE_OF_SINGLES = 1e-9, 1e-5

#: Values that differ by less than this part of their spread are ties after an adjustment.
_NEAR = 1e-8

#: Sweeps after which effects in an unconnected or badly balanced design are taken as they are.
_SWEEPS = 500

#: Largest mean left in a level, or step of an effect, as part of the spread of the values.
_TOLERANCE = 1e-10

#: Moments that differ by less than this part of themselves say nothing of two variances.
_SINGULAR = 1e-9

#: Rows of a product of counts that are held at once.
_ROWS = 512


def dense_codes(*keys: Ints) -> Ints:
    """Code from 0 of each value, or of each combination of values, in sorted order.

    Parameters
    ----------
    *keys : ndarray of int, each shape (n,)
        Values; several are taken together, sorted by the first of them first.

    Returns
    -------
    ndarray of int, shape (n,)
        Codes without gaps.
    """
    combined, *others = keys
    for key in others:
        lowest = key.min(initial=0)
        combined = combined * (key.max(initial=0) - lowest + 1) + (key - lowest)
    return np.unique(combined, return_inverse=True)[1]


# ------------------------------------------------------------------------- what is left of values


def additive_residuals(values: Floats, factors: Sequence[Ints]) -> Floats:
    """What is left of values when the main effects of factors are taken out.

    Parameters
    ----------
    values : ndarray of float, shape (n, column)
        Values without NaN.
    factors : sequence of ndarray of int, each shape (n,)
        Levels of each factor, coded from 0.

    Returns
    -------
    ndarray of float, shape (n, column)
        Least-squares residuals of the model with all main effects.

    Notes
    -----
    The means of the levels are taken out factor by factor until none is left (backfitting). In a
    balanced design one sweep is enough.
    """
    out = np.array(values, dtype=np.float64)
    spread = np.abs(out - out.mean(axis=0, keepdims=True)).max(initial=0.0) if len(out) else 0.0
    counts = [np.maximum(np.bincount(codes), 1).astype(np.float64) for codes in factors]
    for _ in range(_SWEEPS):
        largest = 0.0
        for codes, count in zip(factors, counts, strict=True):
            means = np.stack(
                [np.bincount(codes, column, len(count)) / count for column in out.T], axis=1
            )
            out -= means[codes]
            largest = max(largest, float(np.abs(means).max(initial=0.0)))
        if len(factors) < 2 or largest <= _TOLERANCE * spread:
            break
    return out


def shrunken_residuals(values: Floats, fixed: Ints, random: Ints) -> tuple[Floats, Floats]:
    """What is left of values by generalised least squares, and how far effects were shrunken.

    Parameters
    ----------
    values : ndarray of float, shape (n, column)
        Values without NaN.
    fixed, random : ndarray of int, each shape (n,)
        Levels of a factor whose effects are taken out, and of one whose effects are shrunken
        first; coded from 0 without gaps.

    Returns
    -------
    residuals : ndarray of float, shape (n, column)
        ``y - b - u``, summing to 0 over each level of `fixed`.
    weight : ndarray of float, shape (random level, column)
        Part of a level's own mean that was taken out, ``n / (n + lambda)``.

    Notes
    -----
    Per column, u are best linear unbiased predictions in the model ``y = b[fixed] + u[random] +
    e``, and ``lambda = var(e) / var(u)`` with both variances from two moments of the values less
    the means of `fixed`: their sum of squares, and that of their sums over levels of `random`
    (MINQUE(0)). So nothing is taken out where levels do not differ, or hold one value each, and
    all of the effects where values differ between levels only. The residuals are proportional
    to ``V^-1 (y - X b)`` with V the covariance in this model.

    References
    ----------
    Rao, C. R. (1971). Minimum variance quadratic unbiased estimation of variance components.
    Journal of Multivariate Analysis, 1(4), 445-456. https://doi.org/10.1016/0047-259X(71)90019-4

    Robinson, G. K. (1991). That BLUP is a good thing: the estimation of random effects.
    Statistical Science, 6(1), 15-32. https://doi.org/10.1214/ss/1177011926
    """
    size = np.bincount(random).astype(np.float64)[:, None]
    ratio = variance_ratio(values, fixed, random)
    shrink = np.divide(1.0, size + ratio, out=np.zeros((len(size), len(ratio))))
    by_fixed, by_random = indicator(fixed), indicator(random)
    each = np.bincount(fixed).astype(np.float64)[:, None]
    spread = np.abs(values - values.mean(axis=0)).max(initial=0.0)
    effect = np.zeros_like(shrink)
    for _ in range(_SWEEPS if np.isfinite(ratio).any() else 0):
        rest = values - (by_fixed @ (values - effect[random]) / each)[fixed]
        new = (by_random @ rest) * shrink
        step, effect = float(np.abs(new - effect).max()), new
        if step <= _TOLERANCE * spread:
            break
    rest = values - effect[random]
    return rest - (by_fixed @ rest / each)[fixed], size * shrink


def less_means(values: Floats, codes: Ints) -> Floats:
    """Values less the mean of their level."""
    return with_ties(additive_residuals(values[:, None], [codes])[:, 0], values)


def with_ties(residuals: Floats, values: Floats) -> Floats:
    """Residuals of values without the noise of arithmetic, so that ties stay ties."""
    unit = _NEAR * float(np.ptp(values)) if len(values) else 0.0
    return np.round(residuals / unit) * unit if unit > 0 else residuals


def without_effects(values: Floats, fixed: Ints, random: Ints) -> tuple[Floats, int]:
    """Residuals with their ties, less as many effects as leave any difference.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    fixed, random : ndarray of int, shape (n,)
        As in `shrunken_residuals`.

    Returns
    -------
    residuals : ndarray of float, shape (n,)
        Values less means of `fixed` and shrunken effects of `random`, less the former alone where
        nothing else would differ, or as they are.
    taken : int
        How many of the two were taken out.
    """
    shrunken = shrunken_residuals(values[:, None], fixed, random)[0][:, 0]
    for residuals, taken in ((with_ties(shrunken, values), 2), (less_means(values, fixed), 1)):
        if np.ptp(residuals) > 0:
            return residuals, taken
    return values, 0


def rarest(units: Ints, codes: Ints, several: int, few: int) -> tuple[float, int]:
    """Fewest units of a level that most units lack.

    Parameters
    ----------
    units : ndarray of int, shape (n,)
        Unit of each value, such as its item, from 0 without gaps.
    codes : ndarray of int, shape (n,)
        Level of each value, from 0 without gaps.
    several, few : int
        A level of at least `few` units, with fewer than `several` values for each of them, is not
        counted.

    Returns
    -------
    count : float
        Number of units; inf where each level is that of half of the units or more, or each unit
        has one level.
    level : int
        The level; 0 where there is none.
    """
    number = int(units.max(initial=-1)) + 1
    pairs = np.unique(dense_codes(units, codes), return_index=True)[1]
    size, having = np.bincount(codes, minlength=1), np.bincount(codes[pairs], minlength=1)
    shows = (having < few) | (size >= several * having)
    rare = (having > 0) & (2 * having < number) & shows & (len(pairs) > number)
    count = np.where(rare, having, np.inf)
    return float(count.min()), int(count.argmin())


def variance_ratio(values: Floats, fixed: Ints, random: Ints) -> Floats:
    """Variance of single values over that of the effects of a factor, per column.

    Parameters
    ----------
    values, fixed, random
        As in `shrunken_residuals`.

    Returns
    -------
    ndarray of float, shape (column,)
        From 0 to inf; inf where nothing says that levels of `random` differ.
    """
    n, n_fixed = len(values), int(fixed.max(initial=-1)) + 1
    by_fixed, by_random = indicator(fixed), indicator(random)
    each = np.bincount(fixed).astype(np.float64)
    rest = values - (by_fixed @ values / each[:, None])[fixed]
    size_of = np.frexp(np.abs(rest).max(axis=0, initial=0.0))[1]
    rest = np.ldexp(rest, -size_of)  # a ratio has no unit, and squares must not vanish
    table: Any = sparse.csr_array(by_random @ by_fixed.T)
    size, df = np.bincount(random).astype(np.float64), float(n - n_fixed)
    first = n - float((table.power(2).sum(axis=0) / each).sum())
    second = _squared_products(table, size, each)
    squares, sums = (rest**2).sum(axis=0), ((by_random @ rest) ** 2).sum(axis=0)
    nothing = second <= _SINGULAR**2 * float(size @ size)  # rounding: `fixed` tells the levels
    if nothing or df * second - first**2 <= _SINGULAR * df * second:
        return np.full(values.shape[1], np.inf)
    between, within = df * sums - first * squares, second * squares - first * sums
    out = np.full(values.shape[1], np.inf)
    np.divide(np.maximum(within, 0.0), between, out=out, where=between > _SINGULAR * df * sums)
    return out


def _squared_products(table: Any, size: Floats, each: Floats) -> float:
    """Sum of squares of ``diag(size) - C diag(1 / each) C'`` for counts C."""
    scaled, total = (table * (1 / each)[None, :]).tocsr(), 0.0
    for some in in_parts(len(size), _ROWS, "Pairs of levels"):
        part = -(scaled[some] @ table.T).toarray()
        part[np.arange(len(part)), np.arange(some.start, some.stop)] += size[some]
        total += float((part**2).sum())
    return total


def indicator(codes: Ints) -> Any:
    """Rows of each level as a sparse matrix, (level, row): its product with values sums them."""
    n = len(codes)
    shape = (int(codes.max(initial=-1)) + 1, n)
    return sparse.csc_array((np.ones(n), codes, np.arange(n + 1)), shape=shape)


def raised_by(strata: Ints, codes: Ints, k: int) -> float:
    """Factor that gives the variance between clusters back what means of strata took of it.

    Parameters
    ----------
    strata : ndarray of int, shape (row,)
        Strata whose means were taken out of the values; a cluster has one row in each, or none.
    codes : ndarray of int, shape (row,)
        Group of each row, 0 to k - 1. Only the number of a stratum's rows in each group matters,
        so that arrangements within strata have one factor.
    k : int
        Number of groups.

    Returns
    -------
    float
        At least 1.

    Notes
    -----
    Of what a cluster does to one of the n rows of a stratum, the row keeps ``1 - 1/n`` when the
    mean is taken out. The differences between the groups keep all of it where strata are balanced,
    since their means then cancel out, and as little as the row where groups were dealt without
    regard to strata. The factor is the square of the ratio of both, each the mean of all rows.
    """
    table = np.zeros((int(strata.max(initial=-1)) + 1, k))
    np.add.at(table, (strata, codes), 1)
    table = table[table.any(axis=1)]
    own = 1 - len(table) / len(codes)
    parts = table**2 / table.sum(axis=1, keepdims=True) / table.sum(axis=0)
    groups = (k - float(parts.sum())) / (k - 1)
    return max(groups / own, 1.0) ** 2 if own > 0 else 1.0


def raised_for_few(clusters: Ints) -> float:
    """Factor of the part of a variance that so few clusters tell.

    Parameters
    ----------
    clusters : ndarray of int, shape (n,)
        Coded from 0; m of them, three or more.

    Returns
    -------
    float
        ``(m - 1) / (m - 2)``. A variance of a few clusters varies itself, and where they stay when
        groups are rearranged the arrangements do not show it.
    """
    m = int(clusters.max(initial=0)) + 1
    return (m - 1) / max(m - 2, 1)


# ------------------------------------------------------------------------- arrangements


def count_arrangements(codes: Ints, strata: Ints) -> float:
    """Number of different arrangements of the groups of units within strata.

    Parameters
    ----------
    codes, strata : ndarray of int, shape (unit,)
        Group and stratum of each unit, coded from 0.

    Returns
    -------
    float
        Product over strata of the multinomial coefficients; inf where it is too large.
    """
    if not len(codes):
        return 1.0
    table = np.zeros((int(strata.max()) + 1, int(codes.max()) + 1))
    np.add.at(table, (strata, codes), 1)
    log = special.gammaln(table.sum(axis=1) + 1).sum() - special.gammaln(table + 1).sum()
    return float(round(math.exp(log))) if log < 36 else math.inf


def all_arrangements(codes: Ints, strata: Ints) -> Ints:
    """Every different arrangement of the groups of units within strata.

    Parameters
    ----------
    codes, strata : ndarray of int, shape (unit,)
        Group and stratum of each unit, coded from 0.

    Returns
    -------
    ndarray of int8 or int16, shape (arrangement, unit)
        Groups of the units.
    """
    rows = int(count_arrangements(codes, strata))
    out = np.empty((rows, len(codes)), dtype=_small(codes))
    out[:] = codes
    repeats = 1
    for stratum in np.unique(strata):
        where = np.flatnonzero(strata == stratum)
        choices = _rearranged(codes[where])
        out[:, where] = choices[np.arange(rows) // repeats % len(choices)]
        repeats *= len(choices)
    return out


def _rearranged(codes: Ints) -> Ints:
    """Different orders of some codes, one per row."""
    groups, counts = np.unique(codes, return_counts=True)
    out = np.full((1, len(codes)), groups[-1], dtype=codes.dtype)
    free = np.arange(len(codes))[None, :]  # places that no group has taken yet
    for group, count in zip(groups[:-1], counts[:-1], strict=True):
        left = free.shape[1]
        taken = np.array(list(itertools.combinations(range(left), int(count))), dtype=np.intp)
        kept = np.ones((len(taken), left), dtype=np.bool_)
        np.put_along_axis(kept, taken, values=False, axis=1)
        rest = np.nonzero(kept)[1].reshape(len(taken), left - int(count))
        out = np.repeat(out, len(taken), axis=0)
        rows = np.arange(len(out))[:, None]
        base = np.repeat(free, len(taken), axis=0)
        out[rows, base[rows, np.tile(taken, (len(free), 1))]] = group
        free = base[rows, np.tile(rest, (len(free), 1))]
    return out


def _small(codes: Ints) -> Any:
    return np.int8 if not len(codes) or int(codes.max()) < 128 else np.int16


def draw_arrangements(codes: Ints, strata: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Random arrangements of the groups of units within strata.

    Parameters
    ----------
    codes, strata : ndarray of int, shape (unit,)
        Group and stratum of each unit, coded from 0.
    count : int
        Number of arrangements.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of int8 or int16, shape (count, unit)
        Groups of the units.
    """
    out = np.empty((count, len(codes)), dtype=_small(codes))
    order = np.argsort(strata, kind="stable")
    sizes = np.bincount(strata)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes[sizes > 0]):
        where = order[starts[sizes == size][:, None] + np.arange(size)]  # (stratum, place)
        drawn = np.broadcast_to(codes[where].astype(np.int64), (count, *where.shape)).copy()
        rng.permuted(drawn, axis=2, out=drawn)
        out[:, where] = drawn
    return out


# ------------------------------------------------------------------------- tests


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """What a permutation test found.

    Parameters
    ----------
    observed : ndarray of float, shape (statistic,)
        Statistics of the arrangement that was observed; large ones speak against the null.
    p_value : ndarray of float, shape (statistic,)
        Share of arrangements with a statistic at least as large.
    p_max : ndarray of float, shape (statistic,)
        The same for the largest of all statistics: adjusted for looking at all of them.
    mc_error, mc_error_max : ndarray of float, shape (statistic,)
        Monte Carlo standard errors; 0 where all arrangements were looked at.
    n_resamples : int
        Arrangements looked at.
    exact : bool
        Whether these are all there are.
    n_arrangements : float
        How many there are.
    """

    observed: Floats
    p_value: Floats
    p_max: Floats
    mc_error: Floats
    mc_error_max: Floats
    n_resamples: int
    exact: bool
    n_arrangements: float

    @property
    def note(self) -> str:
        """What is to be said of the number of arrangements; empty where there is nothing."""
        count = self.n_arrangements
        if count < 2:
            return "the factor is constant within every stratum: nothing can be permuted"
        if count < 20:
            return f"only {count:.0f} arrangements: p cannot be below {1 / count:.2g}"
        return ""


def monte_carlo_p(
    observed: Floats, draws: Floats, *, exact: bool = False, tie: float = _TIE
) -> tuple[Floats, Floats]:
    """Share of draws that are at least as large as what was observed, and its error.

    Parameters
    ----------
    observed : ndarray of float, shape (statistic,)
        Observed statistics.
    draws : ndarray of float, shape (draw, statistic)
        The same under the null. A draw that is NaN counts as larger.
    exact : bool
        Whether the draws are all possible ones, the observed one among them.
    tie : float
        Statistics that differ by less than this part of the observed one are equal.

    Returns
    -------
    p_value, mc_error : ndarray of float, shape (statistic,)
        ``(1 + larger) / (1 + draws)`` and ``sqrt(p (1 - p) / draws)``; with all possible draws
        ``larger / draws`` and 0. NaN where nothing was observed or drawn.
    """
    n = len(draws)
    if not n:
        return np.full(len(observed), np.nan), np.full(len(observed), np.nan)
    finite = np.where(np.isfinite(observed), np.abs(observed), 0.0)
    limit = observed - tie * finite
    larger = (~(draws < limit)).sum(axis=0)
    p = larger / n if exact else (1 + larger) / (1 + n)
    error = np.zeros(len(p)) if exact else np.sqrt(p * (1 - p) / n)
    known = ~np.isnan(observed)
    return np.where(known, p, np.nan), np.where(known, error, np.nan)


@few_threads(0)
def permutation_test(
    statistic: Statistic,
    codes: Ints,
    strata: Ints | None = None,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    n_jobs: int = 1,
    apart: int = 0,
) -> PermutationTest:
    """Test by rearranging the groups of units within strata.

    Parameters
    ----------
    statistic : callable
        From groups of the units, int (arrangement, unit), to statistics, float (arrangement,
        statistic); large ones speak against the null. It is called from several threads.
    codes : ndarray of int, shape (unit,)
        Observed group of each unit, coded from 0.
    strata : ndarray of int, shape (unit,), optional
        Units are rearranged within a stratum only.
    n_resamples : int
        Random arrangements; all arrangements are looked at where there are no more than these.
    rng : Generator
        Source of randomness; each batch has its own child, so that the result does not depend
        on `n_jobs`.
    n_jobs : int
        Threads.
    apart : int
        So many first statistics stand on their own and do not enter the largest one.

    Returns
    -------
    PermutationTest
        p-values; NaN where there is only one arrangement, or none was drawn.
    """
    strata = np.zeros(len(codes), dtype=np.intp) if strata is None else strata
    count = count_arrangements(codes, strata)
    observed = statistic(codes[None, :].astype(_small(codes)))[0]
    exact, tie = 2 <= count <= n_resamples, _TIE
    if count < 2 or n_resamples == 0:
        draws = np.empty((0, len(observed)))
    elif exact:
        every, step = all_arrangements(codes, strata), max(1, _BATCH // len(codes))
        draws = np.concatenate(
            [statistic(every[start : start + step]) for start in range(0, len(every), step)]
        )
    else:
        draws, tie = _drawn(statistic, codes, strata, n_resamples, rng, n_jobs)
    return _compared(observed, draws, exact=exact, count=count, apart=apart, tie=tie)


def _drawn(
    statistic: Statistic,
    codes: Ints,
    strata: Ints,
    n_resamples: int,
    rng: np.random.Generator,
    n_jobs: int,
) -> tuple[Floats, float]:
    """Statistics of random arrangements, dealt where codes are many; and what counts as a tie."""
    if len(codes) * n_resamples >= _DEAL:
        dealt = dealt_draws(statistic, codes, strata, n_resamples, rng)
        if dealt is not None:
            return dealt, _TIE_OF_SINGLES
    draws = _in_batches(
        lambda size, child: statistic(draw_arrangements(codes, strata, size, child)),
        n_resamples,
        max(1, _BATCH // len(codes)),
        rng,
        n_jobs,
    )
    return draws, _TIE


@few_threads(0)
def conditional_test(
    statistic: Statistic,
    codes: Ints,
    probabilities: Floats,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    n_jobs: int = 1,
    apart: int = 0,
) -> PermutationTest:
    """Test by drawing the group of each unit anew, from the probabilities that it had.

    Parameters
    ----------
    statistic, codes, n_resamples, rng, n_jobs, apart
        As in `permutation_test`.
    probabilities : ndarray of float, shape (unit, group)
        Probabilities of the groups; a row sums to 1.

    Returns
    -------
    PermutationTest
        p-values; NaN where none was drawn.
    """
    observed = statistic(codes[None, :].astype(_small(codes)))[0]
    edges = np.cumsum(probabilities, axis=1)[:, :-1]

    def batch(size: int, child: np.random.Generator) -> Floats:
        level = child.random((size, len(codes)))
        drawn = np.zeros(level.shape, dtype=_small(codes))
        for edge in edges.T:
            drawn += level >= edge
        return statistic(drawn)

    draws = np.empty((0, len(observed)))
    if n_resamples and len(codes):
        draws = _in_batches(batch, n_resamples, max(1, _BATCH // len(codes)), rng, n_jobs)
    return _compared(observed, draws, exact=False, count=math.inf, apart=apart)


def _in_batches(
    batch: Callable[[int, np.random.Generator], Floats],
    n_resamples: int,
    step: int,
    rng: np.random.Generator,
    n_jobs: int,
) -> Floats:
    """Statistics of so many draws, each batch with a child of the generator."""
    sizes = [min(step, n_resamples - start) for start in range(0, n_resamples, step)]
    parts = list(zip(sizes, rng.spawn(len(sizes)), strict=True))
    drawn = in_threads(lambda part: batch(*part), parts, n_jobs=n_jobs, what="Permutations")
    return np.concatenate(drawn)


def _compared(
    observed: Floats,
    draws: Floats,
    *,
    exact: bool,
    count: float,
    apart: int,
    tie: float = _TIE,
) -> PermutationTest:
    p_value, error = monte_carlo_p(observed, draws, exact=exact, tie=tie)
    largest = draws[:, apart:].max(axis=1, initial=-np.inf)[:, None]
    largest = np.broadcast_to(largest, (len(draws), len(observed) - apart))
    adjusted = monte_carlo_p(observed[apart:], largest, exact=exact, tie=tie)
    p_max, error_max = (
        np.concatenate([own[:apart], joint])
        for own, joint in zip((p_value, error), adjusted, strict=True)
    )
    return PermutationTest(observed, p_value, p_max, error, error_max, len(draws), exact, count)
