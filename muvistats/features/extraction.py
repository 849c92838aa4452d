"""Run a feature function over many files: in parallel, resumable, with damaged files reported."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_jobs
from ..dataset.build import Features, Log, feature_dataset
from ..errors import DataError, DesignError, ExtractionWarning, MissingExtraError, boundary
from ..files import FilePath, store_folder
from ..progress import terminal_progress
from ..workers import check_client, each_finished
from .store import FileFeatures, entry_path, load_entry, write_entry

#: Times that differ by less are the same, in s.
_SAME_TIME = 1e-6

#: Of features that somebody stored.
_DAMAGED = "what the extraction noted cannot be read"

_logger = logging.getLogger("muvistats")

FileFunction = Callable[..., FileFeatures]


@dataclass(frozen=True, slots=True)
class _Task:
    """One file to read; sent to a worker, so all of it can be pickled."""

    item: str
    path: Path
    function: FileFunction
    settings: Mapping[str, Any]
    folder: Path | None


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of one file: its features, or the reason why there are none."""

    item: str
    path: Path
    features: FileFeatures | None = None
    failure: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """What came of all files.

    Parameters
    ----------
    dataset : Dataset
        The features, as `extract_files` returns them.
    tables : dict of str to DataFrame
        The tables beside the features, by name: a column `item` and the table's own, the rows of
        all files that were read.
    """

    dataset: xr.Dataset
    tables: dict[str, pd.DataFrame]


