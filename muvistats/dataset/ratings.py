"""Rated dimensions of long tables: one time grid, one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import DataError
from ..kernels.time_grid import TIME_DECIMALS, grid_under
from ..types import Floats, Ints
from .build import Log, natural_order
from .frames import number_column, refuse, seconds_column

OutOfScale = Literal["error", "clip", "exclude"]


#: Share of the steps between first and last sample that recordings must fill on a grid, and share
#: of samples after which the next step has one.
_LEAST_FILLED = 0.5

_NO_GRID = "time stamps are not on one regular grid"

#: Share of the scale by which a value may lie beyond its ends (rounding).
_SLACK = 1e-9

#: Share of values beyond the scale up to which they may be clipped or dropped.
_MOST_BEYOND = 0.5

_SCALE_REMEDY = "scale=(lowest, highest) of your instrument"

#: What a rating is to be.
RATING = "a number; words in an order as an ordered pandas Categorical"

#: People that a message about values beyond the scale names.
_NAMED_PEOPLE = 5


@dataclass(frozen=True)
class Recordings:
    """Where the rows of a long table stand in the (annotation, time) array.

    Parameters
    ----------
    annotation, step : ndarray of int, shape (row,)
        Position of each row.
    time : ndarray of float, shape (time,)
        The grid, in seconds.
    """

    annotation: Ints
    step: Ints
    time: Floats


@dataclass
class Scales:
    """Recorded scale of each dimension, and what happens to values beyond it.

    Parameters
    ----------
    given : tuple of float or mapping of str to tuple of float
        As the caller gave it.
    dimensions : sequence of str
        The rated dimensions.
    out_of_scale : {"error", "clip", "exclude"}
        What happens to values beyond the scale.
    tolerance : float
        Share of an annotation's samples that may lie beyond it without a loss of the others.
    ordinal : mapping of str to tuple of float
        Scales of dimensions whose ratings are words, which know their own.
    """

    given: tuple[float, float] | Mapping[str, tuple[float, float]]
    dimensions: Sequence[str]
    out_of_scale: OutOfScale
    tolerance: float = 0.0
    ordinal: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    by_dimension: dict[str, tuple[float, float]] = field(init=False)

    def __post_init__(self) -> None:
        if self.out_of_scale not in ("error", "clip", "exclude"):
            raise DataError(
                "unknown treatment",
                file="out_of_scale",
                found=self.out_of_scale,
                expected="error, clip or exclude",
            )
        if not 0 <= self.tolerance < 1:
            raise DataError(
                "not a share of samples",
                file="tolerance",
                found=self.tolerance,
                expected="a number from 0 to below 1",
            )
        self.by_dimension = {}
        for name in self.dimensions:
            scale = self.given.get(name) if isinstance(self.given, Mapping) else self.given
            scale = self.ordinal.get(name, scale)
            if scale is None:
                raise DataError("dimension has no scale", file="scale", column=name)
            if not _is_scale(scale):
                raise DataError(
                    "not a scale",
                    file="scale",
                    found=scale,
                    expected="its lowest and highest value",
                )
            self.by_dimension[name] = (float(scale[0]), float(scale[1]))


def _is_scale(scale: object) -> bool:
    """Whether this is a lowest and a highest number."""
    try:
        ends = np.asarray(scale, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return False
    return ends.shape == (2,) and bool(np.isfinite(ends).all() and ends[0] < ends[1])


def distinct(keys: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
    """Distinct rows in the order of their first, and the number of each row among them."""
    number = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy()
    first = np.empty(number.max() + 1, dtype=np.int64)
    first[number[::-1]] = np.arange(len(number))[::-1]
    return keys.iloc[first], number


def place(
    frame: pd.DataFrame, long_keys: pd.DataFrame, keys: pd.DataFrame | None
) -> tuple[Recordings, pd.DataFrame]:
    """Find the annotation and the time step of each row of the dynamics.

    Without keys of annotations, the annotations are the recordings.
    """
    seconds = np.round(seconds_column(frame, "dynamics", "time"), TIME_DECIMALS)
    first, recording = distinct(long_keys)
    alone = keys is None
    if keys is None:
        keys = first.reset_index(drop=True)
    of_recording = pd.MultiIndex.from_frame(keys).get_indexer(pd.MultiIndex.from_frame(first))
    annotation = of_recording[recording]
    lost = np.flatnonzero(annotation < 0)
    if len(lost):
        found = " x ".join(long_keys.iloc[int(lost[0])])
        refuse(long_keys, "dynamics", "item", lost, "recording without annotation", found=found)
    if alone and len(annotation) == len(first) and len(np.unique(seconds)) > 1:
        problem = (
            "each recording has one sample, at a time of its own; ratings of one value belong to "
            "annotations, without the column time"
        )
        raise DataError(problem, file="dynamics", column="time")
    time, step = _grid(frame, annotation, seconds)
    twice = np.flatnonzero(pd.Series(annotation * len(time) + step).duplicated())
    if len(twice):
        refuse(frame, "dynamics", "time", twice, "time stamp stands twice in its recording")
    return Recordings(annotation, step, time), keys


def _grid(frame: pd.DataFrame, annotation: Ints, seconds: Floats) -> tuple[Floats, Ints]:
    """One regular grid under all time stamps, and the step of each."""
    stamps, number = np.unique(seconds, return_inverse=True)
    if len(stamps) == 1:
        return stamps, np.zeros(len(seconds), dtype=np.int64)
    width, step, off = grid_under(stamps)
    rows: Ints = np.flatnonzero(off[number])
    problem = _NO_GRID if len(rows) else ""
    if not problem:
        rows, problem = _between(annotation, step[number], width)
    if problem:
        problem += "; bring the log to one with resample"
        refuse(frame, "dynamics", "time", rows, problem)
    time = np.round(stamps[0] + np.arange(step[-1] + 1) * width, TIME_DECIMALS)
    time[step] = stamps
    return time, step[number]


def _between(annotation: Ints, step: Ints, width: float) -> tuple[Ints, str]:
    """Rows whose recording leaves out every other step of the grid, and what that says."""
    table = pd.DataFrame({"annotation": annotation, "step": step}).sort_values(
        ["annotation", "step"], kind="stable"
    )
    apart = table.groupby("annotation")["step"].diff()
    spans = table.groupby("annotation")["step"].agg(["min", "max", "size"])
    filled = spans["size"].sum() / (spans["max"] - spans["min"] + 1).sum()
    if filled < _LEAST_FILLED:
        return np.array([0]), _NO_GRID
    nearest = apart.groupby(table["annotation"]).min()
    wide = nearest.index[(nearest > 1) & (spans["size"] > 2)]
    rows = np.flatnonzero(np.isin(annotation, wide))
    if len(rows) == 0:
        uneven = (apart == 1).sum() < _LEAST_FILLED * apart.notna().sum()
        return (rows, "") if not uneven else (np.array([0]), _NO_GRID)
    own = float(nearest[annotation[rows[0]]]) * width
    return rows, (
        f"recordings do not share one grid: together they have a step of {width:g} s, and this "
        f"one a step of {own:g} s"
    )


def on_scale(
    frame: pd.DataFrame,
    dynamics: tuple[pd.DataFrame, Recordings] | None,
    keys: pd.DataFrame,
    scales: Scales,
    log: Log,
) -> tuple[dict[str, Floats], list[tuple[int, str]]]:
    """Arrays of the dimensions as recorded, and annotations with too much beyond the scale."""
    arrays: dict[str, Floats] = {}
    excluded: list[tuple[int, str]] = []
    for name, (low, high) in scales.by_dimension.items():
        if dynamics is not None and name in dynamics[0]:
            table, recordings = dynamics
            source = _Source(table, "dynamics", name, keys, recordings.annotation)
            mapped = _mapped(source, scales, log)
            array = np.full((len(frame), len(recordings.time)), np.nan)
            array[recordings.annotation, recordings.step] = mapped.values
            arrays[name] = array
            rows = recordings.annotation[mapped.beyond]
        else:
            source = _Source(frame, "annotations", name, keys, np.arange(len(frame)))
            mapped = _mapped(source, scales, log)
            arrays[name] = mapped.values
            rows = np.flatnonzero(mapped.beyond)
        if scales.out_of_scale == "exclude":
            text = f"values of {name} beyond the scale {low:g} to {high:g}"
            beyond = np.bincount(rows, minlength=len(frame))
            known = (~np.isnan(arrays[name].reshape(len(frame), -1))).sum(axis=1)
            lost = np.flatnonzero(beyond > scales.tolerance * (known + beyond))
            excluded += [(int(row), f"{beyond[row]} {text}") for row in lost]
    return arrays, excluded


@dataclass(frozen=True)
class _Source:
    """Column with the values of a dimension, and the annotation of each row."""

    table: pd.DataFrame
    table_name: str
    name: str
    keys: pd.DataFrame
    annotation: Ints


@dataclass(frozen=True)
class _Mapped:
    values: Floats
    beyond: npt.NDArray[np.bool_]


def _mapped(source: _Source, scales: Scales, log: Log) -> _Mapped:
    """Values as recorded, and which of them lay beyond the scale."""
    name = source.name
    low, high = scales.by_dimension[name]
    values = number_column(source.table, source.table_name, name, expected=RATING)
    slack = _SLACK * (high - low)
    beyond = (values < low - slack) | (values > high + slack)
    if beyond.any():
        text = f"values of {name} beyond the scale {low:g} to {high:g}"
        who = ""
        if "participant" in source.keys:
            people = source.keys["participant"].iloc[source.annotation[beyond]]
            who = "; participants " + ", ".join(natural_order(people.tolist()))
        known = int((~np.isnan(values)).sum())
        if scales.out_of_scale != "error" and beyond.sum() > _MOST_BEYOND * known:
            raise DataError(
                "most values lie beyond the scale: it is another one",
                file=source.table_name,
                column=name,
                found=f"{beyond.sum()} of {known} beyond {low:g} to {high:g}",
                expected=_SCALE_REMEDY,
            )
        if scales.out_of_scale == "error":
            _refuse_beyond(source, beyond, f"beyond the scale {low:g} to {high:g}")
        if scales.out_of_scale == "exclude":
            values = np.where(beyond, np.nan, values)
            done = "dropped; annotations with too many of them are excluded"
        else:
            done = "moved to its ends"
        log.add(source.table_name, f"{text} {done}{who}", int(beyond.sum()))
    return _Mapped(np.clip(values, low, high), beyond)


def _refuse_beyond(source: _Source, beyond: npt.NDArray[np.bool_], text: str) -> NoReturn:
    """Say how many values lie beyond the scale, whose they are, and where the first one stands."""
    keys = source.keys.iloc[source.annotation[beyond]]
    who = where = ""
    if "participant" in keys:
        people = keys["participant"].unique().tolist()
        named = ", ".join(people[:_NAMED_PEOPLE]) + (", ..." if len(people) > _NAMED_PEOPLE else "")
        who = f", by {len(people)} participants ({named})"
        where = f" by {keys['participant'].iloc[0]}"
    row = int(np.flatnonzero(beyond)[0])
    raise DataError(
        f"{len(keys)} values {text}{who} on {keys['item'].nunique()} items; the first{where} "
        f"on {keys['item'].iloc[0]}",
        file=source.table_name,
        row=source.table.index[row],
        column=source.name,
        found=float(source.table[source.name].iloc[row]),
        expected=_SCALE_REMEDY
        + '; or, if that is the scale, out_of_scale="clip" or "exclude" for stray values',
    )
