"""Files and folders that are whole under their name or not there; results kept between runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .types import Array

FilePath = str | os.PathLike[str]

#: Environment variable that names another folder for the cache.
CACHE_VARIABLE = "MUVISTATS_CACHE"


def cache_folder(*parts: str) -> Path:
    """Folder of the cache: `MUVISTATS_CACHE` where it is set, else the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named, *parts)
    from platformdirs import user_cache_path

    return user_cache_path("muvistats", appauthor=False).joinpath(*parts)


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
    return cache_folder(name) if cache is True else Path(cache)


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


def temporary_sibling(path: Path) -> Path:
    """Hidden name beside a path, with its suffix, that nothing else has."""
    return path.with_name(f".{path.stem[:64]}-{uuid.uuid4().hex}{path.suffix}")


def swap_in(new: Path, path: Path) -> None:
    """Give a finished file or folder its name; a folder that had it comes back if that fails.

    A folder cannot be replaced in one step: the old one is renamed first and removed last.
    """
    if not path.is_dir():
        new.replace(path)
        return
    old = temporary_sibling(path).with_suffix(".old")
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """Hidden name beside `path`; what is written there takes its place when the block ends well.

    Where the block fails, what it wrote is removed and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    try:
        yield temporary
        swap_in(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file under another name and rename it when it is whole and on the disk."""
    with whole_path(path) as temporary, temporary.open("xb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())


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
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
