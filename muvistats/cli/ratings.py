"""A table of ratings as a study: what a command needs to be told of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_KEYS = ("item", "participant", "session", "modality")


def is_table(path: Path | None) -> bool:
    """Whether a path names a table of ratings, and not a study."""
    from ..dataset.importing.files import TABLE_SUFFIXES

    return path is not None and any(s.lower() in TABLE_SUFFIXES for s in path.suffixes)


def study_of(path: Path, options: dict[str, str | None]) -> xr.DataTree:
    """Study of a table of ratings.

    Parameters
    ----------
    path : Path
        The table, one row per rating, or per rating and time step.
    options : dict of str to str or None
        What was said: columns of the keys by `item`, `participant`, `session`, `modality`;
        `dimensions` and `labels` with commas between them; `scale`, its ends or its words;
        `familiar_from` and `out_of_scale`.

    Returns
    -------
    DataTree
        The study, named after the file.

    Raises
    ------
    DataError
        When the table, or what was said of it, makes no study.
    """
    from ..dataset.importing.files import read_table
    from ..dataset.tables import from_frames

    given: dict[str, Any] = {key: options[key] for key in _KEYS if options[key] is not None}
    table = read_table(path, [given.get(key, key) for key in _KEYS])
    for name in ("dimensions", "labels"):
        text = options[name]
        if text is not None:
            given[name] = [part.strip() for part in text.split(",")]
    if options["scale"] is not None:
        table, scale = _scaled(table, options["scale"], given.get("dimensions", []))
        given |= scale
    if options["familiar_from"] is not None:
        given["familiar_from"] = _number("--familiar-from", options["familiar_from"])
    if options["out_of_scale"] is not None:
        given["out_of_scale"] = options["out_of_scale"]
    place = "dynamics" if _is_log(table, given) else "annotations"
    try:
        name = path.stem.split(".")[0]
        given |= {place: table, "study": name, "source": path.name}
        return from_frames(**given)
    except DataError as error:  # what it calls the table is this file, and arguments are options
        ours = {"file": path.name if error.file == place else error.file}
        told = {key: getattr(error, key) for key in ("row", "column", "found", "expected")}
        told["expected"] = told["expected"] and _as_options(told["expected"])
        raise DataError(_as_options(error.problem), **ours, **told) from None


def _is_log(table: pd.DataFrame, given: Mapping[str, Any]) -> bool:
    """Whether a table holds recordings: times, and more than one for each annotation."""
    keys = [name for key in _KEYS if (name := given.get(key, key)) in table]
    return "time" in table and bool(table.duplicated(keys).any())


def _as_options(text: str) -> str:
    """What a message says of arguments, said of the options of the command."""
    text = text.replace("scale=(lowest, highest)", "--scale lowest,highest")
    text = text.replace("as an ordered pandas Categorical", "by --scale lowest,...,highest")
    for name in ("item", "participant", "session", "modality", "familiar_from", "out_of_scale"):
        option = f"--{name.replace('_', '-')}"
        text = re.sub(rf'\b{name}=(?:"\.\.\."|\.\.\.)', option, text)
        text = re.sub(rf'\b{name}="([^"]*)"', rf"{option} \1", text)
    return text


def _scaled(
    table: pd.DataFrame, text: str, dimensions: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The scale that was said; where it is words in an order, the table with these ratings."""
    import pandas as pd

    parts = [part.strip() for part in text.split(",")]
    try:
        return table, {"scale": tuple(map(float, parts))}
    except ValueError:
        pass
    ordered = (
        pd.CategoricalDtype(parts, ordered=True) if len(set(parts)) == len(parts) > 1 else None
    )
    if ordered is None:
        expected = "1,9, or words in an order, as in bad,fair,good"
        raise DataError("not a scale", file="--scale", found=text, expected=expected)
    for name in filter(table.__contains__, dimensions):
        known = table[name].dropna().astype("str").str.strip()
        unknown = known[~known.isin(parts)]
        if len(unknown):
            where: dict[str, Any] = {"row": unknown.index[0], "column": name}
            problem = "answer is not on the scale"
            raise DataError(problem, **where, found=unknown.iloc[0], expected=text)
        table = table.assign(**{name: known.reindex(table.index).astype(ordered)})
    return table, {}


def refuse_options(options: dict[str, str | None]) -> None:
    """Refuse options of a table where a study was given, which knows all of it."""
    said = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if said:
        raise DataError("options of a table of ratings, and this is none", found=", ".join(said))


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError("not a number", file=option, found=text) from None
