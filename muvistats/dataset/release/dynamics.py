"""Dynamic annotations of the MuVi release: a long table to one row of samples per annotation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DataError
from ...types import Floats, Ints
from .. import schema
from ..build import Log
from .csv_input import numbers, read_table, reads_file
from .keys import KEY_COLUMNS, ItemMatcher, read_keys

DYNAMICS_FILE = "av_data.csv"

#: Rated dimensions of the release.
DIMENSIONS = ("arousal", "valence")

#: Names under which a running sample number, or else a time stamp, is recognised. The release of
#: the dynamic data was not at hand when this was written, so the reader goes by name.
_SAMPLE_NAMES = (
    "sample", "sample_number", "sample_no", "sample_id", "sample_index", "seq", "sequence",
    "seq_no", "seq_num", "sequence_number", "index", "idx", "step", "time_step", "timestep",
    "frame", "number",
)  # fmt: skip
_TIME_NAMES = ("time", "timestamp", "time_stamp", "time_s", "seconds", "ms", "milliseconds")

#: An annotation with so many times the usual number of samples is two annotations in one.
_TOO_MANY = 1.5


@dataclass(frozen=True)
class Dynamics:
    """Rated dimensions by name, each (annotation, time), and which annotations have samples."""

    values: dict[str, Floats]
    time: Floats
    present: npt.NDArray[np.bool_]


@reads_file
def read_dynamics(path: Path, annotations: pd.DataFrame, items: ItemMatcher, log: Log) -> Dynamics:
    """Read `av_data.csv`.

    Parameters
    ----------
    path : Path
        The file: `participant_id`, `media_id`, `media_modality`, `arousal`, `valence`, and
        perhaps a running sample number or a time stamp, in any order.
    annotations : DataFrame
        The annotations of `media_data.csv`: `item`, `modality`, `participant`.
    items : ItemMatcher
        The item list.
    log : Log
        Takes up what was found.

    Returns
    -------
    Dynamics
        Rows as in `annotations`; shorter annotations end in NaN, absent ones are NaN.

    Raises
    ------
    DataError
        When a column is missing, a rating is no number or beyond [-1, 1], an annotation has no
        row in `media_data.csv`, or a sample stands twice.
    """
    file = path.name
    table = read_table(path, (*KEY_COLUMNS, *DIMENSIONS), log)
    keys = read_keys(table, file, items, log)
    row = _rows_of(keys, annotations, table, file)
    low, high = schema.SCALE
    rated = {name: numbers(table, name, file, low=low, high=high) for name in DIMENSIONS}
    empty = int(sum(np.isnan(values).sum() for values in rated.values()))
    if empty:
        log.add(file, "empty ratings were read as missing", empty)
    order_by = _order_column(table, file, log)
    step = _steps(row, order_by, table, log, file)
    length = int(step.max()) + 1
    counts = np.bincount(row, minlength=len(annotations))
    present = counts > 0
    short = present & (counts < length)
    if short.any():
        action = f"annotations shorter than {length} samples were padded with missing values"
        log.add(file, action, int(short.sum()))
    values = {}
    for name, samples in rated.items():
        grid = np.full((len(annotations), length), np.nan)
        grid[row, step] = samples
        values[name] = grid
    time = np.arange(length, dtype=np.float64) * schema.SAMPLING_INTERVAL
    return Dynamics(values, time, present)


def _rows_of(keys: pd.DataFrame, annotations: pd.DataFrame, table: pd.DataFrame, file: str) -> Ints:
    """Row of `annotations` that each sample belongs to."""
    code = np.zeros(len(keys), dtype=np.int64)
    target = np.zeros(len(annotations), dtype=np.int64)
    known = np.full(len(keys), fill_value=True)
    for key in schema.KEYS:
        levels = pd.Index(annotations[key].unique())
        found = levels.get_indexer(keys[key])
        known &= found >= 0
        code = code * len(levels) + found
        target = target * len(levels) + levels.get_indexer(annotations[key])
    row = pd.Index(target).get_indexer(pd.Index(code))
    row[~known] = -1
    if (row < 0).any():
        first = int(np.flatnonzero(row < 0)[0])
        raise DataError(
            "annotation has no row in media_data.csv",
            file=file,
            row=table.index[first],
            found=" x ".join(table[list(KEY_COLUMNS)].iloc[first]),
        )
    return row.astype(np.int64)


def _order_column(table: pd.DataFrame, file: str, log: Log) -> str | None:
    """Column that orders the samples of an annotation; the others are named in the log."""
    by_name = {str(name).lower().replace(" ", "_"): str(name) for name in table.columns}
    found = [by_name[name] for name in (*_SAMPLE_NAMES, *_TIME_NAMES) if name in by_name]
    chosen = found[0] if found else None
    used = {*KEY_COLUMNS, *DIMENSIONS, chosen}
    extra = [str(name) for name in table.columns if name not in used]
    if extra:
        names = ", ".join(name or "(no name)" for name in extra)
        log.add(file, f"columns not used: {names}", len(extra))
    if chosen is None:
        log.add(file, "no column numbers the samples; they stand in file order", len(table))
    return chosen


def _steps(row: Ints, order_by: str | None, table: pd.DataFrame, log: Log, file: str) -> Ints:
    """Time step of each sample, from 0."""
    number = numbers(table, order_by, file) if order_by else np.zeros(len(row))
    if np.isnan(number).any():
        line = table.index[np.flatnonzero(np.isnan(number))[0]]
        raise DataError("sample has no number", file=file, row=line, column=order_by)
    order = np.lexsort((np.arange(len(row)), number, row))
    counts = np.bincount(row)
    _refuse_doubles(counts, table.index[order], row[order], file, table)
    first = np.repeat(np.cumsum(counts[counts > 0]) - counts[counts > 0], counts[counts > 0])
    rank = np.arange(len(row)) - first
    step = np.empty(len(row), dtype=np.int64)
    step[order] = rank
    if order_by is None:
        return step
    ordered = number[order]
    inside = rank > 0
    gap = np.diff(ordered, prepend=ordered[0])[inside]
    if (gap == 0).any():
        place = order[np.flatnonzero(inside)[np.flatnonzero(gap == 0)[0]]]
        raise DataError(
            "sample stands twice in its annotation",
            file=file,
            row=table.index[place],
            column=order_by,
            found=" x ".join([*table[list(KEY_COLUMNS)].iloc[place], table[order_by].iloc[place]]),
        )
    return _leave_gaps(step, order, ordered - ordered[first], gap, counts, log, file)


def _leave_gaps(
    step: Ints,
    order: Any,
    offset: Floats,
    gap: Floats,
    counts: Ints,
    log: Log,
    file: str,
) -> Ints:
    """Where the numbers count single steps, a sample that was left out leaves its place empty."""
    jumps = int((gap != 1).sum())
    if not jumps or not len(gap) or np.median(gap) != 1:
        return step
    whole = bool((gap == np.round(gap)).all())
    if whole and offset.max() + 1 <= _TOO_MANY * counts.max():
        step[order] = offset.astype(np.int64)
        log.add(file, "jumps in the sample number were left empty", jumps)
    else:
        log.add(file, "sample numbers jump; samples follow each other in their order", jumps)
    return step


def _refuse_doubles(counts: Ints, lines: Any, row: Ints, file: str, table: pd.DataFrame) -> None:
    usual = float(np.median(counts[counts > 0]))
    longest = int(np.argmax(counts))
    if counts[longest] > _TOO_MANY * usual:
        line = lines[np.flatnonzero(row == longest)[0]]
        raise DataError(
            "annotation has too many samples to be one annotation",
            file=file,
            row=line,
            found=f"{counts[longest]} samples of "
            + " x ".join(table.loc[line, list(KEY_COLUMNS)].astype(str)),
            expected=f"about {usual:g}",
        )
