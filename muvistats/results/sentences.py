"""The sentences that a paper would write about a result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from ..errors import DataError
from .cells import capital_name, column_of, constant, interval_owner
from .docstrings import documented
from .glossary import ANSWERS, KEYS
from .words import (
    MISSING,
    count,
    heading,
    lowered,
    p_phrase,
    published_text,
    rule_of,
    test_text,
    word,
)

#: How a row took the ratings.
_DEPENDENCE = {
    "independent": "taking ratings as independent",
    "design": "respecting the design",
    "clusters": "taking each cluster as one",
}
#: Keys of which two make one phrase.
_BOTH = {
    "group1": ("group2", "{} against {}"),
    "modality1": ("modality2", "{} and {}"),
    "label1": ("label2", "{} and {}"),
    "window_start": ("window_end", "from {} to {} s"),
    "start": ("end", "from {} to {} s"),
}
#: Numbers of two groups that are said together.
_OF_GROUPS = {"median": "medians", "mean": "means", "estimate": "estimates"}
#: Columns that are said together with others.
_ELSEWHERE = frozenset(
    {"p_value", "p_adjusted", "conf_low", "conf_high", "band_low", "band_high", "expected"}
)
#: Estimators that say how, and not of what.
_HOW = {"pairwise": "mean correlation", "leave-one-out": "mean correlation"}
_UNDEFINED = {"p_value": "p-value", "estimate": "estimate", "effect_size": "effect size"}
#: Keys that say themselves what they are.
_PLAIN = frozenset(
    {
        "dimension",
        "target",
        "variable",
        "label",
        "term",
        "finding",
        "quantity",
        "modality",
        "section",
        "name",
        "metric",
    }
)


#: A heading with a unit.
_UNIT = re.compile(r"(.+) \((.+)\)")

#: A colon between the variables of an interaction, not one in the name of a level.
_BETWEEN = re.compile(r":(?![^\[]*\])")


@runtime_checkable
class Fit(Protocol):
    """A fitted model, as far as its tables go."""

    def tidy(self) -> pd.DataFrame:
        """Coefficients."""

    def anova(self) -> pd.DataFrame:
        """Tests of terms."""


def frame_of(result: object) -> pd.DataFrame:
    """A result frame with rows; of a fit, its coefficients.

    Raises
    ------
    DataError
        For anything else.
    """
    frame = result.tidy() if isinstance(result, Fit) else result
    if not isinstance(frame, pd.DataFrame) or not set(frame.columns) & {*KEYS, *ANSWERS}:
        raise DataError(
            "a result is needed, as a function of the package returns it",
            found=type(result).__name__,
            expected="a result frame or a fitted model",
        )
    if not len(frame):
        raise DataError("the result has no rows")
    return frame


@documented
def in_words(result: pd.DataFrame | Fit) -> str:
    """Say a result in the sentences that a paper would write.

    Returns
    -------
    str
        A line for each question: the test with its p-value, the effect with its interval, once
        for each way in which the ratings were taken. Of a fitted model, the tests of its terms
        and its coefficients.

    Raises
    ------
    DataError
        When this is no result, or has no rows.

    See Also
    --------
    format_table : the same as a table.

    Notes
    -----
    Numbers are rounded as in the short view of the frame; those that cannot exceed 1, such as
    correlations, have no leading zero, as the APA asks. What is not defined is said, with the
    reason that `warning` gives. Leave out rows first where there are many.

    Examples
    --------
    >>> from muvistats import in_words, kruskal_modality, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> tests = kruskal_modality(study, dimension="arousal", dependence="independent")
    >>> print(in_words(tests))  # doctest: +NORMALIZE_WHITESPACE
    Arousal by modality: taking ratings as independent (Kruskal-Wallis, ties corrected),
    H(2) = 6.44, p = .040, epsilon squared = .060, 95% CI [.000, .164], median = 0.113, n = 108.
    The data is simulated.
    """
    if isinstance(result, Fit):
        parts = [in_words(part) for part in (result.anova(), result.tidy()) if len(part)]
        lines = "\n".join(parts).splitlines()
        shared = [line for line in dict.fromkeys(lines) if lines.count(line) > 1]
        return "\n".join([*(line for line in lines if line not in shared), *shared])
    frame = frame_of(result)
    texts = _texts(frame)
    method, reason = (constant(frame, name) for name in ("method", "warning"))
    owner = interval_owner(frame)
    records = frame.to_dict("records")
    filled = {(name, _kind(r)) for r in records for name in _UNDEFINED if pd.notna(r.get(name))}
    clauses: dict[str, list[str]] = {}
    for number, record in enumerate(records):
        known = [name for name in _UNDEFINED if (name, _kind(record)) in filled]
        row = {str(name): value for name, value in record.items()}
        shown = {name: column[number] for name, column in texts.items()}
        if method is not None and "dependence" not in row:
            row["method"] = None
        if reason is not None:
            row["warning"] = None
        row |= {name: None for name in ("section", "name") if constant(frame, name) is not None}
        clause = _clause(row, shown, owner, known)
        clauses.setdefault(_subject(row), []).append(clause)
    lines = [f"{capital_name(subject)}: {'; '.join(said)}." for subject, said in clauses.items()]
    if method is not None and "dependence" not in frame:
        lines.append(f"Method: {word(method)}.")
    estimator = constant(frame, "estimator")
    if estimator is not None and "estimate" not in frame:
        lines.append(f"Estimate: {word(estimator)}.")
    if reason is not None:
        lines.append(f"Note: {reason}.")
    if "simulated" in frame and (frame["simulated"] == True).any():  # noqa: E712
        lines.append("The data is simulated.")
    return "\n".join(lines).replace("\u00a0", " ")


def _texts(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Every column in words, rounded as the short view rounds it."""
    return {
        str(name): column_of(frame, str(name), {}).apa
        for name in frame.columns
        if name != "conf_high"
    }


