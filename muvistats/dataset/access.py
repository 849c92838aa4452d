"""Look at a study from another side: subsets, indexed and dense views, long and wide frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ..arguments import check_number
from ..errors import DataError, DesignError
from ..formula import evaluate
from ..types import Floats, Mask, level_text
from . import schema
from .gate import scale_of, takes_study

#: Largest dense cube that is made without asking, in bytes.
_CUBE_LIMIT = 2 * 1024**3

#: Decimals to which times are compared, that is, nanoseconds.
TIME_DECIMALS = 9

#: What is said where people are needed and ratings came without their ids.
NO_PEOPLE = "who gave which rating is not known: the ratings have no ids of participants"

Which = str | int | Iterable[Any] | None


def need_study(data: object) -> None:
    """Refuse what is not a study with annotations."""
    if not isinstance(data, xr.DataTree):
        raise DataError("a study is needed", found=type(data).__name__, expected="a DataTree")
    if "annotations" not in data.children:
        raise DataError("the study has no annotations", file="/annotations")


def need_people(data: xr.DataTree) -> None:
    """Refuse a study whose ratings came without ids of raters."""
    if "participant" not in data["annotations"].coords:
        raise DataError(NO_PEOPLE, file="/annotations", column="participant")


def dimensions_of(data: xr.DataTree) -> list[str]:
    """Names of the rated dimensions, in stored order."""
    need_study(data)
    annotations = data["annotations"].dataset
    return [
        str(name)
        for name in annotations.data_vars
        if annotations.variables[name].attrs.get("role") == "dimension"
    ]


@takes_study
def select(
    data: xr.DataTree,
    *,
    item: Which = None,
    modality: Which = None,
    participant: Which = None,
    session: Which = None,
    where: str | Mapping[str, Any] | None = None,
    time: tuple[float, float] | None = None,
) -> xr.DataTree:
    """Keep a part of a study: items, modalities, people, traits or seconds.

    The study itself stays as it is; a smaller one is returned. Every group of it (annotations,
    participants, items, features, exclusions) is cut alike.

    Parameters
    ----------
    data : DataTree
        The study.
    item, modality, participant, session : str, int, or iterable or array of these, optional
        Names to keep; all where not given. Several arguments are joined by *and*.
    where : str or mapping of str to levels, optional
        Annotations to keep, by columns of `annotation_frame`. Either a formula that is true of
        them, as in ``"gender == 'Female' and years_of_training > 3"``, or levels of traits, as in
        ``{"gender": "Female", "cut": ["slow", "fast"]}``.
    time : tuple of two float, optional
        First and last second. Samples from the first to before the last are kept, of ratings and
        of features, and keep their times. Ratings without a time stay.

    Returns
    -------
    DataTree
        The smaller study: dims ``annotation``, ``time``, ``item`` and ``participant`` are shorter,
        ``label`` and ``feature`` as before. Annotations keep their order and are numbered anew. Of
        modality and session the selected levels alone are left; other factors keep all of their
        levels. With `where`, items and participants without an annotation in it are left out.

    Raises
    ------
    DataError
        When a name is not in the study, or no annotation or sample is left.
    DesignError
        When `where` is not true or false, or names what the study has not, or `time` is not two
        numbers in order.

    See Also
    --------
    exclude : Mask annotations with a reason; they stay in the study.
    truncate : Cut all annotations to one length.
    annotation_frame : One row per annotation, for choices of your own.

    Notes
    -----
    *Missing values.* A comparison with a value that is missing is not true: with ``where="age >
    30"`` somebody of unknown age is left out. Masks of `exclude` are kept as they are.

    Choose a part before you look at results. A stretch, or a group, that is picked because it
    differs makes any later test of it say yes too often.

    Examples
    --------
    >>> from muvistats import select, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> study["annotations"].sizes["annotation"]
    108
    >>> select(study, modality=["music", "visual"])["annotations"].sizes["annotation"]
    72
    >>> part = select(study, where="gender == 'Female'", time=(20, 35))
    >>> dict(part["annotations/arousal"].sizes)
    {'annotation': 36, 'time': 30}

    Four women rated nine items each; 15 seconds of their ratings are 30 samples.
    """
    if time is not None:
        data = _between(data, time)
    wanted = zip(schema.ALL_KEYS, (item, modality, participant, session), strict=True)
    chosen = {key: _chosen(data, key, names) for key, names in wanted if names is not None}
    keep = _kept(data, chosen, where)
    if not keep.any():
        raise DataError("no annotation is left by this selection", found=where or chosen)
    if where is not None:
        coords = data["annotations"].coords
        for key in {"item", "participant"} & set(coords):
            chosen[key] = np.unique(coords[key].to_numpy()[keep]).tolist()
    return _cut(data, keep, chosen)


def _kept(
    data: xr.DataTree, chosen: Mapping[str, list[str]], where: str | Mapping[str, Any] | None
) -> npt.NDArray[np.bool_]:
    """Annotations of the chosen names of which a formula, or traits, are true."""
    annotations = data["annotations"]
    keep = np.full(annotations.sizes["annotation"], fill_value=True)
    for key, names in chosen.items():
        keep &= np.isin(annotations[key].to_numpy(), names)
    return keep if where is None else keep & _true_of(data, where)


def _between(data: xr.DataTree, time: tuple[float, float]) -> xr.DataTree:
    """The samples from one time to before another."""
    if not isinstance(time, (tuple, list)) or len(time) != 2:
        raise DesignError(f"time must be the first and the last second, not {time!r}")
    first, end = (check_number("time", second) for second in time)
    if not first < end:
        raise DesignError(f"time must begin before it ends, not {time!r}")
    what = f"samples from {first:g} s to before {end:g} s"
    return cut_time(data, lambda seconds: within(seconds, first, end), what)


def within(time: Floats, first: float, end: float, steps: int | None = None) -> Mask:
    """Samples from one time to before another, and so many of them at most."""
    keep = (np.round(time - first, TIME_DECIMALS) >= 0) & (np.round(time - end, TIME_DECIMALS) < 0)
    return keep if steps is None else keep & (np.cumsum(keep) <= steps)


def cut_time(data: xr.DataTree, chosen: Callable[[Floats], Mask], what: str) -> xr.DataTree:
    """The samples that are chosen by their times, of ratings and features alike."""
    parts = {node.path: node.to_dataset(inherit=False) for node in data.subtree}
    for path, group in parts.items():
        if "time" in group.dims:
            keep = chosen(group["time"].to_numpy())
            parts[path] = group.isel(time=keep)
            if path == "/annotations" and not keep.any():
                raise DataError("nothing would be left", file=path, found=what)
    tree = xr.DataTree.from_dict(parts, name=data.name)
    tree.attrs = dict(data.attrs)
    return tree


def _cut(
    data: xr.DataTree, keep: npt.NDArray[np.bool_], chosen: Mapping[str, list[str]]
) -> xr.DataTree:
    """Some annotations with the names that are left, annotations numbered anew."""
    number = np.cumsum(keep) - 1
    parts: dict[str, xr.Dataset] = {}
    for node in data.subtree:
        group = node.to_dataset(inherit=False)
        for key in ("item", "participant"):
            if key in chosen and key in group.dims:
                group = group.isel({key: np.isin(group[key].to_numpy(), chosen[key])})
        if "annotation" in group.dims:
            group = group.isel(annotation=keep)
            if "annotation" in group.coords:
                group["annotation"] = (
                    "annotation",
                    number[keep],
                    group["annotation"].attrs,
                )
        parts[node.path] = group
    for key in chosen.keys() & {"modality", "session"}:
        attrs = parts["/annotations"][key].attrs
        levels = [name for name in schema.decode_levels(attrs["levels"]) if name in chosen[key]]
        attrs["levels"] = schema.encode_levels(levels)
    if "/exclusions" in parts:
        rows = parts["/exclusions"]["annotation"].to_numpy()
        kept = parts["/exclusions"].isel(exclusion=keep[rows])
        attrs = kept["annotation"].attrs
        parts["/exclusions"] = kept.assign(
            annotation=("exclusion", number[kept["annotation"].to_numpy()], attrs)
        )
    tree = xr.DataTree.from_dict(parts, name=data.name)
    tree.attrs = dict(data.attrs)
    return tree


def _true_of(data: xr.DataTree, where: str | Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Annotations of which a formula is true, or whose traits are among the levels."""
    frame = frame_of(data)
    if isinstance(where, str):
        found = evaluate(where, frame)
        if not pd.api.types.is_bool_dtype(found.dtype):
            raise DesignError(f"where={where!r} is not true or false of an annotation")
        return found.fillna(value=False).to_numpy(dtype=bool)
    if not isinstance(where, Mapping):
        raise DesignError(f"where={where!r} is neither a formula nor traits with their levels")
    keep = np.full(len(frame), fill_value=True)
    for name, wanted in where.items():
        if name not in frame:
            there = ", ".join(frame.columns[:12])
            raise DesignError(f"the study has no {name!r}; there are {there}...")
        single = isinstance(wanted, str) or not isinstance(wanted, Iterable)
        texts = [level_text(level) for level in ([wanted] if single else wanted)]
        known = frame[name].dropna().map(level_text)
        unknown = [text for text in texts if text not in set(known)]
        if unknown:
            raise DataError("no annotation has this level", column=name, found=unknown[0])
        keep &= known.isin(texts).reindex(frame.index, fill_value=False).to_numpy()
    return keep


