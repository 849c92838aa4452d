"""Stores of earlier layouts, read as if they were written today."""

from __future__ import annotations

import numpy as np
import xarray as xr

from . import schema

#: Digits that are kept of a rating that is mapped back to the scale on which it was recorded.
_DIGITS = 12


def to_current(data: xr.DataTree) -> xr.DataTree:
    """A study of layout 1.0 with its ratings on the recorded scale, as layout 1.1 has them.

    Parameters
    ----------
    data : DataTree
        A study as it was stored, in memory or lazy.

    Returns
    -------
    DataTree
        The study in today's layout; the same one where it has it.

    Notes
    -----
    Layout 1.0 kept ratings on [-1, 1] and the recorded scale in `recorded_scale_min` and
    `recorded_scale_max`. Values are mapped back to that scale and rounded to twelve digits of its
    width, so that a rating of 7 is 7 again. Where the two scales are the same, as in MuVi, no
    value changes.
    """
    if data.attrs.get("schema_version") != "1.0" or "annotations" not in data.children:
        return data
    annotations = data["annotations"].to_dataset()
    for name, variable in annotations.data_vars.items():
        if "recorded_scale_min" in variable.attrs:
            annotations[name] = _as_recorded(variable)
    parts = {node.path: node.to_dataset(inherit=False) for node in data.subtree}
    parts["/annotations"] = annotations
    tree = xr.DataTree.from_dict(parts, name=data.name)
    tree.attrs = dict(data.attrs) | {"schema_version": schema.SCHEMA_VERSION}
    return tree


def _as_recorded(variable: xr.DataArray) -> xr.DataArray:
    """A dimension on its recorded scale."""
    attrs = dict(variable.attrs)
    low, high = (float(attrs.pop(f"recorded_scale_{end}")) for end in ("min", "max"))
    attrs |= {"scale_min": low, "scale_max": high}
    if (low, high) != schema.SCALE:
        middle, half = (low + high) / 2, (high - low) / 2
        decimals = _DIGITS - int(np.ceil(np.log10(half)))
        variable = (variable * half + middle).round(decimals)
    variable.attrs = attrs
    return variable