def extract_files(
    paths: FilePath | Sequence[FilePath],
    function: FileFunction,
    settings: Mapping[str, Any],
    *,
    kind: str,
    items: Sequence[str] | None = None,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | FilePath = True,
    progress: bool = True,
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Read features from files and put them together.

    Parameters
    ----------
    paths : path or sequence of path
        Audio or video files.
    function : callable
        ``function(path, **settings)`` returns the `FileFeatures` of one file. A function at the
        top level of a module, since it is sent to other processes; what is slow to load (a
        network) it keeps in a `functools.cache` of its own, once per process. It raises
        `DataError` for a file that it cannot read.
    settings : mapping of str to plain values
        Keyword arguments of `function`. Whatever changes the result belongs here, versions and
        checksums of models included: they are part of the key under which a file is kept.
    kind : {"audio", "visual"}
        What the features are of.
    items : sequence of str, optional
        Item of each file; by default the name of the file without its suffix.
    n_jobs : int
        Number of processes; -1 for one per core. The result does not depend on it. With 1 all
        is done in this process.
    client : dask.distributed.Client, optional
        Where files are read instead; paths and the cache must be the same for all workers.
    cache : bool or path
        Whether and where finished files are kept: in the user's cache folder (or the folder
        that the environment variable `MUVISTATS_CACHE` names), nowhere, or in this folder. Each
        file is kept as soon as it is finished, so a run that was cut off goes on from there.
    progress : bool
        Whether to show a bar, on a terminal only.
    attrs : mapping of str to object, optional
        Further attributes of the dataset.

    Returns
    -------
    Dataset
        `values` (item, time, feature) with the coordinate `family` (feature), as `/features` of
        a study holds them, items in the order of the files. Shorter items end in NaN. Attributes
        hold the settings, the failures and the log (see `extraction_failures`,
        `extraction_log`).

    Raises
    ------
    DataError
        When there is no file, two files are of one item, no file at all could be read, or the
        files do not share features and time grid.
    MissingExtraError
        When a package is missing.

    Warns
    -----
    ExtractionWarning
        When some of the files could not be read. Their items are not in the dataset.
    """
    return run_extraction(
        paths,
        function,
        settings,
        kind=kind,
        items=items,
        n_jobs=n_jobs,
        client=client,
        cache=cache,
        progress=progress,
        attrs=attrs,
    ).dataset


def run_extraction(
    paths: FilePath | Sequence[FilePath],
    function: FileFunction,
    settings: Mapping[str, Any],
    *,
    kind: str,
    items: Sequence[str] | None = None,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | FilePath = True,
    progress: bool = True,
    attrs: Mapping[str, Any] | None = None,
) -> Extraction:
    """Read features and the tables beside them from files.

    Parameters
    ----------
    paths, function, settings, kind, items, n_jobs, client, cache, progress, attrs
        As in `extract_files`.

    Returns
    -------
    Extraction
        Features and tables.
    """
    n_jobs = check_jobs(n_jobs)
    tasks = _tasks(paths, items, function, settings, store_folder(cache, "extraction"))
    finished: dict[str, _Done] = {}
    with terminal_progress(show=progress) as step:
        step("Extracting", 0, len(tasks))
        for done in _run(tasks, n_jobs, check_client(client)):
            finished[done.item] = done
            step(f"Extracted {done.path.name}", len(finished), len(tasks))
    in_order = [finished[task.item] for task in tasks]
    _report_failures(in_order)
    dataset = _assemble(kind, in_order)
    dataset.attrs.update({"settings": json.dumps(dict(settings)), **(attrs or {})})
    return Extraction(dataset, _tables(in_order))


def extraction_failures(features: xr.Dataset) -> pd.DataFrame:
    """Files that an extraction could not read.

    Parameters
    ----------
    features : Dataset
        What an extraction returned.

    Returns
    -------
    DataFrame
        One row per file: `item`, `file` (name) and `reason`. Empty when all were read.

    Raises
    ------
    DataError
        When this is no Dataset.

    See Also
    --------
    features.audio.extract : Features of sound files.
    features.visual.extract : Features of video files.
    """
    if not isinstance(features, xr.Dataset):
        raise DataError(
            "not what an extraction returned",
            file="features",
            found=type(features).__name__,
            expected="a Dataset",
        )
    with boundary(_DAMAGED, file="features", column="failures"):
        rows = json.loads(features.attrs.get("failures", "[]"))
        return pd.DataFrame(rows, columns=["item", "file", "reason"], dtype="str")


def extraction_log(features: xr.Dataset) -> list[tuple[str, str, int]]:
    """What an extraction found and did: source, action and count, as in `/log` of a study."""
    with boundary(_DAMAGED, file="features", column="log"):
        rows = json.loads(features.attrs.get("log", "[]"))
        return [(str(source), str(action), int(count)) for source, action, count in rows]


def _tasks(
    paths: FilePath | Sequence[FilePath],
    items: Sequence[str] | None,
    function: FileFunction,
    settings: Mapping[str, Any],
    folder: Path | None,
) -> list[_Task]:
    """One task per file, items told apart."""
    files = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(p) for p in paths]
    if not files:
        raise DataError("no file to extract features from")
    names = [path.stem for path in files] if items is None else [str(item) for item in items]
    if len(names) != len(files):
        raise DataError(
            "every file needs its item", column="items", found=len(names), expected=len(files)
        )
    first: dict[str, Path] = {}
    for name, path in zip(names, files, strict=True):
        if name in first:
            raise DataError(
                f"two files are of the item {name!r}", file=path, found=str(first[name])
            )
        first[name] = path
    return [_Task(name, path, function, settings, folder) for name, path in first.items()]


def _run(tasks: list[_Task], n_jobs: int, client: Any) -> Iterator[_Done]:
    """Work through the tasks, each result as soon as it is there."""
    left = {task.item: task for task in tasks}
    try:
        for done in each_finished(_work, tasks, n_jobs=min(n_jobs, len(tasks)), client=client):
            del left[done.item]
            yield done
    except BrokenProcessPool:
        _logger.warning("a worker process died; the files left are read one at a time")
    for task in left.values():  # so that a crash tells which file it is
        try:
            yield from each_finished(_work, [task], n_jobs=2)
        except BrokenProcessPool:
            yield _Done(task.item, task.path, failure="the process that read it died")


def _work(task: _Task) -> _Done:
    """Features of one file, from the store or else computed and put there."""
    notes: tuple[str, ...] = ()
    try:
        entry = None
        if task.folder is not None:
            entry = entry_path(task.folder, task.path, task.function, task.settings)
            kept = load_entry(entry)
            if kept is not None:
                return _Done(task.item, task.path, kept)
            if entry.exists():
                notes = ("entry of the store was damaged and has been made anew",)
        features = task.function(task.path, **task.settings)
        if entry is not None:
            write_entry(entry, features)
    except (MissingExtraError, DesignError):
        raise
    except Exception as error:
        _logger.debug("no features from %s", task.path, exc_info=True)
        return _Done(task.item, task.path, failure=_reason(error))
    return _Done(task.item, task.path, features, notes=notes)


def _reason(error: Exception) -> str:
    """An error as one line."""
    if isinstance(error, DataError):
        text = error.problem
        if error.found is not None:
            text += f" (found {error.found!r})"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def _report_failures(finished: list[_Done]) -> None:
    failed = [done for done in finished if done.features is None]
    if not failed:
        return
    said = "; ".join(f"{done.path.name}: {done.failure}" for done in failed[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    if len(failed) == len(finished):
        raise DataError(f"none of the files could be read: {said}{more}")
    warnings.warn(
        f"{len(failed)} of {len(finished)} files could not be read and are left out: {said}{more}",
        ExtractionWarning,
        stacklevel=5,
    )


def _assemble(kind: str, finished: list[_Done]) -> xr.Dataset:
    """Dataset of all files that were read; shorter ones end in NaN."""
    read = [(done, done.features) for done in finished if done.features is not None]
    longest = max((features for _, features in read), key=lambda f: len(f.time))
    log = Log()
    dtype = np.result_type(*(features.values.dtype for _, features in read))
    values = np.full((len(read), *longest.values.shape), np.nan, dtype)
    for number, (done, features) in enumerate(read):
        _same_features(done.path, features, longest)
        values[number, : len(features.time)] = features.values
    short = sum(len(features.time) < len(longest.time) for _, features in read)
    if short:
        log.add(
            f"{kind} extraction",
            f"items shorter than {len(longest.time)} windows were padded with missing values",
            short,
        )
    notes = Counter(note for done, f in read for note in (*done.notes, *f.notes))
    for note, count in notes.items():
        log.add(f"{kind} extraction", note, count)
    infinite = int(np.isinf(values).sum())
    if infinite:
        log.add(f"{kind} extraction", "values are infinite", infinite)
    failures = [[d.item, d.path.name, d.failure] for d in finished if d.features is None]
    for _, name, reason in failures:
        log.add(name, f"could not be read: {reason}", 1)
    stacked = Features(values, [done.item for done, _ in read], longest.names, longest.families)
    dataset = feature_dataset(kind, stacked, time=longest.time)
    dataset.attrs = {
        "kind": kind,
        "failures": json.dumps(failures),
        "log": json.dumps(log.entries),
    }
    return dataset


def _tables(finished: list[_Done]) -> dict[str, pd.DataFrame]:
    """Tables of all files that were read, one below the other."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for done in finished:
        for name, columns in (done.features.tables if done.features else {}).items():
            frame = pd.DataFrame(dict(columns))
            frame.insert(0, "item", np.repeat(done.item, len(frame)))
            parts.setdefault(name, []).append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def _same_features(path: Path, features: FileFeatures, longest: FileFeatures) -> None:
    """Refuse a file whose features or time grid are not those of the others."""
    if features.names != longest.names or features.families != longest.families:
        raise DataError("features are not those of the other files", file=path)
    grid = longest.time[: len(features.time)]
    if len(grid) and np.abs(features.time - grid).max() > _SAME_TIME:
        raise DataError("time grid is not that of the other files", file=path)
