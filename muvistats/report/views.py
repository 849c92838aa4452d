"""Turn a result frame into the table that the page shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..results.cells import (
    DEGREES,
    Cell,
    Column,
    Footnotes,
    capital_name,
    column_of,
    constant,
    notes_of,
    telling,
    tested,
)
from ..results.frame import provenance
from ..results.glossary import ANSWERS, GLOSSARY, SAID_ONCE
from ..results.words import (
    MISSING,
    fixed,
    heading,
    p_value,
    percent,
    printed_like,
    significant,
    word,
)
from .parts import Table

#: Quantities of rows with their units.
UNITS = {
    "age": "age (years)",
    "years_of_training": "training (years)",
    "sampling_interval": "sampling interval (s)",
}

_HIDDEN = {"simulated", "warning", "name"}
_P_COLUMNS = {"p_value", "p_adjusted"}
#: A table with more rows than this is folded away at first.
MOST_OPEN = 25
_STAR_NOTE = "* p < .05, ** p < .01, *** p < .001"


@dataclass(frozen=True, slots=True)
class TableView:
    """A table as the page shows it."""

    key: str
    caption: str
    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    csv: str
    simulated: bool
    total: int
    collapsed: bool = False
    notes: Sequence[str] = ()
    footnotes: Sequence[tuple[str, str]] = ()


def table_views(table: Table, frame: pd.DataFrame) -> list[TableView]:
    """Tables that show one frame: one, or one per reading of the labels.

    Parameters
    ----------
    table : Table
        How it is declared.
    frame : DataFrame
        The frame, rows of all readings.

    Returns
    -------
    list of TableView
        What the page shows.
    """
    readings = list(dict.fromkeys(frame["alignment"])) if "alignment" in frame else []
    parts = (
        [(name, frame[frame["alignment"] == name]) for name in readings]
        if table.split and len(readings) > 1
        else [("", frame)]
    )
    views = []
    for number, (reading, part) in enumerate(parts):
        shown = table.view(part) if table.view else _interleaved(part)
        key = table.key if number == 0 else f"{table.key}-{reading}"
        caption = f"{table.caption}, labels {word(reading)}" if reading else table.caption
        views.append(_view(table, shown, key, caption, simulated=provenance(frame)["simulated"]))
    return views


def _interleaved(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the readings next to each other, otherwise in their order."""
    if "alignment" not in frame or frame["alignment"].nunique() < 2:
        return frame
    keys = [
        name
        for name in frame.columns
        if (GLOSSARY[name].kind == "text" or name in ("lag", "trial", "annotation"))
        and (name == "dependence" or name not in SAID_ONCE)
        and name not in _HIDDEN
    ]
    row = frame.groupby("alignment", sort=False).cumcount()
    first = (
        frame.assign(_row=row).groupby(keys, sort=False, dropna=False)["_row"].transform("first")
    )
    return frame.iloc[first.to_numpy().argsort(kind="stable")]


def _view(
    table: Table, frame: pd.DataFrame, key: str, caption: str, *, simulated: bool
) -> TableView:
    columns = table.columns.split() if isinstance(table.columns, str) else table.columns
    names = _chosen(frame, columns) if columns else telling(frame)
    if "modality" in names and len(set(frame["modality"].dropna())) <= 1:
        names.remove("modality")  # a study of one modality has nothing to tell apart
    if "n_participants" in names and not frame["n_participants"].any():
        names.remove("n_participants")  # nor has one without ids of its raters
    notes = notes_of(frame, names)
    footnotes = Footnotes()
    marks = [footnotes.mark(text) for text in frame.get("warning", pd.Series("", frame.index))]
    shown = frame.iloc[: table.limit]
    if "conf_low" in names:
        names = [name for name in names if name != "conf_high"]
    named = "statistic" in names and "statistic_name" in {*frame.columns} - {*names}
    columns_shown = {
        name: tested(shown)
        if named and name == "statistic"
        else column_of(shown, name, table.rules, starred=True)
        for name in names
        if not (named and name in DEGREES)
    }
    header = [Cell(column.title, column.numeric) for column in columns_shown.values()]
    reasons = dict(footnotes.listed())
    body = []
    for number, mark in enumerate(marks[: len(shown)]):
        noted = _noted(columns_shown, number, reasons[mark], marks) if mark else ""
        body.append(
            [
                Cell(column.texts[number], column.numeric, mark if name == noted else "")
                for name, column in columns_shown.items()
            ]
        )
    if any("*" in cell.text for row in body for cell in row):
        notes.append(_STAR_NOTE)
    return TableView(
        key=key,
        caption=caption,
        header=header,
        rows=body,
        csv=f"tables/{table.key}.csv",
        simulated=simulated,
        total=len(frame),
        collapsed=table.collapsed or len(body) > MOST_OPEN,
        notes=notes,
        footnotes=footnotes.listed(),
    )


