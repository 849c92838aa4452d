"""The short view of a result frame: the columns that answer its question, and why and how below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from .cells import (
    DEGREES,
    LONG_NAME,
    Column,
    Footnotes,
    capital_name,
    column_of,
    constant,
    interval_owner,
    notes_of,
    resamples_of,
    tested,
)
from .glossary import ANSWERS, KEYS, SAID_ONCE
from .words import MISSING, capital, heading, published_text, rule_of, word

#: Characters of a line.
WIDTH = 100
#: Columns of text are broken into lines of no less than this, and longer words within.
_LEAST, _WORD = 8, 14
#: Columns of text take no more than this from columns that are not needed.
_ROOM = 30
#: Methods of one kind of dependence that are said below the table.
_FEW_METHODS = 3
#: Reasons that are said below the table.
_MOST_REASONS = 5
_HIDDEN = frozenset({"simulated", "warning", "conf_high", "statistic_name", "conf_level"})
#: Columns of which neither is shown alone.
_PAIRS = {
    each: other
    for first, second in (
        *((f"{name}1", f"{name}2") for name in ("group", "label", "modality", "median", "mean")),
        *(("n1", "n2"), ("estimate1", "estimate2"), ("band_low", "band_high"), ("start", "end")),
        ("window_start", "window_end"),
    )
    for each, other in ((first, second), (second, first))
}
#: Answers for which keys are joined where there is no room for both.
_FIRST = ("p_value", "estimate", "conf_low", "verdict")
#: Name of the column of joined keys.
_JOINED = "what"


@dataclass(frozen=True, slots=True)
class View:
    """A short view.

    Parameters
    ----------
    columns : sequence of Column
        What is shown, from left to right.
    marks : sequence of str
        Letter of the reason of each row.
    notes : sequence of str
        How it was made, in phrases.
    reasons : sequence of (str, str)
        Why values are missing or to be read with care, by letter; without one it is said of all.
    """

    columns: Sequence[Column]
    marks: Sequence[str]
    notes: Sequence[str]
    reasons: Sequence[tuple[str, str]]

    @property
    def line(self) -> str:
        """Method and reasons in one line."""
        reasons = [f"({letter}) {text}" if letter else text for letter, text in self.reasons]
        phrases = [*self.notes, *reasons]
        return "".join(f"{text.rstrip('.')}. " for text in phrases).rstrip()


def keys_of(columns: Iterable[str]) -> list[str]:
    """Columns among these that tell rows apart, the kind of dependence last."""
    keys = [name for name in columns if name in KEYS]
    return sorted(keys, key=lambda name: name == "dependence")


def short_view(
    frame: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    most: int | None = None,
    reasons: int | None = _MOST_REASONS,
) -> View:
    """The columns of a result frame that answer its question.

    Parameters
    ----------
    frame : DataFrame
        The frame.
    columns : sequence of str, optional
        Columns to show in place of those that answer.
    most : int, optional
        Rows that are shown, the first and the last ones; all where not given.
    reasons : int or None
        Reasons that are said, others are counted; all where None.

    Returns
    -------
    View
        Columns, notes and reasons.
    """
    names = _answering(frame) if columns is None else list(columns)
    head = (most or 0) // 2
    cut = most is not None and len(frame) > most
    part = pd.concat([frame.iloc[:head], frame.iloc[-head:]]) if cut else frame
    shown = {name: _column(part, name) for name in names}
    marks, listed = _reasons(part, reasons)
    if columns is None:
        shown = _fitting(frame, shown, room=WIDTH - margin_of(marks))
    cells = list(shown.values())
    if cut:
        cells = [_with_gap(column, head) for column in cells]
        marks = [*marks[:head], "", *marks[head:]]
    told = names if _JOINED in shown else list(shown)
    return View(cells, marks, _said(frame, told), listed)


def margin_of(marks: Sequence[str]) -> int:
    """Characters that letters of reasons take beside a table."""
    return max((len(f"  ({mark})") for mark in marks if mark), default=0)


def _reasons(part: pd.DataFrame, most: int | None) -> tuple[list[str], list[tuple[str, str]]]:
    """Letter of each row, and reasons by letter; one that all rows have needs no letter."""
    given = [
        text if isinstance(text, str) else "" for text in part.get("warning", [""] * len(part))
    ]
    distinct = [text for text in dict.fromkeys(given) if text]
    if len(distinct) == 1 and all(given):
        return [""] * len(given), [("", capital(distinct[0]))]
    if most is not None and len(distinct) > most + 1:
        others = f"one of {len(distinct) - most} other reasons, which `warning` has"
        given = [text if text in ["", *distinct[:most]] else others for text in given]
    letters = Footnotes()
    marks = [letters.mark(text) for text in given]
    return marks, letters.listed()


def _answering(frame: pd.DataFrame) -> list[str]:
    """Columns that may be shown, in the order in which they stand from left to right."""
    filled = [name for name in frame.columns if _says_something(frame, name)]
    keys = keys_of(filled)
    telling = _telling_apart(frame, keys)
    others = [n for n in filled if n not in keys and n not in _HIDDEN and n not in telling]
    others = [n for n in others if n not in SAID_ONCE]
    if not set(others) & set(ANSWERS):
        others = [n for n in frame.columns if n in ANSWERS and n != "conf_high"] + others
    if "statistic" in others:
        others = [name for name in others if name not in DEGREES]
    owner = interval_owner(frame)
    if owner in others and "conf_low" in others:
        others.remove("conf_low")
        others.insert(others.index(owner) + 1, "conf_low")
    return [*dict.fromkeys([*keys, *telling]), *others]


def _says_something(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column has values, and more to say than that all is meant or nothing left out."""
    if name == "n_missing":
        return bool(frame[name].any())
    value = constant(frame, name) if name in KEYS else None
    return bool(frame[name].notna().any()) and (value is None or value not in ("all", 0))


