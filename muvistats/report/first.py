"""The first page: what becomes of each finding, and what is missing and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..results.cells import LONG_NAME, Cell, Footnotes
from ..results.words import capital, count, p_phrase, test_text, word
from .claims import ALPHA, Answer, Claim, answer, claims, effect_of, of_finding
from .page import Absent, FindingRow, Findings, Gap
from .parts import Frames
from .sources import Source
from .summary import reading_names
from .views import MOST_OPEN

#: Tones of verdicts on findings.
_TONES = {
    "agrees": "good",
    "differs": "bad",
    "holds": "good",
    "weakens": "near",
    "emerges": "near",
    "reversed": "bad",
    "does not survive": "bad",
}

_COLUMNS = ("Recomputed", "Survives", "Effect [95% CI]")

#: What the columns of a table of findings are.
_NOTE = (
    "Recomputed: the same analysis again, with ratings as independent. Survives: by a test that "
    "respects the design, and by a mixed model."
)

#: Tables whose questions head the page of a study for which no findings are given.
_ASKED = ("kruskal_modality", "kruskal_factors", "chisquare_labels")


def findings(source: Source, frames: Frames, reasons: Mapping[str, str]) -> Findings | None:
    """Each finding: what is said, what comes of it when done again, and by the design.

    Parameters
    ----------
    source : Source
        The data.
    frames : mapping of str to DataFrame
        Frames by the key of their table.
    reasons : mapping of str to str
        Why a table is not there.

    Returns
    -------
    Findings or None
        Those of the paper for MuVi, else those that were given, else the questions that were
        tested; None where there is neither.
    """
    if source.is_muvi:
        return _of_paper(source, frames, reasons)
    if "own_findings" in frames:
        return _own(frames["own_findings"])
    return _asked(frames)


def _of_paper(source: Source, frames: Frames, reasons: Mapping[str, str]) -> Findings:
    marks = {True: Footnotes(), False: Footnotes()}
    names = dict(zip(source.readings, reading_names(source), strict=True))
    rows: dict[bool, list[FindingRow]] = {True: [], False: []}
    for claim in claims():
        found = {}
        for name in source.readings:
            parts = {key: source.rows_of(name, frame) for key, frame in frames.items()}
            if claim.table in frames and parts[claim.table].empty:
                continue  # it does not depend on the reading
            found[name] = answer(claim, parts, reasons.get(claim.table, ""))
        here = _is_here(found)
        first = claim.first and here  # what has no answer is counted on the first page
        shown = found if here else dict(list(found.items())[:1])
        rows[first].append(_row(claim, shown, names, marks[first]))
    several = len(names) > 1
    return Findings(
        caption="Findings of the paper",
        header=[
            *("The paper says",),
            *(["Labels"] if several else []),
            *_COLUMNS,
        ],
        first=rows[True],
        others=rows[False],
        others_caption="Every other statement of the paper",
        note=_NOTE,
        footnotes=marks[True].listed(),
        others_footnotes=marks[False].listed(),
    )


def _row(
    claim: Claim, found: Mapping[str, Answer], names: Mapping[str, str], marks: Footnotes
) -> FindingRow:
    several = len(names) > 1
    cells = []
    for name, one in found.items():
        reading = word(name) if len(found) > 1 else "both" if several else ""
        cells.append([*([Cell(reading)] if several else []), *_cells(one, marks)])
    anchor = claim.table if claim.table and found and _is_here(found) else "absent"
    return FindingRow(claim.claim, claim.section, anchor, cells)


def _is_here(found: Mapping[str, Answer]) -> bool:
    return any(one.recomputed != "not here" for one in found.values())


def _cells(one: Answer, marks: Footnotes) -> list[Cell]:
    """What is recomputed, what survives, and the effect; one cell where nothing is here."""
    if one.recomputed == "not here":
        return [Cell(one.recomputed, tone="plain", more=one.numbers)]
    return [
        Cell(one.recomputed, tone=_TONES.get(one.recomputed, "plain"), more=one.numbers),
        Cell(
            one.survives,
            tone=_TONES.get(one.survives, "plain") if one.survives else "",
            more=one.p_values,
            mark=marks.mark(one.note),
        ),
        Cell(one.effect),
    ]


def _own(frame: pd.DataFrame) -> Findings:
    """The findings that were given, as `sensitivity_table` has them."""
    marks = Footnotes()
    rows = []
    for _, row in frame.iterrows():
        reason = str(row["warning"]) if isinstance(row["warning"], str) else ""
        p = float(row["p_independent"])
        turned = reason.startswith("the data has the other direction")
        said = (
            "not comparable" if np.isnan(p) else "agrees" if p < ALPHA and not turned else "differs"
        )
        verdict = str(row["verdict"])
        note = reason if turned or verdict.startswith("undecided") else ""
        numbers = "not tested" if np.isnan(p) else p_phrase(p)
        one = Answer(said, numbers, *of_finding(row, verdict, note))
        rows.append(
            FindingRow(capital(str(row["finding"])), "", "own_findings", [_cells(one, marks)])
        )
    return Findings(
        caption="Findings that were given",
        header=["What is said", *_COLUMNS],
        first=rows[:MOST_OPEN],
        others=rows[MOST_OPEN:],
        others_caption="The other findings",
        note=_NOTE,
        footnotes=_listed(marks, rows[:MOST_OPEN]),
        others_footnotes=_listed(marks, rows[MOST_OPEN:]),
    )


def _asked(frames: Frames) -> Findings | None:
    """Questions that the report tests, where nobody says what the answer is."""
    marks = Footnotes()
    rows = []
    for key in _ASKED:
        frame = frames.get(key, pd.DataFrame())
        keys = [name for name in ("dimension", "factor", "alignment") if name in frame]
        for _, part in frame.groupby(keys, sort=False, dropna=False) if keys else ():
            by = {str(row["dependence"]): row for _, row in part.iterrows()}
            plain, design = by.get("independent"), by.get("design")
            what = part.iloc[0].get("dimension")
            what = word(what) if isinstance(what, str) else "the choice of labels"
            text = f"Does {what} depend on {word(part.iloc[0]['factor'])}?"
            size, other = (effect_of(row, frame) for row in (design, plain))
            if "[" not in size and other:  # an interval, and whose it is
                size = f"{other}, ratings as independent"
            reason = "" if design is None else design["warning"]
            cells = [
                Cell(_tested(plain)),
                Cell(_tested(design), mark=marks.mark(reason)),
                Cell(size),
            ]
            rows.append(FindingRow(text, "", key, [cells]))
    if not rows:
        return None
    return Findings(
        caption="What was asked",
        header=["Question", "Ratings as independent", "By the design", "Effect [95% CI]"],
        first=rows[:MOST_OPEN],
        others=rows[MOST_OPEN:],
        others_caption="The other questions",
        note="No findings were given, so nothing has a verdict. Findings of your own, as in "
        "'tension ~ cut: short > long', get one: write_report takes findings=, the command line "
        "--finding.",
        footnotes=_listed(marks, rows[:MOST_OPEN]),
        others_footnotes=_listed(marks, rows[MOST_OPEN:]),
    )


def _listed(marks: Footnotes, rows: Sequence[FindingRow]) -> list[tuple[str, str]]:
    """Footnotes that these rows have."""
    used = {cell.mark for row in rows for cells in row.answers for cell in cells}
    return [note for note in marks.listed() if note[0] in used]


def _tested(row: pd.Series | None) -> str:
    """Test and p-value of a row."""
    if row is None or pd.isna(row["p_value"]):
        return "not tested"
    degrees = [float(row.get(name, np.nan)) for name in ("df", "df_denom")]
    test = test_text(row["statistic_name"], float(row["statistic"]), *degrees)
    p = p_phrase(float(row["p_value"]))
    return f"{test}, {p}" if len(row["statistic_name"]) <= LONG_NAME else p


def gaps(
    source: Source, frames: Frames, absent: Sequence[Absent], reasons: Mapping[str, str]
) -> list[Gap]:
    """What could not be made, one line for each reason.

    Parameters
    ----------
    source : Source
        The data.
    frames : mapping of str to DataFrame
        Frames by the key of their table.
    absent : sequence of Absent
        Tables and figures that are not there.
    reasons : mapping of str to str
        Why a table is not there.

    Returns
    -------
    list of Gap
        Statements of the paper that have no answer, and how many tables and figures are missing.
    """
    asked = claims() if source.is_muvi else ()
    statements = Counter(
        reasons.get(claim.table) or f"needs {claim.needs}"
        for claim in asked
        if claim.table not in frames
    )
    parts = Counter(entry.reason for entry in absent)
    told = []
    for reason in dict.fromkeys([*statements, *parts]):
        said = [_number_of(statements[reason], "statement of the paper", "statements of the paper")]
        said += [_number_of(parts[reason], "table or figure", "tables and figures")]
        told.append(Gap(capital(", ".join(filter(None, said))), reason))
    return told


def _number_of(number: int, one: str, several: str) -> str:
    """A number of things in words; nothing of none."""
    return "" if not number else f"1 {one}" if number == 1 else f"{count(number)} {several}"
