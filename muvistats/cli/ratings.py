"""A table of ratings as a study: what a command needs to be told of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError

if TYPE_CHECKING:
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
        `dimensions` and `labels` with commas between them; and `scale`.

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

    table = read_table(path)
    given: dict[str, Any] = {key: options[key] for key in _KEYS if options[key] is not None}
    for name in ("dimensions", "labels"):
        text = options[name]
        if text is not None:
            given[name] = [part.strip() for part in text.split(",")]
    if options["scale"] is not None:
        given["scale"] = _scale(options["scale"])
    place = "dynamics" if "time" in table else "annotations"
    try:
        name = path.stem.split(".")[0]
        given |= {place: table, "study": name, "source": path.name}
        return from_frames(**given)
    except DataError as error:  # what it calls the table is this file
        if error.file != place:
            raise
        told = {key: getattr(error, key) for key in ("row", "column", "found", "expected")}
        raise DataError(error.problem, file=path.name, **told) from None


def refuse_options(options: dict[str, str | None]) -> None:
    """Refuse options of a table where a study was given, which knows all of it."""
    said = [f"--{name}" for name, value in options.items() if value is not None]
    if said:
        raise DataError("options of a table of ratings, and this is none", found=", ".join(said))


def _scale(text: str) -> tuple[float, ...]:
    """Ends of a scale."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise DataError("not a scale", file="--scale", found=text, expected="1,9") from None
