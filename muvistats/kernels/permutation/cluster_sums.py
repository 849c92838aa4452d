"""Sums of products over crossed clusters, for many arrangements of groups at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...progress import in_parts
from ...types import Floats, Ints, Mask
from .arrangements import indicator
from .dealt import Deal

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
    squares: Any  # (column, cluster * (place + group - 1)): r^2, then 0; of the second kind
    weight: Any  # (column, cluster); of the first kind


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
    clusters : sequence of two ndarray of int, each shape (row,)
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
        n, kinds = len(codes), self._fast
        if n == 1 and len(self._values) >= _MANY:
            kinds = self._blocks(np.float64)
        out = self._empty(n)
        for some, drawn in self._batches(n, lambda some: codes[some].T):
            for kind, blocks in enumerate(kinds):
                for block in blocks:
                    _add(out.part(some), kind, block, drawn)
        return self._whole(out)

    def dealt(self, deal: Deal) -> Sums:
        """Sums of all arrangements of a deal; clusters of the second kind lie within bundles."""
        n, k, columns = deal.n_resamples, self._expected.shape[1], self._values.shape[1]
        out = self._empty(n)
        for some, drawn in self._batches(n, deal.codes):
            for block in self._fast[0]:
                _add(out.part(some), 0, block, drawn)
        bundle = np.empty(int(self._clusters[1].max()) + 1, dtype=np.intp)
        bundle[self._clusters[1]] = deal.bundle[self._unit]
        tables = []
        for number in range(deal.n_bundles):
            units, cards = deal.of_bundle(number)
            blocks = list(self._blocks_of(1, np.float32, bundle == number, units))
            card = self._empty(deal.n_cards)
            for some, drawn in self._batches(deal.n_cards, partial(_columns, cards)):
                for block in blocks:
                    _add(card.part(some), 1, block, drawn)
            table = np.concatenate([card.total, card.single, card.by[1]], axis=1)
            tables.append(table.reshape(deal.n_cards, -1))
        parts = deal.drawn(tables).reshape(n, 3, k, columns).transpose(1, 0, 2, 3)
        out.total[:], out.single[:], out.by[1][:] = parts
        return self._whole(out)

    def _empty(self, n: int) -> Sums:
        return Sums.empty((n, self._expected.shape[1], self._values.shape[1]), 2)

    def _batches(self, n: int, codes: Callable[[slice], Ints]) -> Iterator[tuple[slice, Ints]]:
        """Groups of units in some arrangements, and no group for places that are not needed."""
        size = _INDICATORS // (self._expected.shape[1] - 1)
        for some in in_parts(n, size, "Permutations"):
            drawn = codes(some)
            yield some, np.concatenate([drawn, np.full((1, drawn.shape[1]), -1, drawn.dtype)])

    def _whole(self, out: Sums) -> Sums:
        """Sums with those of the last group."""
        out.total[:, -1] = -out.total[:, :-1].sum(axis=1)
        out.single[:, -1] = self._squares - out.single[:, :-1].sum(axis=1)
        out.single[:] = self._slope * out.single + self._level
        return out

    def _offset(self, kind: int) -> Floats:
        """Sums of -e r and -e over clusters, (cluster, column + 1, group), without the last."""
        values = np.column_stack([self._values, np.ones(len(self._values))])
        matrix = indicator(self._clusters[kind])
        parts = [matrix @ (-e[:, None] * values) for e in self._expected.T[:-1]]
        return np.stack(parts, axis=2)

    def _blocks(self, dtype: Any) -> list[list[_Block]]:
        return [list(self._blocks_of(kind, dtype)) for kind in range(len(self._clusters))]

    def _blocks_of(
        self, kind: int, dtype: Any, within: Mask | None = None, units: Ints | None = None
    ) -> Iterator[_Block]:
        """Blocks of all clusters of a kind, or of those within a bundle that has some units."""
        codes, n_units = self._clusters[kind], int(self._unit.max(initial=-1)) + 1
        values = np.column_stack([self._values, np.ones(len(codes))])
        offset = self._offset(kind)
        padded = np.concatenate([values, np.zeros((1, values.shape[1]))])
        place = np.arange(n_units + 1)
        if units is not None:
            place[:] = len(units)
            place[units] = np.arange(len(units))
        row = place[np.append(self._unit, n_units)]
        none = np.zeros((0, 0))
        weight = np.zeros((len(offset), 1)) if self._weight is None else self._weight
        for clusters, rows in alike(codes, within):
            inside = padded[rows].transpose(0, 2, 1)  # (cluster, column + 1, place)
            squares = np.zeros((*inside.shape[:2], inside.shape[2] + offset.shape[2]))
            squares[:, :, : inside.shape[2]] = inside**2
            yield _Block(
                row[rows],
                np.concatenate([inside, offset[clusters]], axis=2).astype(dtype),
                squares[:, :-1].transpose(1, 0, 2).reshape(len(squares[0]) - 1, -1).astype(dtype)
                if kind == 1
                else none,
                weight[clusters].T.astype(dtype) if kind == 0 else none,
            )


def _columns(cards: Ints, some: slice) -> Ints:
    return cards[:, some]


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
        products = np.einsum("cja,cja->ja", values[:, :, g], values[:, :, h]).T
        _add_products(out.by[kind], g, h, products)
        if kind == 0:
            _add_products(out.taken, g, h, (block.weight @ (ones[:, g] * ones[:, h])).T)
    if kind == 1:
        out.total[:, :-1] += values.sum(axis=0).transpose(2, 1, 0)
        single = block.squares @ z.reshape(-1, z.shape[2])
        out.single[:, :-1] += single.reshape(-1, k - 1, n).transpose(2, 1, 0)


def _add_products(out: Floats, g: int, h: int, products: Floats) -> None:
    """Add products of the sums of two groups, each but the last, to squares of each group."""
    if g == h:
        out[:, g] += products
    out[:, -1] += products if g == h else 2 * products  # the last has the others' negative sum


def alike(codes: Ints, within: Mask | None = None) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of clusters of like size, and the rows of each; the row count fills up."""
    sizes = np.bincount(codes)
    rows = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    order = np.argsort(sizes, kind="stable")
    order = order if within is None else order[within[order]]
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