def _kind(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """What a row is a number of: rows of one kind have the same columns."""
    return tuple(str(row.get(name)) for name in ("quantity", "metric"))


def _is_missing(value: object) -> bool:
    return bool(pd.isna(value)) if not isinstance(value, str) else value == ""  # type: ignore[call-overload]


def _subject(row: Mapping[str, Any]) -> str:
    """What a row is about: its keys in words."""
    if not _is_missing(row.get("finding")):
        return str(row["finding"])
    parts: list[str] = []
    seconds = {second for second, _ in _BOTH.values()}
    for name, value in row.items():
        if name not in KEYS or name in (*seconds, "dependence"):
            continue
        if _is_missing(value) or value == (0 if name in ("fold", "seed") else "all"):
            continue
        said = _key_text(name, value)
        if name in _BOTH and not _is_missing(row.get(_BOTH[name][0])):
            second, pattern = _BOTH[name]
            parts.append(pattern.format(said, _key_text(second, row[second])))
        elif name == "factor" and parts and not _is_missing(row.get("dimension")):
            parts[-1] += f" by {said}"
        elif parts and parts[-1].endswith(" with"):
            parts[-1] += f" {said}"
        else:
            plain = name in _PLAIN and not (name == "label" and "intended" in row)
            parts.append(said if plain else _named(lowered(heading(name)), said))
    return ", ".join(parts) or "all ratings"


def _named(title: str, said: str) -> str:
    """A key with its name before it and its unit behind: lag 2 trials."""
    unit = _UNIT.fullmatch(title)
    return f"{unit[1]} {said} {unit[2]}" if unit else f"{title} {said}"


def _key_text(name: str, value: object) -> str:
    if name == "term":
        return " \u00d7 ".join(map(word, _BETWEEN.split(str(value))))
    if isinstance(value, str):
        return word(value) if rule_of(name) == "text" else value
    return f"{value:g}".replace("-", "\u2212") if isinstance(value, (int, float)) else str(value)


def _clause(
    row: Mapping[str, Any], shown: Mapping[str, str], owner: str | None, expected: Sequence[str]
) -> str:
    """Numbers of a row and those that were expected in vain, how and why."""
    said = [*_test(row, shown), *_answers(row, shown, owner), *_of_groups(shown)]
    reason = "" if _is_missing(row.get("warning")) else f" ({row['warning']})"
    due = _UNDEFINED if not said else expected if reason else ()
    said += [f"no {_UNDEFINED[name]}" for name in due if name in row and _is_missing(row[name])]
    if not _is_missing(row.get("n")):
        said.append(f"n = {shown['n']}{_in_clusters(row, shown)}")
    said = said or ["not defined"]
    said[-1] += reason
    lead = _DEPENDENCE.get(str(row.get("dependence")), "")
    method = "" if _is_missing(row.get("method")) else word(row["method"])
    if lead:
        return ", ".join([f"{lead} ({method})" if method else lead, *said])
    return ", ".join(said) + (f" ({method})" if method else "")


def _in_clusters(row: Mapping[str, Any], shown: Mapping[str, str]) -> str:
    """How many clusters the values are in, where they are what is taken as one."""
    known = row.get("dependence") == "clusters" and not _is_missing(row.get("n_clusters"))
    return f" in {shown['n_clusters']} clusters" if known else ""


def _test(row: Mapping[str, Any], shown: Mapping[str, str]) -> list[str]:
    """The statistic with its degrees of freedom, and p."""
    said = []
    nothing = float("nan")
    if not _is_missing(row.get("statistic")):
        degrees = [float(row.get(name, nothing)) for name in ("df", "df_denom")]
        said.append(test_text(row.get("statistic_name"), row["statistic"], *degrees))
    elif not any(_is_missing(row.get(name)) for name in ("df", "p_value")) and not _resampled(row):
        said.append(f"df = {shown['df']}")
    if not _is_missing(row.get("p_value")):
        said.append(p_phrase(row["p_value"]) + _resampled(row))
    if not _is_missing(row.get("p_adjusted")) and row.get("p_adjust_method") != "none":
        said.append(f"{p_phrase(row['p_adjusted'])} adjusted by {word(row['p_adjust_method'])}")
    return said


def _resampled(row: Mapping[str, Any]) -> str:
    """Of how many resamples p is made, and whether they could not have given less."""
    drawn, error = row.get("n_resamples"), row.get("mc_error")
    if drawn is None or error is None or not error > 0:
        return ""
    least = row["p_value"] * (drawn + 1) <= 1 + 1e-9
    said = "the least that {} resamples can give" if least else "from {} resamples"
    return f" ({said.format(count(drawn))})"


def _answers(row: Mapping[str, Any], shown: Mapping[str, str], owner: str | None) -> list[str]:
    """Estimates and effects with the interval of the one that it belongs to, and verdicts."""
    said = []
    for name, value in row.items():
        if name not in ANSWERS or name in _ELSEWHERE or _is_missing(value):
            continue
        if name == "difference" and row.get("relation") in ("<", ">"):
            continue  # from a bound
        text, rule = shown[name], rule_of(name)
        if rule == "truth":
            said += [lowered(heading(name))] if value else []
            continue
        relation = {"p": " " if text[0] in "<>" else " = ", "text": ": "}.get(str(rule), " = ")
        text = f"{_name_of(name, row)}{relation}{text}"
        if name == "published" and not _is_missing(row.get("digits")):
            text = f"published {published_text(value, row.get('relation'), row['digits'])}"
        text += _beside(name, row, shown)
        if name == owner and not _is_missing(row["conf_low"]):
            text += f", {_interval(row, shown)}"
        if name == "estimate" and not _is_missing(row.get("band_low")):
            text += f", band [{shown['band_low']}, {shown['band_high']}]"
        said.append(text)
    alone = owner is None or _is_missing(row[owner])
    if alone and not _is_missing(row.get("conf_low")):
        said.append(_interval(row, shown))
    return said


def _interval(row: Mapping[str, Any], shown: Mapping[str, str]) -> str:
    level: Any = row.get("conf_level")
    return f"{'' if _is_missing(level) else f'{100 * level:g}% '}CI {shown['conf_low']}"


def _beside(name: str, row: Mapping[str, Any], shown: Mapping[str, str]) -> str:
    """What is said together with a number."""
    if name == "mean" and not _is_missing(row.get("sd")):
        return f" (SD = {shown['sd']})"
    if name == "estimate" and not _is_missing(row.get("chance")):
        return f" (chance {shown['chance']})"
    if name == "observed" and not _is_missing(row.get("expected")):
        return f" ({shown['expected']} expected)"
    if name == "p_equivalence" and not _is_missing(row.get("equivalence_margin")):
        return f" (margin {row['equivalence_margin']:g})"
    return ""


def _name_of(name: str, row: Mapping[str, Any]) -> str:
    """What a number is called: as the row says, else as its column."""
    named = row.get({"estimate": "estimator", "effect_size": "effect_size_name"}.get(name, ""))
    if named is None or _is_missing(named):
        return "share" if name == "share" else lowered(heading(name))
    if not _is_missing(row.get("quantity")) and name == "estimate":
        return f"estimate ({word(named)})"
    if named in _HOW:
        return f"{_HOW[named]} ({named})"
    first, comma, rest = word(named).partition(", ")
    return f"{first} ({rest})" if comma else first


def _of_groups(shown: Mapping[str, str]) -> list[str]:
    """Numbers of both groups of a comparison."""
    said = []
    for name, text in _OF_GROUPS.items():
        ends: Sequence[str] = [shown.get(f"{name}{end}", MISSING) for end in (1, 2)]
        if MISSING not in ends:
            said.append(f"{text} {ends[0]} against {ends[1]}")
    return said
