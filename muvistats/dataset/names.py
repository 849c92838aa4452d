"""Names of columns: which ones can be stored, and which ones the package makes itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from ..errors import DataError
from . import schema

#: Columns that `annotation_frame`, `to_long` and storage make.
OWN = (
    *("annotation", "time", "n_labels", "alignment", "simulated"),
    *("label", "labels", "label_name", "label_category", "label_superfactor"),
)

#: Longest name of a file, in bytes: Zarr keeps a column in a folder of its name.
_LONGEST = 255

_FORBIDDEN = ("/", "\\", "\0")


def storage_problem(text: str) -> str:
    """Why no store takes a text; empty where both do."""
    if "\0" in text:
        return "text holds the character NUL"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "text holds half a character (a lone surrogate)"
    return ""


def check_stored_name(name: str, place: str) -> None:
    """Refuse a name that cannot be the name of a stored column."""
    problem = storage_problem(name)
    if not name.strip():
        problem = "name of a column is empty"
    elif signs := [sign for sign in _FORBIDDEN if sign in name]:
        problem = f"name holds {signs[0]!r}, which cannot be stored"
    elif name.startswith("."):
        problem = "name begins with a full stop"
    elif not problem and len(name.encode()) > _LONGEST:
        problem = f"name is longer than {_LONGEST} bytes"
    if problem:
        raise DataError(f"{problem}; rename the column", file=place, column=repr(name))


def check_not_ours(names: Iterable[str], place: str, taken: Iterable[str] = ()) -> None:
    """Refuse names of a user's columns or labels that the package makes, or that are taken."""
    ours = {*OWN, *taken}
    for name in names:
        if name in ours:
            raise DataError(
                "column name has another meaning; rename the column", file=place, column=name
            )


def check_names(columns: Mapping[str, Iterable[str]], labels: Iterable[str] = ()) -> None:
    """Check the names of a study's columns, table by table, and of its labels.

    Parameters
    ----------
    columns : mapping of str to iterable of str
        Columns of ``annotations``, ``participants``, ``items`` and other tables of users.
    labels : iterable of str
        Names of labels: they become columns of a frame, but not of a store.
    """
    homes = {
        "annotations": tuple(set(schema.variables("/annotations")) - set(OWN)),
        "participants": ("participant",),
        "items": ("item",),
    }
    for table, names in columns.items():
        own = [name for name in names if name not in homes.get(table, ())]
        for name in own:
            check_stored_name(name, table)
        composed = [unicodedata.normalize("NFC", name) for name in own]
        for name in own:
            if composed.count(unicodedata.normalize("NFC", name)) > 1:
                problem = "two columns whose names look alike (letters with their marks apart)"
                raise DataError(f"{problem}; rename one", file=table, column=name)
        check_not_ours(own, table, schema.ALL_KEYS)
    check_not_ours(labels, "labels", schema.ALL_KEYS)
