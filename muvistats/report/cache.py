"""Hash of a study, and frames of slow sections kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..files import cache_folder, write_whole
from ..results.frame import build_frame
from ..results.glossary import GLOSSARY


def data_hash(data: xr.DataTree) -> str:
    """Hash of everything in a study: names, values, dimensions and attributes.

    Parameters
    ----------
    data : DataTree
        The study.

    Returns
    -------
    str
        64 hexadecimal digits, the same wherever the same values are read from.
    """
    digest = hashlib.sha256()

    def add(*texts: object) -> None:
        digest.update(json.dumps([str(text) for text in texts]).encode())

    for node in sorted(data.subtree, key=lambda node: node.path):
        group = node.to_dataset(inherit=False)
        add("group", node.path)
        for name in sorted(group.attrs):
            add("attr", name, group.attrs[name])
        for name in sorted(str(name) for name in group.variables):
            variable = group[name].variable
            values = np.ascontiguousarray(variable.to_numpy())
            add("variable", name, variable.dims, values.dtype.kind, values.shape)
            for attr in sorted(variable.attrs):
                add("attr", attr, variable.attrs[attr])
            if values.dtype.kind in "OUST":
                add(*values.ravel().tolist())
            else:
                digest.update(values.data if values.size else b"")
    return digest.hexdigest()


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a result frame as CSV, every digit kept, atomically."""
    write_whole(path, lambda stream: frame.to_csv(stream, index=False, lineterminator="\n"))


def read_frame(path: Path) -> pd.DataFrame:
    """Read back what `write_frame` wrote, with the types of the glossary.

    Parameters
    ----------
    path : Path
        CSV file of a result frame.

    Returns
    -------
    DataFrame
        The frame, equal to the one that was written.
    """
    texts = pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""])
    columns: dict[str, Any] = {}
    for name in texts.columns:
        kind = GLOSSARY[name].kind
        values = texts[name]
        if kind == "truth":
            columns[name] = values == "True"
        elif kind == "integer":
            columns[name] = values.astype("int64")
        elif kind == "number":
            columns[name] = values.astype("float64")
        else:
            columns[name] = values
    return build_frame(pd.DataFrame(columns), tuple(texts.columns))


def cached_frame(
    data: str, key: str, settings: str, compute: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """Frame from the cache, computed and kept when it is not there.

    Parameters
    ----------
    data : str
        Hash of the study.
    key : str
        Key of the table.
    settings : str
        Settings and versions on which the frame depends.
    compute : callable
        Makes the frame.

    Returns
    -------
    DataFrame
        The frame.
    """
    stem = hashlib.sha256(settings.encode()).hexdigest()[:16]
    path = cache_folder("report", data) / f"{key}-{stem}.csv"
    if path.exists():
        try:
            return read_frame(path)
        except (ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)  # damaged, or of another version
    frame = compute()
    try:
        write_frame(frame, path)
    except OSError:
        return frame  # a cache that cannot be written is no reason to fail
    return frame
