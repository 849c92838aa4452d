"""Rows of one annotation: which follow each other in time, and what links them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...dataset.schema import ALL_KEYS
from ...errors import DataError, DesignError
from ...formula import Design
from ...kernels.mixed.autocorrelation import Series
from ...kernels.permutation.arrangements import dense_codes
from ...kernels.time_grid import TIME_DECIMALS, grid_under
from ...types import Floats, Ints

#: How far from whole steps, in steps, the times of a regular grid may be.
_OFF_GRID = 0.01


@dataclass(frozen=True)
class Correlation:
    """Residuals that are correlated within annotations.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Annotation of each row.
    keys : tuple of str
        Columns that tell annotations apart.
    series : Series
        The rows in the order of time.
    step : float
        What counts as one step, in the unit of `time`.
    rho : float or None
        Correlation one step apart where it was given; None where it is estimated.
    """

    codes: Ints
    keys: tuple[str, ...]
    series: Series
    step: float
    rho: float | None


def correlation_of(design: Design, rho: float | None) -> Correlation:
    """Order the rows of a design by annotation and time.

    Parameters
    ----------
    design : Design
        A design whose rows are samples.
    rho : float or None
        Correlation one step apart, where it is known.

    Returns
    -------
    Correlation
        A step is that of the grid under all times, which may be rounded; without one, the
        shortest time between two samples of an annotation where all others are multiples of it,
        else the median time.

    Raises
    ------
    DataError
        When a time or a key is missing, or an annotation has two samples at one time.
    DesignError
        When nothing tells annotations apart, none has two samples, or a grouping factor
        changes within an annotation.
    """
    codes, keys = _annotations(design.frame)
    time = _times(design.frame)
    order = np.lexsort((time, codes))
    follows = codes[order][1:] == codes[order][:-1]
    apart = np.diff(time[order])
    if (apart[follows] <= 0).any():
        place = order[1:][follows & (apart <= 0)][0]
        names = ", ".join(str(design.frame[key].iloc[place]) for key in keys)
        raise DataError(
            f"two samples of one annotation at the same time; annotations are told apart by "
            f"{', '.join(keys)}",
            row=int(design.rows[place]),
            column="time",
            found=f"{names} twice at {time[place]:g}",
        )
    if not follows.any():
        raise DesignError(
            f"correlation='ar1': no annotation ({', '.join(keys)}) has two samples that follow "
            "each other"
        )
    for part in design.random:
        if (np.diff(part.codes[order])[follows] != 0).any():
            raise DesignError(
                f"correlation='ar1': grouping factor {part.bar.name!r} changes within an "
                f"annotation ({', '.join(keys)}); groups must hold whole annotations"
            )
    stamps, number = np.unique(np.round(time, TIME_DECIMALS), return_inverse=True)
    width, place_of, off = grid_under(stamps)
    lag = np.full(len(order), np.inf)
    lag[1:][follows] = np.diff(place_of[number][order])[follows]
    step = width
    if off.any() or np.median(lag[1:][follows]) != 1:  # or a finer grid than anybody's own
        step = _step(apart[follows])
        lag[1:][follows] = apart[follows] / step
    return Correlation(codes, keys, Series(order, lag), step, rho)


def _annotations(frame: pd.DataFrame) -> tuple[Ints, tuple[str, ...]]:
    """Annotation of each row, and the columns that tell them apart."""
    known = ("annotation",) if "annotation" in frame else ALL_KEYS
    keys = tuple(key for key in known if key in frame)
    if not keys:
        raise DesignError(
            "correlation='ar1': nothing tells annotations apart; the frame needs item and "
            "participant (item= and participant= name the columns), or annotation"
        )
    codes = [pd.factorize(frame[key])[0].astype(np.intp) for key in keys]
    for key, code in zip(keys, codes, strict=True):
        if (code < 0).any():
            raise DataError("annotation of a sample is not known", column=key, found="missing")
    return dense_codes(*codes), keys


def _times(frame: pd.DataFrame) -> Floats:
    """Time of each row."""
    if "time" not in frame:
        raise DesignError("correlation='ar1': the frame needs a column time")
    time = frame["time"]
    if not pd.api.types.is_numeric_dtype(time.dtype) or pd.api.types.is_bool_dtype(time.dtype):
        raise DataError(
            "times are no numbers", column="time", found=str(time.dtype), expected="seconds"
        )
    values = time.to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(values).all():
        raise DataError("time of a sample is not known", column="time", found="missing or infinite")
    return values


def _step(apart: Floats) -> float:
    """Shortest time of which all others are multiples; the median where there is none."""
    steps = apart / apart.min()
    regular = np.abs(steps - np.round(steps)).max() < _OFF_GRID
    return float(apart.min() if regular else np.median(apart))


def repeated_annotations(design: Design, correlation: Correlation | None = None) -> str:
    """Why rows of one annotation cannot count as independent; empty where they can."""
    if correlation is None:
        keys = _key_codes(design)
        if not keys:
            return ""
        names, own = tuple(keys), dense_codes(*keys.values())
    else:
        names, own = correlation.keys, correlation.codes
    count = int(own.max()) + 1
    if count == len(own):
        return ""
    for part in design.random:
        both = np.unique(np.column_stack([own, part.codes]), axis=0)
        if part.bar.intercept and len(both) == count == len(part.levels):
            return ""
    if "annotation" in names:
        names = tuple(key for key in ALL_KEYS if key in design.frame)
    term = f"(1 | {':'.join(names)})"
    if correlation is None:
        return (
            f"{len(own)} rows repeat {count} annotations ({', '.join(names)}) without a random "
            f"term for them, such as {term}: they are taken as independent, and p is too small"
        )
    steady = _steady_terms(design, own)
    if not steady:
        return ""
    return (
        f"{', '.join(steady)}: the same throughout an annotation, whose rows only AR(1) links; "
        f"without a random term such as {term} p is too small where annotations differ"
    )


def _steady_terms(design: Design, own: Ints) -> list[str]:
    """Terms of the fixed part that do not change within annotations."""
    first = np.unique(own, return_index=True)[1][own]

    def is_steady(code: str) -> bool:
        value = design.values[code]
        column = value.codes if isinstance(value, pd.Categorical) else value
        return bool((column == column[first]).all())

    return [":".join(term) for term in design.formula.terms if all(map(is_steady, term))]


def _key_codes(design: Design) -> dict[str, Ints]:
    """What tells annotations apart: the keys of a study, else crossed groups and fixed factors."""
    frame = design.frame
    if {"item", "participant"} <= set(frame):
        keys = [key for key in ALL_KEYS if key in frame]
        return {key: pd.factorize(frame[key])[0].astype(np.intp) for key in keys}
    groups = [part for part in design.random if part.bar.intercept and len(part.bar.group) == 1]
    codes: dict[str, Ints] = {part.bar.name: part.codes for part in groups}
    largest = max((len(part.levels) for part in groups), default=0)
    if len(codes) < 2 or int(dense_codes(*codes.values()).max()) + 1 == largest:
        return {}  # one group, or groups within groups: their rows are other things
    for name, value in design.values.items():
        if isinstance(value, pd.Categorical):
            codes[name] = np.asarray(value.codes, dtype=np.intp)
    return codes
