"""Permutation tests: what is rearranged, how often, and the statistics of ranks.

Values are freed of additive effects, groups of units are rearranged within strata, all ways or at
random, and a statistic of each arrangement is set beside that of the one observed. Statistics of
ranks stand here too, since a test and its statistic call each other; those of labels have a file
of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from ...types import Floats, Ints
from .crossed_ranks import Statistic, directed
from .decks import Decks

#: Codes of units in one batch of arrangements; batches do not depend on the number of workers.
_BATCH = 500_000

#: From so many codes, and strata in which units can move, on arrangements are dealt from decks, so
#: many at once.
_DEAL, _DECKS, _HAND = 10_000_000, 40, 128

#: Statistics that differ by less than this part of themselves are equal.
_TIE = 1e-9

#: Sweeps after which an unconnected or badly balanced design is taken as it is.
_SWEEPS = 500

#: Largest mean that is left in a level, as part of the spread of the values.
_TOLERANCE = 1e-10

#: Smallest variance of a group of clusters, as part of the variance of independent values.
_LEAST = 1e-9


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


def group_sums(codes: Ints, values: Floats, n_groups: int) -> Floats:
    """Sums of values of units over the groups, for many arrangements at once.

    Parameters
    ----------
    codes : ndarray of int, shape (arrangement, unit)
        Groups of the units.
    values : ndarray of float, shape (unit, column)
        Values of the units.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray of float, shape (arrangement, n_groups, column)
        Sums.
    """
    out = np.empty((len(codes), n_groups, values.shape[1]))
    total = values.sum(axis=0)
    for group in range(n_groups - 1):
        out[:, group] = (codes == group).astype(np.float64) @ values
    out[:, -1] = total - out[:, :-1].sum(axis=1)
    return out


def monte_carlo_p(observed: Floats, draws: Floats, *, exact: bool = False) -> tuple[Floats, Floats]:
    """Share of draws that are at least as large as what was observed, and its error.

    Parameters
    ----------
    observed : ndarray of float, shape (statistic,)
        Observed statistics.
    draws : ndarray of float, shape (draw, statistic)
        The same under the null. A draw that is NaN counts as larger.
    exact : bool
        Whether the draws are all possible ones, the observed one among them.

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
    limit = observed - _TIE * finite
    larger = (~(draws < limit)).sum(axis=0)
    p = larger / n if exact else (1 + larger) / (1 + n)
    error = np.zeros(len(p)) if exact else np.sqrt(p * (1 - p) / n)
    known = ~np.isnan(observed)
    return np.where(known, p, np.nan), np.where(known, error, np.nan)


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
    exact = 2 <= count <= n_resamples
    if count < 2 or n_resamples == 0:
        draws = np.empty((0, len(observed)))
    elif exact:
        every, step = all_arrangements(codes, strata), max(1, _BATCH // len(codes))
        draws = np.concatenate(
            [statistic(every[start : start + step]) for start in range(0, len(every), step)]
        )
    else:
        draws = _drawn(statistic, codes, strata, n_resamples, rng, n_jobs)
    return _compared(observed, draws, exact=exact, count=count, apart=apart)


def _drawn(
    statistic: Statistic,
    codes: Ints,
    strata: Ints,
    n_resamples: int,
    rng: np.random.Generator,
    n_jobs: int,
) -> Floats:
    """Statistics of random arrangements, dealt from decks where units and strata are many."""
    n_movable = int((np.bincount(strata) > 1).sum())
    if len(codes) * n_resamples < _DEAL or n_movable < _DECKS:
        return _in_batches(
            lambda size, child: statistic(draw_arrangements(codes, strata, size, child)),
            n_resamples,
            max(1, _BATCH // len(codes)),
            rng,
            n_jobs,
        )
    decks = Decks(codes, strata, rng.spawn(1)[0])
    return _in_batches(
        lambda size, child: statistic(decks.deal(size, child)), n_resamples, _HAND, rng, n_jobs
    )


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
    children = rng.spawn(len(sizes))
    if n_jobs == 1:
        return np.concatenate(list(map(batch, sizes, children)))
    with ThreadPoolExecutor(None if n_jobs < 1 else n_jobs) as pool:
        return np.concatenate(list(pool.map(batch, sizes, children)))


def _compared(
    observed: Floats, draws: Floats, *, exact: bool, count: float, apart: int
) -> PermutationTest:
    p_value, error = monte_carlo_p(observed, draws, exact=exact)
    largest = draws[:, apart:].max(axis=1, initial=-np.inf)[:, None]
    largest = np.broadcast_to(largest, (len(draws), len(observed) - apart))
    adjusted = monte_carlo_p(observed[apart:], largest, exact=exact)
    p_max, error_max = (
        np.concatenate([own[:apart], joint])
        for own, joint in zip((p_value, error), adjusted, strict=True)
    )
    return PermutationTest(observed, p_value, p_max, error, error_max, len(draws), exact, count)


# ------------------------------------------------------------------------- statistics of ranks


def _sums_of_units(ranks: Floats, row: Ints) -> tuple[Floats, Floats]:
    """Sum of centred ranks and number of rows of each unit."""
    size = int(row.max()) + 1
    total = np.bincount(row, ranks - ranks.mean(), size).astype(np.float64)
    return total, np.bincount(row, minlength=size).astype(np.float64)


def between_statistic(ranks: Floats, row: Ints, k: int) -> Statistic:
    """Kruskal and Wallis' H when units change groups.

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows.
    row : ndarray of int, shape (row,)
        Unit of each row.
    k : int
        Number of groups.

    Returns
    -------
    callable
        From groups of the units, (arrangement, unit), to H, (arrangement, 1).
    """
    columns = np.stack(_sums_of_units(ranks, row), axis=1)
    factor = (len(ranks) - 1) / ((ranks - ranks.mean()) ** 2).sum()

    def statistic(codes: Ints) -> Floats:
        sums = group_sums(codes, columns, k)
        h: Floats = (sums[..., 0] ** 2 / sums[..., 1]).sum(axis=1, keepdims=True) * factor
        return h

    return statistic


def difference_statistic(
    ranks: Floats, row: Ints, variance: float, alternative: str = "two-sided"
) -> Statistic:
    """Standardized difference of the mean ranks of two groups when units change groups.

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows, perhaps among further ones.
    row : ndarray of int, shape (row,)
        Unit of each row.
    variance : float
        Variance of the ranks.
    alternative : {"two-sided", "less", "greater"}
        Direction of the first group.

    Returns
    -------
    callable
        From groups of the units, (arrangement, unit), to Dunn's z, (arrangement, 1), turned so
        that large values speak against the null.
    """
    columns = np.stack(_sums_of_units(ranks, row), axis=1)

    def statistic(codes: Ints) -> Floats:
        sums = group_sums(codes, columns, 2)
        size = sums[..., 1]
        difference = sums[:, 0, 0] / size[:, 0] - sums[:, 1, 0] / size[:, 1]
        z = difference / np.sqrt(variance * (1 / size).sum(axis=1))
        return directed(z, alternative)[:, None]

    return statistic


def robust_statistic(ranks: Floats, row: Ints, k: int, alternative: str | None = None) -> Statistic:
    """Wald statistic of mean ranks with cluster-robust errors when clusters change groups.

    Parameters
    ----------
    ranks : ndarray of float, shape (row,)
        Midranks of the rows.
    row : ndarray of int, shape (row,)
        Cluster of each row, for example its participant; all its rows are in one group.
    k : int
        Number of groups.
    alternative : {"two-sided", "less", "greater"}, optional
        For two groups: their t instead of the Wald statistic, turned so that large values speak
        against the null.

    Returns
    -------
    callable
        From groups of the clusters, (arrangement, cluster), to the statistic, (arrangement, 1).

    Notes
    -----
    With the mean m of a group and the sums S of its clusters of n ranks, the variance of m is
    ``sum (S - n m)^2 / N^2``, that of least squares on group indicators with errors clustered,
    without a small-sample factor, which would not change p. The Wald statistic is
    ``sum_g (m_g - m)^2 / V_g``, m being the mean weighted by 1 / V.
    """
    total, size = _sums_of_units(ranks, row)
    columns = np.stack([total, size, total**2, total * size, size**2], axis=1)
    least = _LEAST * float(ranks.var())

    def statistic(codes: Ints) -> Floats:
        parts = np.moveaxis(group_sums(codes, columns, k), 2, 0)
        total, number = parts[0], parts[1]
        mean = total / number
        spread = (parts[2] - 2 * mean * parts[3] + mean**2 * parts[4]) / number**2
        spread = np.maximum(spread, least / number)
        if alternative is not None:
            t = (mean[:, 0] - mean[:, 1]) / np.sqrt(spread.sum(axis=1))
            return directed(t, alternative)[:, None]
        weight = 1 / spread
        square = (weight * mean**2).sum(axis=1) - (weight * mean).sum(axis=1) ** 2 / weight.sum(
            axis=1
        )
        return np.asarray(np.maximum(square, 0.0)[:, None])

    return statistic
