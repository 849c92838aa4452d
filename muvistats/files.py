"""Files and folders that are whole under their name or not there; results kept between runs."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .types import Array

if sys.platform != "win32":
    import fcntl

FilePath = str | os.PathLike[str]

#: Name of what was replaced, in a work folder.
_OLD = ".old"

#: Name of a work folder, as `_work_name` and `tempfile` make it.
_WORK = re.compile(r"\..*-[0-9a-f]{8}-[a-z0-9_]{8}", re.DOTALL)

#: Environment variable that names another folder for the cache.
CACHE_VARIABLE = "MUVISTATS_CACHE"


def cache_folder(*parts: str) -> Path:
    """Folder of the cache: `MUVISTATS_CACHE` where it is set, else the user's cache folder.

    Raises
    ------
    OSError
        When neither is known, for a user without a home.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named, *parts)
    from platformdirs import user_cache_path

    try:
        own = user_cache_path("muvistats", appauthor=False)
    except RuntimeError:
        own = Path("~")
    if not own.is_absolute():  # what older releases of platformdirs say without a home
        problem = f"no home folder is known for the cache; {CACHE_VARIABLE} names another place"
        raise OSError(errno.ENOTDIR, problem)
    return own.joinpath(*parts)


def store_folder(cache: bool | FilePath | None, name: str) -> Path | None:
    """Folder of what is finished: of this name in the cache, a given one, or None to keep nothing.

    Parameters
    ----------
    cache : bool or path
        True for the cache of the user, a folder, or False (or None) to keep nothing.
    name : str
        Name within the cache of the user.
    """
    if cache is None or cache is False:
        return None
    return swept(cache_folder(name) if cache is True else Path(cache))


@contextlib.contextmanager
def kept_folder(cache: bool | FilePath | None, name: str) -> Iterator[Path]:
    """Folder as of `store_folder`, made; one that goes at the end where nothing is kept."""
    folder = store_folder(cache, name)
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="muvistats-") as passing:
            yield Path(passing)
        return
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def real_path(path: FilePath) -> Path:
    """Place that a path means: where it is a link, what it leads to, so that the link stays."""
    return Path(os.path.realpath(path))


def recovered(path: Path) -> Path:
    """The path, after what runs that are no more left beside it has been put right.

    A run that was killed between the two renames of a swap leaves the old and the new folder
    under a hidden name, and nothing at the place: the new one, which is whole, takes it. What
    else such a run left is removed. Work of runs that go on is not touched.
    """
    place = real_path(path)
    if not place.parent.exists() and place.parent != place:
        recovered(place.parent)
    for work in _work_folders(place):
        with locked(place.parent, wait=True), locked(work, wait=False) as free:
            if free:
                new = work / place.name
                if (work / _OLD).exists() and new.exists() and not place.exists():
                    new.rename(place)
                shutil.rmtree(work, ignore_errors=True)
    return path


def swept(folder: Path, *, below: int = 2) -> Path:
    """The folder of kept results, after what killed runs left there is removed.

    Parameters
    ----------
    folder : Path
        The folder.
    below : int
        How many folders deep results are kept in it.
    """
    for inner in _folders(folder):
        if _WORK.fullmatch(inner.name):
            with locked(folder, wait=True), locked(inner, wait=False) as free:
                if free:
                    shutil.rmtree(inner, ignore_errors=True)
        elif below:
            swept(inner, below=below - 1)
    return folder


@contextlib.contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """Hidden place; what is written there takes that of `path` when the block ends well.

    Where the block fails, what it wrote is removed and `path` stays as it was. An error of the
    disk names `path`.
    """
    place = real_path(path)
    with _naming(path, place), work_folder(place) as work:
        yield work / place.name
        _to_disk(work / place.name)
        with locked(place.parent, wait=True):
            _swap_in(work, place)


@contextlib.contextmanager
def work_folder(place: Path) -> Iterator[Path]:
    """Hidden folder beside a place, removed when the block ends.

    It is locked for as long as this process lives: the next run for this place tells by that
    whether it may sweep what a killed one left.
    """
    recovered(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.parent, wait=True):
        work = Path(tempfile.mkdtemp(prefix=_work_name(place), dir=place.parent))
        lock = contextlib.ExitStack()
        lock.enter_context(locked(work, wait=False))
    with lock:
        try:
            yield work
        finally:
            if place.exists() or not (work / _OLD).exists():
                shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def unfinished_folder(folder: Path) -> Iterator[Path]:
    """Folder of what a run has finished so far; it goes when the block ends well.

    One run at a time has it; the next one waits, and then finds what was left.
    """
    lock = folder / "run"
    with contextlib.ExitStack() as held:
        while True:
            lock.mkdir(parents=True, exist_ok=True)
            about = lock.stat()
            held.enter_context(locked(lock, wait=True))
            if lock.exists() and os.path.samestat(about, lock.stat()):
                break
            held.close()  # that folder went when the other run had ended
        try:
            yield folder
        except BaseException:
            if list(folder.iterdir()) == [lock]:  # nothing is kept
                shutil.rmtree(folder)
            raise
        with work_folder(folder) as work:
            folder.rename(work / folder.name)


