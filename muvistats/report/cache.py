"""Hash of a study, and frames of slow sections kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr

from ..files import cache_folder, load_sealed, swept, write_sealed
from ..results.frame import csv_text, read_frame


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
    try:
        path = swept(cache_folder("report", data)) / f"{key}-{stem}.csv"
    except OSError:
        return compute()  # a user without a home
    kept = load_sealed(path)
    if kept is not None:
        try:
            return read_frame(io.StringIO(kept.decode()))
        except (ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)  # of another version
    frame = compute()
    try:
        write_sealed(path, csv_text(frame).encode())
    except OSError:
        return frame  # a cache that cannot be written is no reason to fail
    return frame
