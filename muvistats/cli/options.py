"""Arguments and options that commands share."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer


class Format(enum.StrEnum):
    """How a table is printed."""

    csv = "csv"
    md = "md"
    json = "json"


class Alignment(enum.StrEnum):
    """Reading of the labels of a released folder."""

    released = "released"
    corrected = "corrected"


Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FOLDER]",
        help="Folder in the layout of the MuVi release, or a .zarr or .nc study.",
        show_default=False,
    ),
]
LabelAlignment = Annotated[
    Alignment | None,
    typer.Option(help="Reading of the labels; as released where not given.", show_default=False),
]


def warn(*texts: str) -> None:
    """Warnings on stderr, one line each."""
    for text in texts:
        typer.echo(f"muvistats: warning: {text}", err=True)


def alignment_text(alignment: Alignment | None) -> Any:
    """Reading of the labels as functions take it."""
    return None if alignment is None else alignment.value
