"""Studies as Zarr and NetCDF hold them: written by group, read into memory or in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import xarray as xr

from ..errors import DataError, boundary, refuse_swollen
from ..files import claim_room
from . import schema
from .seal import MANIFEST, SEAL, NetcdfSeal, ZarrSeal, digests, plain_attrs

#: Bytes of a stored chunk: arrays up to this size are one chunk.
_CHUNK_BYTES = 16 * 1024**2

#: Bytes that an unsealed store may claim, whatever is stored of them.
_SURELY = 1024**3

#: Bytes that a NetCDF file takes at most beside the values: for each text, for each variable.
_PER_TEXT, _PER_VARIABLE = 40, 16 * 1024

#: How HDF5 stores a text in an array.
_TEXT = np.dtype([("length", "<u4"), ("place", "<u8"), ("index", "<u4")])

#: Attribute that keeps the width of a text in NetCDF, which has no such type.
_WIDTH = "text_width"

#: Attribute that keeps the order of the variables of a group, which stores sort by name.
_ORDER = "variable_order"


def write_zarr(data: xr.DataTree, path: Path) -> None:
    """Write all groups, then the manifest. Format 2: 3 has no specified type for fixed-width text.

    Each chunk carries its checksum, and a chunk of zeros is written like any other, so that one
    that is lost is not read as zeros.
    """
    import zarr
    from numcodecs import CRC32C

    parts = {}
    encoding: dict[str, Any] = {}
    for node in data.subtree:
        group = node.to_dataset(inherit=False).drop_encoding()
        items = items_of(group)
        chunks = {str(name): stored_chunks(v, items) for name, v in group.variables.items()}
        encoding[node.path] = {
            name: {"write_empty_chunks": True}
            | ({"chunks": sizes} if sizes else {})
            | ({"filters": [CRC32C()]} if group[name].dtype.kind != "O" else {})
            for name, sizes in chunks.items()
        }
        for name, variable in group.variables.items():
            if variable.chunks is not None:
                sizes = dict(zip(variable.dims, chunks[str(name)], strict=True))
                group[name] = group[name].chunk(sizes)
        parts[node.path] = _with_order(group)
    tree = _tree_of(parts, data)
    tree.to_zarr(path, mode="w", encoding=encoding, zarr_format=2, consolidated=False)
    zarr.consolidate_metadata(path, zarr_format=2)  # once; xarray would do it for each group
    (path / MANIFEST).write_bytes(ZarrSeal.of(path).content())


def write_netcdf(data: xr.DataTree, path: Path) -> None:
    """Write all groups; the seal is made of what is read back, and written last."""
    parts = {}
    for node in data.subtree:
        group = node.to_dataset(inherit=False).drop_encoding()
        for name, variable in group.variables.items():
            if variable.dtype.kind == "U":
                group[name] = group[name].assign_attrs({_WIDTH: variable.dtype.itemsize // 4})
        parts[node.path] = _with_order(group)
    variables = [v for group in parts.values() for v in group.variables.values()]
    claim_room(path, sum(map(_room_of, variables)))
    _tree_of(parts, data).to_netcdf(path, mode="w", engine="h5netcdf", format="NETCDF4")
    with _opened(path) as tree:
        seal = NetcdfSeal({node.path: digests(_alone(node)) for node in tree.subtree})
    with h5py.File(path, "r+") as file:
        file.attrs[SEAL] = seal.text()


def _room_of(variable: xr.Variable) -> int:
    texts = variable.size if variable.dtype.kind == "U" else 0
    return variable.nbytes + texts * _PER_TEXT + _PER_VARIABLE


def read_store(
    path: Path, chunks: Mapping[str, int] | None, *, verify: bool
) -> tuple[xr.DataTree, bool]:
    """The study in a store, and whether it bears a seal.

    Parameters
    ----------
    path : Path
        The ``.zarr`` folder or ``.nc`` file.
    chunks : mapping of str to int, optional
        As in `open_dataset`.
    verify : bool
        Whether what is read is held against the seal: in Zarr each file as it is read, in NetCDF
        each variable once, here.

    Raises
    ------
    DataError
        When it is not as it was stored.
    """
    zarr = path.suffix == ".zarr"
    if zarr:
        _refuse_devices(path)
    manifest = ZarrSeal.load(path) if zarr and verify else None
    if manifest is not None:
        manifest.check_metadata()
    else:
        _refuse_claims(path)
    with _few_chunks_at_once(), _opened(path, manifest, keep=chunks is not None) as tree:
        seal = None if zarr or not verify else NetcdfSeal.found(tree.attrs, path.name)
        if seal is not None:
            seal.check_groups([node.path for node in tree.subtree])
        parts = {}
        for node in tree.subtree:
            group = _alone(node)
            _load(group, node.path, path.name, whole=chunks is None)
            if seal is not None:
                seal.check(node.path, group)
            parts[node.path] = _restored(group, chunks)
        study = xr.DataTree.from_dict(parts, name="study")
        study.attrs = {n: v for n, v in plain_attrs(tree.attrs).items() if n != SEAL}
    return study, (manifest or seal) is not None


def _refuse_devices(path: Path) -> None:
    """Refuse pipes and devices, which never end, and links to folders, which may lead round."""
    for entry in path.rglob("*"):
        folder = entry.is_dir() and not entry.is_symlink()
        if entry.exists() and not folder and not entry.is_file():
            place = entry.relative_to(path).as_posix()
            problem = "neither a file nor a folder of the store"
            raise DataError(problem, file=path.name, column=place)


def _refuse_claims(path: Path) -> None:
    """Refuse arrays far larger than what is stored of them, before xarray reads their index.

    A chunk that is not there is read as fill values, whatever size the metadata claim.
    """
    if path.is_dir():
        import zarr

        group = zarr.open_group(path, mode="r")
        claimed = sum(a.nbytes for _, a in group.members(None) if isinstance(a, zarr.Array))
        stored = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    else:
        stored = path.stat().st_size
        with h5py.File(path, "r") as file:
            arrays: list[h5py.Dataset] = []
            file.visititems(lambda _, a: arrays.append(a) if isinstance(a, h5py.Dataset) else None)
            claimed = sum(array.nbytes + _text_bytes(path, array) for array in arrays)
    problem = "arrays are far larger than what is stored of them; the metadata are damaged"
    refuse_swollen(path, claimed, stored, surely=_SURELY, problem=problem)


def _text_bytes(path: Path, array: h5py.Dataset) -> int:
    """Bytes that the texts of an array claim: each is stored as its length and where it lies."""
    if h5py.check_vlen_dtype(array.dtype) is None or array.id.get_create_plist().get_nfilters():
        return 0
    if array.chunks is None:
        parts = [(array.id.get_offset(), array.size)]
    else:
        chunks = map(array.id.get_chunk_info, range(array.id.get_num_chunks()))
        parts = [(chunk.byte_offset, chunk.size // _TEXT.itemsize) for chunk in chunks]
    most = path.stat().st_size // _TEXT.itemsize
    return sum(
        int(np.fromfile(path, _TEXT, min(count, most), offset=start)["length"].sum(dtype=np.int64))
        for start, count in parts
        if start is not None
    )


def stored_chunks(variable: xr.Variable, items: npt.NDArray[Any] | None) -> tuple[int, ...]:
    """Chunk sizes: whole along every dimension but the first."""
    if not variable.dims:
        return ()
    n = variable.shape[0]
    row_bytes = max(variable.nbytes // max(n, 1), 1)
    rows = min(n, max(_CHUNK_BYTES // row_bytes, 1))
    if rows < n and items is not None and variable.dims[0] == "annotation":
        rows = _rows_of_whole_items(items, rows)
    return tuple(max(size, 1) for size in (rows, *variable.shape[1:]))


def items_of(group: xr.Dataset) -> npt.NDArray[Any] | None:
    """Item of each annotation, in a group of annotations."""
    if "annotation" not in group.dims or "item" not in group.coords:
        return None
    return group["item"].to_numpy()


@contextmanager
def _opened(
    path: Path, seal: ZarrSeal | None = None, *, keep: bool = False
) -> Iterator[xr.DataTree]:
    """A store as xarray opens it, closed at the end unless its arrays stay on disk."""
    source: Any = path
    if seal is not None:
        from zarr.storage import LocalStore

        from .sealed_store import SealedStore

        source = SealedStore(LocalStore(path, read_only=True), seal)
    zarr = path.suffix == ".zarr"
    options: dict[str, Any] = {} if seal is None else {"consolidated": True}
    with boundary(f"not a readable {path.suffix[1:]} study", file=path.name):
        if not zarr:
            h5py.File(path, "r").close()  # h5netcdf complains twice of what is no HDF5
        tree = xr.open_datatree(
            source,
            engine="zarr" if zarr else "h5netcdf",
            decode_times=False,
            decode_timedelta=False,
            chunks=None,
            **options,
        )
    whole = False
    try:
        yield tree
        whole = True
    finally:
        if not (keep and whole):
            tree.close()


def _alone(node: xr.DataTree) -> xr.Dataset:
    """Group of a tree; the root without the seal of the whole."""
    group = node.to_dataset(inherit=False)
    group.attrs.pop(SEAL, None)
    return group


def _load(group: xr.Dataset, place: str, file: str, *, whole: bool) -> None:
    """Read the columns of a group, and its arrays too where the whole is asked for."""
    for name, variable in group.variables.items():
        if whole or variable.ndim < 2:
            with boundary("cannot be read", file=file, column=f"{place}/{name}".lstrip("/")):
                variable.load()


def _tree_of(parts: Mapping[str, xr.Dataset], data: xr.DataTree) -> xr.DataTree:
    tree = xr.DataTree.from_dict(dict(parts))
    tree.attrs = {name: value for name, value in data.attrs.items() if name != SEAL}
    return tree


def _with_order(group: xr.Dataset) -> xr.Dataset:
    return group.assign_attrs({_ORDER: schema.encode_levels([str(name) for name in group])})


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


def _few_chunks_at_once() -> AbstractContextManager[object]:
    """Let Zarr decode two chunks at a time: the ten it would take hold half a gigabyte."""
    import zarr

    context: AbstractContextManager[object] = zarr.config.set({"async.concurrency": 2})
    return context


def _restored(group: xr.Dataset, chunks: Mapping[str, int] | None) -> xr.Dataset:
    """Group with its types as they were, in memory or in blocks."""
    for name, variable in group.variables.items():
        attrs = plain_attrs(variable.attrs)
        width = attrs.pop(_WIDTH, None)
        if width is not None:
            group[name] = group[name].copy(data=variable.to_numpy().astype(f"<U{width}"))
        group[name].attrs = attrs
    group = group if chunks is None else _in_blocks(group, chunks)
    attrs = dict(group.attrs)
    order = schema.decode_levels(attrs.pop(_ORDER, "[]"))
    names = [*(n for n in order if n in group), *(n for n in group if n not in order)]
    ordered = xr.Dataset({n: group[n] for n in names}, coords=group.coords, attrs=attrs)
    return ordered.drop_encoding()


def _in_blocks(group: xr.Dataset, chunks: Mapping[str, int]) -> xr.Dataset:
    """Group with its arrays as dask arrays; columns, which are small, are in memory."""
    items = items_of(group)
    for name, variable in group.variables.items():
        if variable.ndim < 2:
            continue
        stored = zip(variable.dims, stored_chunks(variable, items), strict=True)
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
