"""A crash at every rename and fsync of a job, and kill -9 at random moments of it.

After each crash the old or the new result stands whole under its name, and a rerun gives what an
undisturbed run gives and leaves nothing else behind.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import muvistats as mv
from muvistats.files import write_whole
from muvistats.report.folder import finished_folder

from . import studies


@dataclass(frozen=True)
class Job:
    """What is done twice into one place, and how to read what is there.

    Parameters
    ----------
    name : str
        Name of the place.
    run : callable
        Does the job with one of two inputs, 0 or 1, into a path.
    read : callable
        The result at a path, as something that can be compared.
    """

    name: str
    run: Callable[[int, Path], object]
    read: Callable[[Path], Any]


def _save(which: int, path: Path) -> None:
    mv.save_dataset(_STUDIES[which], path, overwrite=True)


def _open(path: Path) -> int:
    study = mv.open_dataset(path)
    return [study.identical(each) for each in _STUDIES].index(True)


def _release(which: int, path: Path) -> None:
    mv.write_muvi(_RELEASES[which], path, overwrite=True)


def _files(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def _folder(which: int, path: Path) -> None:
    with finished_folder(path, overwrite=False) as folder:
        (folder / "tables").mkdir()
        (folder / "tables" / "a.csv").write_text(f"x\n{which}\n" * 1000)
        (folder / "index.html").write_text(str(which) * 100_000)


def _table(which: int, path: Path) -> None:
    write_whole(path, lambda stream: stream.write(f"x\n{which}\n".encode() * 1000))


_STUDIES = [studies.small_study()]
_STUDIES.append(mv.exclude(_STUDIES[0], [True] + [False] * 5, reason="another version"))
_RELEASES = [studies.small_release()]
_RELEASES.append(mv.select(_RELEASES[0], item=_RELEASES[0]["items/item"].to_numpy()[:2].tolist()))

JOBS = {
    "save_zarr": Job("s.zarr", _save, _open),
    "save_netcdf": Job("s.nc", _save, _open),
    "write_muvi": Job("release", _release, _files),
    "report_folder": Job("report", _folder, _files),
    "table": Job("t.csv", _table, Path.read_bytes),
}

#: Calls after and before which a job is cut off.
_CALLS = ("rename", "replace", "fsync")


def crashes_of(name: str, *, kills: int = 50, most: int | None = None, seed: int = 0) -> dict:
    """Tally of a job: crash points, kills, and what was wrong.

    Parameters
    ----------
    name : str
        One of `JOBS`.
    kills : int
        Random moments at which it is killed.
    most : int, optional
        Crash points that are drawn; all where not given.
    seed : int
        Source of the draws.
    """
    job = JOBS[name]
    draw = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="muvistats-crash-"))
    try:
        place = folder / job.name
        job.run(1, place)
        new = job.read(place)
        job.run(0, place)
        old = job.read(place)
        start = time.monotonic()
        points = [(n, after) for n in range(_n_calls(job, place)) for after in (False, True)]
        whole = time.monotonic() - start
        job.run(0, place)
        if most is not None and most < len(points):
            points = sorted(draw.sample(points, most))
        faults = []
        stood = {"old": 0, "new": 0}
        cuts: list[tuple[str, Callable[[], None]]] = [
            (f"call {n} {'after' if after else 'before'}", at_call(n, after)) for n, after in points
        ]
        cuts += [(f"kill {i}", at_moment(draw.uniform(0, whole))) for i in range(kills)]
        for what, arm in cuts:
            in_child(lambda arm=arm: (arm(), job.run(1, place)))
            fault = _fault(job, place, old, new, stood)
            if fault:
                faults.append(f"{what}: {fault}")
            job.run(0, place)
        return {"crash points": len(points), "kills": kills, "stood": stood, "faults": faults}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fault(job: Job, place: Path, old: Any, new: Any, stood: dict[str, int]) -> str:
    """What is wrong after a crash; empty where nothing is."""
    try:
        job.run(1, place) if not place.exists() and job.read is not _open else None
        got = job.read(place)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:150]}"
    if got not in (old, new):
        return "neither the old nor the new result"
    stood["old" if got == old else "new"] += 1
    job.run(1, place)
    if job.read(place) != new:
        return "the rerun differs"
    left = sorted(p.name for p in place.parent.iterdir() if p != place)
    return f"left behind: {left}" if left else ""


def in_child(call: Callable[[], object]) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            call()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _n_calls(job: Job, place: Path) -> int:
    """Renames and fsyncs of an undisturbed run, counted in a child."""
    report = place.parent / "calls.json"

    def run() -> None:
        count = patched(lambda _, __: None)
        job.run(1, place)
        report.write_text(json.dumps(count[0]))

    in_child(run)
    n = int(json.loads(report.read_text()))
    report.unlink()
    return n


def patched(cut: Callable[[int, bool], None]) -> list[int]:
    """Call `cut` with the number of each rename and fsync, before and after it."""
    count = [0]
    for name in _CALLS:
        real = getattr(os, name)

        def watched(*args: Any, real: Any = real, **kwargs: Any) -> Any:
            number = count[0]
            count[0] += 1
            cut(number, False)
            found = real(*args, **kwargs)
            cut(number, True)
            return found

        setattr(os, name, watched)
    return count


def at_call(number: int, after: bool) -> Callable[[], None]:
    def cut(n: int, is_after: bool) -> None:
        if (n, is_after) == (number, after):
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: (patched(cut), None)[1]


def at_moment(seconds: float) -> Callable[[], None]:
    def arm() -> None:
        timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()

    return arm
