"""Commands that extract features from audio and video files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import xarray as xr

#: Exit code when features were written but some of the files could not be read.
_SOME_FAILED = 1

features = typer.Typer(
    help="Extract features from audio and video files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES...",
        help="Files; each is the item that it is named after, without its suffix.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        help="A .zarr or .nc study that gets the features, or a folder for a file of them.",
        show_default=False,
    ),
]
Jobs = Annotated[int, typer.Option(help="Number of processes; -1 for one per core.")]
Cache = Annotated[
    bool, typer.Option(help="Keep each finished file, so that a run that was cut off goes on.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace features that are there.")]


@features.callback()
def _group() -> None:
    """Keep this a group, also while it has one command."""


@features.command()
def audio(
    files: Files,
    out: Out,
    feature_set: Annotated[str, typer.Option(help="emobase, eGeMAPS or ComParE.")] = "emobase",
    measure: Annotated[
        list[str] | None,
        typer.Option(help="opensmile (the default), rhythm, tonality, notes, tags; repeatable."),
    ] = None,
    window: Annotated[float, typer.Option(help="Length of a window in s.")] = 0.5,
    hop: Annotated[float, typer.Option(help="Time between the starts of two windows in s.")] = 0.5,
    jobs: Jobs = -1,
    cache: Cache = True,
    overwrite: Overwrite = False,
) -> None:
    """Extract features of the sound: openSMILE functionals, rhythm, tonality, notes, tags."""
    from ..errors import DesignError
    from ..features import audio as room

    study = target_study(out, "audio", overwrite=overwrite)
    known: dict[str, Callable[[], room.Extractor]] = {
        "opensmile": lambda: room.OpenSmile(feature_set),
        "rhythm": room.Rhythm,
        "tonality": room.Tonality,
        "notes": room.Notes,
        "tags": room.MusicTags,
    }
    chosen = measure or ["opensmile"]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise DesignError(f"--measure {unknown[0]}: give one of {', '.join(known)}")
    extractors = [known[name]() for name in chosen]
    found = room.extract(files, extractors, window=window, hop=hop, n_jobs=jobs, cache=cache)
    write_features(found, study, out, overwrite=overwrite)


def target_study(out: Path, kind: str, *, overwrite: bool) -> xr.DataTree | None:
    """The study at `out`, or None for a folder; refused before the work begins."""
    from ..errors import DataError

    if out.suffix.lower() in (".zarr", ".nc"):
        from ..dataset.io import load_study

        study = load_study(out)
        if f"/features/{kind}" in study.groups and not overwrite:
            raise DataError(f"has {kind} features already; --overwrite replaces them", file=out)
        return study
    if out.exists() and not out.is_dir():
        raise DataError("this is a file, not a folder or a study", file=out)
    if _feature_file(out, kind).exists() and not overwrite:
        raise DataError("is there already; --overwrite replaces it", file=_feature_file(out, kind))
    return None


def _feature_file(folder: Path, kind: str) -> Path:
    return folder / f"{kind}_features.nc"


def write_features(
    found: xr.Dataset, study: xr.DataTree | None, out: Path, *, overwrite: bool
) -> None:
    """Add the features to the study, or write a file of them and of the failures."""
    from ..features.extraction import extraction_failures
    from ..files import write_whole
    from ..results.frame import csv_text

    failures = extraction_failures(found)
    kind = str(found.attrs["kind"])
    if study is not None:
        from ..dataset.io import save_dataset
        from ..features.attach import with_features

        save_dataset(with_features(study, found, overwrite=overwrite), out, overwrite=True)
        typer.echo(out)
    else:
        from ..features.attach import save_features

        out.mkdir(parents=True, exist_ok=True)
        typer.echo(save_features(found, _feature_file(out, kind), overwrite=overwrite))
        table = out / f"{kind}_failures.csv"
        table.unlink(missing_ok=True)
        if len(failures):
            text = csv_text(failures)
            write_whole(table, lambda stream: stream.write(text.encode()))
            typer.echo(table)
    if len(failures):
        raise typer.Exit(_SOME_FAILED)
