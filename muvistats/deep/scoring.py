"""Error and concordance of predictions, item by item."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..kernels.raters.agreement import ccc
from ..types import Floats
from .protocols import Protocol

#: Windows of a block in the released scripts, which take an item to have as many.
BLOCK = 111


class Scores(NamedTuple):
    """Scores of the predictions of one item."""

    rmse: float
    mse: float
    ccc: float


def item_scores(observed: Floats, fitted: Floats, *, protocol: Protocol) -> Scores:
    """Scores of the predictions of one item.

    Parameters
    ----------
    observed, fitted : ndarray of float, shape (time,)
        Gold standard and prediction.
    protocol : Protocol
        What the column `rmse` holds, and the divisor of the moments of the concordance.

    Returns
    -------
    Scores
        Error, on the scale of the target, its square, and concordance. A prediction that never
        moves has a concordance of 0; it is NaN where the gold standard does not move either.
    """
    mse = float(np.mean((observed - fitted) ** 2))
    agreement = float(ccc(observed, fitted, ddof=0 if protocol.moments == "n" else 1))
    return Scores(mse if protocol.rmse == "mse" else float(np.sqrt(mse)), mse, agreement)


def blocks(n: int, n_items: int) -> list[slice]:
    """Blocks of 111 windows in a row, one for each item, of `n` windows of the tested items.

    The first block lies within the first item where items have at least 111 windows; each later
    one begins before its own item does.
    """
    return [slice(BLOCK * k, min(BLOCK * (k + 1), n)) for k in range(n_items) if BLOCK * k < n]