def _noted(columns: Mapping[str, Column], number: int, reason: str, marks: Sequence[str]) -> str:
    """Column of the number that the reason of a row is about.

    One that is missing there, and in no row without a reason; else a p that the reason names; else
    the answer.
    """
    answers = [name for name in ANSWERS if name in columns]
    texts = {name: columns[name].texts for name in answers}
    missing = [
        name
        for name in answers
        if texts[name][number].startswith(MISSING)
        and all(m for t, m in zip(texts[name], marks, strict=False) if t.startswith(MISSING))
    ]
    of_p = [name for name in answers if name.startswith("p_")]
    named = [name for name in of_p if name.removeprefix("p_").split("_")[0] in reason.split(":")[0]]
    said = named or (of_p if re.search(r"\bp\b", reason) else [])
    others = [name for name in answers if name not in of_p]
    return [*missing, *said, *others, *of_p, *columns][0]


def _chosen(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Columns that a table asks for, as far as there are any; one reading needs no column."""
    names = [name for name in columns if name in frame]
    one_reading = "alignment" in frame and constant(frame, "alignment") is not None
    return [name for name in names if not (name == "alignment" and one_reading)]


#: Verdicts in order, and the tone in which the page shows them.
TONES = {
    "agrees": "good",
    "within sampling error": "near",
    "differs": "bad",
    "not comparable": "",
}
_PAPER_COLUMNS = ("section", "quantity", "relation", "published", "printed", "digits")
_OURS = ("estimate", "difference", "std_error", "verdict", "rule", "warning", "alignment")


def comparison_view(key: str, caption: str, frame: pd.DataFrame, *, csv: str) -> TableView:
    """Ours beside the printed values.

    Parameters
    ----------
    key, caption : str
        Anchor and caption.
    frame : DataFrame
        Frame of `compare_published`, rows of all readings.
    csv : str
        Where the CSV lies, seen from the page.

    Returns
    -------
    TableView
        One row per printed value; ours, the difference and the verdict once per reading.
    """
    frame = frame.assign(alignment=frame["alignment"].fillna(""))  # a frame need not say it
    readings = list(dict.fromkeys(frame["alignment"]))
    parts = [frame[frame["alignment"] == name].reset_index(drop=True) for name in readings]
    footnotes = Footnotes()
    header = [Cell("Where"), Cell("What"), Cell("Printed", numeric=True)]
    alone = len(readings) == 1
    for reading in readings:
        header.append(Cell("Ours" if alone else capital_name(word(reading)), numeric=True))
        if alone:
            header.append(Cell("Difference", numeric=True))
        header.append(Cell("Verdict"))
    rows = []
    for number, record in enumerate(parts[0].to_dict("records")):
        row = [
            Cell(str(record["section"]).replace("Section ", "\u00a7\u00a0")),
            Cell(_what({str(k): v for k, v in record.items()})),
            Cell(_printed(str(record["printed"])), numeric=True),
        ]
        for part in parts:
            ours = part.iloc[number]
            row.extend(_ours(ours, difference=alone))
            place = 2 if pd.notna(ours["estimate"]) else len(row) - (3 if alone else 2)
            mark = footnotes.mark(ours["warning"])
            if mark not in row[place].mark:
                row[place] = replace(row[place], mark=mark)
        rows.append(row)
    return TableView(
        key=key,
        caption=caption,
        header=header,
        rows=rows,
        csv=csv,
        simulated=bool(frame["simulated"].any()),
        total=len(rows),
        collapsed=len(rows) > MOST_OPEN,
        footnotes=footnotes.listed(),
    )


def _printed(text: str) -> str:
    """As printed, with typographic minus and power of ten."""
    text = text.replace("x10^", "\u00d710^").replace("^5", "\u2075").replace("^4", "\u2074")
    return "\u2212" + text[1:] if text.startswith("-") else text


def _what(record: Mapping[str, object]) -> str:
    """The keys of a printed value and the quantity, in words."""
    skipped = {*_PAPER_COLUMNS, *_OURS, *_HIDDEN}
    keys = [
        UNITS.get(value, word(value))
        for name, value in record.items()
        if name not in skipped and isinstance(value, str) and value
    ]
    quantity = str(record["quantity"])
    return ", ".join([*keys, heading(quantity) if quantity in _P_COLUMNS else word(quantity)])


def _apart(record: pd.Series) -> str:
    """How far ours lies from the printed value: of shares in points of percent."""
    difference = float(record["difference"])
    if "%" in str(record["printed"]):
        return f"{fixed(100 * difference, max(0, int(record['digits']) - 2))} points"
    return significant(difference, 2)


def _ours(record: pd.Series, *, difference: bool) -> list[Cell]:
    """Ours, the difference where asked for, and the verdict of one printed value."""
    estimate, digits = float(record["estimate"]), int(record["digits"])
    if record["quantity"] in _P_COLUMNS:
        ours = p_value(estimate)
    elif "%" in str(record["printed"]):
        ours = percent(estimate, max(0, digits - 2))
    elif record["relation"] != "=":
        ours = significant(estimate)
    else:
        ours = printed_like(estimate, digits)
    apart = _apart(record) if record["relation"] == "=" else ""
    verdict = str(record["verdict"])
    return [
        Cell(ours, numeric=True),
        *([Cell(apart, numeric=True)] if difference else []),
        Cell(verdict, tone=TONES[verdict]),
    ]
