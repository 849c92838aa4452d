"""Finished files of a feature extraction, kept so that a run that was cut off can go on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DesignError
from ..files import load_arrays, write_arrays

#: Goes into the key, so that a change of the format makes old entries unreachable.
_FORMAT = "muvistats extraction 1"

#: Arrays of an entry that hold texts, and the beginning of the names of those of a table.
_TEXTS = ("names", "families", "notes")
_TABLE = "table "


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FileFeatures:
    """Features of one file on its time grid.

    Parameters
    ----------
    time : ndarray of float64, shape (time,)
        Start of each window in the file, in s, increasing.
    values : ndarray of float32 or float64, shape (time, feature)
        The values; NaN where a window has none.
    names, families : tuple of str
        Name and family of each feature, alike for every file of a run.
    notes : tuple of str
        What was found and done, in words without numbers or file names: the log counts the
        files that share a note.
    tables : mapping of str to mapping of str to ndarray
        Tables beside the features, such as the shots of a film: by name, columns of equal
        length.
    """

    time: npt.NDArray[np.float64]
    values: npt.NDArray[np.floating[Any]]
    names: tuple[str, ...]
    families: tuple[str, ...]
    notes: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, npt.NDArray[Any]]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.time), len(self.names)):
            raise ValueError("values, time and names do not fit")
        if len(self.names) != len(self.families):
            raise ValueError("names and families do not fit")
        if self.values.dtype not in (np.float32, np.float64):
            raise ValueError("values are neither float32 nor float64")


def entry_path(
    folder: Path, path: Path, function: Callable[..., Any], settings: Mapping[str, Any]
) -> Path:
    """Where the features of a file are kept.

    The name is a SHA-256 over the content of the file, the function and its settings: a file that
    was changed, or other settings, have another entry; a file that was only moved keeps its own.
    """
    try:
        how = json.dumps(
            [_FORMAT, function.__module__, function.__qualname__, dict(settings)], sort_keys=True
        )
    except TypeError as error:
        raise DesignError(f"settings of an extraction must be plain values: {error}") from error
    key = hashlib.sha256(how.encode())
    with path.open("rb") as stream:
        key.update(hashlib.file_digest(stream, "sha256").digest())
    return folder / f"{key.hexdigest()}.npz"


def load_entry(entry: Path) -> FileFeatures | None:
    """Features from a finished entry; None where there is none or it is damaged."""
    stored = load_arrays(entry)
    if stored is None:
        return None
    tables: dict[str, dict[str, npt.NDArray[Any]]] = {}
    try:
        names, families, notes = (tuple(stored[part].tolist()) for part in _TEXTS)
        for part in stored:
            if part.startswith(_TABLE):
                table, column = json.loads(part.removeprefix(_TABLE))
                tables.setdefault(table, {})[column] = stored[part]
        return FileFeatures(stored["time"], stored["values"], names, families, notes, tables)
    except (ValueError, KeyError):
        return None


def write_entry(entry: Path, features: FileFeatures) -> None:
    """Keep the features of a file; the entry has its name only when it is whole."""
    arrays: dict[str, Any] = {"time": features.time, "values": features.values}
    for name in _TEXTS:
        arrays[name] = np.array(getattr(features, name), dtype=str)
    for table, columns in features.tables.items():
        for column, values in columns.items():
            arrays[_TABLE + json.dumps([table, column])] = values
    write_arrays(entry, arrays)
