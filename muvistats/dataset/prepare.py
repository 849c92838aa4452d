"""Bring recordings to one grid, cut them, and exclude by masks; every step is logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ..errors import DataError
from ..kernels.time_grid import values_on_grid
from ..types import Floats, Ints
from . import schema
from .access import TIME_DECIMALS, cut_time, dimensions_of, within
from .build import Log, exclusion_dataset, log_dataset
from .frames import (
    check_frame,
    column_text,
    keys_text,
    number_column,
    refuse,
    seconds_column,
    text_columns,
)
from .gate import takes_study

#: Samples of an annotation that the released scripts work on: 59 s at two per second.
RELEASED_STEPS = 118

#: Largest grid that is made, in bytes, and arrays of its length that help to make it.
_MOST_BYTES = 4 * 1024**3
_HELPERS = 4

Masks = Literal["dynamic", "labels", "both"]

_MASKS = {
    "dynamic": ("keep_dynamic",),
    "labels": ("keep_labels",),
    "both": ("keep_dynamic", "keep_labels"),
}


def resample(
    frame: pd.DataFrame,
    *,
    interval: float = schema.SAMPLING_INTERVAL,
    keys: Sequence[str] | None = None,
    time: str = "time",
    values: Sequence[str] | None = None,
    method: Literal["linear", "previous"] = "linear",
    max_gap: float | None = None,
) -> pd.DataFrame:
    """Bring irregular logs, such as cursor positions, to a regular time grid.

    Parameters
    ----------
    frame : DataFrame
        Long table, one row per logged sample. Rows of one recording stand in the order in which
        they were logged; recordings may be interleaved.
    interval : float
        Step of the grid in seconds.
    keys : sequence of str, optional
        Columns that tell recordings apart; by default those of `item`, `modality`,
        `participant` and `session` that the frame has.
    time : str
        Column with the time in seconds from the start of the excerpt.
    values : sequence of str, optional
        Columns to resample; by default every column that is neither a key nor the time.
    method : {"linear", "previous"}
        Straight line between the two samples around a grid time, or the last sample at or
        before it (right for logs that hold an entry only when the cursor moves).
    max_gap : float, optional
        Longest gap in seconds that is filled. Without it every gap between two samples of a
        recording is filled.

    Returns
    -------
    DataFrame
        Long table with the keys, the time and the values, ready for `from_frames`. Recordings
        stand in the order of their first row. Each has the grid times 0, `interval`, ... up to
        its last sample.

    Raises
    ------
    DataError
        When a column is missing, a key or time is missing, a value is not a finite number, or
        time does not increase within a recording, is no time in seconds (a date, a clock,
        milliseconds), or the grid would take more than 4 GiB.

    See Also
    --------
    from_frames : Makes a study of the regular log.

    Notes
    -----
    A grid time before the first sample of its recording is NaN, and the grid ends with the last
    sample: nothing is extrapolated. Samples before time 0 still serve as the left neighbour. A
    missing value is no sample, so it widens the gap around it, for its own column only. With
    `max_gap`, a grid time between two samples that are further apart is NaN (``"linear"``), and
    so is one that lies further behind the last sample (``"previous"``); a grid time that falls
    on a sample always keeps it. Times are compared to the nanosecond.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import resample
    >>> log = pd.DataFrame({"participant": "p1", "item": "a", "time": [0.4, 0.8, 1.6],
    ...                     "valence": [0.0, 0.4, -0.4]})
    >>> resample(log)["valence"].round(3).tolist()
    [nan, 0.1, 0.2, -0.3]
    >>> resample(log, method="previous", max_gap=0.5)["valence"].tolist()
    [nan, 0.0, 0.4, nan]
    """
    name = "log to resample"
    if not _is_positive(interval) or interval == np.inf:
        raise DataError("interval is not a positive number of seconds", found=interval)
    if max_gap is not None and not _is_positive(max_gap):
        raise DataError("max_gap is not a positive number of seconds", found=max_gap)
    if method not in ("linear", "previous"):
        raise DataError("unknown method", found=method, expected="linear or previous")
    frame = text_columns(frame, name)
    key_names = list(schema.keys_in(frame.columns)) if keys is None else list(keys)
    if not key_names:
        raise DataError(
            "no key columns", file=name, expected="some of " + ", ".join(schema.ALL_KEYS)
        )
    value_names = (
        [c for c in frame.columns if c not in (*key_names, time)]
        if values is None
        else [column_text(value) for value in values]
    )
    check_frame(frame, name, [*key_names, time, *value_names])
    frame = frame.assign(**{key: keys_text(frame, name, key) for key in key_names})
    recording = frame.groupby(key_names, sort=False).ngroup().to_numpy()
    seconds = np.round(seconds_column(frame, name, time), TIME_DECIMALS)
    _check_order(frame, name, time, key_names, recording, seconds)

    last = pd.Series(seconds).groupby(recording).max().to_numpy()
    steps = np.maximum(np.floor(last / interval + 10.0**-TIME_DECIMALS), 0).astype(np.int64) + 1
    _check_size(int(steps.sum()), len(key_names) + len(value_names), interval)
    grid_recording = np.repeat(np.arange(len(steps)), steps)
    step = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)
    grid = np.round(step * interval, TIME_DECIMALS)
    first_rows = frame.drop_duplicates(key_names)[key_names].reset_index(drop=True)
    out: dict[str, Any] = {key: first_rows[key].to_numpy()[grid_recording] for key in key_names}
    out[time] = grid
    for column in value_names:
        series = number_column(frame, name, column)
        there = ~np.isnan(series)
        out[column] = values_on_grid(
            (recording[there], seconds[there], series[there]),
            (grid_recording, grid),
            method,
            np.inf if max_gap is None else max_gap + 10.0**-TIME_DECIMALS,
        )
    return pd.DataFrame(out).astype(dict.fromkeys(key_names, "str"))


def _is_positive(value: object) -> bool:
    """Whether this is a number above 0."""
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool) and bool(value > 0)  # type: ignore[operator]


def _check_size(rows: int, columns: int, interval: float) -> None:
    """Refuse a grid that would fill the memory."""
    needed = rows * (columns + _HELPERS) * 8
    if needed > _MOST_BYTES:
        raise DataError(
            "the grid would be too large; take a longer interval, or parts of the log",
            file="interval",
            found=f"{interval:g} s: {needed / 1024**3:.1f} GiB",
            expected=f"at most {_MOST_BYTES / 1024**3:.0f} GiB",
        )


def _check_order(
    frame: pd.DataFrame,
    name: str,
    time: str,
    keys: list[str],
    recording: Ints,
    seconds: Floats,
) -> None:
    """Refuse a recording whose clock stands still or runs back."""
    before = pd.Series(seconds).groupby(recording).shift().to_numpy()
    wrong = np.flatnonzero(seconds <= before)
    if len(wrong):
        row = int(wrong[0])
        who = " x ".join(frame[key].iloc[row] for key in keys)
        refuse(
            frame,
            name,
            time,
            wrong,
            f"time does not increase within the recording {who}",
            expected=f"a time after {before[row]:g}",
        )


@takes_study
def truncate(
    data: xr.DataTree,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    start: float | None = None,
) -> xr.DataTree:
    """Cut every excerpt at its beginning or its end, ratings and features alike.

    Parameters
    ----------
    data : DataTree
        The study.
    seconds : float, optional
        Keep the samples whose time is below this; at two samples per second, 59 s are 118.
    steps : int, optional
        Keep this many samples, counted from `start`. Give `seconds` or `steps`, not both.
    start : float, optional
        Leave out the samples whose time is below this, such as the seconds in which every cursor
        goes from the centre to its first place.

    Returns
    -------
    DataTree
        A new study; the step stands in `/log`. Times stay those of the excerpt: the first
        sample is at `start`. A study that is shorter comes back whole.

    Raises
    ------
    DataError
        When none of the three is given, or both `seconds` and `steps`, or nothing would be left.

    See Also
    --------
    select : Any part of the time, and of items and people.
    released_exclusions : The cut of the paper, with its exclusions.

    Examples
    --------
    >>> from muvistats import simulate_muvi, truncate
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> truncate(study, seconds=30)["annotations"].sizes["time"]
    60
    >>> truncate(study, start=5)["annotations/time"].values[:2].tolist()
    [5.0, 5.5]
    """
    if (seconds is None) == (steps is None) and (start is None or seconds is not None):
        raise DataError("truncate needs either seconds or steps, or start")
    for name, value in (("seconds", seconds), ("steps", steps), ("start", start)):
        if value is not None and not value > 0:
            raise DataError("nothing would be left", found=value, expected=f"{name} above 0")
    first = 0.0 if start is None else start
    begins = "" if start is None else f" from {start:g} s"
    what = f"samples{begins}" if steps is None else f"first {steps} samples{begins}"
    what += "" if seconds is None else f"{' and' if begins else ''} before {seconds:g} s"
    end = np.inf if seconds is None else seconds
    cut = cut_time(data, lambda time: within(time, first, end, steps), what)
    before, after = (study["annotations"].sizes.get("time", 0) for study in (data, cut))
    return with_log(cut, [("truncate", f"kept the {what}; steps cut off", before - after)])


@takes_study
def exclude(
    data: xr.DataTree,
    mask: npt.ArrayLike | pd.Series | pd.DataFrame | xr.DataArray,
    *,
    reason: str,
    what: Masks = "dynamic",
) -> xr.DataTree:
    """Leave annotations out of all statistics, with a reason. They stay in the study, masked.

    Parameters
    ----------
    data : DataTree
        The study.
    mask : array, Series or DataFrame
        What to exclude, in one of four forms: an array of bool, shape (annotation,); a Series of
        bool made from `annotation_frame`, in any order, since its index holds the numbers of the
        annotations; a Series of bool whose index levels are keys (`item`, `modality`,
        `participant`); or a DataFrame whose columns are keys, each row of which names annotations
        to exclude.
    reason : str
        Why, in words. It stands in `/exclusions` and in the report.
    what : {"dynamic", "labels", "both"}
        What is excluded: the rated dimensions, the labels, or both.

    Returns
    -------
    DataTree
        A new study. `keep_dynamic` or `keep_labels` (annotation) are False for what is excluded,
        and `/exclusions` has one row more for each annotation and mask. An annotation that was
        excluded before gets a row for the new reason too.

    Raises
    ------
    DataError
        When the mask has another length or index, is not boolean or names what is not in the
        study.
    DesignError
        When the reason is empty.

    See Also
    --------
    released_exclusions : The exclusions of the paper.
    rater_quality : Which raters are suspicious, and why.
    select : A study without the rest, instead of a mask.

    Notes
    -----
    Nothing is deleted: the values can be read in ``study["annotations"]``, and every function
    leaves them out and counts them in `n_missing`. So a reader can see what was left out, and why.
    To undo it, go on from the study before.

    *Missing values.* A mask of truth values may not have missing ones; decide what they mean.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import exclude, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> early = pd.DataFrame({"participant": ["3"]})
    >>> less = exclude(study, early, reason="left early")
    >>> excluded = less["exclusions"].to_dataset().to_dataframe()
    >>> excluded["reason"].value_counts().to_dict()
    {'left early': 9}

    All nine annotations of participant 3 are masked.
    """
    if what not in _MASKS:
        raise DataError("unknown part to exclude", found=what, expected=", ".join(_MASKS))
    annotations = data["annotations"].to_dataset()
    rows = np.flatnonzero(_rows_of(annotations, mask))
    return _exclude_rows(data, [(int(row), reason) for row in rows], what)


@takes_study
def released_exclusions(data: xr.DataTree, *, what: Masks = "dynamic") -> xr.DataTree:
    """Prepare a study as the paper's released scripts do.

    Parameters
    ----------
    data : DataTree
        A study with the dynamic dimensions `arousal` and `valence`.
    what : {"dynamic", "labels", "both"}
        What is excluded. The paper's chi-square values come from all label rows
        (``"dynamic"``), its Table 3 from the filtered ones (``"both"``).

    Returns
    -------
    DataTree
        A new study, cut to the first 118 samples (59 s), in which two kinds of annotations are
        excluded: those with fewer samples, and those whose correlation of arousal and valence
        is undefined because the cursor never moved along one of them.

    Raises
    ------
    DataError
        When arousal or valence is missing or static.

    See Also
    --------
    exclude : Exclusions of your own.
    truncate : Only the cut.

    Notes
    -----
    In the release the first kind is one annotation: participant 23 on U0CGsw6h60k, with 111
    samples. A sample counts when both dimensions are there.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from music
    videos: exploring the relative contribution of visual and auditory information to affective
    responses. https://doi.org/10.48550/arXiv.2202.10453

    Examples
    --------
    >>> from muvistats import released_exclusions, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> released_exclusions(study)["annotations"].sizes["time"]
    118
    """
    for name in ("arousal", "valence"):
        if name not in dimensions_of(data) or "time" not in data[f"annotations/{name}"].dims:
            raise DataError("the study has no such dynamic dimension", column=name)
    data = truncate(data, steps=RELEASED_STEPS)
    pair = [data[f"annotations/{name}"].to_numpy() for name in ("arousal", "valence")]
    there = ~(np.isnan(pair[0]) | np.isnan(pair[1]))
    samples = there.sum(axis=1)
    still = np.zeros(len(samples), dtype=bool)
    for values in pair:
        low = np.where(there, values, np.inf).min(axis=1)
        high = np.where(there, values, -np.inf).max(axis=1)
        still |= low >= high
    rows: list[tuple[int, str]] = []
    for row in np.flatnonzero((samples < RELEASED_STEPS) | still):
        if samples[row] < RELEASED_STEPS:
            rows.append((int(row), f"{samples[row]} samples, fewer than {RELEASED_STEPS}"))
        else:
            rows.append((int(row), "cursor never moved: arousal-valence correlation undefined"))
    return _exclude_rows(data, rows, what)


def _rows_of(
    annotations: xr.Dataset, mask: npt.ArrayLike | pd.Series | pd.DataFrame | xr.DataArray
) -> npt.NDArray[np.bool_]:
    """Annotations that a mask means, as an array of bool."""
    if isinstance(mask, pd.DataFrame):
        return _named(annotations, mask)
    if isinstance(mask, xr.DataArray):
        if mask.dims != ("annotation",):
            raise DataError("mask is not of annotations", found=mask.dims, expected="annotation")
        mask = mask.to_series() if "annotation" in mask.coords else mask.to_numpy()
    if isinstance(mask, pd.Series):
        if any(name in schema.ALL_KEYS for name in mask.index.names):
            return _by_key(annotations, mask)
        return _by_number(annotations, mask)
    count = annotations.sizes["annotation"]
    array = np.asarray(mask)
    if array.shape != (count,):
        raise DataError("mask has the wrong shape", found=array.shape, expected=f"({count},)")
    return _truth(array)


def _by_key(annotations: xr.Dataset, mask: pd.Series) -> npt.NDArray[np.bool_]:
    """Annotations whose keys a Series holds as true; a key may not be both true and false."""
    chosen = _truth(mask.to_numpy())
    both = mask.index[chosen].intersection(mask.index[~chosen])
    if len(both):
        raise DataError("mask is both true and false for one key", file="mask", found=both[0])
    return _named(annotations, mask.index[chosen].to_frame(index=False))


def _by_number(annotations: xr.Dataset, mask: pd.Series) -> npt.NDArray[np.bool_]:
    """Annotations whose numbers a Series holds as true; it must hold every number once."""
    numbers = pd.RangeIndex(annotations.sizes["annotation"])
    fits = mask.index.is_unique and len(mask) == len(numbers) and numbers.isin(mask.index).all()
    if not fits:
        raise DataError(
            "the index of the mask does not hold every annotation once; keep the index of "
            "annotation_frame, or give an array in its order",
            file="mask",
            found=f"{len(mask)} values, {int(numbers.isin(mask.index).sum())} of them annotations",
            expected=f"the numbers 0 to {len(numbers) - 1}",
        )
    return _truth(mask.reindex(numbers).to_numpy())


def _truth(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if array.dtype.kind == "O" and all(isinstance(v, (bool, np.bool_)) for v in array):
        array = array.astype(bool)
    if array.dtype.kind != "b":
        raise DataError("mask is not boolean", found=str(array.dtype), expected="bool")
    return array


def _named(annotations: xr.Dataset, names: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Annotations whose keys stand in a row of the frame."""
    keys = [str(column) for column in names.columns]
    known = schema.keys_in(annotations.coords)
    unknown = [key for key in keys if key not in known]
    if unknown or not keys:
        raise DataError(
            "mask has a column that is no key", found=unknown, expected=", ".join(known)
        )
    if names.empty:
        return np.zeros(annotations.sizes["annotation"], dtype=bool)
    wanted = pd.MultiIndex.from_frame(
        pd.DataFrame({key: keys_text(names, "mask", key) for key in keys})
    )
    ours = pd.MultiIndex.from_frame(
        pd.DataFrame({key: annotations[key].to_numpy() for key in keys}, dtype="str")
    )
    missing = np.flatnonzero(~wanted.isin(ours))
    if len(missing):
        found = " x ".join(map(str, wanted[int(missing[0])]))
        refuse(names, "mask", ", ".join(keys), missing, "no such annotation", found=found)
    return np.asarray(ours.isin(wanted))