def _chosen(data: xr.DataTree, key: str, names: str | int | Iterable[Any]) -> list[str]:
    """Names to keep, all of them known to the study; a number stands for its text."""
    ids: Any = np.ravel(names) if hasattr(names, "__array__") else names  # type: ignore[arg-type]
    single = isinstance(ids, str) or not isinstance(ids, Iterable)
    chosen = [str(name) for name in ([ids] if single else ids)]
    if key not in data["annotations"].coords:
        raise DataError(f"the study has no {key}s", column=key, found=", ".join(chosen))
    known = (
        schema.decode_levels(data[f"annotations/{key}"].attrs["levels"])
        if key in ("modality", "session")
        else data[f"{key}s/{key}"].to_numpy().astype(str).tolist()
    )
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise DataError(f"{key} is not in the study", column=key, found=unknown[0])
    return chosen


@takes_study
def indexed(data: xr.DataTree) -> xr.Dataset:
    """Annotations with a MultiIndex of their keys: item, modality, participant and session.

    Parameters
    ----------
    data : DataTree
        The study.

    Returns
    -------
    Dataset
        The group `/annotations`, selectable as in ``indexed(data).sel(modality="music")``. A view
        to work with: a MultiIndex cannot be written to Zarr or NetCDF.

    See Also
    --------
    select : Part of a study by names, traits or time.
    to_cube : A dense array of item, modality, participant and time.

    Examples
    --------
    >>> from muvistats import indexed, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> bool((indexed(study).sel(modality="music").annotation.size) > 0)
    True
    """
    annotations = data["annotations"].to_dataset().drop_vars("annotation")
    return annotations.set_index(annotation=list(schema.keys_in(annotations.coords)))


