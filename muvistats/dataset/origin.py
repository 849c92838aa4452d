"""Where the rows of long tables come from: whether they are simulated, how labels were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..errors import DataError
from . import schema

#: Column that says it in a table, by argument of `from_frames`; and what it is by default.
_COLUMNS = {"label_alignment": "alignment", "simulated": "simulated"}
_DEFAULTS = {"label_alignment": "as_recorded", "simulated": False}

#: How tables write whether they are simulated.
_TRUTHS = {True: True, False: False, "True": True, "False": False}


def read_origin(
    tables: Mapping[str, pd.DataFrame], given: Mapping[str, Any]
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Take the columns that say where rows come from, as `to_long` writes them, out of tables.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables that were given, by name.
    given : mapping of str to object
        `label_alignment` and `simulated` as arguments; None where not given.

    Returns
    -------
    tables : dict of str to DataFrame
        The tables without these columns.
    origin : dict of str to object
        What the argument or the columns say, which must be the same.

    Raises
    ------
    DataError
        When a column holds something else, or several values, or argues with the argument.
    """
    tables = dict(tables)
    origin = {}
    for argument, column in _COLUMNS.items():
        said = given[argument]
        for name in ("annotations", "dynamics"):
            if column not in tables.get(name, ()):
                continue
            read = _one_value(tables[name], name, column)
            tables[name] = tables[name].drop(columns=column)
            if None not in (read, said) and read != said:
                raise DataError(
                    f"column and {argument} say different things",
                    file=name,
                    column=column,
                    found=read,
                    expected=said,
                )
            said = read if said is None else said
        origin[argument] = _DEFAULTS[argument] if said is None else said
    return tables, origin


def _one_value(frame: pd.DataFrame, name: str, column: str) -> Any:
    """The one value of a column; None where it is missing."""
    known = _TRUTHS if column == "simulated" else {word: word for word in schema.ALIGNMENTS}
    values = frame[column].dropna().astype("object")
    distinct = list(dict.fromkeys(map(str, values)))
    wrong = [value for value in distinct if value not in map(str, known)]
    if wrong:
        raise DataError(
            "column name has another meaning; rename the column",
            file=name,
            column=column,
            found=wrong[0],
            expected=f"as to_long writes it, {', '.join(dict.fromkeys(map(str, known)))}",
        )
    gaps = ["missing"] if frame[column].isna().any() else []
    if len(distinct) > 1 or (distinct and gaps):
        raise DataError(
            "rows of several origins; give each its own study, or rename a column of your own",
            file=name,
            column=column,
            found=", ".join([*distinct, *gaps]),
        )
    return known[distinct[0]] if distinct else None
