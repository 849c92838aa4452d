"""The study or frame that a test was given: its annotations, dimensions and labels."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from ...dataset.access import annotation_frame, dimensions_of, need_study
from ...errors import DataError
from ...types import Data


def to_frame(data: Data) -> pd.DataFrame:
    """The annotation frame of a study, or the frame that was given."""
    if isinstance(data, xr.DataTree):
        need_study(data)
        return annotation_frame(data)
    if isinstance(data, pd.DataFrame):
        return data
    raise DataError(
        "neither a study nor a frame",
        found=type(data).__name__,
        expected="a DataTree or an annotation frame",
    )


def choose_dimensions(data: Data, dimension: str | None) -> list[str]:
    """The rated dimension that was asked for, or all of them."""
    if isinstance(data, xr.DataTree):
        need_study(data)
        known = dimensions_of(data)
    elif isinstance(data, pd.DataFrame):
        known = list(data.attrs.get("dimensions", []))
    else:
        known = []
    if dimension is None:
        if not known:
            raise DataError("no rated dimension is known; name one by `dimension`")
        return known
    if known and dimension not in known:
        raise DataError("no such rated dimension", found=dimension, expected=", ".join(known))
    return [dimension]


def label_names(data: Data) -> list[str]:
    """Names of the labels, in stored order."""
    if isinstance(data, xr.DataTree):
        need_study(data)
        names = data["annotations"].to_dataset().coords.get("label")
        if names is None or "labels" not in data["annotations"].data_vars:
            raise DataError("the study has no labels", file="/annotations", column="labels")
        return [str(name) for name in names.to_numpy()]
    names = to_frame(data).attrs.get("labels", [])
    if not names:
        raise DataError(
            "the frame does not say which columns are labels", expected="a study with labels"
        )
    need(data, *names)
    return [str(name) for name in names]


def need(frame: pd.DataFrame, *columns: str) -> None:
    """Refuse a frame without these columns."""
    for name in columns:
        if name not in frame.columns:
            raise DataError("column is missing from the frame", column=name)
