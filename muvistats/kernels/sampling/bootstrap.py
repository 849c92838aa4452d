"""Bootstrap of finished values: means under resampling of items, participants or both."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ...progress import in_parts
from ...types import Floats, Ints

#: Weights of units in one batch of resamples.
_BATCH = 2_000_000

#: Draws that are counted at once: their counts fit the processor's cache.
_COUNTED = 65_536


def bootstrap_means(
    values: Floats,
    units: tuple[Ints, ...],
    *,
    groups: Ints,
    n_groups: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Means of groups of values when whole units are drawn with replacement.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Finished values without NaN, for example one concordance per annotation.
    units : tuple of one or two ndarray of int, each shape (n,)
        Units that are resampled, coded from 0. With two of them, for example items and
        participants, each is drawn on its own and a value counts as often as both its units
        together: the pigeonhole bootstrap.
    groups : ndarray of int, shape (n,)
        Group of each value.
    n_groups, n_resamples : int
        Numbers.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of float, shape (n_resamples, n_groups)
        Weighted means; NaN where a group was not drawn at all.
    """
    sums = bootstrap_sums(
        np.concatenate([values, np.ones(len(values))]),
        tuple(np.tile(unit, 2) for unit in units),
        groups=np.concatenate([groups, groups + n_groups]),
        n_groups=2 * n_groups,
        n_resamples=n_resamples,
        rng=rng,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[:, :n_groups] / sums[:, n_groups:])


def bootstrap_sums(
    values: Floats,
    units: tuple[Ints, ...],
    *,
    groups: Ints,
    n_groups: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Sums of groups of values when whole units are drawn with replacement.

    Parameters
    ----------
    values, units, groups, n_groups, n_resamples, rng
        As in `bootstrap_means`; values of 0 take no time.

    Returns
    -------
    ndarray of float, shape (n_resamples, n_groups)
        Weighted sums; 0 where a group was not drawn at all.
    """
    first, *rest = units
    second = rest[0] if rest else np.zeros(len(values), dtype=np.int64)
    n_first, n_second = (int(unit.max()) + 1 if len(unit) else 0 for unit in (first, second))
    sizes = [n_first, n_second]
    row, column = (unit.astype(np.int32) for unit in (first, second))
    tables = [  # sums of values by first and second unit, for each group
        csr_array((values[use], (row[use], column[use])), shape=(n_first, n_second))
        for use in ((groups == group) & (values != 0) for group in range(n_groups))
    ]
    out = np.empty((n_resamples, n_groups))
    for some in in_parts(n_resamples, _BATCH // max(sum(sizes), 1), "Resamples"):
        count = some.stop - some.start
        drawn = [_drawn(size, count, rng) for size in sizes[: len(units)]]
        often = drawn[1] if rest else np.ones((1, count))
        out[some] = np.stack(
            [np.einsum("uc,uc->c", drawn[0], table @ often) for table in tables], axis=1
        )
    return out


def _drawn(size: int, count: int, rng: np.random.Generator) -> Floats:
    """How often each of some units comes when as many are drawn, shape (unit, resample).

    Multinomial numbers, from the draws themselves: counting these takes a fraction of the time.
    """
    chosen = rng.integers(size, size=(count, size), dtype=np.int32)
    out = np.empty((count, size))
    rows = max(1, _COUNTED // size)
    for start in range(0, count, rows):
        part = chosen[start : start + rows]
        place = part + size * np.arange(len(part))[:, None]
        times = np.bincount(place.ravel(), minlength=part.size)
        out[start : start + rows] = times.reshape(part.shape)
    return np.ascontiguousarray(out.T)


def percentile_interval(draws: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Percentile limits along the first axis, over draws that are not NaN.

    Parameters
    ----------
    draws : ndarray of float, shape (n_resamples, ...)
        Resampled estimates.
    conf_level : float
        Confidence level.

    Returns
    -------
    low, high : ndarray of float, shape (...)
        Limits; NaN where fewer than nine in ten draws are defined, and everywhere without draws.
    """
    if not len(draws):
        nothing = np.full(draws.shape[1:], np.nan)
        return nothing, nothing
    defined = ~np.isnan(draws)
    enough = defined.mean(axis=0) >= 0.9
    safe = np.where(enough, draws, 0.0)
    tails = [(1 - conf_level) / 2, (1 + conf_level) / 2]
    low, high = np.nanquantile(safe, tails, axis=0)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)