def _swap_in(work: Path, place: Path) -> None:
    """Give a finished file or folder its name; a folder that had it comes back if that fails.

    A folder cannot be replaced in one step: the old one is renamed first and removed last.
    """
    new = work / place.name
    if not place.is_dir():
        if place.is_file():
            shutil.copymode(place, new)
        new.replace(place)
    else:
        place.rename(work / _OLD)
        try:
            new.rename(place)
        except BaseException:
            (work / _OLD).rename(place)
            raise
    _flush(place.parent)


def _work_name(place: Path) -> str:
    """How the work folders of a place begin; names may be too long to stand in another."""
    mark = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:8]
    return f".{place.name[:32]}-{mark}-"


def _work_folders(place: Path) -> list[Path]:
    name = _work_name(place)
    return [folder for folder in _folders(place.parent) if folder.name.startswith(name)]


def _folders(parent: Path) -> list[Path]:
    """Folders in a folder, links not among them; none where it cannot be read."""
    try:
        with os.scandir(parent) as entries:
            return sorted(Path(e.path) for e in entries if e.is_dir(follow_symlinks=False))
    except OSError:
        return []


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of a folder, which ends with the process; whether it could be had.

    Where folders cannot be locked (on Windows and some network drives) nothing is swept.
    """
    held = False
    descriptor = None
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = True
    try:
        yield held
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def _naming(path: Path, place: Path) -> Iterator[None]:
    """Let an error of the disk name the file that was asked for, not the hidden one."""
    try:
        yield
    except OSError as error:
        told = str(error.filename or "")
        hidden = place.parent / _work_name(place)
        said = re.search(r"errno = (\d+)", str(error))  # how HDF5 tells it
        number = error.errno or (said and int(said[1]))
        if number is None or (told and not told.startswith(str(hidden))):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _to_disk(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk."""
    if path.is_dir():
        for folder, _, files in os.walk(path):
            for name in files:
                _flush(Path(folder, name))
            _flush(Path(folder))
    else:
        _flush(path)


def _flush(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # a drive that cannot flush folders
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def claim_room(path: Path, size: int) -> None:
    """Fail now where the disk has no room for a file; HDF5 brings the process down if it runs out.

    Nothing is left at the path. Where a system cannot allocate (macOS, Windows) nothing is tried.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("xb") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)
        path.unlink()


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file under another name and rename it when it is whole and on the disk.

    What is no file, such as ``/dev/stdout``, is written into. A folder is never replaced by a file.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            write(stream)
        return
    with whole_path(path) as hidden, hidden.open("xb") as stream:
        write(stream)


def write_arrays(entry: Path, arrays: Mapping[str, Any]) -> None:
    """Keep arrays in one file, which has its name only when it is whole."""
    write_whole(entry, lambda stream: np.savez(stream, allow_pickle=False, **arrays))


def load_arrays(
    entry: Path, wanted: Callable[[str], bool] = lambda _: True
) -> dict[str, Array] | None:
    """Arrays that were kept; None where there are none, or the file is damaged.

    Reading an array checks its sum. Arrays whose names are not wanted are not read.
    """
    try:
        with entry.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files if wanted(name)}
    except Exception:  # whatever numpy, zipfile and zlib say of a damaged file
        return None


def sealed(content: bytes) -> bytes:
    """Content behind a line with its digest."""
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def unsealed(raw: bytes) -> bytes | None:
    """Content that `sealed` put behind its digest; None where it is not what was sealed."""
    content = raw.partition(b"\n")[2]
    return content if sealed(content) == raw else None


def write_sealed(path: Path, content: bytes) -> None:
    """Keep content in a file, behind its digest."""
    write_whole(path, lambda stream: stream.write(sealed(content)))


def load_sealed(path: Path) -> bytes | None:
    """Content that `write_sealed` kept; None where there is none, or it is not what was kept."""
    try:
        return unsealed(path.read_bytes())
    except OSError:
        return None
