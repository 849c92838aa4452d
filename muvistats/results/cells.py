"""Columns of a result frame as cells: texts, headings, footnotes, and what all rows share."""

from __future__ import annotations

import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from .glossary import OF_KINDS, SAID_ONCE
from .vocabulary import UP_TO_ONE
from .words import (
    MISSING,
    Rule,
    capital,
    column_texts,
    count,
    fixed,
    heading,
    rule_of,
    stars,
    test_text,
    without_zero,
    word,
)

#: What the note below a table says of a column that is the same in every row.
_NOTES = {
    "method": "{}",
    "estimator": "Estimate: {}",
    "effect_size_name": "Effect size: {}",
    "p_adjust_method": "p adjusted by {}",
    "equivalence_margin": "Margin of equivalence: {}",
    "n_resamples": "",
    "alternative": "Alternative hypothesis: {}",
    "alignment": "Labels {}",
    "rule": "{}",
}
#: Columns without which a note has nothing to be about.
_ABOUT = {
    "estimator": "estimate",
    "effect_size_name": "effect_size",
    "p_adjust_method": "p_adjusted",
    "equivalence_margin": "p_equivalence",
}
_UNSAID: set[tuple[str, object]] = {
    *(("alignment", "as_recorded"), ("alternative", "two-sided"), ("p_adjust_method", "none")),
    ("n_resamples", 0),
}

#: What it says where all rows were taken in one way.
_TAKEN = {
    "independent": "Rows taken as independent",
    "design": "Respecting the design",
    "clusters": "Each cluster taken as one",
}

#: What an interval can belong to: the last of these that stands before it, else the next one.
_WITH_INTERVAL = ("estimate", "ccc", "mean", "share", "gain", "effect_size")

#: A name of a statistic that is longer stands below the table.
LONG_NAME = 14
#: Columns that the column of the test holds.
DEGREES = ("df", "df_denom")

