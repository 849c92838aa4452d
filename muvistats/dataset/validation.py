"""Refuse a tree that breaks the schema, with the group, the variable and the row at fault."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError
from . import schema

__all__ = ["validate"]

#: Rounding that a stored rating may carry beyond its scale.
_SLACK = 1e-9

_KINDS = {"text": "UO", "integer": "iu", "number": "fiu", "truth": "b", "flag": "i"}


def validate(data: xr.DataTree) -> None:
    """Check a study against the schema.

    Parameters
    ----------
    data : DataTree
        The study.

    Raises
    ------
    DataError
        Names the group, the variable and the first row at fault, what was found and what was
        expected.

    Notes
    -----
    Checked are: the groups and variables that must be there, their dimensions and types; that
    keys are not empty and no annotation stands twice; that every annotation has its participant
    and item in the tables; that no name stands for two columns; that time increases; that rated
    dimensions lie on [-1, 1], labels are 0, 1 or missing, and flags are known codes. Values of
    arrays that are not in memory are read once, block by block.

    Examples
    --------
    >>> from muvistats import simulate_muvi, validate
    >>> validate(simulate_muvi(rng=1, n_items=9, n_participants=12, features=False))
    """
    _check_attributes(data)
    for group in ("/annotations", "/participants", "/items"):
        if group.strip("/") not in data:
            raise DataError("group is missing", file=group)
    for path in [node.path for node in data.subtree]:
        _check_variables(path, data[path].to_dataset())
    annotations = data["annotations"].to_dataset()
    _check_keys(data, annotations)
    _check_names(data)
    _check_exclusions(data)
    _check_time(annotations)
    _check_ranges(annotations)


def _check_attributes(data: xr.DataTree) -> None:
    version = data.attrs.get("schema_version")
    if str(version).split(".")[0] != schema.SCHEMA_VERSION.split(".")[0]:
        raise DataError(
            "schema version this package cannot read",
            found=version,
            expected=f"version {schema.SCHEMA_VERSION}",
        )
    alignment = data.attrs.get("label_alignment")
    if alignment not in schema.ALIGNMENTS:
        raise DataError(
            "unknown label_alignment", found=alignment, expected=", ".join(schema.ALIGNMENTS)
        )


def _check_variables(path: str, group: xr.Dataset) -> None:
    for name, variable in schema.variables(path).items():
        if name not in group.variables:
            if variable.required:
                raise DataError("variable is missing", file=path, column=name)
            continue
        stored = group[name]
        if stored.dims != variable.dims:
            raise DataError(
                "wrong dimensions",
                file=path,
                column=name,
                found=stored.dims,
                expected=variable.dims,
            )
        if stored.dtype.kind not in _KINDS[variable.kind] and stored.size:
            raise DataError(
                "wrong type",
                file=path,
                column=name,
                found=str(stored.dtype),
                expected=variable.kind,
            )


def _check_keys(data: xr.DataTree, annotations: xr.Dataset) -> None:
    if annotations.sizes["annotation"] == 0:
        raise DataError("no annotations", file="/annotations")
    keys = pd.DataFrame({key: annotations[key].to_numpy() for key in schema.KEYS}, dtype="str")
    for key in schema.KEYS:
        empty = np.flatnonzero(keys[key].isin(["", "nan", "<NA>"]) | keys[key].isna())
        if len(empty):
            raise DataError("key is empty", file="/annotations", row=int(empty[0]), column=key)
    twice = np.flatnonzero(keys.duplicated(list(schema.KEYS)))
    if len(twice):
        row = int(twice[0])
        found = " x ".join(keys.iloc[row])
        raise DataError("annotation stands twice", file="/annotations", row=row, found=found)
    if "levels" not in annotations["modality"].attrs:
        raise DataError("attribute levels is missing", file="/annotations", column="modality")
    levels = schema.decode_levels(annotations["modality"].attrs["levels"])
    for key, group, known in (
        ("modality", "the modalities of the study", levels),
        ("participant", "/participants", data["participants/participant"].to_numpy()),
        ("item", "/items", data["items/item"].to_numpy()),
    ):
        if len(set(known)) != len(known):
            twice_known = pd.Series(known)[pd.Series(known).duplicated()].iloc[0]
            raise DataError(f"{key} stands twice", file=group, found=str(twice_known))
        unknown = np.flatnonzero(~keys[key].isin([str(k) for k in known]))
        if len(unknown):
            row = int(unknown[0])
            raise DataError(
                f"{key} is not in {group}",
                file="/annotations",
                row=row,
                column=key,
                found=keys[key].iloc[row],
                expected=", ".join(levels) if key == "modality" else None,
            )


def _check_names(data: xr.DataTree) -> None:
    """Columns of the annotations, labels, participants and items share one frame."""
    annotations = data["annotations"].to_dataset()
    seen: dict[str, str] = {}
    columns = [
        ("/annotations", [n for n, v in annotations.variables.items() if n not in schema.KEYS]),
        ("/annotations, label", annotations["label"].to_numpy() if "label" in annotations else []),
        ("/participants", [n for n in data["participants"].variables if n != "participant"]),
        ("/items", [n for n in data["items"].variables if n != "item"]),
    ]
    for place, names in columns:
        for name in map(str, names):
            if name in seen:
                raise DataError(
                    "name stands twice; rename one", file=place, column=name, found=seen[name]
                )
            seen[name] = place


def _check_exclusions(data: xr.DataTree) -> None:
    if "exclusions" not in data:
        return
    number = data["exclusions/annotation"].to_numpy()
    count = data["annotations"].sizes["annotation"]
    wrong = np.flatnonzero((number < 0) | (number >= count))
    if len(wrong):
        raise DataError(
            "annotation is not in the study",
            file="/exclusions",
            row=int(wrong[0]),
            column="annotation",
            found=int(number[wrong[0]]),
            expected=f"0 to {count - 1}",
        )


def _check_time(annotations: xr.Dataset) -> None:
    if "time" not in annotations.coords:
        return
    time = annotations["time"].to_numpy()
    wrong = np.flatnonzero(~np.isfinite(time) | (np.diff(time, prepend=-np.inf) <= 0))
    if len(wrong):
        raise DataError(
            "time does not increase",
            file="/annotations",
            row=int(wrong[0]),
            column="time",
            found=float(time[wrong[0]]),
        )


def _check_ranges(annotations: xr.Dataset) -> None:
    low, high = schema.SCALE
    for name, values in annotations.data_vars.items():
        if "assigned" in values.attrs and values.attrs["assigned"] not in schema.ASSIGNED:
            raise DataError(
                "unknown attribute assigned",
                file="/annotations",
                column=str(name),
                found=values.attrs["assigned"],
                expected=", ".join(schema.ASSIGNED),
            )
        if values.attrs.get("role") == "dimension":
            if values.dims not in (("annotation",), ("annotation", "time")):
                raise DataError(
                    "wrong dimensions",
                    file="/annotations",
                    column=str(name),
                    found=values.dims,
                    expected="('annotation',) or ('annotation', 'time')",
                )
            if _lies_within(values, low - _SLACK, high + _SLACK):
                continue
            allowed = ~((values < low - _SLACK) | (values > high + _SLACK))  # NaN is missing
            _refuse(annotations, values, allowed, f"a value in [{low:g}, {high:g}]")
        elif "flag_meanings" in values.attrs:
            codes = len(values.attrs["flag_meanings"].split())
            allowed = (values >= -1) & (values < codes)
            _refuse(annotations, values, allowed, f"-1 (missing) or a code from 0 to {codes - 1}")


def _lies_within(values: xr.DataArray, low: float, high: float) -> bool:
    """Whether an array in memory keeps its range, found without a copy; NaN is missing."""
    if values.chunks is not None or values.size == 0:
        return False
    array = values.to_numpy()
    lowest, highest = (f.reduce(array, axis=None) for f in (np.fmin, np.fmax))
    return not (lowest < low or highest > high)


def _refuse(
    annotations: xr.Dataset, values: xr.DataArray, allowed: xr.DataArray, expected: str
) -> None:
    """Raise for the first value that is not allowed; arrays on disk are read block by block."""
    if bool(allowed.all()):
        return
    wrong = ~allowed.to_numpy()
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = " x ".join(str(annotations[key].to_numpy()[first[0]]) for key in schema.KEYS)
    raise DataError(
        f"value out of range, {int(wrong.sum())} such values",
        file="/annotations",
        row=where,
        column=str(values.name),
        found=values.to_numpy()[first].item(),
        expected=expected,
    )
