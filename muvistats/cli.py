"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import enum
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from .errors import AlignmentWarning, DesignError, MuvistatsError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["app", "main"]

#: Exit code for wrong input.
_WRONG_INPUT = 2

app = typer.Typer(
    name="muvistats",
    help="Statistics for multi-rater emotion annotation of multimodal media.",
    epilog="Without a FOLDER, commands work on a simulated MuVi that comes with the package.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


@app.command()
def report(
    folder: Folder = None,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    full: Annotated[bool, typer.Option("--full", help="Run the slow parts as well.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that holds other files.")
    ] = False,
) -> None:
    """Write the report: the statistics of a study beside the values of the MuVi paper."""
    with _progress() as step:
        from .report.build import write_report

        page = write_report(folder, out, full=full, overwrite=overwrite, progress=step)
    typer.echo(page)


@app.command()
def validate(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder in the layout of the release, or a .zarr or .nc study."
        ),
    ],
    label_alignment: LabelAlignment = None,
) -> None:
    """Read a study and say what it holds, what was mended, and whether its rows fit."""
    with _progress() as step:
        step("Reading", 0, 2)
        from .dataset.validation import validate as check
        from .report.sources import one_study

        study, said = one_study(folder, label_alignment=_text(label_alignment))
        check(study)
        step("Checking the alignment", 1, 2)
        lines = list(_description(study))
        lines += list(_alignment_lines(study))
    for line in lines:
        typer.echo(line)
    for text in said:
        typer.echo(f"muvistats: warning: {text}", err=True)
    typer.echo("valid, with the warning above" if said else "valid")


@app.command()
def simulate(
    out: Annotated[
        Path, typer.Option(help="A folder for the released layout, or a .zarr or .nc file.")
    ],
    items: Annotated[int, typer.Option(help="Number of items.", min=1)] = 81,
    participants: Annotated[int, typer.Option(help="Number of participants.", min=1)] = 49,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed; the embedded study where not given.", show_default=False),
    ] = None,
    features: Annotated[bool, typer.Option(help="Draw audio and visual features.")] = True,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier simulated study.")] = False,
) -> None:
    """Simulate a study with known truth and write it."""
    with _progress() as step:
        step("Simulating", 0, 2)
        from .dataset.simulation.settings import DEFAULT_SEED
        from .dataset.simulation.study import simulate_muvi

        study = simulate_muvi(
            rng=DEFAULT_SEED if seed is None else seed,
            n_items=items,
            n_participants=participants,
            features=features,
        )
        step("Writing", 1, 2)
        if out.suffix.lower() in (".zarr", ".nc"):
            from .dataset.io import save_dataset

            save_dataset(study, out, overwrite=overwrite)
        else:
            from .dataset.release.writer import write_muvi

            write_muvi(study, out, overwrite=overwrite)
    typer.echo(out)


@app.command()
def table(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A function such as kruskal_modality, or a printed table such as table3.",
        ),
    ],
    folder: Folder = None,
    output: Annotated[Format, typer.Option("--format", help="Format.")] = Format.csv,
    out: Annotated[
        Path | None, typer.Option(help="File to write; printed where not given.")
    ] = None,
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
    with _progress() as step:
        step("Loading", 0, 2)
        from .report import tables

        if name == "list":
            text = "\n".join(tables.names())
        else:
            frame = _frame(name, folder, _text(label_alignment), given, step)
            text = tables.as_text(frame, output.value)
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text + "\n", encoding="utf-8", newline="\n")


def _frame(
    name: str,
    folder: Path | None,
    alignment: Any,
    options: dict[str, str],
    step: Callable[[str, int, int], None],
) -> pd.DataFrame:
    from .report import tables
    from .report.sources import one_study

    if tables.is_published(name):
        if folder is not None or options or alignment:
            raise DesignError(f"{name} is printed in the paper: it takes no data and no options")
        return tables.printed(name)
    function = tables.function(name, options)
    step("Reading the data", 0, 2)
    study, said = one_study(folder, label_alignment=alignment)
    for text in said:
        typer.echo(f"muvistats: warning: {text}", err=True)
    step(name, 1, 2)
    return function(study, **options)


def _text(alignment: Alignment | None) -> Any:
    return None if alignment is None else alignment.value


def _description(study: xr.DataTree) -> Iterator[str]:
    """The study in a few lines: size, groups, log, exclusions."""
    annotations = study["annotations"].to_dataset()
    groups = [node.path for node in study.subtree if node.has_data]
    yield f"study: {study.attrs.get('study')}"
    yield f"simulated: {'yes' if study.attrs.get('simulated') else 'no'}"
    yield f"labels: {study.attrs.get('label_alignment')}"
    yield (
        f"{annotations.sizes['annotation']} annotations, "
        f"{study['participants'].sizes['participant']} participants, "
        f"{study['items'].sizes['item']} items"
    )
    yield f"groups: {', '.join(groups)}"
    if "log" in study:
        log = study["log"].to_dataset()
        for source, action, count in zip(
            *(log[key].to_numpy().tolist() for key in ("source", "action", "count")), strict=True
        ):
            yield f"log: {source}: {action}" + (f" ({count})" if count else "")
    if "exclusions" in study:
        yield f"exclusions: {study['exclusions'].sizes.get('exclusion', 0)}"


def _alignment_lines(study: xr.DataTree) -> Iterator[str]:
    """At which lag labels and ratings fit their items."""
    from .dataset.checks import label_alignment_check

    if "trial" not in study["annotations"].coords:
        yield "alignment: not checked, the study has no order of trials"
        return
    check = label_alignment_check(study, rng=0)
    for variable, rows in check.groupby("variable", sort=False):
        best = rows[rows["best"]]
        if best.empty:
            yield f"alignment of {variable}: no signal at any lag"
            continue
        lag, z = int(best["lag"].iloc[0]), float(best["statistic"].iloc[0])
        fits = "as it stands" if lag == 0 else f"shifted by {lag:+d}: labels belong elsewhere"
        yield f"alignment of {variable}: best at lag {lag} (z = {z:.1f}), {fits}"


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Progress on stderr, quiet where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Loading", total=None)
        yield lambda what, done, total: progress.update(
            task, description=what, completed=done, total=total
        )


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Our own warnings as one line; others as Python shows them."""
    if issubclass(category, AlignmentWarning):
        typer.echo(f"muvistats: warning: {message}", err=True)
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
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app(args=None if arguments is None else list(arguments), prog_name="muvistats")
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone
        raise SystemExit(1) from None
    except (MuvistatsError, OSError) as error:
        message = " ".join(_words(error).split())
        typer.echo(f"muvistats: error: {message}", err=True)
        raise SystemExit(_WRONG_INPUT) from None


def _words(error: BaseException) -> str:
    """An error as one sentence."""
    if isinstance(error, OSError) and not isinstance(error, MuvistatsError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
