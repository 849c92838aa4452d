"""A study of many files, one per participant, item or trial, in bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_jobs, check_path
from ...errors import DataError, ExtractionWarning
from ...files import FilePath, unfinished_folder
from ...progress import terminal_progress
from ...types import Array, Floats, Ints
from ...workers import each_finished
from .. import schema
from ..access import dimensions_of, question_of
from ..build import Log, assemble, natural_order, sort_order
from ..gate import scale_of
from ..io import open_dataset, refuse_taken, save_dataset
from ..ratings import OutOfScale
from .answers import typed
from .batches import batches_of, read_batch
from .files import read_table
from .joining import (
    check_alike,
    joint_attributes,
    joint_exclusions,
    joint_flags,
    joint_levels,
    joint_time,
    label_table,
    stacked,
    stored_columns,
    words_of,
)
from .keys import known
from .patterns import files_of

#: Failures that a warning tells; the log has all of them.
_TOLD = 3

#: Annotations that are written at once.
_ROWS = 10_000


def from_files(
    pattern: FilePath,
    path: FilePath,
    *,
    read: Callable[[Path], pd.DataFrame] | None = None,
    participants: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
    dimensions: Sequence[str] | None = None,
    labels: Sequence[str] | pd.DataFrame | None = None,
    modalities: Sequence[str] | None = None,
    item: str = "item",
    modality: str = "modality",
    participant: str = "participant",
    session: str = "session",
    scale: tuple[float, float] | Mapping[str, tuple[float, float]] = schema.SCALE,
    out_of_scale: OutOfScale = "error",
    tolerance: float = 0.05,
    familiar_from: float | None = None,
    assigned: Mapping[str, str] | None = None,
    study: str = "unnamed study",
    source: str = "",
    n_jobs: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> xr.DataTree:
    r"""Build a study from many files: one per participant, item or trial.

    Parameters
    ----------
    pattern : path
        Path of the files, with wildcards, and with fields in braces that name what a part of the
        path says: ``data/{participant}/{item}_*.csv``. Fields that are no keys become factors.
        Names are cut at the first place that fits.
    path : path
        Where the study goes: a name that ends in ``.zarr`` or ``.nc``.
    read : callable, optional
        Reads the table of one file, given its path; by default CSV, TSV, Parquet and JSON are
        read. What it returns may be brought into shape on the way: rows dropped, a log resampled.
    participants, items : DataFrame, optional
        Traits of all participants and items, as in `from_frames`.
    columns, dimensions, labels, modalities, item, modality, participant, session, scale : object
        As in `from_frames`.
    out_of_scale, tolerance, familiar_from, assigned, study, source : object
        As in `from_frames`.
    n_jobs : int
        Workers: a whole number from 1, or -1 for all cores. No result depends on it.
    overwrite : bool
        Whether to replace what is at `path`.
    progress : bool
        Whether to show how far the reading is.

    Returns
    -------
    DataTree
        The study, opened from `path`; ratings over time stay on disk until they are asked for.

    Raises
    ------
    DataError
        When no file has such a name, none can be read, something is at `path` already, or the
        files do not make one study: an annotation in two of them, other dimensions or time steps.

    Warns
    -----
    ExtractionWarning
        When some of the files cannot be read, or hold what `from_frames` refuses. They are left
        out; `/log` names each, and what is wrong with it.

    See Also
    --------
    from_frames : Builds a study from tables.
    combine : Joins studies of several waves or laboratories.

    Notes
    -----
    A file with a column `time` holds recordings, any other a row per rating. Files are read some
    hundred at a time, by `n_jobs` workers; what a batch gave is kept beside `path`, in a folder
    that goes when all is done, so that a run that was cut off goes on where it was; a second run
    for this `path` waits until the first one has ended. A file that has changed, or another
    argument, is read anew. Memory holds one batch for each worker and the keys of all annotations,
    never the ratings of all.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from muvistats import from_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for who, ratings in {"p1": "a,2\nb,6", "p2": "a,3\nb,7"}.items():
    ...         text = f"clip,tension\n{ratings}\n"
    ...         _ = Path(folder, f"{who}.csv").write_text(text)
    ...     study = from_files(
    ...         f"{folder}/{{participant}}.csv", f"{folder}/study.zarr",
    ...         item="clip", dimensions=["tension"], scale=(1, 7),
    ...     )
    >>> study["annotations/tension"].values.tolist()
    [2.0, 3.0, 6.0, 7.0]
    """
    jobs = check_jobs(n_jobs)
    target = check_path("path", path)
    if target.suffix not in (".zarr", ".nc"):
        raise DataError("unknown kind of file", file=target.name, expected="a name in .zarr or .nc")
    refuse_taken(target, overwrite=overwrite)
    options = {
        "columns": columns,
        "dimensions": dimensions,
        "labels": labels,
        "modalities": modalities,
        "item": item,
        "modality": modality,
        "participant": participant,
        "session": session,
        "scale": scale,
        "out_of_scale": out_of_scale,
        "tolerance": tolerance,
        "familiar_from": familiar_from,
        "assigned": dict(assigned or {}),  # a file holds too little to find it out
    }
    files = files_of(pattern)
    with unfinished_folder(target.with_name(f"{target.name}.parts")) as work:
        refuse_taken(target, overwrite=overwrite)  # by a run that has ended meanwhile
        batches = list(batches_of(files, read or read_table, options, work))
        failures, done = [], 0
        with terminal_progress(show=progress) as step:
            for batch, failed in each_finished(read_batch, batches, n_jobs=jobs):
                done += len(batch.files)
                failures += failed
                step("Reading files", done, len(files))
        kept = [batch.place for batch in batches if batch.place.exists()]
        if not kept:
            raise DataError(f"no file can be read: {failures[0][1]}", file=failures[0][0])
        tables = {"participant": participants, "item": items}
        parts = {str(number): open_dataset(place, chunks={}) for number, place in enumerate(kept)}
        tree = _joint(parts, tables, work / "ratings", assigned, (study, source))
        save_dataset(tree, target, overwrite=overwrite)
    _report(failures, len(files))
    return open_dataset(target, chunks={})


def _report(failures: Sequence[tuple[str, str]], count: int) -> None:
    """Warn of files that could not be read."""
    if failures:
        told = "; ".join(f"{Path(name).name}: {reason}" for name, reason in failures[:_TOLD])
        more = f"; and {len(failures) - _TOLD} more" if len(failures) > _TOLD else ""
        warnings.warn(
            f"{len(failures)} of {count} files could not be read ({told}{more})",
            ExtractionWarning,
            stacklevel=3,
        )


def _joint(
    parts: Mapping[str, xr.DataTree],
    tables: Mapping[str, pd.DataFrame | None],
    place: Path,
    assigned: Mapping[str, str] | None,
    texts: tuple[str, str],
) -> xr.DataTree:
    """One study of the studies of all batches, its ratings over time on disk."""
    first = next(iter(parts.values()))
    check_alike(parts, but=["labels"] if question_of(first) else [])
    annotations = {name: part["annotations"].to_dataset() for name, part in parts.items()}
    joint = stacked({n: stored_columns(d, "annotation") for n, d in annotations.items()})
    modalities = joint_levels(annotations, "modality")
    if len(modalities) > annotations["0"]["modality"].attrs["levels"].count(",") + 1:
        modalities = natural_order(modalities)
    if "session" in joint:
        sessions = joint["session"].astype("str")
        joint["session"] = pd.Categorical(sessions, natural_order(sessions.tolist()))
    _refuse_repeated(joint)
    traits = {key: _traits(tables, key, joint) for key in ("participant", "item") if key in joint}
    stored = {"annotations": joint, **{f"{key}s": table for key, table in traits.items()}}
    order = sort_order(stored, modalities)
    row = np.argsort(order)
    codes, table = _labels(first, annotations)
    time = joint_time(annotations)
    return assemble(
        joint.iloc[order],
        _ratings(first, annotations, row, time, place),
        participants=traits.get("participant"),
        items=traits["item"],
        labels=None if codes is None else codes[order],
        label_table=table,
        question=question_of(first),
        words=words_of(first),
        time=time,
        modalities=modalities,
        scale={name: scale_of(first["annotations"].dataset[name]) for name in dimensions_of(first)},
        assigned={**joint_attributes(parts, "assigned"), **(assigned or {})},
        flags=joint_flags(parts),
        exclusions=[
            entry | {"annotation": int(row[entry["annotation"]])}
            for entry in joint_exclusions(parts)
        ],
        log=_log(parts),
        study=texts[0],
        source=texts[1],
    )


def _refuse_repeated(joint: pd.DataFrame) -> None:
    """Refuse an annotation that two batches have; each batch has looked among its own."""
    keys = list(schema.keys_in(joint))
    if "participant" not in keys:
        return
    twice = np.flatnonzero(joint.duplicated(keys))
    if len(twice):
        raise DataError(
            'annotation stands in two files; session="..." names the column that tells repeated '
            "ratings apart",
            found=" x ".join(map(str, joint[keys].iloc[int(twice[0])])),
        )


def _traits(
    tables: Mapping[str, pd.DataFrame | None], key: str, joint: pd.DataFrame
) -> pd.DataFrame:
    """Table of participants or items, every annotation's one in it."""
    table = tables[key]
    keys = joint[[key]]
    return typed(known(table, key, keys), f"{key}s")


