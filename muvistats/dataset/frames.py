"""Check a table that somebody hands in, and say which row and column is at fault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import DataError
from ..kernels.time_grid import grid_under
from ..types import level_text
from .names import storage_problem
from .schema import KEYS, LONGEST


def refuse(
    frame: pd.DataFrame,
    name: str,
    column: str,
    rows: npt.NDArray[Any],
    problem: str,
    *,
    found: object = None,
    expected: object = None,
) -> NoReturn:
    """Raise for the first of the rows at fault, by the label that the frame gives it."""
    row = int(rows[0])
    if found is None and column in frame:
        value = frame[column].iloc[row]
        found = value.item() if isinstance(value, np.generic) else value
    more = f", {len(rows)} such rows" if len(rows) > 1 else ""
    label = frame.index[row]
    raise DataError(
        f"{problem}{more}", file=name, row=label, column=column, found=found, expected=expected
    )


def text_columns(frame: object, name: str) -> pd.DataFrame:
    """Table whose column names are texts, each once: 3 is called 3, and what has no name is none.

    Raises
    ------
    DataError
        When it is no table, a column has no name, or two are the same once they are texts.
    """
    checked = _table(frame, name)
    if checked.columns.nlevels > 1:
        raise DataError("columns have several levels; join them to one name each", file=name)
    names = []
    for place, column in enumerate(checked.columns):
        if pd.api.types.is_scalar(column) and pd.isna(column):
            raise DataError(
                "column has no name; name it, or drop it",
                file=name,
                column=f"{place + 1} of {len(checked.columns)}",
                found=column,
            )
        names.append(column_text(column))
    checked = checked.set_axis(pd.Index(names, dtype="object"), axis=1)
    check_frame(checked, name, ())
    return checked


def column_text(column: object) -> str:
    """Name of a column as text, a whole number without its decimal point."""
    whole = isinstance(column, float | np.floating) and float(column).is_integer()
    return str(int(column) if whole else column)  # type: ignore[call-overload]


def _table(frame: object, name: str) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            "not a table", file=name, found=type(frame).__name__, expected="a pandas DataFrame"
        )
    return frame


def check_frame(frame: object, name: str, columns: Iterable[str]) -> None:
    """Refuse what is no DataFrame, has no rows, has a column twice, or lacks one of these."""
    frame = _table(frame, name)
    if not frame.columns.is_unique:
        twice = str(frame.columns[frame.columns.duplicated()][0])
        raise DataError("column stands twice", file=name, column=twice)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        there = ", ".join(map(str, frame.columns))
        raise DataError("column is missing", file=name, column=missing[0], found=there)
    if frame.empty:
        raise DataError("table has no rows", file=name)


def check_cells(frame: pd.DataFrame, name: str, column: str) -> None:
    """Refuse a cell that is neither a number nor a text, or that no store takes."""
    values = frame[column]
    if pd.api.types.is_complex_dtype(values.dtype):
        raise DataError("not a number or a text", file=name, column=column, found=str(values.dtype))
    if values.dtype != object and not isinstance(
        values.dtype, pd.StringDtype | pd.CategoricalDtype
    ):
        return
    try:
        codes, distinct = pd.factorize(values)
        cells = list(distinct)
    except (TypeError, ValueError):  # lists, or letters that pandas cannot read
        codes, cells = np.arange(len(values)), list(values)
    problems = [_problem_of(cell) for cell in cells]
    wrong = np.array([problem != "" for problem in problems], dtype=bool)
    if wrong.any():
        rows = np.flatnonzero((codes >= 0) & wrong[codes])
        cell = codes[rows[0]]
        refuse(frame, name, column, rows, problems[cell], found=cells[cell])


def _problem_of(cell: object) -> str:
    """Why a cell cannot be stored; empty where it can."""
    if isinstance(cell, str):
        return storage_problem(cell)
    if isinstance(cell, bytes):
        return "cell holds bytes; decode them to text"
    if not pd.api.types.is_scalar(cell) or isinstance(cell, complex):
        return "cell holds neither a number nor a text"
    return ""


def keys_text(frame: pd.DataFrame, name: str, column: str) -> pd.Series:
    """Key column as text: whole numbers without a decimal point, nothing missing or empty."""
    check_cells(frame, name, column)
    codes, names = pd.factorize(frame[column])
    floats = names.dtype.kind == "f"
    text = pd.Index([level_text(name) for name in names] if floats else names).astype("str")
    missing = (codes < 0) | np.isin(codes, np.flatnonzero(text == ""))
    if missing.any():
        refuse(frame, name, column, np.flatnonzero(missing), "key is empty", found="nothing")
    return pd.Series(text.to_numpy()[codes], index=frame.index, dtype="str")


#: Unix time in seconds has passed this in 2001.
_EPOCH = 1e9

#: Steps in seconds from which whole hundreds are taken for milliseconds.
_LONG_STEP = 20

#: Seconds from which an excerpt is so long that slow whole numbers are taken for milliseconds.
_LONG_EXCERPT = 3600

#: Steps from which something is said of how fast people rate.
_FEW = 10

#: Steps in seconds that people choose where they rate slowly; so are whole minutes.
_CHOSEN_STEPS = (5, 10, 15, 30)


def seconds_column(frame: pd.DataFrame, name: str, column: str) -> npt.NDArray[np.float64]:
    """Time in seconds from the start of the excerpt; clocks and milliseconds are refused."""
    values = frame[column]
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if values.dtype.kind in "mM" or kind.startswith(("date", "time", "period")):
        raise DataError(
            "time is a date, a clock or a duration; subtract the start of the excerpt and give "
            "seconds, as in (t - start).dt.total_seconds()",
            file=name,
            column=column,
            found=str(values.iloc[0]),
            expected="seconds from the start of the excerpt",
        )
    seconds = number_column(frame, name, column, missing=False)
    largest = int(np.abs(seconds).argmax())
    problem = ""
    if abs(seconds[largest]) > _EPOCH:
        problem = "time is a clock, such as Unix time; subtract the start of each recording"
    elif abs(seconds[largest]) > LONGEST:
        problem = "excerpt of more than three hours; divide milliseconds by 1000"
    elif _are_hundreds(seconds) or _are_milliseconds(frame, seconds):
        problem = "time looks like milliseconds; divide it by 1000"
    if problem:
        refuse(
            frame,
            name,
            column,
            np.array([largest]),
            problem,
            expected="seconds from the start of the excerpt",
        )
    return seconds


def _are_hundreds(seconds: npt.NDArray[np.float64]) -> bool:
    """Whether times are whole hundreds; no one rates twice in ten minutes."""
    steps = np.diff(np.unique(seconds))
    return len(steps) > 2 and bool((seconds % 100 == 0).all() and np.median(steps) >= _LONG_STEP)


def _are_milliseconds(frame: pd.DataFrame, seconds: npt.NDArray[np.float64]) -> bool:
    """Whether times are whole numbers that would be hours with a sample now and then.

    So are those of frames, whose steps are not whole: 0, 17, 33, 50, ... or 0, 16.683, 33.367, ...
    """
    stamps = np.unique(seconds)
    if len(stamps) > _FEW:
        width, _, off = grid_under(stamps)
        halves = 2 * width
        if not off.any() and width > min(_CHOSEN_STEPS) and abs(halves - round(halves)) > 1e-3:
            return True
    if (seconds % 1).any() or np.ptp(seconds) <= _LONG_EXCERPT:
        return False
    keys = [key for key in KEYS if key in frame]
    recording = frame.groupby(keys, dropna=False, observed=True).ngroup() if keys else 0
    table = pd.DataFrame({"recording": recording, "time": seconds}).drop_duplicates()
    steps = table.sort_values(["recording", "time"]).groupby("recording")["time"].diff()
    step = steps.median()
    slow = step > min(_CHOSEN_STEPS) and step not in _CHOSEN_STEPS and step % 60
    return bool(slow and steps.count() >= _FEW)


def number_column(
    frame: pd.DataFrame,
    name: str,
    column: str,
    *,
    missing: bool = True,
    expected: str = "a number",
) -> npt.NDArray[np.float64]:
    """Column as finite numbers, NaN where missing or blank and where that is allowed."""
    values = frame[column]
    if values.dtype.kind in "mM":
        raise DataError(
            "not a number", file=name, column=column, found=str(values.dtype), expected="a number"
        )
    numbers = _numbers(frame, name, column, values)
    wrong = np.flatnonzero(np.isnan(numbers) & values.notna().to_numpy())
    wrong = np.array([row for row in wrong if str(values.iloc[row]).strip()], dtype=np.int64)
    if len(wrong):
        refuse(frame, name, column, wrong, "not a number", expected=expected)
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        refuse(frame, name, column, infinite, "value is infinite", expected="a finite number")
    empty = np.flatnonzero(np.isnan(numbers))
    if len(empty) and not missing:
        refuse(frame, name, column, empty, "value is missing", expected="a number")
    return np.asarray(numbers)


def _numbers(
    frame: pd.DataFrame, name: str, column: str, values: pd.Series
) -> npt.NDArray[np.float64]:
    """Values as numbers, NaN where they are none."""
    check_cells(frame, name, column)
    try:
        numbers = pd.to_numeric(_with_points(frame, name, column, values), errors="coerce")
        return numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    except OverflowError:
        largest = int(np.finfo(np.float64).max)
        large = [isinstance(v, int) and abs(v) > largest for v in values]
        refuse(frame, name, column, np.flatnonzero(large), "number is too large")


#: Numbers with a decimal comma, and such as may be thousands, "1,250".
_COMMA, _THOUSANDS = r"\s*[+-]?\d*,\d+\s*", r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*"


def _with_points(frame: pd.DataFrame, name: str, column: str, values: pd.Series) -> pd.Series:
    """Texts with decimal commas as Python writes them; thousands and mixtures are refused."""
    if values.dtype != object and not isinstance(values.dtype, pd.StringDtype):
        return values
    texts = values.astype("object")
    texts = texts.where(texts.map(lambda cell: isinstance(cell, str)), "").astype("str")
    comma = texts.str.fullmatch(_COMMA).to_numpy(dtype=bool)
    if not comma.any():
        return values
    both = np.flatnonzero(texts.str.contains(".", regex=False).to_numpy(dtype=bool))
    if len(both):
        problem = "decimal commas beside decimal points"
        refuse(frame, name, column, both, problem, expected="one of the two in a column")
    if texts[comma].str.fullmatch(_THOUSANDS).all():
        problem = "a comma before three digits may part thousands"
        remedy = "numbers; read the file with decimal=',' or thousands=','"
        refuse(frame, name, column, np.flatnonzero(comma), problem, expected=remedy)
    return values.where(~comma, texts.str.replace(",", ".", regex=False))


def flag_column(
    frame: pd.DataFrame,
    name: str,
    column: str,
    words: Sequence[str],
    *,
    missing: bool = True,
    problem: str = "not a known flag",
) -> npt.NDArray[np.int8]:
    """Column as codes: 0, 1, ... or the words for them; -1 for a missing value."""
    values = frame[column].astype("object")
    check_cells(frame, name, column)
    coded = values.map({word: code for code, word in enumerate(words)})
    codes = _numbers(frame, name, column, coded.where(coded.notna(), values))
    largest = max(len(words), 2) - 1
    allowed = (codes >= 0) & (codes <= largest) & (codes % 1 == 0)
    empty = values.isna().to_numpy() | (codes == -1)
    wrong = np.flatnonzero(~allowed & ~empty)
    if len(wrong):
        refuse(frame, name, column, wrong, problem, expected=", ".join(words) or "0 or 1")
    if empty.any() and not missing:
        refuse(frame, name, column, np.flatnonzero(empty), "value is missing")
    return np.where(allowed, codes, -1).astype(np.int8)
