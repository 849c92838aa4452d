"""The first page: findings, agreement beside ceiling and model, what is missing and why."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..results.cells import Cell, Footnotes
from ..results.words import capital, count, fixed, interval, p_phrase, test_text, word
from .claims import ALPHA, Answer, Claim, answer, claims, effect_of, of_finding
from .page import Absent, Beside, FindingRow, Findings, Gap
from .parts import together
from .sources import Source
from .summary import reading_names
from .views import MOST_OPEN

Frames = Mapping[str, pd.DataFrame]

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
    marks = Footnotes()
    names = dict(zip(source.readings, reading_names(source), strict=True))
    rows: dict[bool, list[FindingRow]] = {True: [], False: []}
    for claim in claims():
        found = {}
        for name in source.readings:
            parts = {key: source.rows_of(name, frame) for key, frame in frames.items()}
            if claim.table in frames and parts[claim.table].empty:
                continue  # it does not depend on the reading
            found[name] = answer(claim, parts, reasons.get(claim.table, ""))
        if all(one.recomputed == "not here" for one in found.values()):
            if not claim.first:
                rows[False].append(_row(claim, dict(list(found.items())[:1]), names, marks))
            continue
        rows[claim.first].append(_row(claim, found, names, marks))
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
        footnotes=marks.listed(),
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
    """What is recomputed, what survives, and the effect."""
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
        said = "not comparable" if np.isnan(p) else "agrees" if p < ALPHA and not turned else "differs"
        verdict = str(row["verdict"])
        note = reason if turned or verdict.startswith("undecided") else ""
        numbers = "not tested" if np.isnan(p) else p_phrase(p)
        one = Answer(said, numbers, *of_finding(row, verdict, note))
        rows.append(FindingRow(capital(str(row["finding"])), "", "own_findings", [_cells(one, marks)]))
    return Findings(
        caption="Findings that were given",
        header=["What is said", *_COLUMNS],
        first=rows[:MOST_OPEN],
        others=rows[MOST_OPEN:],
        others_caption="The other findings",
        note=_NOTE,
        footnotes=marks.listed(),
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
            shown = design if effect_of(design, frame) else plain
            reason = "" if design is None else design["warning"]
            cells = [
                Cell(_tested(plain)),
                Cell(_tested(design), mark=marks.mark(reason)),
                Cell(effect_of(shown, frame)),
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
        note="Nobody said what the answers are. Findings of your own, as in "
        "'tension ~ cut: short > long', get a verdict here: findings= or --finding.",
        footnotes=marks.listed(),
    )


def _tested(row: pd.Series | None) -> str:
    """Test and p-value of a row."""
    if row is None or pd.isna(row["p_value"]):
        return "not tested"
    degrees = [float(row.get(name, np.nan)) for name in ("df", "df_denom")]
    test = test_text(row["statistic_name"], float(row["statistic"]), *degrees)
    return f"{test}, {p_phrase(float(row['p_value']))}"


# ------------------------------------------------------------ agreement, ceiling, model


def beside(source: Source, frames: Frames) -> Beside | None:
    """Agreement of raters beside the ceiling of models, and models beside both.

    Parameters
    ----------
    source : Source
        The data.
    frames : mapping of str to DataFrame
        Frames by the key of their table.

    Returns
    -------
    Beside or None
        A row for each dimension and modality, for the choice of a label, and for labels; None
        where no agreement is known.
    """
    rows = _over_time(frames) or _static(frames)
    rows += [
        [_of(word("choice of a label"), row["modality"]), _measured(word(row["estimator"]), row)]
        for _, row in _modalities(frames.get("choice_agreement", _NOTHING)).iterrows()
        if row["estimator"] == "krippendorff_alpha"
    ]
    for name in source.readings:
        rows += _labels(
            {key: source.rows_of(name, frame) for key, frame in frames.items() if key in _LABELS},
            word(name) if len(source.readings) > 1 else "",
        )
    if not rows:
        return None
    header = ["", "Agreement of raters", "Ceiling of a model", "Linear model", "Best network"]
    wide = max(map(len, rows))
    filled = [[*row, *[Cell("\u2013")] * (wide - len(row))] for row in rows]
    return Beside(header[:wide], filled)


_NOTHING = pd.DataFrame(columns=["modality", "estimator"])
_LABELS = ("label_agreement", "label_prediction")


def _modalities(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of single modalities; those of all where there are no others."""
    single = frame[frame["modality"] != "all"]
    return frame if single.empty else single


def _of(what: str, modality: object) -> Cell:
    named = f", {word(modality)}" if modality != "all" else ""
    return Cell(f"{capital(what)}{named}")


