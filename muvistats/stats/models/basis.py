"""Columns that a model is fitted on: orthonormal, so that origin, unit and coding say nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from ...errors import DesignError
from ...formula import Design
from ...kernels.mixed.blocks import RandomBlock, lambda_factors
from ...kernels.mixed.separation import independent_columns
from ...types import Floats
from ...workers import few_threads


@dataclass(frozen=True)
class Basis:
    """Orthonormal columns of a fixed part, and the way back.

    Parameters
    ----------
    kept : ndarray of int
        Fixed columns that are estimated; the others are combinations of them.
    columns : ndarray of float, shape (n, p)
        What is fitted: each of mean square 1, orthogonal to the others.
    back : ndarray of float, shape (p, p)
        Turns its coefficients to those of the kept columns.
    """

    kept: npt.NDArray[np.intp]
    columns: Floats
    back: Floats

    def left_out(self, design: Design) -> list[str]:
        """That columns are left out and which, where they are."""
        kept = set(self.kept.tolist())
        gone = [name for i, name in enumerate(design.fixed.names) if i not in kept]
        return [f"left out as combinations of other columns: {', '.join(gone)}"] if gone else []


@few_threads(0)
def basis_of(design: Design, root: Floats | None = None) -> Basis:
    """Orthonormal columns that span what the fixed columns of a design span.

    Parameters
    ----------
    design : Design
        The design.
    root : ndarray of float, shape (n,), optional
        Factor of each row: the root of its weight.
    """
    _check_units(design.fixed.names, design.fixed.matrix)
    for part in design.random:
        _check_units(part.names, part.columns)
    own = design.fixed.matrix
    centred = design.centred()
    kept = independent_columns(centred)
    if len(kept) == own.shape[1]:
        # each own column as a combination of the centred ones
        turn = np.linalg.inv(linalg.lstsq(centred, own)[0])
    else:
        kept = independent_columns(own)
        centred, turn = own[:, kept], np.eye(len(kept))
    if root is not None:
        centred = centred * root[:, None]
    size = np.sqrt(len(own))
    columns, upper = linalg.qr(centred, mode="economic")
    back = size * linalg.solve_triangular(upper, np.eye(len(kept)))
    return Basis(kept, columns * size, turn @ back)


def _check_units(names: list[str], columns: Floats) -> None:
    """Refuse numbers whose squares are no numbers."""
    largest = np.abs(columns).max(axis=0)
    for name, size in zip(names, largest, strict=True):
        if size > 0 and not 1e-150 < size < 1e150:
            raise DesignError(
                f"numbers of {name!r} reach {size:.2g}, whose square is no number: give them in "
                "another unit"
            )


def turned_block(block: RandomBlock) -> tuple[RandomBlock, Floats]:
    """A random block with orthonormal columns, and the matrix that turns its effects back.

    Columns are taken off each other twice (Gram and Schmidt): after the first time a number far
    from 0 has kept all digits of its spread.
    """
    out = np.array(block.columns)
    back = np.eye(out.shape[1])
    size = np.sqrt((out**2).mean(axis=0))
    for j in range(out.shape[1]):
        for i in (*range(j), *range(j)):
            share = (out[:, i] * out[:, j]).mean()
            out[:, j] -= share * out[:, i]
            back[:, j] -= share * back[:, i]
        spread = np.sqrt((out[:, j] ** 2).mean())
        if spread <= 1e-13 * size[j]:  # collinear: what is left is rounding
            back = np.diag(1 / np.where(size > 0, size, 1.0))
            return RandomBlock(block.columns @ back, block.codes, block.n_levels), back
        out[:, j] /= spread
        back[:, j] /= spread
    return RandomBlock(out, block.codes, block.n_levels), back


def turned_theta(theta: Floats, blocks: list[RandomBlock], backs: list[Floats]) -> Floats:
    """Covariance factors of turned blocks as those of the blocks themselves."""
    parts = []
    for factor, back in zip(lambda_factors(theta, blocks), backs, strict=True):
        lower = np.linalg.qr((back @ factor).T)[1].T
        lower = lower * np.where(np.diag(lower) < 0, -1.0, 1.0)
        parts.append(lower[np.tril_indices(len(lower))])
    return np.concatenate(parts)
