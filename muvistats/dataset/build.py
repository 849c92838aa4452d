"""Put a study together: normalised pieces in, one valid tree out.

Readers, the simulator and `from_frames` all end here, so there is one place that sorts, names
and describes the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError
from ..types import Array, level_text
from . import schema
from .names import check_names
from .plausible import implausible
from .validation import validate

#: Largest code of a flag: they are stored in one signed byte.
_LARGEST_CODE = 127


@dataclass
class Log:
    """What a reader or a preparation step found and did, one entry each."""

    entries: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, source: str, action: str, count: int = 0) -> None:
        """Add one entry."""
        self.entries.append((source, action, count))


@dataclass(frozen=True)
class Features:
    """Features of items on a regular time grid.

    Parameters
    ----------
    values : ndarray of float, shape (item, time, feature)
        The values; items with fewer windows end in NaN.
    items : sequence of str
        Item of each row.
    names, families : sequence of str
        Name and family of each feature.
    """

    values: Array
    items: Sequence[str]
    names: Sequence[str]
    families: Sequence[str]


def natural_order(names: Sequence[str]) -> list[str]:
    """Distinct names sorted as people would: numbers inside a name count as numbers."""

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", name)
        return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]

    return sorted(set(names), key=key)


def assemble(
    annotations: pd.DataFrame,
    dimensions: Mapping[str, Array],
    *,
    participants: pd.DataFrame | None,
    items: pd.DataFrame,
    labels: Array | None = None,
    label_table: pd.DataFrame | None = None,
    question: str = "",
    words: Mapping[str, Sequence[str]] | None = None,
    time: Array | None = None,
    features: Mapping[str, Features] | None = None,
    truth: xr.Dataset | None = None,
    modalities: Sequence[str] = schema.MODALITIES,
    scale: tuple[float, float] | Mapping[str, tuple[float, float]] = schema.SCALE,
    assigned: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[str, ...]] | None = None,
    exclusions: Sequence[Mapping[str, Any]] = (),
    log: Log | None = None,
    study: str = "unnamed study",
    source: str = "",
    simulated: bool = False,
    label_alignment: str = "as_recorded",
) -> xr.DataTree:
    """Build and validate the tree.

    Parameters
    ----------
    annotations : DataFrame
        One row per annotation: `item`, `modality`, and any of `participant`, `session`, `trial`,
        `familiar`, `overlay`, `keep_dynamic`, `keep_labels` and further columns.
    dimensions : mapping of str to ndarray
        Rated dimensions, each (annotation, time) or (annotation,), rows as in `annotations`.
    participants, items : DataFrame
        Tables with a column `participant` or `item`; their row order is the order of the study.
        Without ids of raters there is no table of participants.
    labels : ndarray of int8, shape (annotation, label), optional
        1 chosen, 0 not chosen, -1 missing.
    label_table : DataFrame, optional
        One row per label: `label`, and optionally `label_name`, `category`, `superfactor`.
    question : str
        Where each person chose one of the labels: what was asked.
    words : mapping of str to sequence of str, optional
        Words of ordinal dimensions, whose values are numbered from 1.
    time : ndarray of float, shape (time,), optional
        Seconds from the start of the excerpt, needed for a dynamic dimension.
    features : mapping of str to Features, optional
        By kind, ``audio`` or ``visual``.
    truth : Dataset, optional
        What a simulation was drawn from.
    modalities : sequence of str
        Levels of modality in order.
    scale : tuple of float, or mapping of str to tuple of float
        Scale on which the dimensions were recorded.
    assigned : mapping of str to str, optional
        For further factor columns, how they came to their values.
    flags : mapping of str to tuple of str, optional
        Meaning of the codes of further flag columns.
    exclusions : sequence of mapping
        Rows of `/exclusions`, with `annotation` as the row number in `annotations`.
    log : Log, optional
        Entries of `/log`.
    study, source, simulated, label_alignment
        Root attributes.

    Returns
    -------
    DataTree
        The study, annotations sorted by item, modality, participant and session.

    Raises
    ------
    DataError
        When the pieces do not make a valid study.
    """
    tables = {"annotations": annotations, "items": items}
    if participants is not None:
        tables["participants"] = participants
    _check_all_names(tables, dimensions, label_table)
    tables = {name: _plain(table) for name, table in tables.items()}
    order = sort_order(tables, modalities)
    frame = tables["annotations"].iloc[order].reset_index(drop=True)
    new_number = np.empty(len(order), dtype=np.int64)
    new_number[order] = np.arange(len(order))

    annotation_vars = _annotation_columns(frame, modalities, assigned, flags)
    for name, values in dimensions.items():
        recorded = scale[name] if isinstance(scale, Mapping) else scale
        own = (words or {}).get(name)
        annotation_vars[name] = _dimension(name, values[order], recorded, own)
    if labels is not None and label_table is not None:
        annotation_vars.update(_labels(labels[order], label_table))
        if question:
            annotation_vars["labels"].attrs["question"] = question
    if time is not None:
        attrs = schema.variables("/annotations")["time"].attrs
        annotation_vars["time"] = xr.Variable("time", np.asarray(time, dtype=np.float64), attrs)
    groups = {"/annotations": _dataset("/annotations", annotation_vars)}
    if participants is not None:
        groups["/participants"] = _table("participant", tables["participants"], assigned, flags)
    groups |= {
        "/items": _table("item", tables["items"], assigned, flags),
        "/exclusions": _exclusions(frame, exclusions, new_number),
        "/log": log_dataset(log or Log()),
    }
    for kind, feature in (features or {}).items():
        groups[f"/features/{kind}"] = feature_dataset(kind, feature)
    if truth is not None:
        groups["/truth"] = truth
    tree = xr.DataTree.from_dict(groups, name="study")
    tree.attrs = {
        "schema_version": schema.SCHEMA_VERSION,
        "study": study,
        "source": source,
        "simulated": int(simulated),
        "label_alignment": label_alignment,
    }
    validate(tree)
    told = implausible(tree)
    if told:
        entries = [*(log.entries if log else ()), *told]
        tree["log"] = xr.DataTree(log_dataset(Log(entries)))
    return tree


def _annotation_columns(
    frame: pd.DataFrame,
    modalities: Sequence[str],
    assigned: Mapping[str, str] | None,
    flags: Mapping[str, tuple[str, ...]] | None,
) -> dict[str, xr.Variable]:
    """Keys, further columns and masks of the annotations."""
    known = schema.variables("/annotations")
    number = xr.Variable("annotation", np.arange(len(frame)), known["annotation"].attrs)
    columns = {"annotation": number}
    columns.update(
        {str(name): _column(str(name), frame[name], known, assigned, flags) for name in frame}
    )
    if "modality" in columns:
        columns["modality"].attrs["levels"] = schema.encode_levels(modalities)
    if "session" in columns:
        columns["session"].attrs["levels"] = schema.encode_levels(_sessions(frame["session"]))
    for mask in ("keep_dynamic", "keep_labels"):
        if mask not in columns:
            whole = np.full(len(frame), fill_value=True)
            columns[mask] = xr.Variable("annotation", whole, known[mask].attrs)
    return columns


def _sessions(column: pd.Series) -> list[str]:
    """Sessions in the order of a categorical, or with their numbers in order."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _level_names(column)
    return natural_order(column.astype("str").tolist())


