"""Sums of products over crossed clusters, for many arrangements of groups at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...types import Floats, Ints
from .arrangements import indicator

#: From so many rows on draws are summed in single precision; ties are no matter then.
_MANY = 4096

#: Rows, and indicators of groups, whose products are held at once.
_ROWS, _INDICATORS = 2048, 256

#: Clusters of one block differ in size by no more than this factor.
_ALIKE = 1.25


class Sums(NamedTuple):
    """Sums of one batch of arrangements, each (arrangement, group, column).

    With z the indicator of a group, e its expectation and r the values: ``total`` is the sum of
    (z - e) r, ``by`` those of its squared sums over the clusters of each kind, and ``taken`` the
    sum over clusters of the first kind of the squared sum of z - e, weighted. ``single`` is
    the sum of squares of (z - s) r, s being the share of the group in all, less what it is
    expected to have beyond the sum of squares of (z - e) r.
    """

    total: Floats
    single: Floats
    by: list[Floats]
    taken: Floats

    @classmethod
    def empty(cls, shape: tuple[int, int, int], kinds: int) -> Sums:
        """Zeros."""
        total, single, taken, *by = (np.zeros(shape) for _ in range(kinds + 3))
        return cls(total, single, by, taken)

    def part(self, some: slice) -> Sums:
        """Some arrangements, as views."""
        return Sums(
            self.total[some], self.single[some], [by[some] for by in self.by], self.taken[some]
        )


class _Block(NamedTuple):
    """Clusters of like size: units, values, and what is added where nobody is in a group."""

    units: Ints  # (cluster, place), the number of units for places that are not needed
    values: Any  # (cluster, column + 1, place + group - 1): r and 1, then sums of -e r and -e
    squares: Any  # (column, cluster * (place + group - 1)): r^2, then 0
    weight: Any  # (column, cluster)


class ClusterSums:
    """Sums of ``(z - e) r`` over rows and over clusters of several kinds.

    Parameters
    ----------
    values : ndarray of float, shape (row, column)
        Values r.
    expected : ndarray of float, shape (row, group)
        Expected share e of each group, two groups or more; a row sums to 1.
    unit : ndarray of int, shape (row,)
        Unit of each row; units change groups.
    clusters : sequence of ndarray of int, each shape (row,)
        Clusters of each kind, coded from 0 without gaps.
    weight : ndarray of float, shape (cluster of the first kind, column), optional
        Weights of what is `taken`; 0 where not given.
    """

    def __init__(
        self,
        values: Floats,
        expected: Floats,
        unit: Ints,
        clusters: Sequence[Ints],
        weight: Floats | None = None,
    ) -> None:
        self._values, self._expected, self._unit = values, expected, unit
        self._clusters, self._weight = clusters, weight
        share = expected.mean(axis=0)
        self._slope = (1 - 2 * share)[:, None]
        self._level = np.einsum("ng,nj->gj", 2 * share * expected - expected**2, values**2)
        self._squares = (values**2).sum(axis=0)
        self._fast = self._blocks(np.float32 if len(values) >= _MANY else np.float64)

    def __call__(self, codes: Ints) -> Sums:
        """Sums of arrangements, int (arrangement, unit)."""
        kinds, n = self._fast, len(codes)
        if n == 1 and len(self._values) >= _MANY:
            kinds = self._blocks(np.float64)
        k = self._expected.shape[1]
        out = Sums.empty((n, k, self._values.shape[1]), len(kinds))
        step = max(1, _INDICATORS // (k - 1))
        units = np.full((codes.shape[1] + 1, min(step, n)), -1, dtype=codes.dtype)
        for start in range(0, n, step):
            part = out.part(slice(start, start + step))
            drawn = units[:, : len(part.total)]
            drawn[:-1] = codes[start : start + step].T
            for kind, blocks in enumerate(kinds):
                for block in blocks:
                    _add(part, kind, block, drawn)
        out.total[:, -1] = -out.total[:, :-1].sum(axis=1)
        out.single[:, -1] = self._squares - out.single[:, :-1].sum(axis=1)
        out.single[:] = self._slope * out.single + self._level
        return out

    def _blocks(self, dtype: Any) -> list[list[_Block]]:
        return [list(self._blocks_of(kind, dtype)) for kind in range(len(self._clusters))]

    def _blocks_of(self, kind: int, dtype: Any) -> Iterator[_Block]:
        codes, n_units = self._clusters[kind], int(self._unit.max(initial=-1)) + 1
        values = np.column_stack([self._values, np.ones(len(codes))])
        matrix = indicator(codes)
        offset = np.stack([matrix @ (-e[:, None] * values) for e in self._expected.T[:-1]], axis=2)
        padded = np.concatenate([values, np.zeros((1, values.shape[1]))])
        units, none = np.append(self._unit, n_units), np.zeros((0, 0))
        weight = np.zeros((len(offset), 1)) if self._weight is None else self._weight
        for clusters, rows in alike(codes):
            inside = padded[rows].transpose(0, 2, 1)  # (cluster, column + 1, place)
            squares = np.zeros((*inside.shape[:2], inside.shape[2] + offset.shape[2]))
            squares[:, :, : inside.shape[2]] = inside**2
            first = kind == 0
            yield _Block(
                units[rows],
                np.concatenate([inside, offset[clusters]], axis=2).astype(dtype),
                squares[:, :-1].transpose(1, 0, 2).reshape(len(squares[0]) - 1, -1).astype(dtype)
                if first
                else none,
                weight[clusters].T.astype(dtype) if first else none,
            )


def _add(out: Sums, kind: int, block: _Block, drawn: Ints) -> None:
    """Add what a block of clusters has; totals and single rows without the last group."""
    (m, places), k, n = block.units.shape, out.total.shape[1], drawn.shape[1]
    z = np.empty((m, places + k - 1, k - 1, n), dtype=block.values.dtype)
    groups = np.arange(k - 1, dtype=drawn.dtype)[:, None]
    np.equal(drawn[block.units][:, :, None], groups, out=z[:, :places], casting="unsafe")
    z[:, places:] = np.eye(k - 1)[:, :, None]  # each group has its offset
    z = z.reshape(m, places + k - 1, -1)
    sums = (block.values @ z).reshape(m, -1, k - 1, n)
    values, ones = sums[:, :-1], sums[:, -1]
    for g, h in itertools.combinations_with_replacement(range(k - 1), 2):
        products = np.einsum("cja,cja->aj", values[:, :, g], values[:, :, h])
        taken = (block.weight @ (ones[:, g] * ones[:, h])).T if kind == 0 else 0.0
        if g == h:
            out.by[kind][:, g] += products
            out.taken[:, g] += taken
        twice = 1 if g == h else 2  # the last group has the negative sum of the others
        out.by[kind][:, -1] += twice * products
        out.taken[:, -1] += twice * taken
    if kind == 0:
        out.total[:, :-1] += values.sum(axis=0).transpose(2, 1, 0)
        single = block.squares @ z.reshape(-1, z.shape[2])
        out.single[:, :-1] += single.reshape(-1, k - 1, n).transpose(2, 1, 0)


def alike(codes: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of clusters of like size, and the rows of each; the row count fills up."""
    sizes = np.bincount(codes)
    rows = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    order = np.argsort(sizes, kind="stable")
    ordered = sizes[order]
    place = int(np.searchsorted(ordered, 1))
    while place < len(order):
        stop = int(np.searchsorted(ordered, ordered[place] * _ALIKE, side="right"))
        stop = min(stop, place + max(1, _ROWS // int(ordered[place])))
        some = order[place:stop]
        size = sizes[some][:, None]
        at = np.arange(int(ordered[stop - 1]))
        index = rows[np.minimum(starts[some][:, None] + at, len(rows) - 1)]
        yield some, np.where(at < size, index, len(codes))
        place = stop