@takes_study
def to_cube(data: xr.DataTree) -> xr.Dataset:
    """Rated dimensions, labels and flags on the dense grid of item, modality and participant.

    Parameters
    ----------
    data : DataTree
        The study.

    Returns
    -------
    Dataset
        Dims item x modality x participant (x session, where there are any), with time or label
        behind; NaN (flags: -1) where nobody rated. Excluded annotations are in it as recorded,
        with their masks.

    Raises
    ------
    DataError
        When the cube would take more than 2 GiB: a study fills a small part of it, so work with
        the stacked annotations there. When ratings have no ids of participants, who are a side of
        the cube.

    See Also
    --------
    indexed : The same stacked, with the keys as a MultiIndex.
    to_long : A table with a row per time step.

    Examples
    --------
    >>> from muvistats import simulate_muvi, to_cube
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> list(to_cube(study)["arousal"].dims)
    ['item', 'modality', 'participant', 'time']
    """
    need_people(data)
    annotations = data["annotations"].to_dataset()
    levels: dict[str, list[str]] = {
        "item": data["items/item"].to_numpy().tolist(),
        "modality": list(schema.decode_levels(annotations["modality"].attrs["levels"])),
        "participant": data["participants/participant"].to_numpy().tolist(),
    }
    if "session" in annotations.coords:
        levels["session"] = list(schema.decode_levels(annotations["session"].attrs["levels"]))
    shape = tuple(len(names) for names in levels.values())
    count = annotations.sizes["annotation"]
    bytes_needed = math.prod(shape) * sum(v.nbytes // count for v in annotations.values())
    if bytes_needed > _CUBE_LIMIT:
        raise DataError(
            "the dense cube would be too large; use the stacked annotations",
            found=f"{bytes_needed / 1024**3:.1f} GiB",
            expected=f"at most {_CUBE_LIMIT / 1024**3:.0f} GiB",
        )
    where = tuple(
        pd.Index(names).get_indexer(pd.Index(annotations[key].to_numpy()))
        for key, names in levels.items()
    )
    cube: dict[str, xr.Variable] = {}
    for name, values in annotations.data_vars.items():
        if values.dims[:1] != ("annotation",):
            continue
        array = values.to_numpy()
        if array.dtype.kind in "iu" and "flag_meanings" not in values.attrs:
            array = array.astype(np.float64)
        full = np.full(shape + array.shape[1:], _missing(array.dtype), dtype=array.dtype)
        full[where] = array
        cube[str(name)] = xr.Variable((*levels, *values.dims[1:]), full, values.attrs)
    others = [str(c) for c in annotations.coords if "annotation" not in annotations[c].dims]
    return xr.Dataset(cube, coords={**levels, **{c: annotations[c] for c in others}})


def _missing(dtype: np.dtype[Any]) -> Any:
    return {"f": np.nan, "i": -1, "b": False, "U": ""}[dtype.kind]


@takes_study
def to_long(data: xr.DataTree) -> pd.DataFrame:
    """Rated dimensions as one long table, the shape that `from_frames` reads.

    Parameters
    ----------
    data : DataTree
        The study.

    Returns
    -------
    DataFrame
        `item`, `modality` (categorical, in the order of the study), `participant` and `session`
        where the study has them, `time` (s), the dynamic dimensions, `alignment` and
        `simulated`, one row per annotation and time step; where every dimension is static,
        those, one row per annotation. Rows before the first and after the last value of a
        recording (the padding of shorter excerpts) are left out; holes within it stay.

    See Also
    --------
    annotation_frame : A row per annotation, with one summary of each dimension.
    from_frames : The way back.

    Examples
    --------
    >>> from muvistats import simulate_muvi, to_long
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> list(to_long(study).columns)
    ['item', 'modality', 'participant', 'time', 'arousal', 'valence', 'alignment', 'simulated']
    """
    annotations = data["annotations"].to_dataset()
    names = dimensions_of(data)
    dynamic = [name for name in names if "time" in annotations[name].dims]
    values = {name: annotations[name].to_numpy() for name in dynamic or names}
    if not values:
        raise DataError("the study has no rated dimension", file="/annotations")
    some = np.logical_or.reduce([~np.isnan(array) for array in values.values()])
    if dynamic:  # holes stay, so that the grid can be told from the table
        some = while_recorded(some)
    row, *step = np.nonzero(some)
    columns: dict[str, Any] = {
        key: pd.array(annotations[key].to_numpy(), dtype="str").take(row)
        for key in schema.keys_in(annotations.coords)
    }
    for key in columns.keys() & {"modality", "session"}:
        levels = schema.decode_levels(annotations[key].attrs["levels"])
        columns[key] = pd.Categorical(columns[key], levels)
    if dynamic:
        columns["time"] = annotations["time"].to_numpy()[step[0]]
    columns.update({name: array[some] for name, array in values.items()})
    columns |= {
        "alignment": str(data.attrs["label_alignment"]),
        "simulated": bool(data.attrs["simulated"]),
    }
    return pd.DataFrame(columns)


def while_recorded(some: Mask) -> Mask:
    """Steps from the first to the last that has a value, of each annotation."""
    begun, unfinished = (np.maximum.accumulate(each, axis=1) for each in (some, some[:, ::-1]))
    return np.asarray(begun & unfinished[:, ::-1])


@takes_study
def annotation_frame(
    data: xr.DataTree,
    *,
    summary: Literal["median", "mean"] = "median",
    masks: bool = True,
) -> pd.DataFrame:
    """One row per annotation, for formulas and for your own models.

    Parameters
    ----------
    data : DataTree
        The study.
    summary : {"median", "mean"}
        How a dynamic dimension is summarised over its time steps.
    masks : bool
        Whether excluded values become NaN; with False they stay as recorded.

    Returns
    -------
    DataFrame
        Keys (`modality` and `session` categorical in the order of the study), `trial`, the
        dimensions as recorded, the answer to a choose-one question under its name,
        `n_labels`, one 0/1 column per label, the flags as categories (`familiar`: unfamiliar,
        familiar; `overlay`: side_by_side, overlaid), the columns of `/participants` and
        `/items` (categories as they were, ordered ones too), the masks, and `alignment` and
        `simulated`. Rows stand as in `/annotations`, and so do their index numbers;
        ``attrs["assigned"]`` tells how each factor came to its values.

    Raises
    ------
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    to_long : A row per time step.
    kruskal : A test that takes a study or such a frame.
    mixed_model : A model that takes either.

    Notes
    -----
    Nothing is dropped: a value that was excluded or never recorded is NaN, and so is `n_labels`
    of an annotation that lacks any of its labels.

    Examples
    --------
    >>> from muvistats import annotation_frame, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> frame = annotation_frame(study)
    >>> frame[["arousal", "valence"]].notna().all().all()
    np.True_
    """
    return frame_of(data, summary, masks=masks)


def frame_of(data: xr.DataTree, summary: str = "median", *, masks: bool = True) -> pd.DataFrame:
    """`annotation_frame` of a study that has passed the gate."""
    annotations = data["annotations"].to_dataset()
    columns = _key_columns(annotations)
    if "trial" in annotations.coords:
        columns["trial"] = annotations.variables["trial"].to_numpy()
    keep_dynamic = annotations.variables["keep_dynamic"].to_numpy() if masks else None
    for name in dimensions_of(data):
        columns[name] = _mask(_summarise(annotations.variables[name], summary), keep_dynamic)
    if "labels" in annotations:
        columns |= _label_columns(annotations, masks=masks)
    assigned: dict[str, Any] = {
        str(key): annotations.variables[key].attrs.get("assigned", "")
        for key in ("modality", "session")
        if key in columns
    }
    for group, key in (("annotations", ""), ("participants", "participant"), ("items", "item")):
        if group not in data.children:
            continue
        dataset = data[group].to_dataset()
        rows = (
            pd.Index(dataset.variables[key].to_numpy()).get_indexer(
                pd.Index(annotations.variables[key].to_numpy())
            )
            if key
            else slice(None)
        )
        for column in dataset.data_vars:
            variable = dataset.variables[column]
            if variable.dims == (key or "annotation",) and column not in columns:
                columns[str(column)] = _decode(variable)[rows]
                assigned[str(column)] = variable.attrs.get("assigned", key)
    frame = pd.DataFrame(columns)
    frame["alignment"] = str(data.attrs["label_alignment"])
    frame["simulated"] = bool(data.attrs["simulated"])
    frame.attrs["assigned"] = {name: how for name, how in assigned.items() if how}
    frame.attrs["dimensions"] = dimensions_of(data)
    frame.attrs["question"] = question_of(data)
    frame.attrs["scales"] = {name: scale_of(annotations[name]) for name in dimensions_of(data)}
    frame.attrs["labels"] = (
        [str(name) for name in annotations["label"].to_numpy()] if "labels" in annotations else []
    )
    return frame


def _key_columns(annotations: xr.Dataset) -> dict[str, Any]:
    """Keys; modality and session as categories in the order of the study."""
    columns: dict[str, Any] = {}
    for key in schema.keys_in(annotations.coords):
        columns[key] = annotations.variables[key].to_numpy()
        if key in ("modality", "session"):
            levels = schema.decode_levels(annotations.variables[key].attrs["levels"])
            columns[key] = pd.Categorical(columns[key], categories=list(levels))
    return columns


def _label_columns(annotations: xr.Dataset, *, masks: bool) -> dict[str, Any]:
    """How many labels were chosen, each label, and the answer to a choose-one question."""
    keep = annotations.variables["keep_labels"].to_numpy() if masks else None
    codes = annotations.variables["labels"].to_numpy()
    chosen = _mask(np.where(codes < 0, np.nan, codes.astype(float)), keep)
    columns = {"n_labels": chosen.sum(axis=1)}
    columns |= dict(zip(annotations.variables["label"].to_numpy(), chosen.T, strict=True))
    question = str(annotations.variables["labels"].attrs.get("question", ""))
    return columns | ({question: _answers(annotations, keep)} if question else {})


def on_unit_scale(variable: xr.DataArray) -> xr.DataArray:
    """Values of a dimension mapped linearly from the recorded scale to [-1, 1].

    Networks, and the plane of valence and arousal, need one scale; nothing else maps ratings.
    """
    low, high = scale_of(variable)
    if (low, high) == schema.SCALE:
        return variable
    attrs = variable.attrs | {"scale_min": schema.SCALE[0], "scale_max": schema.SCALE[1]}
    mapped = (variable - (low + high) / 2) / ((high - low) / 2)
    return mapped.rename(variable.name).assign_attrs(attrs)


def study_on_unit_scale(data: xr.DataTree) -> xr.DataTree:
    """The study with every dimension on [-1, 1]; itself where all are."""
    names = dimensions_of(data)
    if all(scale_of(data["annotations"].dataset[name]) == schema.SCALE for name in names):
        return data
    annotations = data["annotations"].to_dataset()
    parts = {node.path: node.to_dataset(inherit=False) for node in data.subtree}
    parts["/annotations"] = annotations.assign(
        {name: on_unit_scale(annotations[name]) for name in names}
    )
    tree = xr.DataTree.from_dict(parts, name=data.name)
    tree.attrs = dict(data.attrs)
    return tree


def question_of(data: xr.DataTree) -> str:
    """The question of which each person chose one label; empty where labels are ticked."""
    annotations = data["annotations"].dataset.variables
    return str(annotations["labels"].attrs.get("question", "")) if "labels" in annotations else ""


def _answers(annotations: xr.Dataset, keep: npt.NDArray[np.bool_] | None) -> pd.Categorical:
    """The label that was chosen; missing where none was, or it is excluded."""
    codes = annotations["labels"].to_numpy()
    chosen = np.where((codes == 1).any(axis=1), codes.argmax(axis=1), -1)
    if keep is not None:
        chosen = np.where(keep, chosen, -1)
    return pd.Categorical.from_codes(chosen, annotations["label"].to_numpy().astype(str).tolist())


def _summarise(values: xr.Variable, summary: str) -> npt.NDArray[np.float64]:
    array = values.to_numpy()
    if array.ndim == 1:
        return array
    out = np.full(len(array), np.nan)
    missing = np.isnan(array)
    whole, some = ~missing.any(axis=1), ~missing.all(axis=1)
    is_median = summary == "median"
    out[whole] = (np.median if is_median else np.mean)(array[whole], axis=1)
    part = some & ~whole
    if part.any():
        out[part] = (np.nanmedian if is_median else np.nanmean)(array[part], axis=1)
    return out


def _mask(
    values: npt.NDArray[np.float64], keep: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.float64]:
    if keep is None:
        return values
    return np.where(keep.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)


def _decode(variable: xr.Variable) -> Any:
    """Stored values as a column: flags and levels as categories, "" as missing."""
    values = variable.to_numpy()
    if "flag_meanings" in variable.attrs:
        return pd.Categorical.from_codes(values, variable.attrs["flag_meanings"].split())
    if "levels" in variable.attrs:
        levels = pd.Index(schema.decode_levels(variable.attrs["levels"]), dtype="str")
        ordered = bool(variable.attrs.get("ordered", 0))
        return pd.Categorical.from_codes(
            levels.get_indexer(pd.Index(values)), levels, ordered=ordered
        )
    if values.dtype.kind in "UO":
        return pd.array([text or None for text in values.tolist()], dtype="str")
    return values
