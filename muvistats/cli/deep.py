"""Commands that train networks."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Folder, warn

if TYPE_CHECKING:
    from ..deep.models import NetworkModels

deep = typer.Typer(
    help="Train networks that predict ratings from features (extra: deep).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_ABLATIONS = ("pair_frozen", "pair_audio", "pair_visual", "pair_control")


class Protocols(enum.StrEnum):
    """How networks are trained, tested and scored."""

    strict = "strict"
    paper = "paper"
    released = "released"


class Backends(enum.StrEnum):
    """Backends of Keras."""

    tensorflow = "tensorflow"
    torch = "torch"


@deep.callback()
def _group() -> None:
    """Keep this a group, also while it has one command."""


@deep.command()
def compare(
    folder: Folder = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the report; the files go into its folder networks.")
    ] = Path("report"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Small networks and few epochs, to try things out.")
    ] = False,
    protocol: Annotated[
        Protocols,
        typer.Option(help="Fair, as the paper's text says, or as its released scripts do."),
    ] = Protocols.strict,
    seeds: Annotated[int, typer.Option(help="Trainings of each network and fold.", min=1)] = 1,
    repeats: Annotated[int, typer.Option(help="Partitions of the items into folds.", min=1)] = 1,
    ablations: Annotated[
        bool,
        typer.Option("--ablations", help="Also PAIR frozen, with one branch, and its control."),
    ] = False,
    dimension: Annotated[
        list[str] | None,
        typer.Option(help="Rated dimension; all where not given.", show_default=False),
    ] = None,
    backend: Annotated[
        Backends | None,
        typer.Option(help="Backend of Keras; that of KERAS_BACKEND, else tensorflow."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Source of randomness.", min=0)] = 0,
    jobs: Annotated[int, typer.Option(help="Number of processes; -1 for one per core.")] = -1,
    cache: Annotated[
        bool,
        typer.Option(help="Keep each finished training, so that a run that was cut off goes on."),
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder networks with other files.")
    ] = False,
) -> None:
    """Train and compare the networks of Table 6 beside linear models; a report shows them."""
    from ..deep.backend import chosen_backend
    from ..quiet import quiet_at_exit
    from ..report.folder import NETWORKS, check_target

    quiet_at_exit()
    name = chosen_backend(backend.value if backend else None)
    keep = () if folder is None else (folder,)
    check_target(out / NETWORKS, overwrite=overwrite, keep=keep)
    from ..deep.configurations import TABLE_6
    from ..deep.models import network_models
    from ..deep.protocols import as_protocol
    from ..deep.protocols import quick as quicker
    from ..report.sources import one_study

    settings = quicker(protocol.value) if quick else as_protocol(protocol.value)
    study, said = one_study(folder)
    warn(*said)
    models = network_models(
        study,
        dimension=dimension or None,
        configurations=(*TABLE_6, *(_ABLATIONS if ablations else ())),
        protocol=settings,
        n_seeds=seeds,
        n_repeats=repeats,
        rng=seed,
        backend=name,
        n_jobs=jobs,
        cache=cache,
    )
    _write(models, study, out, quick=quick, seed=seed, overwrite=overwrite)


def _write(
    models: NetworkModels, study: Any, out: Path, *, quick: bool, seed: int, overwrite: bool
) -> None:
    """Compare, write the files, and say what came out and where it is."""
    from dataclasses import asdict

    from ..deep.comparison import compare_architectures
    from ..deep.paired import paired_tests
    from ..deep.summaries import summarise
    from ..progress import terminal_progress
    from ..report.networks import TrainedNetworks, summary_text, write_networks

    with terminal_progress() as step:
        step("Linear models", 0, 3)
        scores = compare_architectures(models)
        step("Tests", 1, 3)
        tests = paired_tests(scores)
        step("Files", 2, 3)
        trained = TrainedNetworks(
            study=study,
            scores=scores,
            predictions=models.only("pair").augment(),
            tests=tests,
            architectures=_architectures(models),
            settings={
                "protocol": asdict(models.protocol),
                "quick": quick,
                "n_seeds": models.n_seeds,
                "n_repeats": models.n_repeats,
                "rng": seed,
                "backend": models.backend,
                "versions": _versions(models.backend),
            },
        )
        files = write_networks(trained, out, overwrite=overwrite)
    if trained.simulated:
        typer.echo("Simulated data.")
    if quick:
        typer.echo("Quick trial: small networks, few epochs; not a result about architectures.")
    typer.echo(f"{models.method}; mean \u00b1 sd over items; LASSO on the same folds and steps.\n")
    typer.echo(summary_text(summarise(scores)))
    typer.echo("")
    for path in files:
        typer.echo(path)
    typer.echo(f"\nmuvistats report --out {out} with the same data shows them.")


def _versions(backend: str) -> dict[str, str]:
    from importlib.metadata import packages_distributions, version

    owners = packages_distributions()
    return {name: version(owners[name][0]) for name in ("keras", backend) if owners.get(name)}


def _architectures(models: NetworkModels) -> dict[str, Any]:
    """Networks of Figure 7, as large as those that were trained."""
    from ..deep import networks
    from ..deep.backend import load_keras
    from ..deep.configurations import CONFIGURATIONS

    load_keras(models.backend)
    sizes = {kind: int((models.inputs.kinds == kind).sum()) for kind in ("audio", "visual")}
    protocol = models.protocol
    transferred = networks.pair(
        *(networks.unimodal(size, kind=kind, protocol=protocol) for kind, size in sizes.items()),
        protocol=protocol,
    )
    (pair,) = CONFIGURATIONS["pair"]
    for kind, modality in pair.pretrained:
        for layer in networks.block_layers(kind, protocol):
            transferred.initialised_from[layer] = f"unimodal ({modality} ratings)"
    return {
        "Early fusion (A1)": networks.early_fusion(*sizes.values(), protocol=protocol),
        "Late fusion (A2)": networks.late_fusion(*sizes.values(), protocol=protocol),
        "PAIR": transferred,
    }