def _dimension(
    name: str, values: Array, scale: tuple[float, float], words: Sequence[str] | None
) -> xr.Variable:
    attrs: dict[str, Any] = {
        "role": "dimension",
        "long_name": f"rated {name}",
        "units": "1",
        "scale_min": float(scale[0]),
        "scale_max": float(scale[1]),
    }
    if words is not None:
        attrs["words"] = schema.encode_levels(words)
    return xr.Variable(("annotation", "time")[: values.ndim], values, attrs)


def _labels(labels: Array, table: pd.DataFrame) -> dict[str, xr.Variable]:
    known = schema.variables("/annotations")
    stored = {
        "label": "label",
        "label_name": "label_name",
        "label_category": "category",
        "label_superfactor": "superfactor",
    }
    columns = {
        name: xr.Variable("label", _values(table[column]), known[name].attrs)
        for name, column in stored.items()
        if column in table
    }
    codes = _flag_codes("labels", labels)
    columns["labels"] = xr.Variable(("annotation", "label"), codes, known["labels"].attrs)
    return columns


def _dataset(group: str, columns: Mapping[str, xr.Variable]) -> xr.Dataset:
    """Dataset of a group, its coordinates set as the schema says."""
    known = schema.variables(group)
    coordinates = [name for name in columns if name in known and known[name].coordinate]
    return xr.Dataset(dict(columns)).set_coords(coordinates)


