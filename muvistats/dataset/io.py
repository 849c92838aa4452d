"""Store a study in one file or folder and read it back the same; find out what a path holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from ..errors import DataError
from ..files import whole_path
from . import schema
from .gate import takes_study
from .layouts import to_current
from .validation import validate

__all__ = ["load_study", "open_dataset", "save_dataset"]

#: Bytes of a stored chunk: arrays up to this size are one chunk.
_CHUNK_BYTES = 16 * 1024**2

#: Attribute that keeps the width of a text in NetCDF, which has no such type.
_WIDTH = "text_width"

#: Attribute that keeps the order of the variables of a group, which stores sort by name.
_ORDER = "variable_order"

_SUFFIXES = (".zarr", ".nc")


@takes_study
def save_dataset(
    data: xr.DataTree, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Store a study as Zarr or NetCDF.

    Parameters
    ----------
    data : DataTree
        The study, in memory or lazy.
    path : path
        Where to: a name that ends in ``.zarr`` (a folder, Zarr format 2) or ``.nc`` (one
        NetCDF-4 file).
    overwrite : bool
        Whether to replace what is there.

    Returns
    -------
    Path
        Where it was stored.

    Raises
    ------
    DataError
        When the study is not valid, the suffix is another, or something is there already.

    Notes
    -----
    The study is written under a temporary name beside `path` and renamed when it is whole, so a
    write that breaks leaves what was there untouched. A folder cannot be replaced in one step:
    the old one is renamed first and removed last.

    Chunks are cut along the first dimension only, 16 MiB at most, and smaller arrays are one
    chunk. So a chunk of features holds whole items. Arrays of annotations that take more than one
    chunk are cut between items, so that no item is split. Chunks are all of one length: where
    items have unlike numbers of annotations, the length between 8 and 16 MiB is taken at which
    the fewest borders fall into an item, and `open_dataset` moves those to the item's end.

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import open_dataset, save_dataset, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_dataset(study, f"{folder}/study.zarr")
    ...     open_dataset(path).identical(study)
    True
    """
    path = Path(path)
    if path.suffix not in _SUFFIXES:
        raise DataError("unknown kind of file", file=path.name, expected="a name in .zarr or .nc")
    if path.exists() and not overwrite:
        raise DataError("is there already; overwrite=True replaces it", file=path)
    if not path.parent.is_dir():
        raise DataError("folder does not exist", file=path.parent)
    validate(data)
    write = _write_zarr if path.suffix == ".zarr" else _write_netcdf
    with whole_path(path) as temporary:
        write(data, temporary)
    return path


