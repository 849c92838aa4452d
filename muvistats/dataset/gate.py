"""The gate: a public function sees a study whole and in order, or not at all.

xarray cuts, sorts and joins the groups of a tree one by one. What comes of it can be a study whose
annotations name people that are no longer there. Every public function that takes a study passes
it through here first.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_of
from ..errors import DataError, boundary
from ..formula import refuse_forbidden
from ..progress import as_one_work
from ..types import Ints
from . import schema
from .ranges import refuse_beyond, refuse_unknown_code

P = ParamSpec("P")
R = TypeVar("R")

_KINDS = {"text": "UO", "integer": "iu", "number": "fiu", "truth": "b", "flag": "i"}

_REMEDY = "mv.select cuts every group at once"


#: Names of columns that a frame has of its own, by the argument that tells them.
_FRAME_KEYS = ("item", "participant")


def takes_study(function: Callable[P, R]) -> Callable[P, R]:
    """Pass the first argument of a public function through the gate.

    Formulas that no grammar allows, and arguments that make no sense by their name or annotation
    (`arguments.check_of`), are refused first. A frame, or fitted models, go on as they are where
    the signature allows them. A function that takes a frame gets two arguments more, `item`
    and `participant`, which name these columns; they are read here and nowhere else.
    """
    parameters = inspect.signature(function).parameters
    order = tuple(parameters)
    first, *others = parameters.values()
    annotation = str(first.annotation)
    is_model = ".models." in function.__module__  # the room whose formulas have terms
    frames = annotation == "Data" or "DataFrame" in annotation
    models = "Models" in annotation
    own = tuple(key for key in _FRAME_KEYS if frames and key not in {p.name for p in others})
    kinds = {p.name: check_of(p.name, str(p.annotation)) for p in others}
    checks = {name: check for name, check in kinds.items() if check is not None}

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        given: dict[str, Any] = {**dict(zip(order, args, strict=False)), **kwargs}
        for name in ("formula", "by"):
            if isinstance(given.get(name), str):  # refused before a study is looked at
                refuse_forbidden(given[name], two_sided=name == "formula", model=is_model)
        fit = {name: check(given[name]) for name, check in checks.items() if name in given}
        data = args[0] if args else kwargs.get(first.name)
        names = {key: kwargs.pop(key) for key in own if key in kwargs}
        if isinstance(data, xr.DataTree):
            if any(_is_another(name, key) for key, name in names.items()):
                raise DataError("a study knows its columns; item and participant are for frames")
            data = gate(data)
        elif frames and isinstance(data, pd.DataFrame):
            data = with_keys(data, names)
        elif not (models and hasattr(data, "fits")):
            raise _not_a_study(data, frames=frames)
        rest = {name: fit.get(name, each) for name, each in kwargs.items() if name != first.name}
        placed = [fit.get(name, each) for name, each in zip(order[1:], args[1:], strict=False)]
        with as_one_work():
            return function(data, *placed, *args[len(order) :], **rest)  # type: ignore[arg-type]

    wrapper.__gated__ = True  # type: ignore[attr-defined]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(key, keyword, default=key, annotation="str") for key in own]
    signature = inspect.signature(function)
    wrapper.__signature__ = signature.replace(parameters=[first, *others, *added])  # type: ignore[attr-defined]
    return wrapper


def _is_another(name: object, key: str) -> bool:
    """Whether something names another column than the key itself, or is no name at all."""
    return not (isinstance(name, str) and name == key)


def with_keys(frame: pd.DataFrame, names: Mapping[str, Any]) -> pd.DataFrame:
    """A frame whose keys have the names used here, beside the user's own columns.

    Raises
    ------
    DataError
        When a name is none, or no column has it, or another column has the name used here.
    """
    if frame.columns.nlevels > 1:
        raise DataError("columns have several levels; join them to one name each", file="the frame")
    own = {key: name for key, name in names.items() if _is_another(name, key)}
    for key, name in own.items():
        if not isinstance(name, str):
            raise DataError("not the name of a column", file=key, found=name, expected="a text")
        if name not in frame.columns:
            there = ", ".join(map(str, frame.columns))
            raise DataError("no such column in the frame", file=key, column=name, found=there)
        if key in frame.columns:
            problem = f"{name!r} is to be the {key}, and another column is called so; rename it"
            raise DataError(problem, column=key)
    for name in (*own.values(), *schema.ALL_KEYS):
        if (frame.columns == name).sum() > 1:
            raise DataError("two columns have this name; rename one", column=name)
    return frame.assign(**{key: frame[name] for key, name in own.items()}) if own else frame


def _not_a_study(data: object, *, frames: bool) -> DataError:
    if isinstance(data, pd.DataFrame):
        return DataError(
            "a study is needed, and this is a frame; mv.from_frames makes a study of one",
            found="DataFrame",
            expected="a DataTree",
        )
    return DataError(
        "neither a study nor a frame" if frames else "a study is needed",
        found=type(data).__name__,
        expected="a DataTree, or a frame with one row per annotation" if frames else "a DataTree",
    )


@boundary("this is no study that can be read", file="the study")
def gate(data: object) -> xr.DataTree:
    """A study whose groups fit together, its annotations in order.

    Parameters
    ----------
    data : object
        What a user gave.

    Returns
    -------
    DataTree
        The study itself where its rows stand in order, or one with its rows sorted and numbered
        anew.

    Raises
    ------
    DataError
        When it is no study, or a group, dimension, type, attribute or key is not as it must be.
    """
    if not isinstance(data, xr.DataTree):
        raise _not_a_study(data, frames=False)
    check_attributes(data)
    for group in ("annotations", "items", "participants"):
        if group not in data.children:
            if group == "participants" and "participant" not in data["annotations"].dataset.coords:
                continue  # ratings came without ids
            raise DataError("group is missing", file=f"/{group}", expected="a study")
        check_variables(f"/{group}", data[group].to_dataset())
    annotations = data["annotations"].to_dataset()
    if "participants" in data.children and "participant" not in annotations.coords:
        raise DataError("variable is missing", file="/annotations", column="participant")
    _check_time(annotations)
    _check_once("/annotations", annotations, "label")
    for kind, features in data["features"].children.items() if "features" in data.children else ():
        _check_once(f"/features/{kind}", features.to_dataset(inherit=False), "item")
    _check_own_attributes(annotations)
    order = key_order(data)
    number = data["annotations/annotation"].to_numpy()
    rows = np.arange(len(order))
    if np.array_equal(order, rows) and np.array_equal(number, rows):
        return data
    return _in_order(data, order)


def check_attributes(data: xr.DataTree) -> None:
    """Refuse a tree that does not say how it is stored, or what its labels refer to."""
    version = data.attrs.get("schema_version")
    if str(version).split(".")[0] != schema.SCHEMA_VERSION.split(".")[0]:
        raise DataError(
            "schema version this package cannot read"
            if version is not None
            else "this is no study, or its attributes are lost",
            file="/",
            found=version,
            expected=f"version {schema.SCHEMA_VERSION}",
        )
    alignment = data.attrs.get("label_alignment")
    if alignment not in schema.ALIGNMENTS:
        raise DataError(
            "unknown label_alignment",
            file="/",
            found=alignment,
            expected=", ".join(schema.ALIGNMENTS),
        )
    if "simulated" not in data.attrs:
        raise DataError("attribute simulated is missing", file="/", expected="0 or 1")


def check_variables(path: str, group: xr.Dataset) -> None:
    """Refuse a group without its variables, or with other dimensions or types."""
    for name, variable in schema.variables(path).items():
        if name not in group.variables:
            if variable.required:
                raise DataError("variable is missing", file=path, column=name)
            continue
        stored = group.variables[name]
        if stored.dims != variable.dims:
            one = not stored.dims and bool(variable.dims)
            raise DataError(
                f"wrong dimensions: a single {name} was taken out; {_REMEDY}"
                if one
                else "wrong dimensions",
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


def _check_time(annotations: xr.Dataset) -> None:
    """Refuse steps that are out of order, unknown, or no seconds of an excerpt."""
    if "time" not in annotations.coords:
        return
    time = annotations["time"].to_numpy()
    wrong = np.flatnonzero(~np.isfinite(time) | (np.diff(time, prepend=-np.inf) <= 0))
    problem = "time does not increase; sortby('time') puts it in order"
    if not len(wrong):
        wrong = np.flatnonzero(np.abs(time) > schema.LONGEST)
        problem = "excerpt of more than three hours, or another unit than seconds"
    if len(wrong):
        row = int(wrong[0])
        where = {"file": "/annotations", "row": row, "column": "time"}
        raise DataError(problem, **where, found=float(time[row]))


def _check_once(path: str, group: xr.Dataset, name: str) -> None:
    """Refuse a name that stands twice, as `isel` leaves one that is taken twice."""
    if name not in group.coords:
        return
    names = pd.Index(group[name].to_numpy())
    if not names.is_unique:
        row = int(np.flatnonzero(names.duplicated())[0])
        raise DataError(f"{name} stands twice", file=path, row=row, found=str(names[row]))


def _check_own_attributes(annotations: xr.Dataset) -> None:
    """Arithmetic and joins of xarray drop attributes, and with them what a column is."""
    if annotations.sizes["annotation"] == 0:
        raise DataError("no annotations", file="/annotations")
    for key in ("modality", "session"):
        if key in annotations and "levels" not in annotations.variables[key].attrs:
            raise DataError("attribute levels is missing", file="/annotations", column=key)
    known = schema.variables("/annotations")
    for name in annotations.data_vars:
        variable = annotations.variables[name]
        told = str(name) in known and not known[str(name)].flags  # by its name alone
        if not told and not variable.attrs.get("long_name"):
            raise DataError(
                "attributes are missing, which say what the column is",
                file="/annotations",
                column=str(name),
                expected="what from_frames or a reader wrote; xr.set_options(keep_attrs=True) "
                "keeps it in arithmetic",
            )
        if variable.attrs.get("role") == "dimension":
            values = annotations[name]
            _check_dimension(values)
            if variable.chunks is None:  # what lies on disk is read by validate
                largest = np.finfo(float).max
                refuse_beyond(annotations, values, -largest, largest, "a finite number")
        elif "flag_meanings" in variable.attrs and variable.chunks is None:
            refuse_unknown_code(annotations, annotations[name])


def _check_dimension(values: xr.DataArray) -> None:
    """Refuse ratings that are no numbers, stand along other dimensions, or have no scale."""
    where = {"file": "/annotations", "column": str(values.name)}
    if values.dims not in (("annotation",), ("annotation", "time")):
        raise DataError(
            "wrong dimensions",
            **where,
            found=values.dims,
            expected="('annotation',) or ('annotation', 'time')",
        )
    if values.dtype.kind not in _KINDS["number"]:
        raise DataError("wrong type", **where, found=str(values.dtype), expected="number")
    scale_of(values)


def scale_of(variable: xr.DataArray) -> tuple[float, float]:
    """Lowest and highest value of the scale on which a dimension was recorded."""
    ends: list[Any] = [variable.attrs.get(name) for name in ("scale_min", "scale_max")]
    try:
        low, high = float(ends[0]), float(ends[1])
    except (TypeError, ValueError):
        low = high = np.nan
    if not low < high:
        raise DataError(
            "attributes scale_min and scale_max do not name a scale",
            file="/annotations",
            column=str(variable.name),
            found=ends,
            expected="its lowest and highest value",
        )
    return low, high


def key_codes(data: xr.DataTree) -> list[Ints]:
    """Place of each annotation's keys in the tables of the study.

    Raises
    ------
    DataError
        When a table names one twice, or an annotation names one that is not in its table.
    """
    annotations = data["annotations"].to_dataset()
    tables = {
        "item": ("/items", "items"),
        "modality": ("the modalities of the study", ""),
        "participant": ("/participants", "participants"),
        "session": ("the sessions of the study", ""),
    }
    codes = []
    for key in schema.keys_in(annotations.coords):
        group, table = tables[key]
        names = (
            data[table].dataset.variables[key].to_numpy()
            if table
            else np.array(schema.decode_levels(annotations.variables[key].attrs["levels"]))
        )
        known = pd.Index(names)
        if not known.is_unique:
            twice = known[known.duplicated()][0]
            raise DataError(f"{key} stands twice", file=group, found=str(twice))
        values = annotations.variables[key].to_numpy()
        places = known.get_indexer(pd.Index(values))
        wrong = np.flatnonzero((places < 0) | (values == ""))
        if len(wrong):
            raise _unknown_key(key, group, str(values[wrong[0]]), int(wrong[0]), names)
        codes.append(places)
    return codes


def key_order(data: xr.DataTree) -> Ints:
    """Order of the annotations by their keys; none may stand twice, where there are raters."""
    codes = np.stack(key_codes(data), axis=1)
    order = np.lexsort(codes.T[::-1])
    keys = schema.keys_in(data["annotations"].dataset.coords)
    if "participant" not in keys:
        return order
    same = np.flatnonzero((np.diff(codes[order], axis=0) == 0).all(axis=1))
    if len(same):
        row = int(order[same[0] + 1])
        found = " x ".join(data[f"annotations/{key}"].to_numpy()[row] for key in keys)
        raise DataError("annotation stands twice", file="/annotations", row=row, found=found)
    return order


def _unknown_key(key: str, group: str, name: str, row: int, known: Any) -> DataError:
    if name in ("", "nan", "<NA>"):
        return DataError("key is empty", file="/annotations", row=row, column=key)
    return DataError(
        f"{key} is not in {group}" + ("" if key in ("modality", "session") else f"; {_REMEDY}"),
        file="/annotations",
        row=row,
        column=key,
        found=name,
        expected=", ".join(known) if key in ("modality", "session") else None,
    )


def _in_order(data: xr.DataTree, order: Ints) -> xr.DataTree:
    """The study with its annotations in this order, numbered from 0; exclusions follow them."""
    old = pd.Index(data["annotations/annotation"].to_numpy()[order])
    if not old.is_unique:
        raise DataError(
            "annotations of several studies were joined and have one number; "
            "join frames and give them to mv.from_frames",
            file="/annotations",
            column="annotation",
            found=int(old[old.duplicated()][0]),
        )
    parts: dict[str, xr.Dataset] = {}
    for node in data.subtree:
        group = node.to_dataset(inherit=False)
        if "annotation" in group.dims:
            attrs = group["annotation"].attrs if "annotation" in group.coords else {}
            group = group.isel(annotation=order)
            group = group.assign_coords(annotation=("annotation", np.arange(len(order)), attrs))
        parts[node.path] = group
    if "/exclusions" in parts:
        exclusions = parts["/exclusions"]
        places = old.get_indexer(pd.Index(exclusions["annotation"].to_numpy()))
        kept = exclusions.isel(exclusion=np.flatnonzero(places >= 0))
        number = ("exclusion", places[places >= 0], exclusions["annotation"].attrs)
        parts["/exclusions"] = kept.assign(annotation=number)
    tree = xr.DataTree.from_dict(parts, name=data.name)
    tree.attrs = dict(data.attrs)
    return tree
