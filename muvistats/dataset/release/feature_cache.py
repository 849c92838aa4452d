"""Features kept between reads, under the hash of the files that they were read from."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...files import cache_folder, swept, write_whole
from ..build import Features, Log

#: Goes into the key, so that a change of the readers makes old entries unreachable.
_FORMAT = "muvistats features 1"

_logger = logging.getLogger("muvistats")


@dataclass(frozen=True)
class FeatureRead:
    """Features as a reader made them, with what it has to say about them."""

    features: Features
    entries: list[tuple[str, str, int]]


def content_key(kind: str, items: Iterable[str], parts: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over the kind of features, the item list, and name and content of each file."""
    key = hashlib.sha256(json.dumps([_FORMAT, kind, list(items)]).encode())
    for name, content in parts:
        key.update(json.dumps([name, len(content)]).encode())
        key.update(content)
    return key.hexdigest()


def remember(key: str, build: Callable[[], FeatureRead], log: Log) -> FeatureRead:
    """Features of this key, from the cache or else built and put there.

    Parameters
    ----------
    key : str
        From `content_key`.
    build : callable
        Reads the features when the cache has none.
    log : Log
        Told of a damaged entry, which is built anew.

    Returns
    -------
    FeatureRead
        The features.
    """
    try:
        folder = swept(cache_folder(), below=0)
    except OSError as error:
        _logger.warning("features are not cached: %s", error)
        return build()
    text, array = folder / f"{key}.json", folder / f"{key}.npy"
    try:
        return _load(text, array)
    except FileNotFoundError:
        pass
    except Exception as error:  # whatever json and numpy say of a damaged file
        log.add("feature cache", "entry was damaged and has been built anew", 1)
        _logger.warning("feature cache entry %s is damaged, built anew: %s", text.name, error)
    made = build()
    try:
        _store(made, text, array)
    except OSError as error:
        _logger.warning("features are not cached: %s", error)
    return made


def _load(text: Path, array: Path) -> FeatureRead:
    stored = json.loads(text.read_text(encoding="utf-8"))
    # Mapped, not copied: pages are private, so a change of the values never reaches the file.
    values: npt.NDArray[np.float64] = np.load(array, mmap_mode="c", allow_pickle=False)
    values = values.view(np.ndarray)
    items, names, families = (_names(stored[part]) for part in ("items", "names", "families"))
    if (
        values.dtype != np.float64
        or values.ndim != 3
        or (values.shape[0], values.shape[2], len(families)) != (len(items), len(names), len(names))
    ):
        raise ValueError("array and names do not fit")
    if _digest(values) != stored["digest"]:
        raise ValueError("values have changed")
    entries = [(str(source), str(action), int(count)) for source, action, count in stored["log"]]
    return FeatureRead(Features(values, items, names, families), entries)


def _names(stored: Any) -> list[str]:
    if not isinstance(stored, list):
        raise TypeError("names are no list")
    return [str(name) for name in stored]


def _digest(values: npt.NDArray[np.float64]) -> str:
    """Hash of the values, against files that were cut or changed."""
    return hashlib.sha256(np.ascontiguousarray(values).data.cast("B")).hexdigest()


def _store(made: FeatureRead, text: Path, array: Path) -> None:
    """Write both files under other names first; the text last, so that it vouches for the array."""
    features = made.features
    stored = {
        "items": list(features.items),
        "names": list(features.names),
        "families": list(features.families),
        "log": made.entries,
        "digest": _digest(features.values),
    }
    write_whole(array, lambda stream: np.save(stream, features.values, allow_pickle=False))
    write_whole(text, lambda stream: stream.write(json.dumps(stored).encode("utf-8")))
