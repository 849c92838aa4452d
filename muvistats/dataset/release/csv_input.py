"""Checked reading of CSV files: every fault is named with its file, row and column."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DataError, boundary, read_bytes
from ..build import Log

P = ParamSpec("P")
R = TypeVar("R")

#: Room for rounding at the ends of a range.
_SLACK = 1e-9


def reads_file(read: Callable[Concatenate[Path, P], R]) -> Callable[Concatenate[Path, P], R]:
    """Let whatever goes wrong in a reader of one file be a DataError that names the file."""

    @functools.wraps(read)
    def wrapper(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with boundary("cannot be read", file=path.name):
            return read(path, *args, **kwargs)

    return wrapper


def decode(raw: bytes, file: str, log: Log) -> str:
    """Text of a UTF-8 file.

    Raises
    ------
    DataError
        When the file is empty, or its bytes are no text in UTF-8; names the byte and the row.
    """
    if not raw.strip():
        raise DataError("file is empty", file=file)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"wrong encoding at byte {error.start}",
            file=file,
            row=raw.count(b"\n", 0, error.start) + 1,
            found=raw[error.start : error.start + 1],
            expected="UTF-8",
        ) from error
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise DataError("file holds a NUL character, so it is no text", file=file, row=row)
    if text.startswith("\ufeff"):
        text = text[1:]
        log.add(file, "byte order mark at the start of the file was skipped", 1)
    if windows := raw.count(b"\r\n"):
        log.add(file, "line ends are CRLF; read as line ends", windows)
    if not text.endswith(("\n", "\r")):
        log.add(file, "the last line has no line end: it may be cut off inside its last value", 1)
    return text


def csv_rows(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Header and rows of a CSV text, each with the number of its last line, from 1.

    Blank lines are skipped, and counted as lines.

    Raises
    ------
    DataError
        When a row has not as many fields as the header, as in a file that was cut off, or a
        quotation is not closed.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    width = 0
    try:
        for fields in reader:
            if not fields:
                continue
            width = width or len(fields)
            if len(fields) != width:
                raise DataError(
                    "row is cut off" if len(fields) < width else "row is too long",
                    file=file,
                    row=reader.line_num,
                    found=f"{len(fields)} fields",
                    expected=f"{width} fields as in the header",
                )
            yield reader.line_num, fields
    except csv.Error as error:
        raise DataError(f"not a CSV row: {error}", file=file, row=reader.line_num) from error


def header_of(rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    """Take the header off the rows, without blanks around the names."""
    return [name.strip() for name in next(rows)[1]]


def require_columns(header: Sequence[str], required: Sequence[str], file: str) -> None:
    """Refuse a file without a column that is needed, or with one of them twice.

    Raises
    ------
    DataError
        Says which columns the file lacks and which it has.
    """
    lacking = [name for name in required if name not in header]
    if lacking:
        have = ", ".join(header[:40]) + (", ..." if len(header) > 40 else "")
        raise DataError(
            f"column is missing: {', '.join(lacking)}",
            file=file,
            column=lacking[0],
            found=f"the columns {have}",
        )
    for name in required:
        if list(header).count(name) > 1:
            raise DataError("column stands twice", file=file, row=1, column=name)


def read_table(path: Path, required: Sequence[str], log: Log) -> pd.DataFrame:
    """CSV file as a frame of texts, nothing interpreted: ``NA`` and the empty text stay as such.

    Parameters
    ----------
    path : Path
        The file.
    required : sequence of str
        Columns it must have.
    log : Log
        Takes up what was found.

    Returns
    -------
    DataFrame
        Columns of `object` dtype that hold `str`; the index is the line in the file, from 1.

    Raises
    ------
    DataError
        When the file is empty, cut off, wrongly encoded or lacks a column.
    """
    file = path.name
    rows = csv_rows(decode(read_bytes(path), file, log), file)
    header = header_of(rows)
    require_columns(header, required, file)
    lines: list[int] = []
    cells: list[list[str]] = []
    for line, fields in rows:
        lines.append(line)
        cells.append(fields)
    if not cells:
        raise DataError("file has a header and no rows", file=file)
    columns = dict(zip(header, zip(*cells, strict=True), strict=False))
    index = pd.Index(lines, name="row")
    texts = {name: _texts(values) for name, values in columns.items()}
    return pd.DataFrame(texts, index=index, dtype="object")


def _texts(values: Sequence[str]) -> npt.NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def refuse_empty(table: pd.DataFrame, columns: Sequence[str], file: str) -> None:
    """Refuse an empty cell in a key column."""
    for column in columns:
        number, texts = pd.factorize(table[column].to_numpy())
        empty = np.flatnonzero(np.array([not text.strip() for text in texts])[number])
        if len(empty):
            raise DataError("key is empty", file=file, row=table.index[empty[0]], column=column)


def refuse_repeats(table: pd.DataFrame, columns: Sequence[str], file: str, what: str) -> None:
    """Refuse a key that stands twice."""
    again = table.duplicated(list(columns)).to_numpy()
    if not again.any():
        return
    row = int(np.flatnonzero(again)[0])
    key = table[list(columns)].iloc[row]
    first = int(np.flatnonzero((table[list(columns)] == key).all(axis=1))[0])
    raise DataError(
        f"{what} stands twice, first in row {table.index[first]}",
        file=file,
        row=table.index[row],
        column=columns[0] if len(columns) == 1 else None,
        found=" x ".join(key),
    )


def codes(
    table: pd.DataFrame, column: str, meaning: Mapping[str, int], file: str
) -> npt.NDArray[np.int8]:
    """Column of coded texts as integers.

    Raises
    ------
    DataError
        When a text has no code.
    """
    number, texts = pd.factorize(table[column].to_numpy())
    known = np.array([text in meaning for text in texts])
    if not known.all():
        row = int(np.flatnonzero(~known[number])[0])
        raise DataError(
            "value is not known",
            file=file,
            row=table.index[row],
            column=column,
            found=table[column].iloc[row],
            expected=" or ".join(text or "nothing" for text in meaning),
        )
    return np.array([meaning[text] for text in texts], dtype=np.int8)[number]


def numbers(
    table: pd.DataFrame, column: str, file: str, *, low: float = -np.inf, high: float = np.inf
) -> npt.NDArray[np.float64]:
    """Column of numbers; an empty cell is NaN.

    Raises
    ------
    DataError
        When a cell is no number or lies outside `low` to `high`.
    """
    texts = table[column].to_numpy()
    try:
        values = texts.astype(np.float64)
    except ValueError:
        values = np.array([_number(text) for text in texts], dtype=object)
        bad = np.flatnonzero([value is None for value in values])
        if len(bad):
            raise DataError(
                "not a number",
                file=file,
                row=table.index[bad[0]],
                column=column,
                found=texts[bad[0]],
            ) from None
        values = values.astype(np.float64)
    outside = np.isinf(values) | (values < low - _SLACK) | (values > high + _SLACK)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"value out of range, {int(outside.sum())} such values",
            file=file,
            row=table.index[row],
            column=column,
            found=texts[row],
            expected=_range_text(low, high),
        )
    return values


def _range_text(low: float, high: float) -> str:
    if np.isinf(high):
        return "a finite number" if np.isinf(low) else f"a finite number of at least {low:g}"
    return f"a value in [{low:g}, {high:g}]"


def _number(text: str) -> float | None:
    """Number in a cell, NaN for an empty one, None for anything else."""
    if not text.strip():
        return np.nan
    try:
        return float(text)
    except ValueError:
        return None


def row_picker(positions: Sequence[int]) -> Callable[[list[str]], Sequence[Any]]:
    """Fastest way to take some fields of a row: a slice where they stand in a row."""
    start, stop = positions[0], positions[-1] + 1
    if list(positions) == list(range(start, stop)):
        return itemgetter(slice(start, stop))
    pick = itemgetter(*positions)
    return pick if len(positions) > 1 else lambda fields: (pick(fields),)


def numeric_row(
    fields: Sequence[str], names: Sequence[str], file: str, line: int
) -> npt.NDArray[np.float64]:
    """Fields of one row as numbers; an empty field is NaN.

    Raises
    ------
    DataError
        When a field is no number.
    """
    try:
        return np.array(fields, dtype=np.float64)
    except ValueError:
        values = [_number(text) for text in fields]
    for text, value, name in zip(fields, values, names, strict=True):
        if value is None:
            raise DataError("not a number", file=file, row=line, column=name, found=text)
    return np.array(values, dtype=np.float64)
