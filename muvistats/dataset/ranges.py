"""Values of a variable of `/annotations` that lie where they may."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..errors import DataError
from . import schema


def refuse_beyond(
    annotations: xr.Dataset, values: xr.DataArray, low: float, high: float, expected: str
) -> None:
    """Raise for the first value beyond a range; arrays on disk are read block by block.

    NaN is missing, and allowed.
    """
    if _lies_within(values, low, high):
        return
    beyond = (values < low) | (values > high)
    if not bool(beyond.any()):
        return
    wrong = beyond.to_numpy()
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    keys = schema.keys_in(annotations.coords)
    where = " x ".join(str(annotations[key].to_numpy()[first[0]]) for key in keys)
    raise DataError(
        f"value out of range, {int(wrong.sum())} such values",
        file="/annotations",
        row=where,
        column=str(values.name),
        found=values.to_numpy()[first].item(),
        expected=expected,
    )


def refuse_unknown_code(annotations: xr.Dataset, values: xr.DataArray) -> None:
    """Raise for the first value of a flag that is no code of it."""
    last = len(values.attrs["flag_meanings"].split()) - 1
    refuse_beyond(annotations, values, -1, last, f"-1 (missing) or a code from 0 to {last}")


def _lies_within(values: xr.DataArray, low: float, high: float) -> bool:
    """Whether an array in memory keeps its range, found without a copy; NaN is missing."""
    if values.chunks is not None or values.size == 0:
        return False
    array = values.to_numpy()
    lowest, highest = (f.reduce(array, axis=None) for f in (np.fmin, np.fmax))
    return not (lowest < low or highest > high)
