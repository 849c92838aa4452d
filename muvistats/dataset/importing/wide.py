"""Tables with a column per rater, per time step or per item, made long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from ...arguments import check_choice, check_text
from ...errors import DataError, boundary
from ..frames import check_frame, text_columns

_KINDS = ("item", "modality", "participant", "session", "time")

#: A number in the name of a column.
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


@boundary("the table cannot be made long", file="wide table")
def read_wide(
    table: pd.DataFrame,
    *,
    across: Literal["item", "modality", "participant", "session", "time"] | None = None,
    keys: Sequence[str] = (),
    dimension: str = "rating",
    pattern: str | None = None,
    interval: float | None = None,
) -> pd.DataFrame:
    r"""Turn a wide table (a column per rater, time step or item) into a long one for `from_frames`.

    Parameters
    ----------
    table : DataFrame
        One row per item, rater, recording...; several of its columns hold ratings.
    across : {"item", "modality", "participant", "session", "time"}, optional
        What the columns of ratings stand for. Their names become the column of this name; of a
        time, the number in the name.
    keys : sequence of str
        Columns that say what a row is, kept as they are; all others hold ratings.
    dimension : str
        Name of the column of ratings.
    pattern : str, optional
        In place of `across` and `keys`: a regular expression that matches the whole names of the
        columns of ratings, and whose named groups are keys. A group `dimension` makes a column
        of ratings for each of its values. Other columns are kept.
    interval : float, optional
        Seconds between two columns, where the number in a name counts steps and is no time.

    Returns
    -------
    DataFrame
        One row per rating that is there: the columns that were kept, the keys, the ratings.

    Raises
    ------
    DataError
        When the table lacks a column, no column holds ratings, a name of a column holds no time,
        or two columns have the same keys.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    from_frames : Makes a study of the long table.
    from_files : One file per participant, item or trial.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import read_wide
    >>> table = pd.DataFrame({"item": ["a", "b"], "p1": [3, 5], "p2": [4, None]})
    >>> read_wide(table, across="participant", keys=["item"], dimension="tension")
      item participant  tension
    0    a          p1      3.0
    1    a          p2      4.0
    2    b          p1      5.0

    >>> table = pd.DataFrame({"who": [1], "clip": ["a"], "arousal_0.5": [0.1], "arousal_1": [0.2]})
    >>> read_wide(table, pattern=r"(?P<dimension>arousal)_(?P<time>[\d.]+)")["time"].tolist()
    [0.5, 1.0]
    """
    if (across is None) == (pattern is None):
        raise DataError(
            "across or pattern says which columns hold ratings", found=(across, pattern)
        )
    if not isinstance(keys, Sequence) or isinstance(keys, str):
        raise DataError("not a sequence of names", file="keys", found=keys, expected="['item']")
    check_text("dimension", dimension)
    table = text_columns(table, "wide table").reset_index(drop=True)
    check_frame(table, "wide table", keys)
    names = list(map(str, table))
    if pattern is None:
        check_choice("across", across, _KINDS)
        found: dict[str, dict[str, Any]] = {
            name: {str(across): name} for name in names if name not in keys
        }
    else:
        found = _matched(names, pattern)
    if not found:
        raise DataError(
            "no column holds ratings", file="wide table", found=", ".join(names), expected=pattern
        )
    _refuse_mixture(table, list(found))
    for name, groups in found.items():
        if "time" in groups:
            groups["time"] = _time(name, groups["time"], interval)
    return _stacked(table, found, dimension)


def _refuse_mixture(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a column of words among columns of numbers: it says what a row is."""
    words = [name for name in names if not _holds_numbers(table[name])]
    if 0 < len(words) < len(names):
        raise DataError(
            "column holds no numbers, as others do; keys=[...] names the columns that say what a "
            "row is",
            file="wide table",
            column=words[0],
            found=table[words[0]].dropna().iloc[0],
        )


def _holds_numbers(column: pd.Series) -> bool:
    """Whether some cell is a number, or a text of one, or nothing is there."""
    texts = column.dropna().astype("str").str.strip()
    texts = texts[texts != ""]
    return texts.empty or bool(texts.str.fullmatch(_NUMBER.pattern).any())


def _matched(names: Sequence[str], pattern: str) -> dict[str, dict[str, Any]]:
    """Keys in the names of the columns that match."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"not a regular expression: {error}", file="pattern", found=pattern
        ) from None
    known = (*_KINDS, "dimension")
    wrong = [group for group in expression.groupindex if group not in known]
    if wrong or not expression.groupindex:
        raise DataError(
            "pattern needs named groups, as in (?P<participant>.+)",
            file="pattern",
            found=wrong[0] if wrong else pattern,
            expected=", ".join(known),
        )
    matches = {name: expression.fullmatch(name) for name in names}
    return {name: match.groupdict() for name, match in matches.items() if match}


def _time(name: str, text: object, interval: float | None) -> float:
    """Seconds that the name of a column says."""
    number = _NUMBER.search(str(text))
    if number is None:
        raise DataError("name of a column holds no time", file="wide table", column=name)
    return float(number[0].replace(",", ".")) * (1.0 if interval is None else interval)


def _stacked(table: pd.DataFrame, found: dict[str, dict[str, Any]], dimension: str) -> pd.DataFrame:
    """Ratings below each other, those of one dimension in one column."""
    kept = [name for name in table.columns if name not in found]
    new = list(dict.fromkeys(key for groups in found.values() for key in groups))
    keys = [key for key in new if key != "dimension"]
    both = [name for name in (*keys, dimension) if name in kept]
    if both:
        raise DataError("column is there already", file="wide table", column=both[0])
    seen: dict[tuple[Any, ...], str] = {}
    for name, groups in found.items():
        at = tuple(groups[key] for key in new)
        if at in seen:
            raise DataError(
                "two columns have the same keys", file="wide table", column=name, found=seen[at]
            )
        seen[at] = name
    parts = [
        table[kept].assign(
            **{key: groups[key] for key in keys},
            **{str(groups.get("dimension", dimension)): table[name]},
            **{" row": table.index},
        )
        for name, groups in found.items()
    ]
    rated = list(dict.fromkeys(str(g.get("dimension", dimension)) for g in found.values()))
    long = pd.concat(parts, ignore_index=True)
    if len(rated) > 1:
        long = long.groupby([" row", *keys], sort=False, dropna=False).first().reset_index()
    long = long.dropna(subset=rated, how="all").sort_values(" row", kind="stable")
    return long[[*kept, *keys, *rated]].reset_index(drop=True)
