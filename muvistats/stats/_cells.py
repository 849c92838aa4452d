"""Annotations cell by cell: item x modality blocks of a study, in memory or from disk.

Annotations are stored sorted by item and modality, so the raters of a cell stand together. A
function over cells gets blocks of whole cells, one after the other, and never needs the whole
array; an array that dask holds is cut at the borders of cells and its blocks run where dask runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ..dataset.schema import decode_levels

__all__ = ["Cells", "over_cells"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Annotations in one block, about 50 MB of a dimension with 118 steps.
_BLOCK = 50_000


@dataclass(frozen=True)
class Cells:
    """The item x modality cells that hold annotations.

    Parameters
    ----------
    starts : ndarray of int, shape (cell,)
        First annotation of each cell.
    item, modality : ndarray of int, shape (cell,)
        Position in `items` and `modalities`.
    items, modalities : list of str
        Levels in the order of the study.
    keep : ndarray of bool, shape (annotation,)
        Annotations whose dynamics enter.
    """

    starts: Ints
    item: Ints
    modality: Ints
    items: list[str]
    modalities: list[str]
    keep: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, data: xr.DataTree) -> Cells:
        """Cells of a study."""
        annotations = data["annotations"]
        items = [str(name) for name in data["items/item"].to_numpy()]
        modalities = list(decode_levels(annotations["modality"].attrs["levels"]))
        item = pd.Index(items).get_indexer(pd.Index(annotations["item"].to_numpy()))
        modality = pd.Index(modalities).get_indexer(pd.Index(annotations["modality"].to_numpy()))
        cell = item.astype(np.int64) * len(modalities) + modality
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        keep = annotations["keep_dynamic"].to_numpy()
        return cls(starts, item[starts], modality[starts], items, modalities, keep)

    @property
    def of_annotation(self) -> Ints:
        """Cell of each annotation."""
        return np.repeat(np.arange(len(self.starts)), np.diff([*self.starts, len(self.keep)]))


def over_cells(
    values: xr.DataArray,
    cells: Cells,
    function: Callable[[Floats, Ints], tuple[npt.NDArray[Any], ...]],
) -> tuple[npt.NDArray[Any], ...]:
    """Apply a function to blocks of whole cells and join what it returns.

    Parameters
    ----------
    values : DataArray, dims (annotation, time)
        A dynamic dimension, in memory or held by dask.
    cells : Cells
        Its cells.
    function : callable
        Takes the values of a block, NaN where masked, and the first row of each of its cells;
        returns arrays whose first axis is annotations or cells.

    Returns
    -------
    tuple of ndarray
        The arrays, joined over blocks.
    """
    bounds = _bounds(cells.starts, len(cells.keep))
    sizes = np.diff(bounds)
    edges = np.searchsorted(cells.starts, bounds)
    tasks = [
        (cells.keep[low:high], cells.starts[first:last] - low)
        for low, high, first, last in zip(
            bounds[:-1], bounds[1:], edges[:-1], edges[1:], strict=True
        )
    ]
    values = values.transpose("annotation", "time")
    if values.chunks is None:
        blocks = np.split(values.to_numpy(), bounds[1:-1])
        results = [_run(block, *task, function) for block, task in zip(blocks, tasks, strict=True)]
    else:
        from dask.base import compute
        from dask.delayed import delayed

        pieces = values.data.rechunk({0: tuple(sizes.tolist()), 1: -1}).to_delayed().ravel()
        results = compute(  # type: ignore[no-untyped-call]
            *(
                delayed(_run)(block, *task, function)
                for block, task in zip(pieces, tasks, strict=True)
            )
        )
    return tuple(np.concatenate(parts) for parts in zip(*results, strict=True))


def _run(
    block: Floats,
    keep: npt.NDArray[np.bool_],
    starts: Ints,
    function: Callable[[Floats, Ints], tuple[npt.NDArray[Any], ...]],
) -> tuple[npt.NDArray[Any], ...]:
    masked = block if keep.all() else np.where(keep[:, None], block, np.nan)
    return function(masked, starts)


def _bounds(starts: Ints, n: int) -> list[int]:
    """Borders of blocks of about `_BLOCK` annotations, each at the border of a cell."""
    ends = np.append(starts[1:], n)
    block = (ends - 1) // _BLOCK
    return [0, *ends[np.flatnonzero(np.diff(block, append=block[-1] + 1))].tolist()]
