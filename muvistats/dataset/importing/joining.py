"""Studies of several waves or laboratories joined into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_text
from ...errors import DataError, boundary
from ...types import Floats
from .. import schema
from ..access import dimensions_of, question_of
from ..build import Log, assemble
from ..gate import gate, scale_of


@boundary("the studies cannot be joined", file="studies")
def combine(
    studies: Mapping[str, xr.DataTree],
    *,
    factor: str = "site",
    study: str = "unnamed study",
    source: str = "",
) -> xr.DataTree:
    """Join studies of several waves or laboratories.

    Parameters
    ----------
    studies : mapping of str to DataTree
        The studies by the name of each wave or laboratory.
    factor : str
        Name of a new factor of the annotations, which says from which study each comes.
    study, source : str
        Name of the joint study, and where the data comes from.

    Returns
    -------
    DataTree
        A study with the annotations of all. Its participants and items are those of the studies
        one after the other; items that several have are there once.

    Raises
    ------
    DataError
        When there are fewer than two studies; rated dimensions, scales, labels, time grids or
        readings differ; a participant is in two studies; an item has other traits in another; or
        only one of them knows who rated.

    See Also
    --------
    from_frames : One study from tables.
    select : A part of a study.

    Notes
    -----
    Participants called alike in two laboratories are most often two people: rename them first.
    Where they are the same people on another day, build one study with a column `session`.
    Features, and what a simulation was drawn from, are left out.

    Examples
    --------
    >>> from muvistats import combine, select, simulate_muvi
    >>> whole = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> people = whole["participants/participant"].values.tolist()
    >>> halves = {"A": people[:6], "B": people[6:]}
    >>> both = combine({name: select(whole, participant=who) for name, who in halves.items()})
    >>> both["annotations"].sizes["annotation"] == whole["annotations"].sizes["annotation"]
    True
    """
    if not isinstance(studies, Mapping) or len(studies) < 2:
        raise DataError(
            "two or more studies by name are needed", file="studies", expected="{'A': a, 'B': b}"
        )
    check_text("factor", factor)
    parts = {str(name): gate(tree) for name, tree in studies.items()}
    check_alike(parts)
    first = next(iter(parts.values()))
    annotations = {name: part["annotations"].to_dataset() for name, part in parts.items()}
    frames = {name: stored_columns(dataset, "annotation") for name, dataset in annotations.items()}
    if any(factor in frame for frame in frames.values()):
        raise DataError(
            "column is there already; factor= names another", file="factor", column=factor
        )
    joint = stacked({name: frame.assign(**{factor: name}) for name, frame in frames.items()})
    joint[factor] = pd.Categorical(joint[factor], list(parts))
    people = None
    if "participants" in first.children:
        people = _table(parts, "participant")
    time, values = _ratings(first, annotations)
    labelled = "labels" in first["annotations"].data_vars
    return assemble(
        joint,
        values,
        participants=people,
        items=_table(parts, "item"),
        labels=np.concatenate([d["labels"].to_numpy() for d in annotations.values()])
        if labelled
        else None,
        label_table=label_table(first) if labelled else None,
        question=question_of(first),
        words=words_of(first),
        time=time,
        modalities=joint_levels(annotations, "modality"),
        scale={name: scale_of(first["annotations"].dataset[name]) for name in dimensions_of(first)},
        assigned=joint_attributes(parts, "assigned") | {factor: "participant"},
        flags=joint_flags(parts),
        exclusions=joint_exclusions(parts),
        log=_log(parts),
        study=study,
        source=source,
        simulated=any(bool(part.attrs["simulated"]) for part in parts.values()),
        label_alignment=str(first.attrs["label_alignment"]),
    )


_ALIKE = ("rated dimensions and scales", "keys", "labels", "question", "reading")


def check_alike(parts: Mapping[str, xr.DataTree], *, but: Sequence[str] = ()) -> None:
    """Refuse studies that were not made in the same way, but for what may differ."""
    (first, one), *others = parts.items()
    for name, other in others:
        for what, ours, theirs in zip(_ALIKE, _design(one), _design(other), strict=True):
            if ours != theirs and what not in but:
                raise DataError(
                    f"studies differ in their {what}",
                    file=f"{first} and {name}",
                    found=theirs,
                    expected=ours,
                )


def _design(data: xr.DataTree) -> tuple[Any, ...]:
    """What studies must have in common to be joined."""
    annotations = data["annotations"].to_dataset()
    labels = annotations["label"].to_numpy().tolist() if "label" in annotations.coords else []
    return (
        {n: (*scale_of(annotations[n]), annotations[n].ndim) for n in dimensions_of(data)},
        schema.keys_in(annotations.coords),
        labels,
        question_of(data),
        str(data.attrs["label_alignment"]),
    )


def stored_columns(dataset: xr.Dataset, dim: str) -> pd.DataFrame:
    """Columns of a table as they are stored, its number left out."""
    known = {
        str(name): variable.to_numpy()
        for name, variable in dataset.variables.items()
        if variable.dims == (dim,)
        and name != "annotation"
        and variable.attrs.get("role") != "dimension"
    }
    frame = pd.DataFrame(known)
    for name in frame:
        attrs = dataset[name].attrs
        if "levels" in attrs and name not in schema.KEYS:
            levels = schema.decode_levels(attrs["levels"])
            frame[name] = pd.Categorical(frame[name], levels, ordered=bool(attrs.get("ordered", 0)))
    return frame


def stacked(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tables below each other; a factor has the levels of all of them."""
    joint = pd.concat(list(frames.values()), ignore_index=True)
    for name in joint:
        kinds: list[Any] = [f[name].dtype for f in frames.values() if name in f]
        if all(isinstance(kind, pd.CategoricalDtype) for kind in kinds):
            levels = dict.fromkeys(level for kind in kinds for level in kind.categories)
            same = len(levels) == len(kinds[0].categories)
            ordered = same and all(kind.ordered for kind in kinds)
            values = joint[name].astype("object")
            joint[name] = pd.Categorical(values, list(levels), ordered=ordered)
    return joint


