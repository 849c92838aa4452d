"""Commands that plan a study, make its page, run it, and take a participant's data away."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class _PageByDefault(TyperGroup):
    """What is no command is the folder of stimuli of a page."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["page", *args]
        return super().parse_args(ctx, args)


annotate = typer.Typer(
    cls=_PageByDefault,
    help="Plan a study, make the page on which it is rated, and run it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Data = Annotated[
    Path,
    typer.Option(help="Folder of the data.", show_default=True),
]
_Folder = Annotated[Path | None, typer.Option(help="Folder of clips.", show_default=False)]


@annotate.command()
def lists(
    stimuli: Annotated[Path, typer.Argument(metavar="STIMULI", help="Folder of clips.")],
    participants: Annotated[int, typer.Option(help="Number of participants.", min=1)],
    per_cell: Annotated[int, typer.Option(help="Raters of an item in a modality.", min=1)],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("lists.csv"),
    modality: Annotated[
        list[str] | None, typer.Option(help="Modality; all three where not given.")
    ] = None,
    interface: Annotated[
        str, typer.Option(help="balanced, overlaid or side_by_side.")
    ] = "balanced",
    max_trials: Annotated[
        int | None, typer.Option(help="Most trials of a participant.", show_default=False)
    ] = None,
    max_run: Annotated[int, typer.Option(help="Most trials of one modality in a row.")] = 3,
    power: Annotated[
        str | None,
        typer.Option(help="Test whose power is simulated, as kruskal_modality; takes minutes."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the lists.")] = 0,
) -> None:
    """Draw balanced lists of trials, and print what they hold."""
    from ..annotate.lists import check_lists, design_lists, lists_power, write_lists
    from ..annotate.site import clips_of
    from ..dataset.schema import MODALITIES

    drawn: Any = design_lists(
        list(clips_of(stimuli)),
        modalities=modality or MODALITIES,
        n_participants=participants,
        per_cell=per_cell,
        interface=interface,  # type: ignore[arg-type]
        max_trials=max_trials,
        max_run=max_run,
        rng=seed,
    )
    write_lists(drawn, out)
    for row in check_lists(drawn).itertuples(index=False):
        word = f" ({row.verdict})" if isinstance(row.verdict, str) else ""
        typer.echo(f"{row.quantity}: {row.minimum:g} to {row.maximum:g}{word}")
    if power is not None:
        for row in lists_power(drawn, power, rng=seed).itertuples(index=False):
            typer.echo(
                f"power of {row.test}, {row.dependence}, {row.dimension}: {row.estimate:.2f} "
                f"({row.conf_low:.2f} to {row.conf_high:.2f})"
            )
    typer.echo(out)


@annotate.command()
def page(
    stimuli: Annotated[Path, typer.Argument(metavar="STIMULI", help="Folder of clips.")],
    lists: Annotated[Path, typer.Option(help="Lists of trials, a CSV file.")],
    out: Annotated[Path, typer.Option(help="Folder of the page.")],
    practice: _Folder = None,
    examples: _Folder = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV of words: label, label_name, category, superfactor."),
    ] = None,
    language: Annotated[Path | None, typer.Option(help="JSON file of texts.")] = None,
    rate: Annotated[float, typer.Option(help="Samples per second of the clip.")] = 10.0,
    pause_every: Annotated[int, typer.Option(help="Trials between pauses; 0 for none.")] = 10,
    full_screen: Annotated[bool, typer.Option(help="Ask for the full screen.")] = True,
    post: Annotated[
        str | None, typer.Option(help="Address to which finished files are sent.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier page.")] = False,
) -> None:
    """Write the page of a study; `muvistats annotate STIMULI` is short for this."""
    from ..annotate.lists import read_lists
    from ..annotate.site import write_annotation_page

    taxonomy = None
    if labels is not None:
        from ..dataset.importing.files import read_rows

        taxonomy = read_rows(labels, dtype="str", keep_default_na=False)
    written = write_annotation_page(
        stimuli,
        read_lists(lists),
        out,
        practice=practice,
        examples=examples,
        taxonomy=taxonomy,
        texts=language,
        rate=rate,
        pause_every=pause_every,
        full_screen=full_screen,
        post=post,
        overwrite=overwrite,
    )
    typer.echo(written)


@annotate.command()
def serve(
    site: Annotated[Path, typer.Argument(metavar="SITE", help="Folder of the page.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the data; SITE-data where not given.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for a free one.", min=0, max=65535)] = 8000,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Address under which browsers see the page, behind a proxy."),
    ] = None,
) -> None:
    """Serve the page and store what participants rate, until Ctrl-C."""
    from ..annotate.server import AnnotationServer

    folder = data or _beside(site)
    with AnnotationServer(site, folder, host=host, port=port, origins=origin or ()) as server:
        typer.echo(f"{server.address} serves {site}; data goes to {folder}")
        if host not in ("127.0.0.1", "localhost") and not origin:
            typer.echo("other computers need --origin, such as http://192.168.1.5:8000")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _beside(site: Path) -> Path:
    whole = site.resolve()
    return whole.with_name(f"{whole.name}-data")


@annotate.command()
def delete(
    participant: Annotated[str, typer.Argument(metavar="PARTICIPANT", help="Who withdraws.")],
    data: Data = Path("site-data"),
    reopen: Annotated[
        bool, typer.Option("--reopen", help="Give the list to the next participant.")
    ] = False,
) -> None:
    """Delete all that is stored of a participant."""
    from ..annotate.store import Store

    count = Store(data).delete(participant, reopen=reopen)
    typer.echo(f"{participant}: {count} files deleted")
