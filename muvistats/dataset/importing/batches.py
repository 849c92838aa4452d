"""Files of ratings read some at a time: in parallel, kept between runs, a bad one named."""

from __future__ import annotations

import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from ...errors import DataError, boundary
from .. import schema
from ..build import Log, log_dataset
from ..frames import check_frame
from ..io import open_dataset, save_dataset
from ..tables import from_frames
from .files import read_table

#: Files, and bytes of them, that are read at once.
_FILES, _BYTES = 1000, 16 * 1024**2

#: How an entry of the log about a file that could not be read begins.
NOT_READ = "not read: "

Read = Callable[[Path], pd.DataFrame]


@dataclass(frozen=True)
class Batch:
    """Some files that are read together, and where what is in them is kept.

    Parameters
    ----------
    files : dict of Path to dict of str to str
        The files, and what the name of each says.
    read : callable
        Reads the table of a file.
    options : mapping
        Arguments of `from_frames`.
    place : Path
        Store of the study of these files.
    """

    files: Mapping[Path, Mapping[str, str]]
    read: Read
    options: Mapping[str, Any]
    place: Path


def batches_of(
    files: Mapping[Path, Mapping[str, str]], read: Read, options: Mapping[str, Any], folder: Path
) -> Iterator[Batch]:
    """Cut files into batches; a batch with other files or arguments has another place."""
    import joblib

    told = f"{schema.SCHEMA_VERSION}\0{_source(read)}\0{joblib.hash(dict(options))}"
    settings = hashlib.sha256(told.encode())
    part: dict[Path, Mapping[str, str]] = {}
    mark, size = settings.copy(), 0
    for path, names in files.items():
        about = path.stat()
        if part and (len(part) >= _FILES or size + about.st_size > _BYTES):
            yield Batch(part, read, options, folder / f"{mark.hexdigest()[:20]}.zarr")
            part, mark, size = {}, settings.copy(), 0
        part[path] = names
        size += about.st_size
        mark.update(f"{path}\0{names}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    yield Batch(part, read, options, folder / f"{mark.hexdigest()[:20]}.zarr")


def _source(read: Read) -> str:
    """What a function does, in the words of its code where that is at hand."""
    try:
        return inspect.getsource(read)
    except (OSError, TypeError):
        return repr(read)


def read_batch(batch: Batch) -> tuple[Batch, list[tuple[str, str]]]:
    """Make and keep the study of a batch; the files that could not be read, and why.

    What was kept before and is whole is not made again. Where no file can be read nothing is kept.
    """
    if batch.place.exists():
        try:
            return batch, failures_of(open_dataset(batch.place, chunks={}))
        except DataError:  # damaged since
            shutil.rmtree(batch.place)
    tables: dict[str, pd.DataFrame] = {}
    failures: list[tuple[str, str]] = []
    for path, names in batch.files.items():
        try:
            tables[str(path)] = _table(path, names, batch)
        except DataError as error:
            failures.append((str(path), str(error)))
    study = _of_readable(tables, batch, failures)
    if study is not None:
        _log_failures(study, failures)
        save_dataset(study, batch.place)
    return batch, failures


def _log_failures(study: xr.DataTree, failures: Sequence[tuple[str, str]]) -> None:
    """Say in the log of a study which files could not be read."""
    columns = [study[f"log/{name}"].to_numpy().tolist() for name in ("source", "action", "count")]
    log = Log(list(zip(*columns, strict=True)))
    for name, reason in failures:
        log.add(name, NOT_READ + reason)
    study["log"] = xr.DataTree(log_dataset(log))


def failures_of(study: xr.DataTree) -> list[tuple[str, str]]:
    """Files that could not be read when a study was made, and why."""
    rows = zip(
        study["log/source"].to_numpy().tolist(),
        study["log/action"].to_numpy().tolist(),
        strict=True,
    )
    return [
        (name, action.removeprefix(NOT_READ))
        for name, action in rows
        if action.startswith(NOT_READ)
    ]


def _table(path: Path, names: Mapping[str, str], batch: Batch) -> pd.DataFrame:
    """Table of a file, with columns of what its name says."""
    with boundary("not a readable table", file=str(path)):
        texts = [str(batch.options.get(key, key)) for key in schema.ALL_KEYS]
        table = read_table(path, texts) if batch.read is read_table else batch.read(path)
    check_frame(table, str(path), ())
    for name, value in names.items():
        if name in table and (table[name].astype("str") != value).any():
            other = table.loc[table[name].astype("str") != value, name].iloc[0]
            raise DataError(
                "name and content of the file differ", column=name, found=other, expected=value
            )
    return table.assign(**names)


def _of_readable(
    tables: Mapping[str, pd.DataFrame], batch: Batch, failures: list[tuple[str, str]]
) -> xr.DataTree | None:
    """Study of the files of which one can be made: halves are tried until the bad stand alone."""
    if not tables:
        return None
    try:
        return _study(tables, batch)
    except DataError as error:
        if len(tables) == 1:
            failures.append((next(iter(tables)), str(error)))
            return None
        paths, half = list(tables), len(tables) // 2
        before = len(failures)
        for part in (paths[:half], paths[half:]):
            _of_readable({path: tables[path] for path in part}, batch, failures)
        bad = {path for path, _ in failures[before:]}
        if not bad:  # the files do not go together
            raise
        return _study({path: t for path, t in tables.items() if path not in bad}, batch)


def _study(tables: Mapping[str, pd.DataFrame], batch: Batch) -> xr.DataTree:
    """Study of some of the files; rows with a time are recordings."""
    options = dict(batch.options)
    columns = options.get("columns") or {}
    table = pd.concat(list(tables.values()), ignore_index=True)
    if columns.get("time", "time") not in table:
        return from_frames(table, **options)
    own = {key: options.get(key, key) for key in schema.ALL_KEYS}
    keys = [columns.get(key, name) for key, name in own.items()]
    labels = options.get("labels")
    ticked = [labels] if isinstance(labels, str) else list(labels if labels is not None else ())
    told = next(iter(batch.files.values()))
    wanted = [name for name in dict.fromkeys([*keys, *told, *ticked]) if name in table]
    return from_frames(table[wanted].drop_duplicates(), dynamics=table, **options)
