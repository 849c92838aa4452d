"""What the tests share: checked arguments, the frame they work on, groups and adjusted p."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import stats

from ...dataset.access import annotation_frame, dimensions_of, need_study
from ...errors import DataError, DesignError
from ...formula import evaluate, factor
from ...types import Data, Floats

__all__ = [
    "ADJUSTMENTS",
    "DEPENDENCE",
    "Dependence",
    "Groups",
    "adjust_p",
    "check_choice",
    "check_conf_level",
    "check_dependence",
    "check_resamples",
    "choose_dimensions",
    "groups_of",
    "join_reasons",
    "label_names",
    "need",
    "number_of",
    "offered",
    "to_frame",
]


#: Ways to take rows: as independent of each other, as published, or as the design made them.
DEPENDENCE = ("independent", "design")
Dependence = str | Sequence[str]

#: Adjustments for multiple comparisons, by the names of statsmodels.
ADJUSTMENTS = ("holm", "bonferroni", "fdr_bh", "fdr_by", "none")


def check_dependence(dependence: Dependence) -> tuple[str, ...]:
    """The rows that are asked for, each once, the published one first."""
    asked = (dependence,) if isinstance(dependence, str) else tuple(dependence)
    unknown = [name for name in asked if name not in DEPENDENCE]
    if unknown or not asked:
        found = repr(unknown[0]) if unknown else "nothing"
        raise DesignError(f"dependence must be one or both of {', '.join(DEPENDENCE)}, not {found}")
    return tuple(name for name in DEPENDENCE if name in asked)


def check_conf_level(conf_level: float) -> None:
    """Refuse a confidence level that is no probability."""
    if not isinstance(conf_level, Real) or not 0 < conf_level < 1:
        raise DesignError(f"conf_level must lie between 0 and 1, not {conf_level!r}")


def check_resamples(n_resamples: int) -> None:
    """Refuse a number of resamples that is no count."""
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, Integral) or n_resamples < 0:
        raise DesignError(f"n_resamples must be a whole number from 0, not {n_resamples!r}")


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Refuse an argument that is not one of the choices."""
    choices = tuple(choices)
    if value not in choices:
        raise DesignError(f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}")


def to_frame(data: Data) -> pd.DataFrame:
    """The annotation frame of a study, or the frame that was given."""
    if isinstance(data, xr.DataTree):
        need_study(data)
        return annotation_frame(data)
    if isinstance(data, pd.DataFrame):
        return data
    raise DataError(
        "neither a study nor a frame",
        found=type(data).__name__,
        expected="a DataTree or an annotation frame",
    )


def choose_dimensions(data: Data, dimension: str | None) -> list[str]:
    """The rated dimension that was asked for, or all of them."""
    if isinstance(data, xr.DataTree):
        need_study(data)
        known = dimensions_of(data)
    elif isinstance(data, pd.DataFrame):
        known = list(data.attrs.get("dimensions", []))
    else:
        known = []
    if dimension is None:
        if not known:
            raise DataError("no rated dimension is known; name one by `dimension`")
        return known
    if known and dimension not in known:
        raise DataError("no such rated dimension", found=dimension, expected=", ".join(known))
    return [dimension]


def label_names(data: Data) -> list[str]:
    """Names of the labels, in stored order."""
    if isinstance(data, xr.DataTree):
        need_study(data)
        names = data["annotations"].to_dataset().coords.get("label")
        if names is None or "labels" not in data["annotations"].data_vars:
            raise DataError("the study has no labels", file="/annotations", column="labels")
        return [str(name) for name in names.to_numpy()]
    names = to_frame(data).attrs.get("labels", [])
    if not names:
        raise DataError(
            "the frame does not say which columns are labels", expected="a study with labels"
        )
    need(data, *names)
    return [str(name) for name in names]


def need(frame: pd.DataFrame, *columns: str) -> None:
    """Refuse a frame without these columns."""
    for name in columns:
        if name not in frame.columns:
            raise DataError("column is missing from the frame", column=name)


