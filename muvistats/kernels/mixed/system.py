"""The random system of a generalised mixed model: first levels eliminated, what is left factored.

The table of the first levels beside the others has a cell for each pair of levels, such as a
participant and an item. Where most pairs never met, products take the others alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

from ...types import Floats, Ints
from .blocks import cholesky_of_blocks

#: Part of the cells of a table below which a product with those in use alone is faster.
_FEW = 0.15


class Cells(NamedTuple):
    """Cells of a table that are in use, row by row."""

    places: Ints  # in the flat table
    columns: Ints
    ends: Ints  # where each row begins, and the last one ends

    @classmethod
    def few(cls, places: Ints, shape: tuple[int, int]) -> Cells | None:
        """Distinct places in a flat table of that shape; None where they are not few."""
        used = np.unique(places)
        if len(used) > _FEW * shape[0] * shape[1]:
            return None
        rows, columns = np.divmod(used, max(shape[1], 1))
        return cls(used, columns, np.searchsorted(rows, np.arange(shape[0] + 1)))


@dataclass(frozen=True)
class System:
    """A random system [[A, B], [B', C]] + I with A block-diagonal, factored.

    Parameters
    ----------
    root : ndarray of float, shape (m, k, k)
        Inverse of the Cholesky factor of each block of A + I.
    cross : ndarray of float, shape (m * k, w)
        B, after the blocks were eliminated.
    used, turned : ndarray of float or sparse array
        The same for products, and its transpose: without cells that are not in use, where those
        in use are few.
    lower : ndarray of float, shape (w, w)
        Cholesky factor of what is left of C + I.
    """

    root: Floats
    cross: Floats
    used: Any
    turned: Any
    lower: Floats

    @property
    def log_det(self) -> float:
        """Log determinant of the whole."""
        first = float(np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum())
        return 2 * (float(np.log(np.diag(self.lower)).sum()) - first)

    @classmethod
    def of(cls, own: Floats, cross: Floats, inner: Floats, cells: Cells | None) -> System:
        """Factor a system."""
        root = cholesky_of_blocks(own)[1]
        reduced = _times(root, cross)
        used = _in_use(reduced, cells)
        turned = used.T
        left = inner - turned @ reduced
        left.flat[:: len(left) + 1] += 1.0
        rest, failed = linalg.lapack.dpotrf(left, lower=1) if len(left) else (left, 0)
        if failed:
            raise np.linalg.LinAlgError("the random system is not positive definite")
        return cls(root, reduced, used, turned, rest)

    def solve(self, right: Floats) -> Floats:
        """Solution of the system."""
        head = len(self.cross)
        first = _times(self.root, right[:head, None])[:, 0]
        rest = right[head:] - self.turned @ first
        if len(rest):
            rest = linalg.lapack.dpotrs(self.lower, rest, lower=1)[0]
        left = first - self.used @ rest
        return np.concatenate([_times(self.root.transpose(0, 2, 1), left[:, None])[:, 0], rest])

    def inverse(self) -> tuple[Floats, Floats, Floats]:
        """Inverse: blocks within the first levels, those beside the others, the others."""
        m, k = self.root.shape[:2]
        back = self.root.transpose(0, 2, 1)
        own = back @ self.root
        if not len(self.lower):
            return own, self.cross, self.lower
        inner = linalg.lapack.dpotri(self.lower, lower=1)[0]
        inner = inner + inner.T  # nothing stood above the diagonal
        inner.flat[:: len(inner) + 1] /= 2
        turned = _times(back, self.cross)
        side = _times(back, self.used @ inner)
        if k == 1:
            own = own + np.einsum("ij,ij->i", side, turned)[:, None, None]
        else:
            own = own + side.reshape(m, k, -1) @ turned.reshape(m, k, -1).transpose(0, 2, 1)
        return own, -side, inner


def _in_use(table: Floats, cells: Cells | None) -> Any:
    """A table for products, without the cells that are not in use."""
    if cells is None:
        return table
    values = table.ravel()[cells.places]
    return sparse.csr_array((values, cells.columns, cells.ends), shape=table.shape)


def _times(blocks: Floats, table: Floats) -> Floats:
    """A block-diagonal matrix times a table."""
    m, k = blocks.shape[:2]
    if k == 1:
        return blocks[:, 0] * table
    return np.asarray((blocks @ table.reshape(m, k, -1)).reshape(table.shape))
