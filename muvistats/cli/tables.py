"""The command that prints one table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DesignError
from ..formula import refuse_forbidden
from ..progress import terminal_progress
from .completion import table_names
from .options import Folder, Format, LabelAlignment, alignment_text, warn

if TYPE_CHECKING:
    import pandas as pd


def table(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=table_names,
            help="A function such as kruskal_modality, or a printed table such as table3.",
        ),
    ],
    folder: Folder = None,
    output: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Format: csv, md and json hold every digit, the others are rounded to be read. "
            "On a terminal text, else csv where not given.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; printed where not given.")
    ] = None,
    defuse: Annotated[
        bool,
        typer.Option(
            help="In a CSV file, put an apostrophe before texts that begin as formulas of a "
            "spreadsheet do."
        ),
    ] = True,
    label_alignment: LabelAlignment = None,
    by: Annotated[
        str | None,
        typer.Option(help="Factor, the right-hand side of a formula.", show_default=False),
    ] = None,
    level: Annotated[
        str | None, typer.Option(help="How fine the table is.", show_default=False)
    ] = None,
    dimension: Annotated[
        str | None, typer.Option(help="Rated dimension.", show_default=False)
    ] = None,
    formula: Annotated[
        str | None,
        typer.Option(help='For general tests, as in "arousal ~ modality".', show_default=False),
    ] = None,
) -> None:
    """Print one table. `muvistats table list` names them all."""
    options = {"by": by, "level": level, "dimension": dimension, "formula": formula}
    given = {key: value for key, value in options.items() if value is not None}
    if out is not None and folder is not None and out.resolve() == folder.resolve():
        raise DesignError(f"--out {out} is the study itself, which the table would replace")
    for option, text in (("by", by), ("formula", formula)):
        if text is not None:  # refused before anything is loaded or read
            refuse_forbidden(text, two_sided=option == "formula")
    with terminal_progress() as step:
        step("Loading", 0, 2)
        from . import printing as tables

        if name == "list":
            text = "\n".join(tables.names())
        else:
            frame = _frame(name, folder, alignment_text(label_alignment), given, step)
            read = out is None and sys.stdout.isatty()
            kind = output or (Format.text if read else Format.csv)
            text = tables.as_text(frame, kind.value, defuse=defuse and out is not None)
    if out is None:
        typer.echo(text)
    else:
        from ..files import write_whole

        write_whole(out, lambda stream: stream.write(f"{text}\n".encode()))


def _frame(
    name: str,
    folder: Path | None,
    alignment: Any,
    options: dict[str, str],
    step: Callable[[str, int, int], None],
) -> pd.DataFrame:
    from ..report.sources import one_study
    from . import printing as tables

    if tables.is_published(name):
        if folder is not None or options or alignment:
            raise DesignError(f"{name} is printed in the paper: it takes no data and no options")
        return tables.printed(name)
    function = tables.function(name, options)
    step("Reading the data", 0, 2)
    study, said = one_study(folder, label_alignment=alignment)
    warn(*said)
    step(name, 1, 2)
    return function(study, **options)
