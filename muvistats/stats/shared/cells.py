"""Annotations cell by cell: item x modality blocks of a study, in memory or from disk.

Annotations are stored sorted by item and modality, so the raters of a cell stand together. A
function over cells gets blocks of whole cells, one after the other, and never needs the whole
array; an array that dask holds is cut at the borders of cells and its blocks run where dask runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...dataset.access import need_study
from ...dataset.schema import decode_levels
from ...types import Floats, Ints

#: Annotations in one block, about 20 MB of a dimension with 118 steps.
_BLOCK = 20_000


@dataclass(frozen=True)
class Cells:
    """The item x modality cells that hold annotations, or item x modality x session.

    Parameters
    ----------
    starts : ndarray of int, shape (cell,)
        First annotation of each cell.
    item, modality : ndarray of int, shape (cell,)
        Position in `items` and `modalities`.
    session : ndarray of int, shape (cell,)
        Session, where these have cells of their own; else 0.
    items, modalities : list of str
        Levels in the order of the study.
    keep : ndarray of bool, shape (annotation,)
        Annotations whose dynamics enter.
    """

    starts: Ints
    item: Ints
    modality: Ints
    session: Ints
    items: list[str]
    modalities: list[str]
    keep: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, data: xr.DataTree, *, sessions: bool = False) -> Cells:
        """Cells of a study; `sessions`, which stand together, have cells of their own if asked."""
        need_study(data)
        annotations = data["annotations"].dataset.variables
        items = data["items"].dataset.variables["item"].to_numpy().astype(str).tolist()
        modalities = list(decode_levels(annotations["modality"].attrs["levels"]))
        item, modality = (annotations[key].to_numpy() for key in ("item", "modality"))
        new_item = np.concatenate(
            [np.full(min(len(item), 1), fill_value=True), item[1:] != item[:-1]]
        )
        new_cell = new_item.copy()
        new_cell[1:] |= modality[1:] != modality[:-1]
        session = np.zeros(len(item), dtype=np.int64)
        if sessions and "session" in annotations:
            session = pd.factorize(annotations["session"].to_numpy())[0]
            new_cell[1:] |= session[1:] != session[:-1]
        starts = np.flatnonzero(new_cell)
        where = {name: number for number, name in enumerate(items)}
        position = np.array([where.get(name, -1) for name in item[new_item].tolist()], np.int64)
        code = np.zeros(len(starts), dtype=np.int64)
        for number, level in enumerate(modalities):
            code[modality[starts] == level] = number
        return cls(
            starts,
            position[np.cumsum(new_item[starts]) - 1],
            code,
            session[starts],
            items,
            modalities,
            annotations["keep_dynamic"].to_numpy(),
        )

    @property
    def sizes(self) -> Ints:
        """Annotations in each cell."""
        return np.diff(self.starts, append=len(self.keep))

    @property
    def of_annotation(self) -> Ints:
        """Cell of each annotation."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    @property
    def item_starts(self) -> Ints:
        """First annotation of each item, which has its cells one after the other."""
        return self.starts[np.flatnonzero(np.diff(self.item, prepend=-1))]


#: What a function over cells returns for a block: arrays of annotations, of cells, or of sums.
Result = tuple[npt.NDArray[Any], ...]

#: Takes the values of a block, NaN where masked, the first row of each of its cells and, where
#: asked for, what belongs to each of its annotations.
Function = Callable[..., Any]


def over_cells(
    values: xr.DataArray,
    cells: Cells,
    function: Function,
    *,
    rows: Ints | None = None,
    whole: Literal["cell", "item"] = "cell",
) -> Result:
    """Apply a function to blocks of whole cells and join what it returns.

    Parameters
    ----------
    values : DataArray, dims (annotation, time) or (annotation,)
        A rated dimension, in memory or held by dask. A static one is a single time step.
    cells : Cells
        Its cells.
    function : callable
        Takes the values of a block (annotation, time), NaN where masked, and the first row of
        each of its cells; returns arrays whose first axis is annotations, cells or items.
    rows : ndarray of int, shape (annotation,), optional
        Something known of each annotation; the function gets the part of the block as a third
        argument.
    whole : {"cell", "item"}
        What no border between blocks may split.

    Returns
    -------
    tuple of ndarray
        The arrays, joined over blocks.
    """
    tasks = _tasks(values, cells, rows, cells.starts if whole == "cell" else cells.item_starts)
    if values.chunks is None:
        results = [_run(function, *task) for task in tasks]
    else:
        from dask.base import compute
        from dask.delayed import delayed

        run = delayed(_run)
        results = compute(*(run(function, *task) for task in tasks))  # type: ignore[no-untyped-call]
    return tuple(np.concatenate(parts) for parts in zip(*results, strict=True))


