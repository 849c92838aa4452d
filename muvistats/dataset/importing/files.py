"""One table of a file, whatever program wrote it."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import DataError, boundary, refuse_swollen

#: Files of tables that are read.
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".json", ".jsonl")

#: What opens a packed text; ``.zip`` is the fourth kind.
_UNPACK: dict[str, Callable[[Path], io.BufferedIOBase]]
_UNPACK = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}

#: Bytes to which a table may unpack, whatever its packed size.
_SURELY = 256 * 1024**2

#: Columns of a table at most; of more with one name pandas takes minutes to tell them apart.
_MOST_COLUMNS = 20_000

_BLOCK = 1024**2


def read_table(path: str | os.PathLike[str], texts: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table from CSV, TSV, Parquet or JSON.

    Parameters
    ----------
    path : path
        The file; a text may part its columns by comma, semicolon or tab, and be packed (``.gz``,
        ``.bz2``, ``.xz``, ``.zip``).
    texts : iterable of str
        Columns that hold names, such as ids: 007 stays 007 in a text file.

    Returns
    -------
    DataFrame
        The table. Numbers with decimal commas stay texts, which `from_frames` reads.

    Raises
    ------
    DataError
        When there is no such file, it cannot be read, it is of another kind, or it unpacks to more
        than 256 MiB and than a hundred times its size.
    """
    path = Path(path)
    *others, last = ["", *(suffix.lower() for suffix in path.suffixes)]
    kind = others[-1] if last in (*_UNPACK, ".zip") else last
    if not path.is_file():
        raise DataError("no such file", file=path)
    if kind not in TABLE_SUFFIXES:
        packed = ", ".join((*_UNPACK, ".zip"))
        expected = f"{', '.join(TABLE_SUFFIXES)}, as it is or packed ({packed})"
        raise DataError("unknown kind of file", file=path.name, expected=expected)
    with boundary("not a readable table", file=path.name):
        refuse_bomb(path, last)
        if kind == ".parquet":
            try:
                return pd.read_parquet(path)
            except ImportError as error:
                problem = "Parquet needs pyarrow: pip install pyarrow"
                raise DataError(problem, file=path.name) from error
        if kind in (".json", ".jsonl"):
            return pd.read_json(path, lines=kind == ".jsonl", dtype=False)
        separator = "\t" if kind == ".tsv" else _separator(path)
        return read_rows(path, sep=separator, dtype=dict.fromkeys(texts, "str"))


def read_rows(path: Path, **options: Any) -> pd.DataFrame:
    """`pandas.read_csv` of a file in which no row has more fields than the header.

    pandas takes the first fields of longer rows for names of rows, so that all others move into the
    column beside. Separators at the end of rows are no fields.
    """
    with boundary("not a readable table", file=path.name):
        n_columns = _head(path).count(options.get("sep", ",")) + 1
        if n_columns > _MOST_COLUMNS:
            problem = "more columns than a table of ratings has"
            expected = f"at most {_MOST_COLUMNS}"
            raise DataError(problem, file=path.name, found=n_columns, expected=expected)
        table: pd.DataFrame = pd.read_csv(path, **options)
        if not len(table) or isinstance(table.index, pd.RangeIndex):
            return table
        n, more = table.shape[1], table.index.nlevels
        beyond = table.iloc[:, -more:]
        if (beyond.notna() & (beyond != "")).to_numpy().any():
            problem = "rows have more fields than the first line has names"
            raise DataError(problem, file=path.name, found=n + more, expected=n)
        names = [*table.columns, *(f"beyond {place}" for place in range(more))]
        table = pd.read_csv(path, header=0, names=names, index_col=False, **options)
        return table.iloc[:, :n]


def _separator(path: Path) -> str:
    """What parts the columns of a text: the sign that stands in its first line most often."""
    return max((",", ";", "\t", "|"), key=_head(path).count)


def _head(path: Path) -> str:
    """First line of a text, which may be packed."""
    return "".join(map(str, pd.read_csv(path, sep="\x01", nrows=0).columns))


def refuse_bomb(path: Path, packing: str) -> None:
    """Refuse a packed file that was made to fill the memory, before it does."""
    stored = path.stat().st_size
    problem = "unpacks to far more than a table of ratings; unpack it yourself if you trust it"
    check = functools.partial(refuse_swollen, path, stored=stored, surely=_SURELY, problem=problem)
    if packing == ".zip":
        with zipfile.ZipFile(path) as archive:  # which hands out no more than it declares
            check(sum(member.file_size for member in archive.infolist()))
    elif packing == ".parquet":
        check(_size_of_parquet(path))
    elif packing in _UNPACK:
        unpacked = 0
        with _UNPACK[packing](path) as stream:
            while block := stream.read(_BLOCK):
                unpacked += len(block)
                check(unpacked)


def _size_of_parquet(path: Path) -> int:
    """Bytes of the columns in memory, eight for each cell; 0 where nothing reads Parquet."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        return 0
    told = parquet.read_metadata(path)
    return int(told.num_rows) * int(told.num_columns) * 8