def _check_all_names(
    tables: Mapping[str, pd.DataFrame],
    dimensions: Mapping[str, Array],
    label_table: pd.DataFrame | None,
) -> None:
    """Refuse names of columns, dimensions and labels that cannot stand side by side."""
    names = {name: map(str, table) for name, table in tables.items()}
    labels = () if label_table is None else label_table["label"]
    check_names({**names, "dimensions": dimensions}, labels)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Copy whose keys are text."""
    table = table.reset_index(drop=True)
    for key in schema.KEYS:
        if key in table:
            table[key] = table[key].astype("str")
    if "session" in table and not isinstance(table["session"].dtype, pd.CategoricalDtype):
        table["session"] = table["session"].astype("str")
    return table


def _values(column: pd.Series) -> Array:
    """Column as a plain array: text as fixed-width unicode with "" for missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = np.array([*_level_names(column), ""], dtype=str)
        return names[column.cat.codes.to_numpy()]
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(column.dtype):
        if column.hasnans or column.dtype == np.longdouble:
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return column.to_numpy()
    known = column.notna().to_numpy()
    cells = column.astype("object").to_numpy()
    return np.array([level_text(c) if k else "" for c, k in zip(cells, known, strict=True)], str)


def _level_names(column: pd.Series) -> list[str]:
    """Levels of a categorical as text, in its order."""
    names = [level_text(level) for level in column.cat.categories]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError("two levels have one name", column=str(column.name), found=twice)
    return names


def _is_truth_with_gaps(column: pd.Series) -> bool:
    """Whether a column is true, false or missing; such a column is stored as a flag."""
    if isinstance(column.dtype, pd.CategoricalDtype) or not column.hasnans:
        return False
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) == "boolean"
    return bool(pd.api.types.is_bool_dtype(column.dtype))


def _flag_codes(name: str, values: Array) -> Array:
    """Flag codes as int8; a missing number becomes -1, anything else than a code is refused."""
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), -1, values)
    if values.dtype.kind not in "biuf":
        raise DataError(
            "wrong type", file="/annotations", column=name, found=str(values.dtype), expected="flag"
        )
    wrong = np.argwhere((values < -1) | (values > _LARGEST_CODE) | (values != np.round(values)))
    if len(wrong):
        raise DataError(
            "not a flag code",
            file="/annotations",
            row=int(wrong[0][0]),
            column=name,
            found=values[tuple(wrong[0])].item(),
            expected="-1 (missing) or a code from 0",
        )
    return values.astype(np.int8)


def _column(
    name: str,
    column: pd.Series,
    known: Mapping[str, schema.Variable],
    assigned: Mapping[str, str] | None,
    flags: Mapping[str, tuple[str, ...]] | None,
    dim: str = "annotation",
) -> xr.Variable:
    attrs = dict(known[name].attrs) if name in known else {"long_name": name.replace("_", " ")}
    if assigned and name in assigned:
        attrs["assigned"] = assigned[name]
    if flags and name in flags:
        attrs["flag_meanings"] = " ".join(flags[name])
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [name for name in _level_names(column) if name]
        attrs |= {"levels": schema.encode_levels(levels), "ordered": int(bool(column.cat.ordered))}
    if "flag_meanings" not in attrs and _is_truth_with_gaps(column):
        attrs["flag_meanings"] = " ".join(schema.TRUTHS)
        column = column.astype("boolean").astype("float64")
    values = _values(column)
    return xr.Variable(
        dim, _flag_codes(name, values) if "flag_meanings" in attrs else values, attrs
    )


