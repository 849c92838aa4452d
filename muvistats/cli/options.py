"""Arguments and options that commands share."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer


class Format(enum.StrEnum):
    """How a table is printed."""

    text = "text"
    words = "words"
    apa = "apa"
    latex = "latex"
    markdown = "markdown"
    html = "html"
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


Item = Annotated[
    str | None,
    typer.Option(help="Of a table: column that names the item.", show_default=False),
]
Participant = Annotated[
    str | None,
    typer.Option(help="Of a table: column that names who rated.", show_default=False),
]
Session = Annotated[
    str | None,
    typer.Option(help="Of a table: column that names the session.", show_default=False),
]
Modality = Annotated[
    str | None,
    typer.Option(help="Of a table: column that names the modality.", show_default=False),
]
Dimensions = Annotated[
    str | None,
    typer.Option(help="Of a table: rated columns, as in arousal,valence.", show_default=False),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="Of a table: columns of labels, or one column of answers.", show_default=False
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        help="Of a table: ends of the scale, as in 1,9, or its words in order.", show_default=False
    ),
]
FamiliarFrom = Annotated[
    str | None,
    typer.Option(
        help="Of a table: lowest value of the column familiar that counts.", show_default=False
    ),
]
OutOfScale = Annotated[
    str | None,
    typer.Option(
        help="Of a table: what becomes of values beyond the scale, clip or exclude.",
        show_default=False,
    ),
]


def warn(*texts: str) -> None:
    """Warnings on stderr, one line each."""
    for text in texts:
        typer.echo(f"muvistats: warning: {text}", err=True)


def alignment_text(alignment: Alignment | None) -> Any:
    """Reading of the labels as functions take it."""
    return None if alignment is None else alignment.value
