"""Refuse a tree that breaks the schema, with the group, the variable and the row at fault."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..errors import DataError, boundary
from . import schema
from .gate import check_variables, gate, key_order, scale_of
from .names import check_names
from .plausible import refuse_impossible
from .ranges import refuse_beyond, refuse_unknown_code

#: Share of the scale by which rounding may carry a stored rating beyond it.
_SLACK = 1e-9


@boundary("this is no study that can be read", file="the study")
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

    See Also
    --------
    label_alignment_check : Whether labels belong to the items that they stand beside.
    rater_quality : Whether raters look as if they had rated.

    Notes
    -----
    Checked are: the groups and variables that must be there, their dimensions and types; that keys
    are not empty, no annotation stands twice and rows are in order; that every annotation has its
    participant and item in the tables; that no name stands for two columns; that time increases;
    that no number is infinite, no age, training or trial negative, no training longer than the age,
    and no trial of a participant there twice; that rated dimensions lie on their scale, labels are
    0, 1 or missing, and flags are known codes. Values of arrays that are not in memory are read
    once, block by block.

    Examples
    --------
    >>> from muvistats import simulate_muvi, validate
    >>> validate(simulate_muvi(rng=1, n_items=9, n_participants=12, features=False))
    """
    gate(data)
    for path in [node.path for node in data.subtree]:
        check_variables(path, data[path].to_dataset())
    annotations = data["annotations"].to_dataset()
    _check_order(data)
    _check_names(data)
    _check_levels(data)
    _check_exclusions(data)
    _check_ranges(annotations)
    refuse_impossible(data)


def _check_order(data: xr.DataTree) -> None:
    order = key_order(data)
    wrong = np.flatnonzero(order != np.arange(len(order)))
    if len(wrong):
        raise DataError(
            "rows do not stand by item, modality, participant and session; save_dataset sorts them",
            file="/annotations",
            row=int(wrong[0]),
        )


def _check_names(data: xr.DataTree) -> None:
    """Columns of the annotations, labels, participants and items share one frame."""
    annotations = data["annotations"].to_dataset()
    labels = annotations["label"].to_numpy().tolist() if "label" in annotations else []
    ours = schema.variables("/annotations")
    own = [str(name) for name in annotations.variables if name not in ours]
    people = data["participants"].variables if "participants" in data else {}
    tables = {"participants": map(str, people), "items": map(str, data["items"].variables)}
    check_names({"annotations": own, **tables}, labels)
    seen: dict[str, str] = {}
    columns = [
        ("/annotations", [n for n, v in annotations.variables.items() if n not in schema.ALL_KEYS]),
        ("/annotations, label", labels),
        ("/participants", [n for n in people if n != "participant"]),
        ("/items", [n for n in data["items"].variables if n != "item"]),
    ]
    for place, names in columns:
        for name in map(str, names):
            if name in seen:
                raise DataError(
                    "name stands twice; rename one", file=place, column=name, found=seen[name]
                )
            seen[name] = place


def _check_levels(data: xr.DataTree) -> None:
    """A factor with levels holds no other value."""
    for table in data.children.keys() & {"annotations", "participants", "items"}:
        for name, variable in data[table].variables.items():
            if "levels" not in variable.attrs or name in schema.ALL_KEYS:
                continue
            levels = schema.decode_levels(variable.attrs["levels"])
            values = variable.to_numpy()
            wrong = np.flatnonzero(~np.isin(values, [*levels, ""]))
            if len(wrong):
                raise DataError(
                    "value is not among the levels",
                    file=f"/{table}",
                    row=int(wrong[0]),
                    column=str(name),
                    found=str(values[wrong[0]]),
                    expected=", ".join(levels),
                )


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


def _check_ranges(annotations: xr.Dataset) -> None:
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
            low, high = scale_of(values)
            slack = _SLACK * (high - low)
            expected = f"a value in [{low:g}, {high:g}]"
            refuse_beyond(annotations, values, low - slack, high + slack, expected)
        elif "flag_meanings" in values.attrs:
            refuse_unknown_code(annotations, values)