def _labels(
    first: xr.DataTree, annotations: Mapping[str, xr.Dataset]
) -> tuple[Array | None, pd.DataFrame | None]:
    """Labels of all annotations; answers that single batches do not know were not chosen there."""
    if "labels" not in first["annotations"].data_vars:
        return None, None
    names = [dataset["label"].to_numpy().astype(str) for dataset in annotations.values()]
    if not question_of(first):
        ticks = [dataset["labels"].to_numpy() for dataset in annotations.values()]
        return np.concatenate(ticks), label_table(first)
    every = natural_order([name for part in names for name in part])
    parts = []
    for dataset, own in zip(annotations.values(), names, strict=True):
        codes = dataset["labels"].to_numpy()
        wide = np.where((codes < 0).all(axis=1), -1, 0)[:, None].repeat(len(every), axis=1)
        wide[:, pd.Index(every).get_indexer(pd.Index(own))] = codes
        parts.append(wide.astype(np.int8))
    return np.concatenate(parts), pd.DataFrame({"label": every, "label_name": every}, dtype="str")


def _ratings(
    first: xr.DataTree,
    annotations: Mapping[str, xr.Dataset],
    row: Ints,
    time: Floats | None,
    place: Path,
) -> dict[str, Any]:
    """Each dimension in the order of the study: over time in a file, of which blocks are read."""
    ends = np.cumsum([0, *(d.sizes["annotation"] for d in annotations.values())])
    out: dict[str, Any] = {}
    for name in dimensions_of(first):
        dynamic = first[f"annotations/{name}"].ndim == 2
        shape = (len(row), len(time)) if dynamic and time is not None else (len(row),)
        file = place.with_name(f"{place.name}-{len(out)}")
        _missing_file(file, shape)
        for number, dataset in enumerate(annotations.values()):
            values = dataset[name].to_numpy()
            stored = np.memmap(file, np.float64, "r+", shape=shape)
            rows = row[ends[number] : ends[number + 1]]
            if dynamic:
                stored[rows, : values.shape[1]] = values
            else:
                stored[rows] = values
            stored.flush()
            del stored
        out[name] = _lazy(file, shape)
    return out


