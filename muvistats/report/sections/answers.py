"""What a frame answers to a claim of the paper, in a word and in numbers."""

from __future__ import annotations

import math

import pandas as pd

from ...results.words import fixed, p_phrase, statistic, word

#: Whether a claim holds, None where that is undefined, and the numbers behind it in words.
Answer = tuple[bool | None, str]

ALPHA = 0.05


def rows_where(frame: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Rows whose columns have these values."""
    chosen = pd.Series(data=True, index=frame.index)
    for column, value in values.items():
        chosen &= frame[column] == value
    return frame[chosen]


def result_in_words(rows: pd.DataFrame, *, df: bool = True) -> tuple[float, str]:
    """Test of the first row as "t(35) = 2.10, p = .043", and its p; NaN where there is none."""
    if rows.empty or math.isnan(p := float(rows["p_value"].iloc[0])):
        return math.nan, "not tested"
    row = rows.iloc[0]
    degrees = float(row.get("df", math.nan)) if df else math.nan
    shown = "" if math.isnan(degrees) else f"({fixed(degrees, 0)})"
    value = statistic(float(row["statistic"]))
    return p, f"{word(row['statistic_name'])}{shown}\u00a0=\u00a0{value}, {p_phrase(p)}"