#: Columns whose heading is the name of what they hold.
_NAMED = {"statistic": "statistic_name", "effect_size": "effect_size_name"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, whether it is a number, its footnotes, a verdict's tone, what follows."""

    text: str
    numeric: bool = False
    mark: str = ""
    tone: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its texts from top to bottom, and whether they are numbers.

    Those of `up_to_one` cannot exceed 1.
    """

    title: str
    texts: list[str]
    numeric: bool
    up_to_one: bool = False

    @property
    def apa(self) -> list[str]:
        """Texts without leading zeros where numbers cannot exceed 1."""
        return list(map(without_zero, self.texts)) if self.up_to_one else self.texts


@dataclass
class Footnotes:
    """Reasons by the letter that stands at the rows they are about."""

    letters: dict[str, str] = field(default_factory=dict)

    def mark(self, text: object) -> str:
        """Letter of a reason; empty for none."""
        if not isinstance(text, str) or not text:
            return ""
        return self.letters.setdefault(text, _letter(len(self.letters)))

    def listed(self) -> list[tuple[str, str]]:
        """Letters and their reasons."""
        return [(letter, text) for text, letter in self.letters.items()]


def _letter(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    prefix, rest = divmod(number, 26)
    return (string.ascii_lowercase[prefix - 1] if prefix else "") + string.ascii_lowercase[rest]


def constant(frame: pd.DataFrame, name: str) -> object:
    """The one value of a column; None where it has several, none, or is not there."""
    if name not in frame:
        return None
    values = frame[name].dropna().unique()
    return values[0] if len(values) == 1 and frame[name].notna().all() else None


def interval_owner(frame: pd.DataFrame) -> str | None:
    """Column that the confidence limits are about; None where there are no limits."""
    names = list(frame.columns)
    if not {"conf_low", "conf_high"} <= set(names):
        return None
    place = names.index("conf_low")
    own = [name for name in names if name in _WITH_INTERVAL and frame[name].notna().any()]
    before = [name for name in own if names.index(name) < place]
    return before[-1] if before else next(iter(own), None)


def tested(frame: pd.DataFrame) -> Column:
    """Statistics with their names and degrees of freedom; a long name stands below the table."""
    nothing = pd.Series(float("nan"), frame.index)
    degrees = [frame.get(df, nothing) for df in DEGREES]
    named = [text if len(str(text)) <= LONG_NAME else None for text in frame["statistic_name"]]
    texts = [
        test_text(text, value, *df)
        for text, value, *df in zip(named, frame["statistic"], *degrees, strict=True)
    ]
    return Column("Test", texts, numeric=True)


def number_rule(frame: pd.DataFrame, name: str) -> Rule | None:
    """Rule of a column where the frame decides it: shares are percent, kinds have own digits."""
    if name in ("conf_low", "conf_high"):
        owner = interval_owner(frame)
        return number_rule(frame, owner) or rule_of(owner) if owner else None
    if rule_of(name) != "number":
        return None
    kinds = any(key in frame and len(frame[key].dropna().unique()) > 1 for key in OF_KINDS)
    return "mixed" if kinds else None


def column_of(
    frame: pd.DataFrame, name: str, rules: Mapping[str, Rule], *, starred: bool = False
) -> Column:
    """One column; confidence limits are one column, under the name of the lower one.

    Parameters
    ----------
    frame : DataFrame
        The frame.
    name : str
        One of its columns.
    rules : mapping of str to str
        Rounding rules in place of the columns' own.
    starred : bool
        Whether p-values have their stars.

    Returns
    -------
    Column
        The column, a text for each row.
    """
    if name == "conf_low" and "conf_high" in frame:
        return _interval(frame, rules.get(name) or number_rule(frame, name))
    values = frame[name]
    rule = rules.get(name) or number_rule(frame, name) or rule_of(name)
    rule = rule or _rule_of_values(values)
    texts = column_texts(name, values.tolist(), rule)
    if starred and name in ("p_value", "p_adjusted"):
        texts = [f"{t} {stars(v)}".strip() for t, v in zip(texts, values, strict=True)]
    named = constant(frame, _NAMED.get(name, ""))
    title = capital_name(word(named)) if isinstance(named, str) else heading(name)
    return Column(title, texts, rule not in ("text", "name", "truth"), _up_to_one(frame, name))


def _up_to_one(frame: pd.DataFrame, name: str | None) -> bool:
    """Whether numbers of a column cannot exceed 1, by what the rows say that they are."""
    if name in ("ccc", "r2_marginal", "r2_conditional"):
        return True
    named = {"estimate": "estimator", "effect_size": "effect_size_name"}.get(str(name), "")
    if "quantity" in frame or named not in frame or frame[named].isna().all():
        return False
    return all(text.startswith(UP_TO_ONE) for text in frame[named].dropna().unique())


def _interval(frame: pd.DataFrame, rule: Rule | None) -> Column:
    levels = set(frame["conf_level"].dropna()) if "conf_level" in frame else set()
    title = f"{100 * levels.pop():g}% CI" if len(levels) == 1 else "CI"
    low, high = frame["conf_low"].tolist(), frame["conf_high"].tolist()
    if rule == "mixed":
        numbers = column_of(frame, str(interval_owner(frame)), {}).texts
        both = [_limits(*each) for each in zip(low, high, numbers, strict=True)]
    else:
        texts = column_texts("conf_low", [*low, *high], rule)
        both = [list(pair) for pair in zip(texts[: len(low)], texts[len(low) :], strict=True)]
    shown = [MISSING if a == b == MISSING else f"[{a}, {b}]" for a, b in both]
    about = interval_owner(frame)
    return Column(title, shown, numeric=True, up_to_one=_up_to_one(frame, about))


def _limits(low: float, high: float, number: str) -> list[str]:
    """Limits of a row by digits of their own, decimals no more than those of their number."""
    texts = column_texts("conf_low", [low, high], "number")
    own, decimals = (text.partition(".")[2] for text in (texts[0], number))
    if decimals.isdigit() and len(decimals) < len(own):
        return [fixed(each, len(decimals)) for each in (low, high)]
    return texts


def notes_of(frame: pd.DataFrame, shown: Collection[str], *, headed: bool = True) -> list[str]:
    """What is the same in every row and not among the columns that are shown.

    Parameters
    ----------
    frame : DataFrame
        The frame.
    shown : collection of str
        Columns that are shown.
    headed : bool
        Whether the name of the effect size is the heading of its column.

    Returns
    -------
    list of str
        A phrase each.
    """
    notes = []
    for name, text in _NOTES.items():
        value = None if name in shown else constant(frame, name)
        about = _ABOUT.get(name, "")
        if value is None or (name, value) in _UNSAID or (about in frame and about not in shown):
            continue
        if name == "effect_size_name" and headed and about in shown:
            continue
        note = resamples_of(frame) if name == "n_resamples" else text.format(word(value))
        if note:
            notes.append(note if name == "p_adjust_method" else capital_name(note))
    dependence = None if "dependence" in shown else constant(frame, "dependence")
    if dependence is not None:
        notes.append(_TAKEN.get(str(dependence), capital(word(dependence))))
    return notes


def resamples_of(frame: pd.DataFrame) -> str:
    """How many resamples were drawn, where all rows have as many; nothing of what is exact."""
    drawn = constant(frame, "n_resamples")
    exact = "mc_error" in frame and frame["mc_error"].notna().any() and not frame["mc_error"].any()
    return f"{count(float(str(drawn)))} resamples" if drawn and not exact else ""


def telling(frame: pd.DataFrame) -> list[str]:
    """Columns that say something row by row."""
    names = []
    for name in frame.columns:
        if name in ("simulated", "warning", "name") or frame[name].isna().all():
            continue
        varies = constant(frame, name) is None
        if name not in SAID_ONCE or (varies and len(frame) > 1):
            names.append(name)
    return names


def capital_name(text: str) -> str:
    """First letter as a capital, unless the first word is a symbol or a term of a model."""
    first = text.split(" ")[0].rstrip(",")
    as_it_is = len(first) == 1 or not first.isascii() or {*first} & {*"[(|_"}
    return text if as_it_is else capital(text)


def _rule_of_values(values: pd.Series) -> Rule:
    if pd.api.types.is_bool_dtype(values.dtype):
        return "truth"
    if pd.api.types.is_integer_dtype(values.dtype):
        return "count"
    return "number" if pd.api.types.is_numeric_dtype(values.dtype) else "text"
