"""What the paper claims, row by row of one table, and what the frames of a report answer.

``data/claims.csv`` has a claim in each row: the frame that decides it (`table`), the rows of that
frame (`rows`), what they are set against (`than`), the number that is looked at (`column`), where
the test stands if elsewhere (`test`), the row of `sensitivity_table` on it (`survives`), and what
data it takes (`needs`). `rule` is one of `RULES`. Those that are `first` stand on the first page.
There is no code for any single claim.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pandas as pd

from ..results.cells import interval_owner
from ..results.words import fixed, p_phrase, percent, test_text, word
from ..stats.sensitivity.claims import printed_findings

ALPHA = 0.05

Keys = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper, as the table has it."""

    section: str
    claim: str
    table: str
    rule: str
    rows: Keys
    than: str
    column: str
    test: str
    survives: Keys
    needs: str
    first: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a study says of a finding.

    Parameters
    ----------
    recomputed : str
        Whether what was done, done again, says the same: *agrees*, *differs*, *not comparable*,
        or *not here* where the study has no answer.
    numbers : str
        The numbers of it, or what it needs.
    survives : str
        Verdict of the analyses that respect the design; empty where the study has no answer.
    p_values : str
        Their p-values in words.
    effect : str
        Size of what was tested, with its interval.
    note : str
        What the verdict rests on, where it is less than two analyses.
    """

    recomputed: str
    numbers: str
    survives: str = ""
    p_values: str = ""
    effect: str = ""
    note: str = ""


#: What is said of a verdict of one analysis, and of none.
ONE_ANALYSIS = "by one analysis that respects the design: there is no mixed model of this"
NO_ANALYSIS = "no analysis here respects the design"


@dataclass(frozen=True, slots=True)
class Found:
    """What a frame says: whether the claim holds, the numbers in words, and the direction."""

    holds: bool | None
    text: str
    sign: int = 0


@functools.cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of the table."""
    with (files("muvistats.data") / "claims.csv").open(encoding="utf-8") as stream:
        table = pd.read_csv(stream, dtype="str", keep_default_na=False)
    for name in ("rows", "survives"):
        table[name] = pd.Series([_keys(text) for text in table[name]], dtype=object)
    table["first"] = table["first"] == "yes"
    return tuple(Claim(*row) for row in table.itertuples(index=False))


def answer(claim: Claim, frames: Mapping[str, pd.DataFrame], reason: str = "") -> Answer:
    """What the frames of one reading say of a claim.

    Parameters
    ----------
    claim : Claim
        The claim.
    frames : mapping of str to DataFrame
        Frames of the report by the key of their table.
    reason : str
        Why the frame is not there, where it is not.

    Returns
    -------
    Answer
        What the test as printed says, what survives the design, and the effect.
    """
    frame = frames.get(claim.table)
    if frame is None or frame.empty:
        return Answer("not here", f"needs {claim.needs}{f': {reason}' if reason else ''}")
    found = RULES[claim.rule](frame, claim)
    said = {True: "agrees", False: "differs", None: "not comparable"}[found.holds]
    return Answer(said, found.text, *_survival(claim, found, frames))


def matching(frame: pd.DataFrame, keys: Keys) -> pd.DataFrame:
    """Rows with these values; several stand between bars, and none is a missing one."""
    use = np.full(len(frame), fill_value=True)
    for name, wanted in keys.items():
        if name not in frame:
            return frame.iloc[:0]
        values = frame[name].astype(object).where(frame[name].notna(), "")
        use &= values.astype(str).str.casefold().isin(wanted.casefold().split("|")).to_numpy()
    return frame[use]


def _keys(text: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in text.split(";") if part)
    return {name.strip(): value for name, value in pairs}


def _one(frame: pd.DataFrame, keys: Keys, dependence: str = "independent") -> pd.Series | None:
    """The first row with these values, of the published test or that of the design."""
    rows = matching(frame, keys)
    if "dependence" in frame:
        if dependence == "design":
            rows = matching(frame, {k: v for k, v in keys.items() if k != "method"})
        rows = rows[rows["dependence"] == dependence]
    elif dependence == "design":
        return None
    return None if rows.empty else rows.iloc[0]


def _number(row: pd.Series | None, column: str) -> float:
    return math.nan if row is None or column not in row else float(row[column])


