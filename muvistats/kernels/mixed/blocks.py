"""Random effects: blocks of one grouping factor, and blocks that stand inside one another.

A participant's reactions to three modalities belong to that participant alone: together with the
participant's own effect they are one block of four, and all participants are independent. Such
blocks are eliminated together; crossed factors are left for the dense system.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...types import Floats, Ints

#: Largest block of one level, and most numbers in all of them, that are worth eliminating.
_WIDEST = 32
_LARGEST = 4_000_000


@dataclass(frozen=True)
class RandomBlock:
    """Correlated random effects of one grouping factor.

    Parameters
    ----------
    columns : ndarray of float, shape (n, k)
        What varies between the levels.
    codes : ndarray of int, shape (n,)
        Level of each row, 0 to n_levels - 1.
    n_levels : int
        Number of levels.
    """

    columns: Floats
    codes: npt.NDArray[np.intp]
    n_levels: int

    @property
    def size(self) -> int:
        """Number of random effects of the block."""
        return int(self.n_levels * self.columns.shape[1])

    @property
    def matrix(self) -> sparse.csr_array:
        """Random columns, shape (n, n_levels * k), level by level."""
        n, k = self.columns.shape
        rows = np.repeat(np.arange(n), k)
        where = (self.codes[:, None] * k + np.arange(k)).ravel()
        matrix = sparse.csr_array((self.columns.ravel(), (rows, where)), shape=(n, self.size))
        matrix.eliminate_zeros()
        return matrix


def n_theta(blocks: Sequence[RandomBlock]) -> int:
    """Number of covariance parameters: the lower triangle of each block's factor."""
    return sum(b.columns.shape[1] * (b.columns.shape[1] + 1) // 2 for b in blocks)


@functools.cache
def triangle(k: int) -> tuple[Ints, Ints]:
    """Rows and columns of the lower triangle of a covariance factor, row by row."""
    rows, columns = np.tril_indices(k)
    for places in (rows, columns):
        places.flags.writeable = False  # they are shared
    return rows, columns


def lambda_factors(theta: Floats, blocks: Sequence[RandomBlock]) -> list[Floats]:
    """Relative covariance factor of each block, lower triangular, theta row by row."""
    factors = []
    at = 0
    for block in blocks:
        k = block.columns.shape[1]
        factor = np.zeros((k, k))
        size = k * (k + 1) // 2
        factor[triangle(k)] = theta[at : at + size]
        factors.append(factor)
        at += size
    return factors


def level_products(block: RandomBlock) -> Floats:
    """Cross product of a block's columns at each level, shape (n_levels, k, k)."""
    k = block.columns.shape[1]
    out = np.empty((block.n_levels, k, k))
    for i in range(k):
        for j in range(k):
            weight = block.columns[:, i] * block.columns[:, j]
            out[:, i, j] = np.bincount(block.codes, weight, block.n_levels)
    return out


def cholesky_of_blocks(blocks: Floats) -> tuple[Floats, Floats]:
    """Cholesky factor of each block plus the identity, and its inverse, shape (m, k, k)."""
    k = blocks.shape[1]
    if k == 1:
        lower = np.sqrt(blocks + 1.0)
        return lower, 1.0 / lower
    lower = np.asarray(np.linalg.cholesky(blocks + np.eye(k)), dtype=np.float64)
    return lower, np.asarray(np.linalg.inv(lower), dtype=np.float64)


@dataclass(frozen=True)
class Nest:
    """Blocks whose levels stand inside the levels of one of them.

    Parameters
    ----------
    members : list of int
        Which blocks.
    widths, repeats : list of int
        Columns of each member, and how often they stand side by side: once for each level inside.
    places : list of ndarray of int, shape (size of the member,)
        Where the effects of each member stand among those of the whole.
    block : RandomBlock
        All members side by side, at the levels of the coarsest; columns of levels that are not
        there are zero.
    """

    members: list[int]
    widths: list[int]
    repeats: list[int]
    places: list[Ints]
    block: RandomBlock

    def factor(self, factors: Sequence[Floats]) -> Floats:
        """Covariance factor of the whole, from those of all blocks."""
        if self.repeats == [1]:
            return factors[self.members[0]]
        width = self.block.columns.shape[1]
        whole, at = np.zeros((width, width)), 0  # scipy's block_diag takes a hundred times as long
        for i, k, times in zip(self.members, self.widths, self.repeats, strict=True):
            for start in range(at, at + k * times, k):
                whole[start : start + k, start : start + k] = factors[i]
            at += k * times
        return whole

    def split(self, whole: Floats) -> list[tuple[int, Floats]]:
        """A sum over the levels of the whole, as sums over the levels of each member."""
        parts, at = [], 0
        for i, k, times in zip(self.members, self.widths, self.repeats, strict=True):
            end = at + k * times
            own = whole[at:end, at:end].reshape(times, k, times, k)
            parts.append((i, np.asarray(np.einsum("tatb->ab", own))))
            at = end
        return parts


def nest_of(blocks: Sequence[RandomBlock]) -> Nest:
    """The blocks to eliminate: those of the nest that holds most random effects.

    Parameters
    ----------
    blocks : sequence of RandomBlock
        Random effects of a model, one block at least.

    Returns
    -------
    Nest
        A single block where none stands inside another.
    """
    nests = [_inside(base, blocks) for base in range(len(blocks))]
    return max(nests, key=lambda nest: sum(map(len, nest.places)))


def _inside(base: int, blocks: Sequence[RandomBlock]) -> Nest:
    """A block, and those that stand inside it, as long as the whole stays small."""
    coarse = blocks[base]
    n, m = len(coarse.codes), coarse.n_levels
    members: list[int] = []
    layout: list[tuple[int, int, int, Ints]] = []  # first column, width, repeats, outer levels
    total = 0
    for i in [base, *(i for i in range(len(blocks)) if i != base)]:
        outer = np.arange(m) if i == base else _outer_levels(blocks[i], coarse)
        if outer is None:
            continue
        k, times = blocks[i].columns.shape[1], int(np.bincount(outer, minlength=m).max())
        width = total + k * times
        if members and (width > _WIDEST or max(m * width**2, n * width) > _LARGEST):
            continue
        members.append(i)
        layout.append((total, k, times, outer))
        total = width
    columns = np.zeros((n, total))
    places: list[Ints] = []
    for i, (at, k, _, outer) in zip(members, layout, strict=True):
        own, levels, rank = at + np.arange(k), blocks[i].codes, _rank_inside(outer)
        columns[np.arange(n)[:, None], rank[levels][:, None] * k + own] = blocks[i].columns
        places.append((outer[:, None] * total + rank[:, None] * k + own).ravel())
    return Nest(
        members,
        [k for _, k, _, _ in layout],
        [times for _, _, times, _ in layout],
        places,
        RandomBlock(columns, coarse.codes, m),
    )


def _outer_levels(fine: RandomBlock, coarse: RandomBlock) -> Ints | None:
    """Level of the coarse block in which each level of the fine one stands; None if in several."""
    outer = np.full(fine.n_levels, -1, dtype=np.intp)
    outer[fine.codes] = coarse.codes
    stands = (outer >= 0).all() and (outer[fine.codes] == coarse.codes).all()
    return outer if stands else None


def _rank_inside(outer: Ints) -> Ints:
    """The how-maniest level of its outer level each level is, from 0."""
    order = np.argsort(outer, kind="stable")
    starts = np.searchsorted(outer[order], outer[order])
    rank = np.empty(len(outer), dtype=np.intp)
    rank[order] = np.arange(len(outer)) - starts
    return rank
