"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

from .annotate import annotate
from .application import app, main
from .deep import deep
from .features import features
from .studies import report, simulate, validate
from .tables import table
from .visual import visual
from .weights import weights

__all__ = ["app", "main"]

for _command in (report, validate, simulate, table, weights):
    app.command()(_command)
features.command()(visual)
app.add_typer(features, name="features")
app.add_typer(annotate, name="annotate")
app.add_typer(deep, name="deep")