def _measured(name: str, row: Mapping[Hashable, Any], column: str = "estimate") -> Cell:
    """A measure with its interval."""
    value, low, high = (float(row.get(key, np.nan)) for key in (column, "conf_low", "conf_high"))
    limits = f" {interval(low, high, 2)}" if np.isfinite([low, high]).all() else ""
    return Cell(f"{name} {fixed(value, 2)}{limits}" if np.isfinite(value) else "not defined")


def _over_time(frames: Frames) -> list[list[Cell]]:
    """Concordances of ratings over time, of raters, of the ceiling and of models."""
    rows = []
    keys = ["dimension", "modality"]
    ceilings = {tuple(row[keys]): row for _, row in frames.get("noise_ceiling", _NONE).iterrows()}
    linear, networks = (_models(frames.get(key, _NONE)) for key in ("lasso_models", "networks"))
    for _, row in _modalities(frames.get("interrater_ccc", _NOTHING)).iterrows():
        key = tuple(row[keys])
        cells = [_of(word(key[0]), key[1]), _measured("CCC", row, "ccc")]
        if ceilings:
            cells.append(_measured("CCC", ceilings[key], "ccc") if key in ceilings else Cell("\u2013"))
        for models in (linear, networks):
            if models:
                cells.append(models.get(key, Cell("\u2013")))
        rows.append(cells)
    return rows


_NONE = pd.DataFrame()


def _models(frame: pd.DataFrame) -> dict[tuple[Any, ...], Cell]:
    """Concordance of the models of each dimension and modality that have most features."""
    if frame.empty:
        return {}
    rows = frame[(frame["metric"] == "ccc") & (frame["configuration"] != "lasso")]
    rows = frame[frame["metric"] == "ccc"] if rows.empty else rows
    rows = rows.assign(both=rows["features"] == "audio_visual")
    rows = rows.sort_values(["both", "mean"], ascending=False, kind="stable")
    found = {}
    for key, part in rows.groupby(["target", "modality"], sort=False):
        best = part.iloc[0]
        kind = "audio and visual" if best["both"] else word(best["features"])
        cell = _measured("CCC", best, "mean")
        found[key] = Cell(f"{cell.text}, {kind} features")
    return found


def _static(frames: Frames) -> list[list[Cell]]:
    """Agreement on ratings of one value."""
    rows = _modalities(frames.get("krippendorff_alpha", _NOTHING))
    return [
        [_of(word(row["dimension"]), row["modality"]), _measured("Krippendorff's alpha", row)]
        for _, row in rows.iterrows()
    ]


def _labels(frames: Frames, reading: str) -> list[list[Cell]]:
    """Medians over labels: agreement of raters, ceiling and correlation of models."""
    kappa = frames.get("label_agreement", _NOTHING)
    kappa = together(kappa[kappa["estimator"] == "fleiss_kappa"])
    if kappa.empty:
        return []
    what = f"{count(len(kappa))} labels, median and range"
    cells = [Cell(f"{what}, {reading}" if reading else what), _spread("Fleiss' kappa", kappa)]
    predicted = frames.get("label_prediction", _NONE)
    if len(predicted):
        cells += [_spread("r", predicted, "noise_ceiling"), _spread("r", predicted)]
    return [cells]


def _spread(name: str, frame: pd.DataFrame, column: str = "estimate") -> Cell:
    values = frame[column].dropna()
    if values.empty:
        return Cell("not defined")
    low, middle, high = (fixed(float(values.quantile(q)), 2) for q in (0, 0.5, 1))
    return Cell(f"{name} {middle}, {low} to {high}")


# ------------------------------------------------------------ what is missing


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
    by_reason: dict[str, list[str]] = {}
    for claim in claims() if source.is_muvi else ():
        if claim.table not in frames:
            reason = reasons.get(claim.table) or f"needs {claim.needs}"
            by_reason.setdefault(reason, []).append(claim.needs)
    told = {reason: _number_of(len(needs), "statement of the paper", "statements of the paper")
            for reason, needs in by_reason.items()}
    parts = pd.Series([entry.reason for entry in absent], dtype="str").value_counts(sort=False)
    for reason, number in parts.items():
        more = _number_of(int(number), "table or figure", "tables and figures")
        known = told.get(str(reason))
        told[str(reason)] = f"{known}, {more}" if known else more
    return [Gap(capital(what), reason) for reason, what in told.items()]


def _number_of(number: int, one: str, several: str) -> str:
    return f"1 {one}" if number == 1 else f"{count(number)} {several}"
