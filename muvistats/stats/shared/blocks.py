"""Means of blocks: an item, or a participant, at each level of a factor, as one case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...arguments import check_choice
from ...types import Floats, Ints, Mask
from .study import codes_of, groups_of, need, number_of, offered

BLOCKS = ("item", "participant")


@dataclass(frozen=True)
class Table:
    """Means of a response in each block at each level of a factor.

    Parameters
    ----------
    means : ndarray of float, shape (block, level)
        Means, NaN where a block has no value at a level.
    counts : ndarray of int, shape (block, level)
        Annotations behind them.
    levels : list of str
        Levels that hold a value, in the factor's order.
    n_rows : int
        Annotations that were offered, those without a value among them.
    """

    means: Floats
    counts: Ints
    levels: list[str]
    n_rows: int

    @property
    def _whole(self) -> Mask:
        return np.asarray((self.counts > 0).all(axis=1))

    @property
    def values(self) -> Floats:
        """Means of the blocks that have a value at every level."""
        return self.means[self._whole]

    @property
    def n(self) -> int:
        """Annotations in the blocks that have a value at every level."""
        return int(self.counts[self._whole].sum())

    @property
    def n_missing(self) -> int:
        """Annotations without a value or a level, or in a block that lacks one."""
        return self.n_rows - self.n


def table_of(frame: pd.DataFrame, response: str, by: str, block: str) -> Table:
    """Means of a response in each block at each level of a factor."""
    need(frame, check_choice("block", block, BLOCKS))
    part = offered(frame, by)
    groups = groups_of(part, response, by)
    blocks = codes_of(part[block])[groups.use]
    known = blocks >= 0
    shape = (int(blocks.max(initial=-1)) + 1, len(groups.levels))
    cells = blocks[known] * shape[1] + groups.codes[known]
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(cells, groups.values[known], shape[0] * shape[1]).reshape(shape)
    means = np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0)
    return Table(means, counts, groups.levels, len(part))


def means_of(frame: pd.DataFrame, expressions: Sequence[str], block: str) -> tuple[Floats, int]:
    """Means of numbers over the rows of each block that have them all, and how many rows these are.

    Returns
    -------
    means : ndarray of float, shape (block, expression)
        The means.
    n : int
        Rows that entered.
    """
    need(frame, check_choice("block", block, BLOCKS))
    columns = np.column_stack([number_of(text, frame).to_numpy() for text in expressions])
    blocks = codes_of(frame[block])
    use = np.isfinite(columns).all(axis=1) & (blocks >= 0)
    return pd.DataFrame(columns[use]).groupby(blocks[use]).mean().to_numpy(), int(use.sum())
