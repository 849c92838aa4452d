"""Put a finished report in place: all of it or none of it, and nobody's files lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DataError, read_bytes
from ..files import recovered, whole_path

#: File that lists what a report folder holds, so that a later report knows it as ours.
MARKER = ".muvistats-report.json"

#: Folder in a report with trained networks, which took long; a new report keeps it.
NETWORKS = "networks"


def _files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() and path.name != MARKER
    )


def _listed(folder: Path) -> set[str]:
    """Files that we wrote into a folder, as its marker says."""
    try:
        return set(json.loads(read_bytes(folder / MARKER))["files"])
    except Exception:  # there is none, or whatever json says of a damaged one
        return set()


def _ours(out: Path) -> set[str]:
    """Files that we wrote into a report folder, networks among them."""
    return _listed(out) | {f"{NETWORKS}/{name}" for name in _listed(out / NETWORKS)}


def _keep_networks(out: Path, work: Path) -> None:
    """Networks of the report that is replaced go into the new one."""
    ours = [name for name in sorted(_listed(out / NETWORKS)) if (out / NETWORKS / name).is_file()]
    if not ours:
        return
    for name in (*ours, MARKER):
        (work / NETWORKS / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(out / NETWORKS / name, work / NETWORKS / name)


def _home() -> tuple[Path, ...]:
    try:
        return (Path.home(),)
    except RuntimeError:  # a user without one
        return ()


def check_target(out: Path, *, overwrite: bool, keep: tuple[Path, ...] = ()) -> None:
    """Refuse a folder that a report must not replace.

    Parameters
    ----------
    out : Path
        Where the report is to go.
    overwrite : bool
        Whether files that are not ours may be lost.
    keep : tuple of Path
        Paths that must survive whatever is asked for, the data for example.

    Raises
    ------
    DataError
        When `out` is a file, holds files that no report wrote, or holds the data.
    """
    if not recovered(out).exists():
        return
    recovered(out / NETWORKS)
    if not out.is_dir():
        raise DataError("the report needs a folder, and this is a file", file=out)
    target = out.resolve()
    if any(path.resolve().is_relative_to(target) for path in (*keep, Path.cwd(), *_home())):
        raise DataError("a report here would replace the data or a folder in use", file=out)
    if overwrite:
        return
    ours = _ours(out)
    foreign = [name for name in _files(out) if name not in ours]
    if foreign:
        raise DataError(
            "the folder holds files that no report wrote; choose another, or say --overwrite",
            file=out,
            found=foreign[0],
        )


@contextmanager
def finished_folder(out: Path, *, overwrite: bool, keep: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Temporary folder beside `out` that takes its place when the block ends well.

    Parameters
    ----------
    out : Path
        Where the report is to go.
    overwrite, keep
        As in `check_target`.

    Yields
    ------
    Path
        Folder to write into. When the block fails it is removed and `out` stays as it was.
        Trained networks in `out` are kept.
    """
    check_target(out, overwrite=overwrite, keep=keep)
    with whole_path(out) as work:
        work.mkdir()
        yield work
        _keep_networks(out, work)
        marker = json.dumps({"files": _files(work)}, indent=1)
        (work / MARKER).write_text(marker + "\n", encoding="utf-8")
