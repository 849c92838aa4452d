"""What an extractor of features is, for sound and picture alike."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import os
import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from ..errors import DataError, DesignError, ExtractionWarning
from ..types import Floats


class Reading(Protocol):
    """One extractor at work on one file."""

    def finish(self, time: Floats) -> Any:
        """Features (time, feature) of the windows that start at these times, in s."""


class Extractor(Protocol):
    """What turns a file into features, window by window.

    An extractor is plain settings and can be pickled; what it gathers from one file it keeps in
    the `Reading` that `start` makes. Extractors of sound and of picture differ in what is being
    read only: `start` gets the sound as a whole, or a film whose frames come one by one.

    See Also
    --------
    SoundExtractor : A base class for extractors of your own.
    extract : Runs extractors over files.
    """

    @property
    def family(self) -> str | Sequence[str]:
        """Family of all its features, as in ``"colour"``, or the family of each."""

    def names(self) -> Sequence[str]:
        """Names of its features."""

    def check(self) -> None:
        """Refuse settings that cannot work, before any file is read."""

    def start(self, scan: Any) -> Reading:
        """Begin a file."""


AnyExtractor = TypeVar("AnyExtractor", bound=Extractor)


def several(given: AnyExtractor | Sequence[AnyExtractor], example: str) -> tuple[AnyExtractor, ...]:
    """Extractors from what a user gave: one or several."""
    listed = given if isinstance(given, Sequence) else (given,)
    for each in listed:
        if isinstance(each, type) or not hasattr(each, "start"):
            raise DesignError(f"{each!r} is no extractor: give an instance, such as {example}")
    return tuple(listed)


def with_networks(extractors: Sequence[AnyExtractor]) -> tuple[AnyExtractor, ...]:
    """Extractors that can work: not those whose networks `muvistats weights` has not made yet.

    One line says which are left out; where none is left, that line is an error.
    """
    unmade = [each for each in extractors if getattr(each, "unmade", "")]
    if unmade:
        kinds = ", ".join(type(each).__name__ for each in unmade)
        names = " ".join(getattr(each, "unmade", "") for each in unmade)
        said = f"no features of {kinds}: `muvistats weights {names}` makes their networks"
        if len(unmade) == len(extractors):
            raise DataError(said)
        warnings.warn(said, ExtractionWarning, stacklevel=3)
    return tuple(each for each in extractors if not getattr(each, "unmade", ""))


def feature_names(extractors: Sequence[Extractor]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name and family of every feature, in order."""
    names: list[str] = []
    families: list[str] = []
    for extractor in extractors:
        own, family = list(extractor.names()), extractor.family
        names += own
        families += [family] * len(own) if isinstance(family, str) else list(family)
    if not names:
        raise DesignError("no extractor was given, or none that names a feature")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DesignError(f"two features are called {twice!r}: leave out one of their extractors")
    if len(families) != len(names):
        raise DesignError("an extractor must name one family, or one for each feature")
    return tuple(names), tuple(families)


def checked(block: Any, extractor: Extractor, n_windows: int, *, fewer: bool = False) -> Any:
    """What an extractor gave, if it has the shape that it must have."""
    expected = (n_windows, len(extractor.names()))
    rows = np.shape(block)[0] if np.ndim(block) == 2 else -1
    if np.shape(block) != (rows if fewer and rows < n_windows else n_windows, expected[1]):
        raise DataError(
            f"extractor {type(extractor).__name__} gave features of another shape",
            found=np.shape(block),
            expected=str(expected),
        )
    return block


def describe(extractor: Extractor) -> dict[str, Any]:
    """Settings of an extractor as plain values, checksums of its files and its code included.

    Two extractors with the same description give the same features, so that features that were
    kept under it can be used again.
    """
    kind = type(extractor)
    fields = (
        {f.name: getattr(extractor, f.name) for f in dataclasses.fields(extractor)}
        if dataclasses.is_dataclass(extractor)
        else dict(vars(extractor))
    )
    told: dict[str, Any] = {"extractor": f"{kind.__module__}.{kind.__qualname__}"}
    told.update({name: _plain(value) for name, value in fields.items()})
    engines = getattr(kind, "engines", ())
    if engines:
        told["engines"] = engine_versions(engines)
    if not kind.__module__.startswith(f"{__package__}."):
        told["code"] = _code_digest(kind)
    return told


def engine_versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of those of the packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def threads_per_process(n_jobs: int) -> int:
    """Threads that each of so many processes may use; 0 is no limit."""
    if n_jobs == 1:
        return 0
    return max(1, (os.cpu_count() or 1) // n_jobs)


def _plain(value: Any) -> Any:
    """A setting as JSON knows it; a file, or those of a folder, by name and checksum."""
    if isinstance(value, Path) and value.is_dir():
        return [_plain(file) for file in sorted(value.glob("*.onnx"))]
    if isinstance(value, Path):
        with value.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"file": value.name, "sha256": digest}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _code_digest(kind: type) -> str:
    """Checksum of the source of a class that is not ours; empty where there is no source."""
    try:
        return hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()
    except (OSError, TypeError):
        return ""