def _telling_apart(frame: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    """The first keys that, together, are different in each row; then what says how it was made.

    Of two groups, and of start and end, both are given.
    """
    chosen: list[str] = []
    groups = 1
    for name in [*keys, *(n for n in ("estimator", "method") if n in frame)]:
        if groups == len(frame) or constant(frame, name) is not None:
            continue
        now = len(frame[[*chosen, name]].drop_duplicates())
        if now > groups:
            other = _PAIRS.get(name, "")
            chosen += [name, other] if other in keys and other not in chosen else [name]
            groups = len(frame[chosen].drop_duplicates())
    return [name for name in [*keys, "estimator", "method"] if name in chosen]


def _column(part: pd.DataFrame, name: str) -> Column:
    """One column of the rows that are shown; the test with its name and degrees of freedom."""
    if name == "effect_size" and not _is_heading(part):
        return replace(column_of(part, name, {}), title=heading(name))
    if name == "published" and {"relation", "digits"} <= set(part):
        said = map(published_text, part[name], part["relation"], part["digits"])
        return Column(heading(name), [text.removeprefix("= ") for text in said], numeric=True)
    if name == "statistic" and "statistic_name" in part:
        return tested(part)
    return column_of(part, name, {})


def _is_heading(frame: pd.DataFrame) -> bool:
    """Whether the name of the effect size is short enough for a heading."""
    return len(str(constant(frame, "effect_size_name") or "")) <= LONG_NAME + 2


def _with_gap(column: Column, place: int) -> Column:
    texts = [*column.texts[:place], "\u2026", *column.texts[place:]]
    return Column(column.title, texts, column.numeric)


# ------------------------------------------------------------------------- width


def breaks(column: Column) -> bool:
    """Whether the cells of a column may be broken into lines."""
    return not column.numeric


def width_of(column: Column) -> int:
    """Characters that a column takes: its longest cell, or the longest word of its heading."""
    title = len(column.title) if breaks(column) else _longest_word(column.title)
    return max([title, *map(len, column.texts)])


def _longest_word(text: str) -> int:
    """Length of the longest piece that stays together; a hyphen ends one."""
    return max(map(len, text.replace("-", "- ").split(" ")), default=0)


def least_width(column: Column, most: int = _WORD) -> int:
    """Characters that it takes at least, words up to this length in one piece."""
    if not breaks(column):
        return width_of(column)
    words = max(_longest_word(text) for text in [column.title, *column.texts])
    return min(width_of(column), max(min(words, most), _LEAST))


def widths_of(columns: Sequence[Column], room: int) -> list[int]:
    """Widths of columns that fit, the widest texts broken first, and words only where they must."""
    widths = [width_of(column) for column in columns]
    for most in (_WORD, _LEAST):
        least = [least_width(column, most) for column in columns]
        while sum(widths) + 2 * (len(widths) - 1) > room:
            free = [n for n in range(len(widths)) if widths[n] > least[n]]
            if not free:
                break
            widths[max(free, key=lambda n: widths[n])] -= 1
    return widths


def _fitting(frame: pd.DataFrame, columns: dict[str, Column], room: int) -> dict[str, Column]:
    """The columns that fit: what tells rows apart, answers, then what there is room for."""
    needed = _telling_apart(frame, keys_of(columns))
    answers = [name for name in ANSWERS if name in columns]
    first = [name for name in (*_FIRST, interval_owner(frame)) if name in answers]
    if _least(columns[name] for name in [*needed, *first]) > room:
        varying = [name for name in keys_of(columns) if constant(frame, name) is None]
        columns, needed = _with_joined_keys(columns, list(dict.fromkeys([*varying, *needed])))
    rest = [name for name in columns if name not in needed and name not in answers]
    rest.sort(key=lambda name: _priority(frame, name))
    kept: list[str] = []
    for name in [*needed, *answers, *rest]:
        tried = [columns[each] for each in [*kept, name]]
        least = _least(tried, _ROOM if name in rest else _LEAST)
        if name in needed or least <= room:
            kept.append(name)
    alone = [name for name in kept if name in _PAIRS and _PAIRS[name] in columns]
    alone = [name for name in alone if _PAIRS[name] not in kept and name not in needed]
    return {name: columns[name] for name in columns if name in kept and name not in alone}


def _least(columns: Iterable[Column], texts: int = _LEAST) -> int:
    """Characters that columns take side by side, those of texts no more than this."""
    widths = [min(width_of(each), texts) if breaks(each) else width_of(each) for each in columns]
    return sum(widths) + 2 * (len(widths) - 1)


def _with_joined_keys(
    columns: dict[str, Column], keys: Sequence[str]
) -> tuple[dict[str, Column], list[str]]:
    """Columns with one in the place of the keys, for frames of many keys that most rows lack."""
    joined = [name for name in keys if name != "dependence"]
    rows = zip(*(columns[name].texts for name in joined), strict=True)
    texts = [", ".join(text for text in row if text not in ("", MISSING)) for row in rows]
    others = {n: column for n, column in columns.items() if n not in KEYS and n not in joined}
    kept = {name: columns[name] for name in keys if name == "dependence"}
    return {_JOINED: Column("What", texts, numeric=False), **kept, **others}, [_JOINED, *kept]


def _priority(frame: pd.DataFrame, name: str) -> int:
    """Place of a column that is not needed: traits of rows, tests and counts, what all share."""
    if name in KEYS:
        return 0 if constant(frame, name) is None else 2
    return 1 if name in ("statistic", "n") else 3


# ------------------------------------------------------------------------- notes


def _said(frame: pd.DataFrame, shown: Sequence[str]) -> list[str]:
    """How the rows were made, what they share, and that they are simulated."""
    notes = [*_shared_keys(frame, shown)]
    notes += notes_of(frame, shown, headed=_is_heading(frame))
    notes += _by_dependence(frame, shown)
    if "simulated" in frame and (frame["simulated"] == True).any():  # noqa: E712
        notes.append("Simulated data")
    return notes


def _shared_keys(frame: pd.DataFrame, shown: Sequence[str]) -> list[str]:
    """Keys that are the same in every row and found no room."""
    left = [name for name in keys_of(frame.columns) if name not in shown and name != "dependence"]
    values = {name: constant(frame, name) for name in left}
    if values.get("group1") and values.get("group2"):
        second = values.pop("group2")
        values["group1"] = f"{word(values['group1'])} against {word(second)}"
    said = [
        f"{'' if name == 'group1' else heading(name).lower()} {_said_value(name, value)}".strip()
        for name, value in values.items()
        if value is not None and value not in ("all", "", 0)
    ]
    return [capital_name(", ".join(said))] if said else []


def _said_value(name: str, value: object) -> str:
    return word(value) if rule_of(name) == "text" else str(value)


def _by_dependence(frame: pd.DataFrame, shown: Sequence[str]) -> list[str]:
    """Methods, estimates, effect sizes and adjustments that go with the kind of dependence."""
    if "dependence" not in frame or constant(frame, "dependence") is not None:
        return []
    notes = []
    for kind, rows in frame.groupby("dependence", sort=False):
        about = {"estimator": "estimate", "statistic_name": "statistic"}
        about["effect_size_name"] = "effect_size"
        names = ["method", *(name for name, column in about.items() if column in shown)]
        left = [n for n in names if n in frame and n not in shown and constant(frame, n) is None]
        values = [constant(rows, name) for name in left]
        if left[:1] == ["method"] and rows["method"].nunique() <= _FEW_METHODS:
            values[0] = "; in other rows ".join(map(word, rows["method"].dropna().unique())) or None
        if "statistic_name" in left and len(str(values[left.index("statistic_name")])) <= LONG_NAME:
            values[left.index("statistic_name")] = None
        said = [word(value) for value in values if value is not None]
        adjusted = constant(rows, "p_adjust_method") if "p_adjusted" in shown else None
        if adjusted is not None and constant(frame, "p_adjust_method") is None:
            said.append(f"p adjusted by {word(adjusted)}")
        if resamples_of(rows) and constant(frame, "n_resamples") is None:
            said.append(resamples_of(rows))
        if said:
            notes.append(f"{capital_name(word(kind))}: {'; '.join(said)}")
    return notes