def _table(parts: Mapping[str, xr.DataTree], key: str) -> pd.DataFrame:
    """Participants, none of them twice, or items, those that several studies have once."""
    frames = {
        name: stored_columns(part[f"{key}s"].to_dataset(), key) for name, part in parts.items()
    }
    joint = stacked(frames)
    origin = np.repeat(list(frames), [len(frame) for frame in frames.values()])
    twice = np.flatnonzero(joint[key].duplicated())
    if len(twice) and key == "participant":
        row = int(twice[0])
        raise DataError(
            "participant is in two studies; rename one, or give one study a column session",
            file=" and ".join(origin[(joint[key] == joint[key].iloc[row]).to_numpy()]),
            column=key,
            found=str(joint[key].iloc[row]),
        )
    whole = joint.drop_duplicates().reset_index(drop=True)
    other = np.flatnonzero(whole[key].duplicated())
    if len(other):
        raise DataError(
            f"{key} has other traits in another study",
            file=f"{key}s",
            column=key,
            found=str(whole[key].iloc[int(other[0])]),
        )
    return whole


def _ratings(
    first: xr.DataTree, annotations: Mapping[str, xr.Dataset]
) -> tuple[Floats | None, dict[str, Floats]]:
    """The longest time grid, and each dimension on it."""
    time = joint_time(annotations)
    values = {}
    for name in dimensions_of(first):
        arrays = [dataset[name].to_numpy() for dataset in annotations.values()]
        if time is not None and arrays[0].ndim == 2:
            arrays = [
                np.pad(a, ((0, 0), (0, len(time) - a.shape[1])), constant_values=np.nan)
                for a in arrays
            ]
        values[name] = np.concatenate(arrays)
    return time, values


def joint_time(annotations: Mapping[str, xr.Dataset]) -> Floats | None:
    """The longest time grid, of which every other one must be the beginning."""
    grids = {n: d["time"].to_numpy() for n, d in annotations.items() if "time" in d.coords}
    if not grids:
        return None
    longest = max(grids.values(), key=len)
    nearest = np.diff(longest).min(initial=1.0) / 3  # stamps may be rounded
    for name, grid in grids.items():
        other = np.flatnonzero(np.abs(grid - longest[: len(grid)]) > nearest)
        if len(other):
            raise DataError(
                "studies differ in their time steps",
                file=name,
                row=int(other[0]),
                column="time",
                found=float(grid[other[0]]),
                expected=f"{longest[other[0]]:g}",
            )
    return longest


def joint_levels(annotations: Mapping[str, xr.Dataset], key: str) -> list[str]:
    """Levels of all studies, in the order of the first that has them."""
    parts = [schema.decode_levels(dataset[key].attrs["levels"]) for dataset in annotations.values()]
    return list(dict.fromkeys(level for part in parts for level in part))


def joint_attributes(parts: Mapping[str, xr.DataTree], attribute: str) -> dict[str, str]:
    """An attribute of the columns of all tables, where a study has it."""
    return {
        str(name): str(variable.attrs[attribute])
        for part in parts.values()
        for group in ("annotations", "participants", "items")
        if group in part.children
        for name, variable in part[group].dataset.variables.items()
        if variable.attrs.get(attribute)
    }


def joint_flags(parts: Mapping[str, xr.DataTree]) -> dict[str, tuple[str, ...]]:
    """Meaning of the codes of further flag columns."""
    known = joint_attributes(parts, "flag_meanings")
    return {name: tuple(text.split()) for name, text in known.items() if name != "labels"}


def label_table(data: xr.DataTree) -> pd.DataFrame:
    """Labels as `from_frames` takes them."""
    coords = data["annotations"].dataset.coords
    names = {
        "label": "label",
        "label_name": "label_name",
        "label_category": "category",
        "label_superfactor": "superfactor",
    }
    return pd.DataFrame(
        {column: coords[name].to_numpy() for name, column in names.items() if name in coords}
    )


def words_of(data: xr.DataTree) -> dict[str, list[str]]:
    """Words of ordinal dimensions."""
    variables = {name: data[f"annotations/{name}"] for name in dimensions_of(data)}
    return {
        name: list(schema.decode_levels(v.attrs["words"]))
        for name, v in variables.items()
        if "words" in v.attrs
    }


def joint_exclusions(parts: Mapping[str, xr.DataTree]) -> list[dict[str, Any]]:
    """Exclusions of all studies, by the rows of the joint table."""
    rows, start = [], 0
    for part in parts.values():
        if "exclusions" in part.children:
            columns = [part[f"exclusions/{n}"].to_numpy() for n in ("annotation", "mask", "reason")]
            rows += [
                {"annotation": int(number) + start, "mask": str(mask), "reason": str(reason)}
                for number, mask, reason in zip(*columns, strict=True)
            ]
        start += part["annotations"].sizes["annotation"]
    return rows


def _log(parts: Mapping[str, xr.DataTree]) -> Log:
    """Entries of all logs, each with the study that it is of."""
    log = Log()
    for name, part in parts.items():
        if "log" in part.children:
            columns = [part[f"log/{n}"].to_numpy().tolist() for n in ("source", "action", "count")]
            for source, action, count in zip(*columns, strict=True):
                log.add(f"{name}: {source}", action, count)
    return log
