"""Commands on whole studies: report, validate, simulate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..formula import refuse_forbidden
from ..progress import terminal_progress
from .options import (
    Dimensions,
    FamiliarFrom,
    Folder,
    Item,
    LabelAlignment,
    Labels,
    Modality,
    OutOfScale,
    Participant,
    Scale,
    Session,
    alignment_text,
    warn,
)

if TYPE_CHECKING:
    import xarray as xr


def report(
    folder: Folder = None,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    full: Annotated[bool, typer.Option("--full", help="Run the slow parts as well.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that holds other files.")
    ] = False,
    networks: Annotated[
        Path | None,
        typer.Option(
            help="Folder networks of `muvistats deep compare`; that in OUT where not given.",
            show_default=False,
        ),
    ] = None,
    item: Item = None,
    participant: Participant = None,
    session: Session = None,
    modality: Modality = None,
    dimensions: Dimensions = None,
    labels: Labels = None,
    scale: Scale = None,
    familiar_from: FamiliarFrom = None,
    out_of_scale: OutOfScale = None,
    finding: Annotated[
        list[str] | None,
        typer.Option(
            help="A finding of yours, as in 'tension ~ cut: short > long'; several times for more.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the report: the statistics of a study, or of a table of ratings (.csv, .parquet...).

    That of MuVi sets them beside the values of its paper.
    """
    said = {
        "item": item,
        "participant": participant,
        "session": session,
        "modality": modality,
        "dimensions": dimensions,
        "labels": labels,
        "scale": scale,
        "familiar_from": familiar_from,
        "out_of_scale": out_of_scale,
    }
    for text in finding or ():  # refused before anything is loaded or read
        refuse_forbidden(text.partition(":")[0], two_sided=True)
    with terminal_progress() as step:
        from ..report.build import write_report
        from .ratings import is_table, refuse_options, study_of

        data: xr.DataTree | Path | None = folder
        if folder is not None and is_table(folder):
            data = study_of(folder, said)
        else:
            refuse_options(said)
        page = write_report(
            data,
            out,
            full=full,
            overwrite=overwrite,
            networks=networks,
            findings=finding,
            progress=step,
        )
    typer.echo(page)


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
    with terminal_progress() as step:
        step("Reading", 0, 2)
        from ..dataset.validation import validate as check
        from ..report.sources import one_study

        study, said = one_study(folder, label_alignment=alignment_text(label_alignment))
        check(study)
        step("Checking the alignment", 1, 2)
        lines = list(_description(study))
        lines += list(_alignment_lines(study))
    for line in lines:
        typer.echo(line)
    warn(*said)
    typer.echo("valid, with the warning above" if said else "valid")


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
    with terminal_progress() as step:
        step("Simulating", 0, 2)
        from ..dataset.simulation.settings import DEFAULT_SEED
        from ..dataset.simulation.study import simulate_muvi

        study = simulate_muvi(
            rng=DEFAULT_SEED if seed is None else seed,
            n_items=items,
            n_participants=participants,
            features=features,
        )
        step("Writing", 1, 2)
        if out.suffix.lower() in (".zarr", ".nc"):
            from ..dataset.io import save_dataset

            save_dataset(study, out, overwrite=overwrite)
        else:
            from ..dataset.release.writer import write_muvi

            write_muvi(study, out, overwrite=overwrite)
    typer.echo(out)


def _description(study: xr.DataTree) -> Iterator[str]:
    """The study in a few lines: size, groups, log, exclusions."""
    from ..dataset.plausible import implausible

    annotations = study["annotations"].to_dataset()
    groups = [node.path for node in study.subtree if node.has_data]
    yield f"study: {study.attrs.get('study')}"
    yield f"simulated: {'yes' if study.attrs.get('simulated') else 'no'}"
    yield f"labels: {study.attrs.get('label_alignment')}"
    yield (
        f"{annotations.sizes['annotation']} annotations, "
        + (
            f"{study['participants'].sizes['participant']} participants, "
            if "participants" in study.children
            else ""
        )
        + f"{study['items'].sizes['item']} items"
    )
    yield f"groups: {', '.join(groups)}"
    logged: list[str] = []
    if "log" in study:
        logged = study["log/action"].to_numpy().tolist()
        log = study["log"].to_dataset()
        for source, action, count in zip(
            *(log[key].to_numpy().tolist() for key in ("source", "action", "count")), strict=True
        ):
            yield f"log: {source}: {action}" + (f" ({count})" if count else "")
    for source, action, count in implausible(study):
        if action not in logged:
            yield f"implausible: {source}: {action} ({count})"
    if "exclusions" in study:
        yield f"exclusions: {study['exclusions'].sizes.get('exclusion', 0)}"


def _alignment_lines(study: xr.DataTree) -> Iterator[str]:
    """At which lag labels and ratings fit their items."""
    from ..dataset.quality.checks import label_alignment_check
    from ..results.words import fixed

    if not {"trial", "participant"} <= set(study["annotations"].coords):
        yield "alignment: not checked, the study has no order of trials"
        return
    check = label_alignment_check(study, rng=0)
    for variable, rows in check.groupby("variable", sort=False):
        best = rows[rows["best"]]
        if best.empty:
            yield f"alignment of {variable}: no signal at any lag"
            continue
        lag, z = int(best["lag"].iloc[0]), fixed(float(best["statistic"].iloc[0]), 1)
        fits = "as it stands" if lag == 0 else f"shifted by {lag:+d}: labels belong elsewhere"
        yield f"alignment of {variable}: best at lag {lag} (z = {z}), {fits}"