def _table(
    key: str,
    table: pd.DataFrame,
    assigned: Mapping[str, str] | None,
    flags: Mapping[str, tuple[str, ...]] | None,
) -> xr.Dataset:
    known = schema.variables(f"/{key}s")
    columns = {
        str(name): _column(str(name), table[name], known, assigned, flags, key) for name in table
    }
    for name, variable in columns.items():
        if name != key:
            variable.attrs.setdefault("assigned", key)
    return xr.Dataset(columns).set_coords(key)


def sort_order(tables: Mapping[str, pd.DataFrame], modalities: Sequence[str]) -> Array:
    """Rows of the annotations in the order in which a study stores them."""
    frame = tables["annotations"]
    levels: dict[str, Callable[[], Any]] = {
        "item": lambda: tables["items"]["item"].unique(),
        "modality": lambda: list(modalities),
        "participant": lambda: tables["participants"]["participant"].unique(),
        "session": lambda: _sessions(frame["session"]),
    }
    codes = [
        pd.Categorical(frame[key].astype("str").array, list(levels[key]())).codes
        for key in schema.keys_in(frame.columns)
    ]
    return np.lexsort(codes[::-1])


def _exclusions(
    frame: pd.DataFrame, rows: Sequence[Mapping[str, Any]], new_number: Array
) -> xr.Dataset:
    table = pd.DataFrame(list(rows), columns=["annotation", "mask", "reason"])
    number = new_number[table["annotation"].to_numpy(dtype=np.int64)]
    in_order = np.argsort(number, kind="stable")
    table, number = table.iloc[in_order], number[in_order]
    keys = frame.iloc[number]
    values = {
        "annotation": number,
        **{key: _values(keys[key]) for key in schema.keys_in(keys.columns)},
        "mask": _values(table["mask"]),
        "reason": _values(table["reason"]),
    }
    return exclusion_dataset(values)


def exclusion_dataset(values: Mapping[str, Array]) -> xr.Dataset:
    """Dataset of `/exclusions` from its columns."""
    known = schema.variables("/exclusions")
    return xr.Dataset(
        {name: xr.Variable("exclusion", v, known[name].attrs) for name, v in values.items()}
    )


def log_dataset(log: Log) -> xr.Dataset:
    """Dataset of `/log`."""
    known = schema.variables("/log")
    source, action, count = zip(*log.entries, strict=True) if log.entries else ((), (), ())
    values = (np.array(source, dtype=str), np.array(action, dtype=str), np.array(count, np.int64))
    return xr.Dataset(
        {
            name: xr.Variable("entry", v, known[name].attrs)
            for name, v in zip(("source", "action", "count"), values, strict=True)
        }
    )


def feature_dataset(kind: str, features: Features, *, time: Array | None = None) -> xr.Dataset:
    """Dataset of `/features/audio` or `/features/visual`.

    Parameters
    ----------
    kind : {"audio", "visual"}
        Which of the two.
    features : Features
        The features.
    time : ndarray of float, shape (time,), optional
        Start of each window in s; by default they follow each other at the sampling interval of
        the schema.
    """
    known = schema.variables(f"/features/{kind}")
    if time is None:
        time = np.arange(features.values.shape[1]) * schema.SAMPLING_INTERVAL
    values = {
        "item": np.array(features.items, dtype=str),
        "time": time,
        "feature": np.array(features.names, dtype=str),
        "family": np.array(features.families, dtype=str),
        "values": features.values,
    }
    dataset = xr.Dataset(
        {name: xr.Variable(known[name].dims, v, known[name].attrs) for name, v in values.items()}
    )
    return dataset.set_coords(["item", "time", "feature", "family"])