def _tested(frame: pd.DataFrame, claim: Claim) -> Found:
    """Whether p is below .05, and in which direction."""
    row = _one(frame, claim.rows)
    row = _one(frame, claim.rows, "design") if row is None else row
    p = _number(row, "p_value")
    if row is None or math.isnan(p):
        return Found(None, "not tested")
    degrees = [_number(row, name) for name in ("df", "df_denom")]
    text = test_text(row["statistic_name"], float(row["statistic"]), *degrees)
    text = ", ".join([text.replace(" ", "\u00a0"), p_phrase(p)])
    return Found(p < ALPHA, text, int(np.sign(np.nan_to_num(_number(row, claim.column)))))


def _same(frame: pd.DataFrame, claim: Claim) -> Found:
    found = _tested(frame, claim)
    return Found(None if found.holds is None else not found.holds, found.text, found.sign)


def _directed(frame: pd.DataFrame, claim: Claim, wanted: int) -> Found:
    found = _tested(frame, claim)
    holds = None if found.holds is None else found.holds and found.sign == wanted
    return Found(holds, found.text, found.sign * wanted)


def _compared(frame: pd.DataFrame, claim: Claim, wanted: int) -> Found:
    """A number against another one, or against that of other rows."""
    own = _number(_one(frame, claim.rows), claim.column)
    keys = _keys(claim.than) if "=" in claim.than else {}
    other = float(claim.than) if not keys else math.nan
    if keys:
        other = _number(_one(frame, {**claim.rows, **keys}), claim.column)
    if math.isnan(own) or math.isnan(other):
        return Found(None, "not defined")
    sign = int(np.sign(own - other)) * wanted
    return Found(sign > 0, f"{_shown(claim, own)} against {_shown(claim, other)}", sign)


def _ranked(frame: pd.DataFrame, claim: Claim, wanted: int) -> Found:
    """Whether rows have the largest, or smallest, numbers of all; residuals without their sign."""
    every = matching(frame, _keys(claim.than))
    if "dependence" in every:
        every = every[every["dependence"] == "independent"]
    values = every[claim.column].astype(float)
    values = values.abs() if claim.column == "std_residual" else values
    mine = every.index.isin(matching(every, claim.rows).index) & values.notna().to_numpy()
    own, rest = values[mine], values[~mine].dropna()
    if own.empty or rest.empty:
        return Found(None, "nothing to compare")
    worst, best = (own.min(), rest.max()) if wanted > 0 else (own.max(), rest.min())
    gap = int(np.sign(worst - best)) * wanted
    name = "next" if gap > 0 else "first"
    return Found(gap > 0, f"{_shown(claim, worst)}, {name} {_shown(claim, best)}", max(gap, 0))


def _better(frame: pd.DataFrame, claim: Claim) -> Found:
    """Whether all configurations have smaller errors and higher concordances than one of them."""
    wins = total = 0
    for metric, sign in (("rmse", -1), ("ccc", 1)):
        means = matching(frame, {"metric": metric}).pivot_table(
            index=["modality", "features", "target"], columns="configuration", values=claim.column
        )
        if claim.than not in means:
            return Found(None, f"no {word(claim.than)}")
        others = means.drop(columns=claim.than)
        gain = sign * others.sub(means[claim.than], axis=0).to_numpy()
        wins, total = wins + int((gain > 0).sum()), total + int(np.isfinite(gain).sum())
    return Found(wins == total if total else None, f"{wins} of {total} means are better")


#: How a claim is held against a frame.
RULES: Mapping[str, Callable[[pd.DataFrame, Claim], Found]] = {
    "differs": _tested,
    "same": _same,
    "higher": functools.partial(_directed, wanted=1),
    "lower": functools.partial(_directed, wanted=-1),
    "above": functools.partial(_compared, wanted=1),
    "below": functools.partial(_compared, wanted=-1),
    "top": functools.partial(_ranked, wanted=1),
    "bottom": functools.partial(_ranked, wanted=-1),
    "better": _better,
}


def _shown(claim: Claim, value: float) -> str:
    return percent(value) if claim.column == "share" else fixed(value, 2)


