"""Exact order statistics of more values than fit into memory, in passes over blocks.

Values on a known scale are counted in fine bins. A second pass collects the values of the few
bins that hold a wanted order statistic, equal values once. Were these still too many, the bins
would be cut finer first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Floats, Ints

#: Every cut divides a bin into this many, as a power of two.
_BITS = 14

#: Cuts after which a bin is as narrow as the rounding error of its values.
_DEEPEST = 4

#: Distinct values that are collected at most.
_LIMIT = 4_000_000

#: Distinct values of some bins: bin (position among the wanted ones), group, value and how often.
Collected = tuple[Ints, Ints, Floats, Ints]


@dataclass(frozen=True)
class BinSearch:
    """Bins that are counted next: the wanted ones of the cut before.

    Parameters
    ----------
    low, high : float
        Ends of the scale; values beyond them belong to the first and last bin.
    depth : int
        Number of cuts that made the bins.
    bins : ndarray of int, shape (bin,)
        The bins, in order.
    below : ndarray of int, shape (group, bin)
        Values of each group below each bin.
    """

    low: float
    high: float
    depth: int
    bins: Ints
    below: Ints

    @classmethod
    def start(cls, low: float, high: float, n_groups: int) -> BinSearch:
        """One bin that holds everything."""
        return cls(low, high, 0, np.zeros(1, np.int64), np.zeros((n_groups, 1), np.int64))

    @property
    def deepest(self) -> bool:
        """Whether bins cannot be cut further."""
        return self.depth == _DEEPEST

    def cut(self, counts: Ints, sets: list[Ints], ranks: list[Ints]) -> BinSearch:
        """Keep the finer bins that hold a wanted order statistic.

        Parameters
        ----------
        counts : ndarray of int, shape (group, bin, finer bin)
            `bin_counts` of all values.
        sets : list of ndarray of int
            Groups that are taken together.
        ranks : list of ndarray of int
            Positions wanted in each set, from 0.

        Returns
        -------
        BinSearch
            The search one cut deeper.
        """
        below = self.below[:, :, None] + np.cumsum(counts, axis=-1) - counts
        below = below.reshape(len(below), -1)
        bins = ((self.bins[:, None] << _BITS) + np.arange(1 << _BITS)).ravel()
        found = [
            np.searchsorted(below[groups].sum(axis=0), wanted, side="right") - 1
            for groups, wanted in zip(sets, ranks, strict=True)
        ]
        keep = np.unique(np.concatenate(found)).astype(np.int64)
        return BinSearch(self.low, self.high, self.depth + 1, bins[keep], below[:, keep])

    def near(self, values: Floats) -> Floats:
        """Values that share the first cut with a wanted bin: nearly all others are done with."""
        if self.depth == 0:
            return values
        wanted = np.zeros(1 << _BITS, dtype=bool)
        wanted[self.bins >> _BITS * (self.depth - 1)] = True
        close: Floats = values[wanted[self.place(values, 1)]]
        return close

    def place(self, values: Floats, depth: int) -> Ints:
        """Bin of each value after so many cuts; larger values never have a smaller bin."""
        n_bins = 1 << (_BITS * depth)
        place = values - self.low
        place *= n_bins / (self.high - self.low)
        bins = place.astype(np.int64)
        return np.clip(bins, 0, n_bins - 1, out=bins)

    def order_statistics(self, found: Collected, groups: Ints, ranks: Ints) -> Floats:
        """Values at some positions of a set of groups, from what was collected.

        Parameters
        ----------
        found : tuple of ndarray
            `collect` of all values.
        groups, ranks : ndarray of int
            The set, and the positions, from 0.

        Returns
        -------
        ndarray of float, shape (rank,)
            The values.
        """
        position, group, values, counts = found
        use = np.isin(group, groups)
        position, values, counts = position[use], values[use], counts[use]
        order = np.lexsort((values, position))
        below = self.below[groups].sum(axis=0)
        first = np.searchsorted(position[order], np.arange(len(self.bins)))
        running = np.cumsum(counts[order])
        which = np.searchsorted(below, ranks, side="right") - 1
        before = np.concatenate([[0], running])[first[which]]
        place = np.searchsorted(running, before + ranks - below[which], side="right")
        out: Floats = values[order][place]
        return out


def quantile_ranks(n: int, shares: Floats) -> tuple[Ints, Ints, Floats]:
    """Neighbours between which quantiles of n values lie, and how far (linear interpolation).

    Parameters
    ----------
    n : int
        Number of values.
    shares : ndarray of float
        Shares of the values below the quantiles.

    Returns
    -------
    below, above : ndarray of int
        Positions in the ordered values, from 0.
    part : ndarray of float
        Way from one to the other, 0 to 1.
    """
    place = max(n - 1, 0) * shares
    low = np.floor(place).astype(np.int64)
    return low, np.minimum(low + 1, max(n - 1, 0)), place - low


def bin_counts(samples: Sequence[Floats], search: BinSearch) -> Ints:
    """Count values in the finer bins of a search.

    Parameters
    ----------
    samples : sequence of ndarray of float
        Values of each group, without NaN.
    search : BinSearch
        Where to look.

    Returns
    -------
    ndarray of int, shape (group, bin, finer bin)
        Counts.
    """
    finer = 1 << _BITS
    out = np.zeros((len(samples), len(search.bins) * finer), dtype=np.int64)
    for values, counts in zip(samples, out, strict=True):
        code = search.place(search.near(values), search.depth + 1)
        if search.depth:
            position, inside = _positions(search.bins, code >> _BITS)
            code = (position[inside] << _BITS) + (code[inside] & (finer - 1))
        counts += np.bincount(code, minlength=len(counts))
    return out.reshape(len(samples), len(search.bins), finer)


def collect(samples: Sequence[Floats], search: BinSearch) -> Collected | None:
    """Values in the bins of a search, each once with how often it stands there.

    Parameters
    ----------
    samples : sequence of ndarray of float
        Values of each group, without NaN.
    search : BinSearch
        Where to look.

    Returns
    -------
    tuple of ndarray, or None
        Position of the bin, group, value and count; None where there are too many.
    """
    positions, groups, chosen = [], [], []
    for group, values in enumerate(samples):
        close = search.near(values)
        position, inside = _positions(search.bins, search.place(close, search.depth))
        positions.append(position[inside])
        groups.append(np.full(int(inside.sum()), group))
        chosen.append(close[inside])
    found = (np.concatenate(positions), np.concatenate(groups), np.concatenate(chosen))
    return _distinct(*found, np.ones(len(found[0]), dtype=np.int64), deepest=search.deepest)


def merge_collected(
    first: Collected | None, second: Collected | None, search: BinSearch
) -> Collected | None:
    """What two blocks have in the bins of a search; None where there are too many values."""
    if first is None or second is None:
        return None
    joined = tuple(np.concatenate(parts) for parts in zip(first, second, strict=True))
    return _distinct(*joined, deepest=search.deepest)


def _positions(bins: Ints, code: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Position of each code among the bins, and whether it is one of them."""
    position = np.minimum(np.searchsorted(bins, code), len(bins) - 1)
    return position, bins[position] == code


def _distinct(
    position: Ints, group: Ints, values: Floats, counts: Ints, *, deepest: bool
) -> Collected | None:
    order = np.lexsort((values, group, position))
    position, group, values = position[order], group[order], values[order]
    changes = (
        (np.diff(position) != 0) | (np.diff(group) != 0) | (values[1:] != values[:-1])
    ).nonzero()[0] + 1
    first = np.concatenate([np.zeros(min(len(values), 1), dtype=np.int64), changes])
    if len(first) > _LIMIT and not deepest:
        return None
    totals = np.add.reduceat(counts[order], first) if len(first) else counts[:0]
    return position[first], group[first], values[first], totals
