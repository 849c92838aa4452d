"""The application: what it is called, how it starts, and how it says what went wrong."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

from ..errors import (
    AlignmentWarning,
    ExtractionWarning,
    FigureWarning,
    MuvistatsError,
    UnsealedWarning,
)
from ..progress import written_in_lines
from .options import warn

#: Exit code for wrong input.
_WRONG_INPUT = 2

app = typer.Typer(
    name="muvistats",
    help="Statistics for multi-rater emotion annotation of multimodal media.",
    epilog="Without a FOLDER, commands work on a simulated MuVi that comes with the package.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_OURS = (AlignmentWarning, ExtractionWarning, FigureWarning, UnsealedWarning)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"muvistats {version('muvistats')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Our own warnings as one line; others as Python shows them."""
    if issubclass(category, _OURS):
        warn(str(message))
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (file or sys.stderr).write(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments in place of those of the process.

    Raises
    ------
    SystemExit
        With 0 when all went well, 2 on wrong input (one line on stderr says what is wrong). An
        unexpected error keeps its traceback.
    """
    shown = warnings.showwarning
    try:
        warnings.showwarning = _show_warning
        with written_in_lines():
            app(args=None if arguments is None else list(arguments), prog_name="muvistats")
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone
        raise SystemExit(1) from None
    except (MuvistatsError, OSError) as error:
        message = " ".join(_words(error).split())
        typer.echo(f"muvistats: error: {message}", err=True)
        raise SystemExit(_WRONG_INPUT) from None
    finally:
        warnings.showwarning = shown


def _words(error: BaseException) -> str:
    """An error as one sentence, with the option of the command line for that of a function."""
    if isinstance(error, OSError) and not isinstance(error, MuvistatsError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error).replace("overwrite=True", "--overwrite")