def fold_cells(
    values: xr.DataArray,
    cells: Cells,
    function: Function,
    combine: Callable[[Any, Any], Any],
    *,
    rows: Ints | None = None,
) -> Any:
    """Apply a function to blocks of whole cells and combine what it returns, two at a time.

    Parameters
    ----------
    values, cells, function, rows
        As in `over_cells`; the function may return anything.
    combine : callable
        Takes what two neighbouring blocks gave, returns what both give together.

    Returns
    -------
    object
        What all blocks give together.
    """
    tasks = _tasks(values, cells, rows, cells.starts)
    if values.chunks is None:
        return functools.reduce(combine, (_run(function, *task) for task in tasks))
    from dask.delayed import delayed

    run, both = delayed(_run), delayed(combine)
    return functools.reduce(both, [run(function, *task) for task in tasks]).compute()


def has_value(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether a row holds a value; a quick look first, as nearly all do."""
    if not np.isnan(values.sum()):
        return np.full(len(values), fill_value=values.shape[1] > 0)
    some: npt.NDArray[np.bool_] = np.any(~np.isnan(values), axis=1)
    return some


def text_codes(texts: npt.NDArray[Any]) -> tuple[Ints, npt.NDArray[Any]]:
    """Number of each text, in order of appearance, and the different texts.

    Short texts are packed into integers, which are told apart without a Python object for each.
    """
    keys: npt.NDArray[Any] = texts
    if texts.dtype.kind == "U" and texts.dtype.isnative and texts.size:
        letters = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), -1)
        base = int(letters.max()) + 1
        if base ** letters.shape[1] <= np.iinfo(np.uint64).max:
            keys = letters[:, 0].astype(np.uint64)
            for letter in letters.T[1:]:
                keys *= np.uint64(base)
                keys += letter
    codes, _ = pd.factorize(keys)
    numbers = codes.astype(np.int64, copy=False)
    first = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return numbers, texts[first]


def _run(
    function: Function,
    block: Floats,
    keep: npt.NDArray[np.bool_],
    starts: Ints,
    rows: Ints | None,
) -> Any:
    block = block.reshape(len(block), -1)
    masked = block if keep.all() else np.where(keep[:, None], block, np.nan)
    return function(masked, starts) if rows is None else function(masked, starts, rows)


def _tasks(
    values: xr.DataArray, cells: Cells, rows: Ints | None, whole: Ints
) -> list[tuple[Any, ...]]:
    """Arguments of `_run` for each block, which starts at one of `whole`; dask may hold it."""
    if values.ndim > 1 and values.dims[0] != "annotation":
        values = values.transpose("annotation", ...)
    bounds = _bounds(whole, len(cells.keep))
    blocks: list[Any]
    if values.chunks is None:
        blocks = np.split(values.to_numpy(), bounds[1:-1])
    else:
        stored = np.cumsum([0, *values.chunks[0]]).tolist()
        borders = {*whole.tolist(), len(cells.keep)}
        bounds = stored if borders.issuperset(stored) else bounds
        sizes = tuple(np.diff(bounds).tolist())
        blocks = values.data.rechunk((sizes, *values.shape[1:])).to_delayed().ravel().tolist()
    edges = np.searchsorted(cells.starts, bounds)
    return [
        (
            block,
            cells.keep[low:high],
            cells.starts[first:last] - low,
            None if rows is None else rows[low:high],
        )
        for block, low, high, first, last in zip(
            blocks, bounds[:-1], bounds[1:], edges[:-1], edges[1:], strict=True
        )
    ]


def _bounds(starts: Ints, n: int) -> list[int]:
    """Borders of blocks of about `_BLOCK` annotations, each at one of the starts."""
    ends = np.append(starts[1:], n)
    block = (ends - 1) // _BLOCK
    return [0, *ends[np.flatnonzero(np.diff(block, append=block[-1] + 1))].tolist()]