def open_dataset(
    path: str | os.PathLike[str], *, chunks: Mapping[str, int] | None = None
) -> xr.DataTree:
    """Read a study that `save_dataset` stored.

    Parameters
    ----------
    path : path
        The ``.zarr`` folder or ``.nc`` file.
    chunks : mapping of str to int, optional
        None reads everything into memory. A mapping reads the columns and leaves arrays of two
        and more dimensions on disk, as dask arrays: ``{}`` in blocks like the stored chunks,
        ``{"annotation": 500}`` in blocks of at most that many annotations. Blocks of
        annotations end where an item ends, so no item is split (an item with more annotations
        than the limit is one block).

    Returns
    -------
    DataTree
        The study, valid, with the values, types and attributes that were stored.

    Raises
    ------
    DataError
        When nothing is there, the file is no study, or its schema version is unknown.

    Notes
    -----
    The study is validated; arrays on disk are read once for that, block by block.

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import open_dataset, save_dataset, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_dataset(study, f"{folder}/study.nc")
    ...     lazy = open_dataset(path, chunks={})
    ...     highest = float(lazy["annotations/arousal"].max())
    >>> highest == float(study["annotations/arousal"].max())
    True
    """
    path = Path(path)
    if path.suffix not in _SUFFIXES:
        raise DataError("unknown kind of file", file=path.name, expected="a name in .zarr or .nc")
    if not path.exists():
        raise DataError("no such file", file=path)
    try:
        tree = xr.open_datatree(
            path,
            engine="zarr" if path.suffix == ".zarr" else "h5netcdf",
            decode_times=False,
            decode_timedelta=False,
            chunks=None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"not a readable {path.suffix[1:]} study: {error}"
        raise DataError(problem, file=path.name) from error
    try:
        with _few_chunks_at_once():
            parts = {
                node.path: _restored(node.to_dataset(inherit=False), chunks)
                for node in tree.subtree
            }
        study = xr.DataTree.from_dict(parts, name="study")
        study.attrs = _plain_attrs(tree.attrs)
        study = to_current(study)
        validate(study)
    except BaseException:
        tree.close()
        raise
    if chunks is None:
        tree.close()
    return study


def load_study(
    path: str | os.PathLike[str], *, label_alignment: Literal["released", "corrected"] = "released"
) -> xr.DataTree:
    """Read a study from whatever the path holds.

    Parameters
    ----------
    path : path
        A ``.zarr`` folder or ``.nc`` file of `save_dataset`, or a folder in the layout of the
        MuVi release.
    label_alignment : {"released", "corrected"}
        For a folder of the release, how to read its labels (see `read_muvi`). A stored study
        says itself how its labels were read.

    Returns
    -------
    DataTree
        The study.

    Raises
    ------
    DataError
        When the path holds neither, or a stored study has the labels as released and corrected
        ones are asked for.

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import load_study, save_dataset, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_study(save_dataset(study, f"{folder}/study.nc")).identical(study)
    True
    """
    path = Path(path)
    if path.suffix in _SUFFIXES and path.exists():
        study = open_dataset(path)
        if label_alignment == "corrected" and study.attrs["label_alignment"] == "released":
            raise DataError(
                "stored with the labels as released; read the folder of the release again",
                file=path.name,
                found="released",
                expected="corrected",
            )
        return study
    if (path / "media_data.csv").is_file():
        from .release.reader import read_muvi

        return read_muvi(path, label_alignment=label_alignment)
    raise DataError(
        "no study here" if path.exists() else "no such file or folder",
        file=path,
        expected="a folder with media_data.csv, a .zarr folder or a .nc file",
    )


def _write_zarr(data: xr.DataTree, path: Path) -> None:
    """Write all groups. Format 2: format 3 has no specified type for fixed-width text."""
    parts = {}
    encoding = {}
    for node in data.subtree:
        group = node.to_dataset(inherit=False).drop_encoding()
        items = _items_of(group)
        chunks = {str(name): _stored_chunks(v, items) for name, v in group.variables.items()}
        encoding[node.path] = {name: {"chunks": sizes} for name, sizes in chunks.items() if sizes}
        for name, variable in group.variables.items():
            if variable.chunks is not None:
                sizes = dict(zip(variable.dims, chunks[str(name)], strict=True))
                group[name] = group[name].chunk(sizes)
        parts[node.path] = group.assign_attrs(
            {_ORDER: schema.encode_levels([str(n) for n in group])}
        )
    tree = xr.DataTree.from_dict(parts)
    tree.attrs = dict(data.attrs)
    tree.to_zarr(path, mode="w", encoding=encoding, zarr_format=2, consolidated=True)


def _with_order(group: xr.Dataset) -> xr.Dataset:
    return group.assign_attrs({_ORDER: schema.encode_levels([str(name) for name in group])})


def _items_of(group: xr.Dataset) -> npt.NDArray[Any] | None:
    """Item of each annotation, in a group of annotations."""
    if "annotation" not in group.dims or "item" not in group.coords:
        return None
    return group["item"].to_numpy()


def _stored_chunks(variable: xr.Variable, items: npt.NDArray[Any] | None) -> tuple[int, ...]:
    """Chunk sizes: whole along every dimension but the first."""
    if not variable.dims:
        return ()
    n = variable.shape[0]
    row_bytes = max(variable.nbytes // max(n, 1), 1)
    rows = min(n, max(_CHUNK_BYTES // row_bytes, 1))
    if rows < n and items is not None and variable.dims[0] == "annotation":
        rows = _rows_of_whole_items(items, rows)
    return tuple(max(size, 1) for size in (rows, *variable.shape[1:]))


def _rows_of_whole_items(items: npt.NDArray[Any], largest: int) -> int:
    """Length of chunks, `largest` down to half of it, that splits the fewest items."""
    within = np.append(items[1:] == items[:-1], np.False_)  # whether a cut after a row splits one
    best, fewest = largest, len(items)
    for rows in range(largest, max(largest // 2, 1) - 1, -1):
        split = int(within[rows - 1 : -1 : rows].sum())
        if split < fewest:
            best, fewest = rows, split
        if fewest == 0:
            break
    return best


def _write_netcdf(data: xr.DataTree, path: Path) -> None:
    parts = {}
    for node in data.subtree:
        group = node.to_dataset(inherit=False).drop_encoding()
        for name, variable in group.variables.items():
            if variable.dtype.kind == "U":
                group[name] = group[name].assign_attrs({_WIDTH: variable.dtype.itemsize // 4})
        parts[node.path] = group.assign_attrs(
            {_ORDER: schema.encode_levels([str(n) for n in group])}
        )
    tree = xr.DataTree.from_dict(parts)
    tree.attrs = dict(data.attrs)
    tree.to_netcdf(path, mode="w", engine="h5netcdf", format="NETCDF4")


def _few_chunks_at_once() -> AbstractContextManager[object]:
    """Let Zarr decode two chunks at a time: the ten it would take hold half a gigabyte."""
    import zarr

    context: AbstractContextManager[object] = zarr.config.set({"async.concurrency": 2})
    return context


def _restored(group: xr.Dataset, chunks: Mapping[str, int] | None) -> xr.Dataset:
    """Group with its types as they were, in memory or in blocks."""
    for name, variable in group.variables.items():
        attrs = _plain_attrs(variable.attrs)
        width = attrs.pop(_WIDTH, None)
        if width is not None:
            group[name] = group[name].copy(data=variable.to_numpy().astype(f"<U{width}"))
        group[name].attrs = attrs
    group = group.load() if chunks is None else _in_blocks(group, chunks)
    attrs = dict(group.attrs)
    order = schema.decode_levels(attrs.pop(_ORDER, "[]"))
    names = [*(n for n in order if n in group), *(n for n in group if n not in order)]
    ordered = xr.Dataset({n: group[n] for n in names}, coords=group.coords, attrs=attrs)
    return ordered.drop_encoding()


def _in_blocks(group: xr.Dataset, chunks: Mapping[str, int]) -> xr.Dataset:
    """Group with its arrays as dask arrays; columns, which are small, are read."""
    items = _items_of(group)
    for name, variable in group.variables.items():
        if variable.ndim < 2:
            group[name].load()
            continue
        stored = zip(variable.dims, _stored_chunks(variable, items), strict=True)
        sizes: dict[Any, Any] = {dim: chunks.get(str(dim), size) for dim, size in stored}
        if "annotation" in sizes and items is not None:
            sizes["annotation"] = _item_blocks(items, sizes["annotation"])
        group[name] = group[name].chunk(sizes)
    return group


def _item_blocks(items: npt.NDArray[Any], largest: int) -> tuple[int, ...]:
    """Sizes of blocks of at most `largest` annotations that end where an item ends."""
    ends = np.append(np.flatnonzero(items[1:] != items[:-1]) + 1, len(items))
    blocks = []
    start = 0
    while start < len(items):
        fitting = ends[(ends > start) & (ends <= start + largest)]
        end = int(fitting[-1]) if len(fitting) else int(ends[ends > start][0])
        blocks.append(end - start)
        start = end
    return tuple(blocks)


def _plain_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in attrs.items()
    }