def offered(frame: pd.DataFrame, expression: str) -> pd.DataFrame:
    """Rows for which the factor exists: overlay only in modalities in which it was recorded.

    Music has no picture to lay the axes over, so its annotations are outside of the question,
    not missing.
    """
    if not isinstance(expression, str):
        raise DesignError(f"a factor is written as text, not {expression!r}")
    if expression.strip() != "overlay" or not {"overlay", "modality"} <= set(frame.columns):
        return frame
    recorded = frame.loc[frame["overlay"].notna(), "modality"].unique()
    return frame[frame["modality"].isin(recorded)] if len(recorded) else frame


@dataclass(frozen=True)
class Groups:
    """Values of a response in the groups that have any.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Position of the group of each value in `levels`.
    levels : list of str
        Groups that hold a value, in the factor's order.
    empty : list of str
        Groups that hold none.
    n_missing : int
        Rows left out because the response or the factor is missing.
    use : ndarray of bool, shape (row,)
        Rows of the frame that entered.
    """

    values: Floats
    codes: npt.NDArray[np.intp]
    levels: list[str]
    empty: list[str]
    n_missing: int
    use: npt.NDArray[np.bool_]

    def of(self, code: int) -> Floats:
        """Values of one group."""
        members: Floats = self.values[self.codes == code]
        return members

    @property
    def problem(self) -> str:
        """Why groups cannot be compared; empty when they can."""
        if not self.levels:
            return "no values"
        if len(self.levels) == 1:
            return f"only one group has values: {self.levels[0]}"
        if self.values.min() == self.values.max():
            return "all values are equal"
        return ""

    @property
    def note(self) -> str:
        """Empty groups in words."""
        return f"no values in {', '.join(self.empty)}" if self.empty else ""


def number_of(expression: str, frame: pd.DataFrame) -> pd.Series:
    """A response as floats."""
    series = evaluate(expression, frame)
    if pd.api.types.is_bool_dtype(series.dtype) or not pd.api.types.is_numeric_dtype(series.dtype):
        raise DesignError(f"{expression!r} is not a number and cannot be ranked")
    return series.astype("float64")


def groups_of(frame: pd.DataFrame, response: str, by: str) -> Groups:
    """Split a response by a factor, both expressions of a formula."""
    values = number_of(response, frame).to_numpy()
    groups = factor(by, frame)
    codes = groups.cat.codes.to_numpy().astype(np.intp)
    names = [str(level) for level in groups.cat.categories]
    use = (codes >= 0) & np.isfinite(values)
    used = np.bincount(codes[use], minlength=len(names)) > 0
    position = np.cumsum(used) - 1
    return Groups(
        values[use],
        position[codes[use]] if len(names) else codes[use],
        [name for name, is_used in zip(names, used, strict=True) if is_used],
        [name for name, is_used in zip(names, used, strict=True) if not is_used],
        int((~use).sum()),
        use,
    )


def adjust_p(p_values: Any, method: str) -> Floats:
    """Adjust p-values as one family; NaN stays NaN and does not count.

    Parameters
    ----------
    p_values : array-like of float
        p-values.
    method : str
        One of `ADJUSTMENTS`.

    Returns
    -------
    ndarray of float
        Adjusted p-values, in the same order.

    Notes
    -----
    As `statsmodels.stats.multitest.multipletests`, which is not called because it collects
    garbage on each call and so takes longer than the tests themselves.
    """
    check_choice("adjust", method, ADJUSTMENTS)
    out = np.array(p_values, dtype=float)
    there = ~np.isnan(out)
    family = out[there]
    if method == "bonferroni":
        out[there] = np.minimum(1, len(family) * family)
    elif method == "holm":
        order = np.argsort(family, kind="stable")
        steps = np.arange(len(family), 0, -1) * family[order]
        family[order] = np.minimum(1, np.maximum.accumulate(steps))
        out[there] = family
    elif method != "none" and len(family):
        kind: Literal["bh", "by"] = "bh" if method == "fdr_bh" else "by"
        out[there] = stats.false_discovery_control(family, method=kind)
    return out


def join_reasons(*reasons: str) -> str:
    """Reasons that are not empty, in one line."""
    return "; ".join(reason for reason in reasons if reason)