def _survival(
    claim: Claim, found: Found, frames: Mapping[str, pd.DataFrame]
) -> tuple[str, str, str, str]:
    """Verdict of the analyses of the design, their p in words, the effect, and what to know."""
    findings = frames.get("sensitivity_table")
    if claim.survives and findings is not None:
        rows = matching(findings, claim.survives)
        if len(rows):
            return of_finding(rows.iloc[0], *_of_said(claim, rows.iloc[0]))
    row, frame = _tested_by_design(claim, frames)
    p, sign = _number(row, "p_value"), found.sign
    if claim.than == "0":  # the test is of another number: its own sign counts
        wanted = -1 if claim.rule == "below" else 1
        sign = wanted * int(np.sign(np.nan_to_num(_number(row, "estimate"))))
    effect = effect_of(row, frame)
    published = _one(frames[claim.table], claim.rows)
    if "[" not in effect and claim.rule in _OF_TESTS:
        effect = effect_of(published, frames[claim.table]) or effect
    if math.isnan(p):
        return "undecided", "", effect, NO_ANALYSIS
    if claim.rule == "same":
        verdict = "emerges" if p < ALPHA else "stays null"
    elif p >= ALPHA or not sign:
        verdict = "does not survive"
    else:
        verdict = "holds" if sign > 0 or claim.rule == "differs" else "reversed"
    return verdict, f"design {p_phrase(p)}", effect, ONE_ANALYSIS


def _tested_by_design(
    claim: Claim, frames: Mapping[str, pd.DataFrame]
) -> tuple[pd.Series | None, pd.DataFrame]:
    """Row of the test that respects the design, and its frame."""
    table, _, keys = claim.test.partition(":") if claim.test else (claim.table, "", "")
    frame = frames.get(table, pd.DataFrame())
    return _one(frame, _keys(keys) if keys else claim.rows, "design"), frame


def of_finding(row: pd.Series, verdict: str, note: str) -> tuple[str, str, str, str]:
    """What a row of `sensitivity_table` says: verdict, p-values in words, effect, note."""
    shown = [("design", row["p_design"]), ("model", row["p_model"])]
    p_values = ", ".join(f"{name} {p_phrase(p)}" for name, p in shown if not math.isnan(p))
    return verdict, p_values, effect_of(row, row.to_frame().T), note


def _of_said(claim: Claim, row: pd.Series) -> tuple[str, str]:
    """The verdict on what the paper says, where the row is about what this study would say.

    Of a study that is not the paper's, `sensitivity_table` asks what becomes of that which the
    published test finds there: an absence in place of a difference, or the other direction.
    """
    verdict = str(row["verdict"])
    note = str(row["warning"]) if verdict.startswith("undecided") else ""
    if verdict.startswith("undecided") or row["finding"] in printed_findings():
        return verdict, note
    differs = verdict not in ("stays null", "emerges")
    if claim.rule == "same":
        return ("emerges" if verdict in ("holds", "reversed") else "stays null"), note
    if differs:  # in the other direction
        return {"holds": "reversed", "reversed": "holds"}.get(verdict, "does not survive"), note
    wanted = {"higher": 1, "above": 1, "top": 1, "lower": -1, "below": -1}.get(claim.rule, 0)
    against = wanted * np.nan_to_num(_number(row, "effect_size")) < 0
    if verdict == "emerges":
        return ("reversed" if against else "holds"), note
    found = min(_number(row, "p_design"), _number(row, "p_model")) < ALPHA and not against
    return ("weakens" if found else "does not survive"), note


_OF_TESTS = ("differs", "same", "higher", "lower")


def effect_of(row: pd.Series | None, frame: pd.DataFrame) -> str:
    """Size of what a row tests, with its limits, and which group is set against which.

    Parameters
    ----------
    row : Series or None
        A row of a test.
    frame : DataFrame
        The frame that it comes from, which says what the limits are about.
    """
    if row is None:
        return ""
    column = next((n for n in ("effect_size", "estimate") if n == interval_owner(frame)), "")
    column = column or ("effect_size" if "effect_size" in row else "estimate")
    value = _number(row, column)
    name = row.get("effect_size_name" if column == "effect_size" else "estimator")
    if math.isnan(value) or not isinstance(name, str):
        return ""
    shown = percent if "shares" in name else functools.partial(fixed, decimals=2)
    text = shown(value)
    low, high = (_number(row, f"conf_{end}") for end in ("low", "high"))
    if not math.isnan(low + high):
        text += f" [{shown(low)}, {shown(high)}]"
    text += f" {word(name)}"
    means = [_number(row, name) for name in ("mean1", "mean2")]
    if not math.isnan(sum(means)):
        return f"{text}: {shown(means[0])} against {shown(means[1])}"
    groups = [row.get(name) for name in ("group1", "group2")]
    if all(isinstance(group, str) and group for group in groups):
        text += f", {' against '.join(map(word, groups))}"
    return text
