"""One table of a file, whatever program wrote it."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from ...errors import DataError, boundary

#: Files of tables that are read.
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".json", ".jsonl")


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table from CSV, TSV, Parquet or JSON.

    Parameters
    ----------
    path : path
        The file; a text may part its columns by comma, semicolon or tab, and be compressed.

    Returns
    -------
    DataFrame
        The table. Numbers with decimal commas stay texts, which `from_frames` reads.

    Raises
    ------
    DataError
        When there is no such file, it cannot be read, or it is of another kind.
    """
    path = Path(path)
    kind = next((s.lower() for s in path.suffixes[::-1] if s.lower() in TABLE_SUFFIXES), "")
    if not path.is_file():
        raise DataError("no such file", file=path)
    if not kind:
        raise DataError("unknown kind of file", file=path.name, expected=", ".join(TABLE_SUFFIXES))
    with boundary("not a readable table", file=path.name):
        if kind == ".parquet":
            try:
                return pd.read_parquet(path)
            except ImportError as error:
                problem = "Parquet needs pyarrow: pip install pyarrow"
                raise DataError(problem, file=path.name) from error
        if kind in (".json", ".jsonl"):
            return pd.read_json(path, lines=kind == ".jsonl", dtype=False)
        return pd.read_csv(path, sep="\t" if kind == ".tsv" else _separator(path))


def _separator(path: Path) -> str:
    """What parts the columns of a text: the sign that stands in its first line most often."""
    head = "".join(map(str, pd.read_csv(path, sep="\x01", nrows=0).columns))
    return max((",", ";", "\t", "|"), key=head.count)
