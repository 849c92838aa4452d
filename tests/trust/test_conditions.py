"""Results stay whole where the machine is in the way: full disks, links, two runs at once."""

from __future__ import annotations

import os
import pwd
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from muvistats.files import CACHE_VARIABLE, _work_name, cache_folder
from muvistats.report.cache import cached_frame
from proofs.crash import JOBS

#: Bytes that no file may be longer than; each job writes one that is.
_ROOM = 200


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, which they may not with `tmp_path`."""
    with tempfile.TemporaryDirectory(prefix="muvistats-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def _started(call: Callable[[], object]) -> tuple[int, int]:
    """A child at work, and where it writes the error that ends it."""
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        status = 0
        try:
            call()
        except BaseException as error:
            os.write(its, f"{type(error).__name__}: {error}".encode())
            status = 1
        os._exit(status)
    os.close(its)
    return child, ours


def _ended(child: int, said: int) -> str:
    """What a child said; it has ended by itself, not by a signal."""
    _, status = os.waitpid(child, 0)
    with os.fdopen(said) as stream:
        text = stream.read()
    assert os.waitstatus_to_exitcode(status) == int(bool(text)), text
    return text


def _in_child(call: Callable[[], object]) -> str:
    return _ended(*_started(call))


@pytest.mark.parametrize("name", JOBS)
def test_a_full_disk_leaves_the_old_result(name, folder):
    job = JOBS[name]
    place = folder / job.name
    job.run(0, place)
    old = job.read(place)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, _ROOM))  # as much as any file may take
        job.run(1, place)

    assert _in_child(work) == f"OSError: [Errno 27] File too large: '{place}'"
    assert job.read(place) == old
    assert list(folder.iterdir()) == [place]


@pytest.mark.parametrize("name", JOBS)
def test_a_folder_that_cannot_be_written_is_named(name, folder):
    job = JOBS[name]
    place = folder / job.name
    job.run(0, place)
    old = job.read(place)

    def work() -> None:
        if not os.getuid():
            os.setuid(65534)  # nobody
        job.run(1, place)

    folder.chmod(0o555)
    assert _in_child(work) == f"PermissionError: [Errno 13] Permission denied: '{place}'"
    folder.chmod(0o755)
    assert job.read(place) == old
    assert list(folder.iterdir()) == [place]


@pytest.mark.parametrize("name", JOBS)
def test_two_runs_at_once_leave_the_result_of_one(name, folder):
    job = JOBS[name]
    place = folder / job.name
    results = []
    for which in (0, 1):
        job.run(which, place)
        results.append(job.read(place))
    children = [_started(lambda which=which: job.run(which, place)) for which in (0, 1)]
    assert [_ended(*child) for child in children] == ["", ""]
    assert job.read(place) in results
    assert list(folder.iterdir()) == [place]


@pytest.mark.parametrize("name", JOBS)
def test_links_to_another_disk_and_dates_in_the_future(name, folder):
    job = JOBS[name]
    shared = Path("/dev/shm")  # another file system, where there is one
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as other:
        target = Path(other) / job.name
        job.run(1, target)
        new = job.read(target)
        job.run(0, target)
        (Path(other) / f"{_work_name(target)}dead").mkdir()
        for path in (*Path(other).rglob("*"), Path(other)):
            os.utime(path, (2**32, 2**32))
        place = folder / job.name
        place.symlink_to(target)
        job.run(1, place)
        assert place.is_symlink()
        assert job.read(place) == new
        assert list(folder.iterdir()) == [place]
        assert list(Path(other).iterdir()) == [target]


def _without_home() -> None:
    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    pwd.getpwuid = unknown
    for name in ("HOME", "XDG_CACHE_HOME", CACHE_VARIABLE):
        os.environ.pop(name, None)


@pytest.mark.parametrize("name", ["report_folder", "table"])
def test_a_user_without_a_home_gets_results(name, folder):
    job = JOBS[name]
    place = folder / job.name
    for which in (1, 0):
        job.run(which, place)
        results = job.read(place)

    def work() -> None:
        _without_home()
        os.chdir(folder)
        job.run(0, place)

    assert _in_child(work) == ""
    assert job.read(place) == results
    assert list(folder.iterdir()) == [place]


def test_a_cache_without_a_home_is_refused_or_done_without(folder):
    def work() -> None:
        _without_home()
        os.chdir(folder)
        made = pd.DataFrame({"p_value": [0.5]})
        assert cached_frame("hash", "key", "settings", lambda: made) is made
        cache_folder("simulations")

    assert f"no home folder is known for the cache; {CACHE_VARIABLE}" in _in_child(work)
    assert list(folder.iterdir()) == []