def _exclude_rows(data: xr.DataTree, rows: list[tuple[int, str]], what: Masks) -> xr.DataTree:
    """Set the masks of the rows and append to `/exclusions`."""
    parts = _groups(data)
    annotations = parts["/annotations"]
    old = parts.get("/exclusions")
    names = ("annotation", "mask", "reason")
    table = (
        pd.DataFrame({name: old[name].to_numpy() for name in names})
        if old is not None
        else pd.DataFrame(columns=list(names))
    )
    numbers = [row for row, _ in rows]
    for mask in _MASKS[what]:
        keep = annotations[mask].to_numpy().copy()
        keep[numbers] = False
        annotations = annotations.assign({mask: annotations[mask].copy(data=keep)})
        new = pd.DataFrame([(row, mask, reason) for row, reason in rows], columns=list(names))
        table = pd.concat([table, new]) if len(table) else new
    table = table.drop_duplicates()
    number = table["annotation"].to_numpy(dtype=np.int64)
    parts["/annotations"] = annotations
    parts["/exclusions"] = exclusion_dataset(
        {
            "annotation": number,
            **{
                key: annotations[key].to_numpy()[number]
                for key in schema.keys_in(annotations.coords)
            },
            "mask": table["mask"].to_numpy(dtype=str),
            "reason": table["reason"].to_numpy(dtype=str),
        }
    )
    return _tree(data, parts)


def _groups(data: xr.DataTree) -> dict[str, xr.Dataset]:
    return {node.path: node.to_dataset(inherit=False) for node in data.subtree}


def _tree(data: xr.DataTree, parts: dict[str, xr.Dataset]) -> xr.DataTree:
    tree = xr.DataTree.from_dict(parts, name=data.name)
    tree.attrs = dict(data.attrs)
    return tree


def with_log(data: xr.DataTree, entries: Sequence[tuple[str, str, int]]) -> xr.DataTree:
    """The study with further entries in `/log`: source, what was done, and how often."""
    parts = _groups(data)
    for entry in entries:
        parts["/log"] = _logged(parts, entry)
    return _tree(data, parts)


def _logged(parts: dict[str, xr.Dataset], entry: tuple[str, str, int]) -> xr.Dataset:
    log = Log()
    if "/log" in parts:
        old = parts["/log"]
        columns = (old[name].to_numpy().tolist() for name in ("source", "action", "count"))
        log.entries = list(zip(*columns, strict=True))
    log.add(*entry)
    return log_dataset(log)
