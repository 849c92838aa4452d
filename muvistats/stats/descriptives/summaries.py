"""Distributions of numbers and shares of levels, for the descriptive tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...types import Floats

#: Quantiles of a distribution, by column.
QUANTILES = {
    "minimum": 0.0,
    "q05": 0.05,
    "q25": 0.25,
    "median": 0.5,
    "q75": 0.75,
    "q95": 0.95,
    "maximum": 1.0,
}

_NO_VALUES = "no values"
_ONE_VALUE = "one value has no standard deviation"


def describe_column(variable: xr.DataArray) -> Iterator[dict[str, Any]]:
    """Rows that describe a column: one for a number, one per level for anything else."""
    values = variable.to_numpy()
    if "flag_meanings" not in variable.attrs and values.dtype.kind in "fiu":
        yield describe_numbers(values.astype(float))
        return
    levels, codes = _levels(variable)
    n = int((codes >= 0).sum())
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    if not levels:
        yield {"count": 0, "n": 0, "n_missing": len(codes), "warning": _NO_VALUES}
    for level, count in zip(levels, counts, strict=True):
        yield {
            "level": level,
            "count": int(count),
            "share": count / n if n else np.nan,
            "n": n,
            "n_missing": len(codes) - n,
            "warning": "" if n else _NO_VALUES,
        }


def _levels(variable: xr.DataArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Levels and codes of a column that is no number; -1 is missing."""
    values = variable.to_numpy()
    if "flag_meanings" in variable.attrs:
        return variable.attrs["flag_meanings"].split(), values.astype(np.int64)
    if values.dtype.kind == "b":
        return ["False", "True"], values.astype(np.int64)
    texts = values.astype(str)
    levels = sorted({*texts.tolist()} - {""})
    return levels, np.asarray(pd.Index(levels, dtype="object").get_indexer(texts.tolist()))


def describe_numbers(values: Floats) -> dict[str, Any]:
    """Distribution of some numbers."""
    summary = {name: column[0] for name, column in summaries(values[None, :]).items()}
    n = int(summary.pop("n"))
    keep = ("mean", "sd", "median", "minimum", "maximum")
    return {
        **{name: summary[name] for name in keep},
        "count": n,
        "n": n,
        "n_missing": len(values) - n,
        "warning": few_values(n),
    }


def few_values(n: int) -> str:
    """Why a distribution of n values is not whole; empty when it is."""
    return (_NO_VALUES, _ONE_VALUE)[n] if n < 2 else ""


def summaries(values: Floats) -> dict[str, npt.NDArray[Any]]:
    """Distribution of each row of a matrix, NaN left out; quantiles by linear interpolation."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    n = (~np.isnan(values)).sum(axis=1)
    rows = np.arange(len(values))
    out: dict[str, npt.NDArray[Any]] = {"n": n}
    with np.errstate(divide="ignore", invalid="ignore"):
        out["mean"] = np.nansum(values, axis=1) / n
        squares = np.nansum((values - out["mean"][:, None]) ** 2, axis=1)
        out["sd"] = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    for name, share in QUANTILES.items():
        if values.shape[1] == 0:
            out[name] = np.full(len(values), np.nan)
            continue
        place = np.maximum(n - 1, 0) * share
        low = np.floor(place).astype(np.int64)
        below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, np.maximum(n - 1, 0))]
        out[name] = below + (above - below) * (place - low)
    return out
