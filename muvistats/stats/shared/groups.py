"""Values of a response, in the groups of a factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...errors import DesignError
from ...formula import evaluate, factor
from ...types import Floats, Ints, Mask


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
    codes: Ints
    levels: list[str]
    empty: list[str]
    n_missing: int
    use: Mask

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