def _missing_file(file: Path, shape: tuple[int, ...]) -> None:
    """Write an array of missing values, some rows at a time."""
    with file.open("wb") as stream:
        for start in range(0, shape[0], _ROWS):
            rows = min(_ROWS, shape[0] - start)
            np.full((rows, *shape[1:]), np.nan).tofile(stream)


def _lazy(file: Path, shape: tuple[int, ...]) -> Any:
    """Array that reads its blocks from a file when they are asked for; one of numbers is read."""
    if len(shape) == 1:
        return np.fromfile(file)
    import dask.array as da
    from dask.delayed import delayed

    read = delayed(_block)
    blocks = [
        da.from_delayed(  # type: ignore[no-untyped-call]
            read(file, start, (min(_ROWS, shape[0] - start), *shape[1:])),
            (min(_ROWS, shape[0] - start), *shape[1:]),
            np.float64,
        )
        for start in range(0, shape[0], _ROWS)
    ]
    return da.concatenate(blocks)  # type: ignore[no-untyped-call]


def _block(file: Path, start: int, shape: tuple[int, ...]) -> Floats:
    """Rows of the array in a file."""
    width = int(np.prod(shape[1:]))
    values = np.fromfile(file, count=shape[0] * width, offset=start * width * 8)
    return values.reshape(shape)


def _log(parts: Mapping[str, xr.DataTree]) -> Log:
    """Entries of all logs; the same one of several batches once, with the sum of the counts."""
    counts: dict[tuple[str, str], int] = {}
    for part in parts.values():
        columns = [part[f"log/{n}"].to_numpy().tolist() for n in ("source", "action", "count")]
        for source, action, count in zip(*columns, strict=True):
            counts[source, action] = counts.get((source, action), 0) + count
    return Log([(source, action, count) for (source, action), count in counts.items()])
