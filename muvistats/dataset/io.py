"""Store a study in one file or folder and read it back the same; find out what a path holds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import xarray as xr

from ..arguments import check_path
from ..errors import DataError, UnsealedWarning, boundary
from ..files import recovered, whole_path
from .gate import takes_study
from .layouts import to_current
from .seal import MANIFEST
from .stores import read_store, write_netcdf, write_zarr
from .validation import validate

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

    See Also
    --------
    open_dataset : The way back.
    write_muvi : The layout of the MuVi release.

    Notes
    -----
    The study is written under a hidden name beside `path` and renamed when it is whole and on
    the disk, so a write that breaks leaves what was there untouched. A folder cannot be replaced
    in one step: the old one is renamed first and removed last. A kill between the two is mended
    when `path` is opened or written next.

    Chunks are cut along the first dimension only, 16 MiB at most, and smaller arrays are one chunk.
    So a chunk of features holds whole items. Arrays of annotations that take more than one chunk
    are cut between items, so that no item is split. Chunks are all of one length. Where items have
    unlike numbers of annotations, some chunk must end within an item: the length between 8 and 16
    MiB is taken at which this happens least, and the blocks of `open_dataset` end where the item
    does.

    The store is sealed (layout 1.1): digests of all that was written, by variable, stand in the
    file ``.muvistats-seal.json`` of a Zarr store and in the root attribute ``seal`` of a NetCDF
    file. Chunks of Zarr carry a CRC32C besides, and chunks of zeros are written too. xarray
    alone reads both. Where `path` is a link, what it leads to is replaced.

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
    path = check_path("path", path)
    if path.suffix not in _SUFFIXES:
        raise DataError("unknown kind of file", file=path.name, expected="a name in .zarr or .nc")
    refuse_taken(path, overwrite=overwrite)
    if path.is_dir() and (path.suffix == ".nc" or not _is_store(path)):
        raise DataError("this folder is no stored study and is not replaced", file=path)
    if not path.parent.is_dir():
        raise DataError("folder does not exist", file=path.parent)
    validate(data)
    write = write_zarr if path.suffix == ".zarr" else write_netcdf
    with whole_path(path) as temporary:
        write(data, temporary)
    return path


def refuse_taken(path: Path, *, overwrite: bool) -> None:
    """Refuse a place at which something is, unless that may be replaced."""
    if recovered(path).exists() and not overwrite:
        raise DataError("is there already; overwrite=True replaces it", file=path)


def open_dataset(
    path: str | os.PathLike[str],
    *,
    chunks: Mapping[str, int] | None = None,
    verify: bool = True,
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
    verify : bool
        Whether to hold what is read against the seal of the store. False reads what is left of a
        damaged store, as far as it is valid.

    Returns
    -------
    DataTree
        The study, valid, with the values, types and attributes that were stored.

    Raises
    ------
    DataError
        When nothing is there, the file is no study, its schema version is unknown, or it is not
        as it was stored; the variable at fault is named.

    Warns
    -----
    UnsealedWarning
        When the store bears no seal, so that damage to it cannot be told: it is of layout 1.0, or
        xarray wrote it.

    See Also
    --------
    save_dataset : Stores a study and seals it.

    Notes
    -----
    The study is validated; arrays on disk are read once for that, block by block. Arrays that
    stay in a Zarr store are held against the seal chunk by chunk, each time they are read; those
    in a NetCDF file once, here. Where a run of `save_dataset` was killed while it put the study in
    its place, that is done now.

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
    path = check_path("path", path)
    if path.suffix not in _SUFFIXES:
        raise DataError("unknown kind of file", file=path.name, expected="a name in .zarr or .nc")
    with boundary(f"not a readable {path.suffix[1:]} study", file=path.name):
        if not recovered(path).exists():
            raise DataError("no such file", file=path)
        if path.is_dir() != (path.suffix == ".zarr") or not (path.is_dir() or path.is_file()):
            kind = "a folder" if path.suffix == ".zarr" else "a file"
            raise DataError("another kind of file", file=path.name, expected=kind)
        study, is_sealed = read_store(path, chunks, verify=verify)
        study = to_current(study)
        validate(study)
    if verify and not is_sealed:
        warnings.warn(
            f"{path.name} bears no seal (layout 1.0, or not written by save_dataset): damage to it"
            " goes unnoticed; save_dataset(..., overwrite=True) seals it",
            UnsealedWarning,
            stacklevel=2,
        )
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

    See Also
    --------
    open_dataset : A stored study alone, also in chunks.
    read_muvi : The released MuVi folder alone.
    from_frames : A table of your own.

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import load_study, save_dataset, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_study(save_dataset(study, f"{folder}/study.nc")).identical(study)
    True
    """
    path = recovered(check_path("path", path))
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


def _is_store(folder: Path) -> bool:
    """Whether a folder is a Zarr store, damaged or not, or holds nothing."""
    names = {path.name for path in folder.iterdir()}
    return not names or not names.isdisjoint({".zgroup", ".zmetadata", "zarr.json", MANIFEST})
