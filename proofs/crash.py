"""A crash before every rename and fsync of a job and after the last, and kills at random moments.

After each crash the old or the new result stands whole under its name, and a rerun gives what an
undisturbed run gives and leaves nothing else behind.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import muvistats as mv
from muvistats.files import recovered, write_whole
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


_STUDIES = [studies.smallest_study()]
_STUDIES.append(mv.exclude(_STUDIES[0], [True, False], reason="another version"))
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


def crashes_of(
    name: str,
    *,
    kills: int = 50,
    most: int | None = None,
    seed: int = 0,
    tally: dict | None = None,
) -> Iterator[dict]:
    """Tally of a job after each crash: points, kills, what stood, and what was wrong.

    The two inputs take turns, so that a run finds what the one before it wrote.

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
    tally : dict, optional
        Of an earlier run, which goes on.
    """
    job = JOBS[name]
    folder = Path(tempfile.mkdtemp(prefix="muvistats-crash-"))
    place = folder / "here" / job.name
    place.parent.mkdir()
    try:
        results, start = {}, 0.0
        for which in (0, 1, 0):
            start = time.monotonic()
            n = calls_of(lambda which=which: job.run(which, place), folder / "calls")
            results[which] = job.read(place)
        cuts = cuts_of(n, time.monotonic() - start, kills=kills, most=most, seed=seed)
        tally = tally or empty_tally(cuts, kills) | {"stood": {"old": 0, "new": 0}}
        done, stands = tally["done"], 0
        for what, arm in cuts[done:]:
            new = 1 - stands
            in_child(lambda arm=arm, new=new: (arm(), job.run(new, place)))
            fault = _fault(job, place, results, new, tally["stood"])
            if fault:
                tally["faults"].append(f"{what}: {fault}")
                job.run(new, place)
            stands = new
            tally["done"] += 1
            yield tally
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fault(job: Job, place: Path, results: dict[int, Any], new: int, stood: dict[str, int]) -> str:
    """What is wrong after a crash; empty where nothing is. The new result stands in the end."""
    try:
        got = job.read(recovered(place))
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:150]}"
    if got not in results.values():
        return "neither the old nor the new result"
    stood["new" if got == results[new] else "old"] += 1
    job.run(new, place)
    if job.read(place) != results[new]:
        return "the rerun differs"
    left = sorted(p.name for p in place.parent.iterdir() if p != place)
    return f"left behind: {left}" if left else ""


Cut = tuple[str, Callable[[], None]]


def cuts_of(n_calls: int, seconds: float, *, kills: int, most: int | None, seed: int) -> list[Cut]:
    """Crashes before each call and after the last one, and at random moments."""
    draw = random.Random(seed)
    points = list(range(n_calls + 1))
    if most is not None and most < len(points):
        points = sorted(draw.sample(points, most))
    cuts: list[Cut] = [(f"call {n}", at_call(n, last=n == n_calls)) for n in points]
    return cuts + [(f"kill {i}", at_moment(draw.uniform(0, seconds))) for i in range(kills)]


def empty_tally(cuts: list[Cut], kills: int) -> dict:
    return {
        "version": mv.__version__,
        "crash points": len(cuts) - kills,
        "kills": kills,
        "done": 0,
        "faults": [],
    }


def in_child(call: Callable[[], object]) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            call()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def calls_of(run: Callable[[], object], report: Path) -> int:
    """Renames and fsyncs of an undisturbed run, counted in a child."""

    def work() -> None:
        count = patched(lambda _, __: None)
        run()
        report.write_text(str(count[0]))

    in_child(work)
    return int(report.read_text())


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


def at_call(number: int, *, last: bool = False) -> Callable[[], None]:
    """Kill before a call; that behind the last one is after it."""
    when = (number - 1, True) if last else (number, False)

    def cut(n: int, is_after: bool) -> None:
        if (n, is_after) == when:
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: (patched(cut), None)[1]


def at_moment(seconds: float) -> Callable[[], None]:
    def arm() -> None:
        timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()

    return arm
