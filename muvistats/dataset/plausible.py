"""Values that cannot be, which are refused, and values that can hardly be, which are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from ..errors import DataError
from .names import storage_problem

#: Columns of which no value is negative, by group.
_NOT_NEGATIVE = {"annotations": ("trial",), "participants": ("age", "years_of_training")}

#: Largest value, in years, that is taken without a word.
_USUAL = {"age": 110.0, "years_of_training": 100.0}

Rows = npt.NDArray[np.bool_]


def refuse_impossible(data: xr.DataTree) -> None:
    """Refuse what no study can hold.

    Parameters
    ----------
    data : DataTree
        The study, its groups and types checked.

    Raises
    ------
    DataError
        When a number is infinite; an age, years of training or a trial are negative; someone has
        trained for more years than they have lived; a trial of a participant (and session) stands
        twice; or a text of the root cannot be stored. Names group, row and column.
    """
    for name, text in data.attrs.items():
        problem = storage_problem(text) if isinstance(text, str) else ""
        if problem:
            raise DataError(problem, file="/", column=str(name), found=text)
    for table in ("annotations", "participants", "items"):
        if table not in data.children:
            continue
        group = data[table].to_dataset()
        for column, variable in group.variables.items():
            if variable.dtype.kind == "f" and variable.ndim == 1:
                rows = np.isinf(variable.to_numpy())
                _refuse(group, table, str(column), rows, "value is infinite", "a finite number")
        for column in _NOT_NEGATIVE.get(table, ()):
            if column in group.variables:
                rows = group[column].to_numpy() < 0
                _refuse(group, table, column, rows, "value is negative", "0 or more")
    _refuse_training_above_age(data)
    _refuse_repeated_trials(data["annotations"].to_dataset())


def implausible(data: xr.DataTree) -> list[tuple[str, str, int]]:
    """What a study holds that can hardly be meant: entries of a log, each kept as it was.

    Parameters
    ----------
    data : DataTree
        The study.

    Returns
    -------
    list of tuple
        Group, what stands there, and how many such values.
    """
    found = []
    people = data["participants"].to_dataset() if "participants" in data.children else xr.Dataset()
    for column, largest in _USUAL.items():
        if column in people.variables:
            values = people[column].to_numpy()
            rows = np.flatnonzero(values > largest)
            if len(rows):
                one = f"{values[rows[0]]:g} of participant {people['participant'].values[rows[0]]}"
                action = f"{column} above {largest:g} was kept: {one}"
                found.append(("participants", action, len(rows)))
    for key in ("participant", "item"):
        if f"{key}s" in data.children:
            names = data[f"{key}s/{key}"].to_numpy().tolist()
            wide = [name for name in names if name != name.strip()]
            if wide:
                twin = " beside the same without" if wide[0].strip() in names else ""
                action = f"ids with blanks around them were kept: {wide[0]!r}{twin}"
                found.append((f"{key}s", action, len(wide)))
    return found


def _refuse_training_above_age(data: xr.DataTree) -> None:
    people = data["participants"].to_dataset() if "participants" in data.children else xr.Dataset()
    if {"age", "years_of_training"} <= set(people.variables):
        age, training = people["age"].to_numpy(), people["years_of_training"].to_numpy()
        problem = "more years of training than of age"
        rows = training > age + 1  # an age is told in whole years
        expected = None if not rows.any() else f"at most {age[rows][0]:g}"
        _refuse(people, "participants", "years_of_training", rows, problem, expected)


def _refuse_repeated_trials(annotations: xr.Dataset) -> None:
    if not {"trial", "participant"} <= set(annotations.variables):
        return
    keys = [name for name in ("participant", "session", "trial") if name in annotations.variables]
    frame = annotations[keys].reset_coords()[keys].to_dataframe()
    rows = frame.duplicated().to_numpy()
    problem = f"trial of this {' and '.join(keys[:-1])} stands twice"
    _refuse(annotations, "annotations", "trial", rows, problem, "a number for each trial")


def _refuse(
    group: xr.Dataset, table: str, column: str, rows: Rows, problem: str, expected: Any
) -> None:
    if not rows.any():
        return
    row = int(np.flatnonzero(rows)[0])
    key = {"participants": "participant", "items": "item"}.get(table)
    names = [key] if key else [k for k in ("item", "modality", "participant") if k in group]
    raise DataError(
        f"{problem}, {int(rows.sum())} such rows" if rows.sum() > 1 else problem,
        file=f"/{table}",
        row=" x ".join(str(group[name].to_numpy()[row]) for name in names),
        column=column,
        found=group[column].to_numpy()[row].item(),
        expected=expected,
    )
