"""Rounding, stars and words: the only place where a number loses digits.

Each result column has a named rule (`RULES`); a frame itself is never rounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from .glossary import GLOSSARY
from .vocabulary import HEADINGS, WORDS

Rule = Literal[
    "p", "percent", "count", "statistic", "df", "number", "mixed", "text", "name", "truth"
]

#: Shown where a value is not defined.
MISSING = "\u2013"
_MINUS = "\u2212"

#: Numbers below the first have two significant digits, below the second a power of ten.
_SMALL, _TINY = 0.01, 1e-5

#: What each rule does, as the report's methods section prints it.
RULES: dict[Rule, str] = {
    "p": "p-values: three decimals without the leading zero, below .001 as < .001",
    "percent": "shares: percent with one decimal",
    "count": "counts: whole numbers",
    "statistic": "test statistics: two decimals, whole from 1,000 on",
    "df": "degrees of freedom: whole, or two decimals where they are not",
    "number": "other numbers: three significant digits of the largest value in the column, "
    "at most three decimals; two digits where it is below 0.01",
    "mixed": "numbers of different kinds in one column: whole, or three significant digits each "
    "and at most three decimals; two digits below 0.01",
    "text": "codes: in words",
    "name": "names and other texts: as they are",
    "truth": "truth values: yes or no",
}

_COLUMN_RULES: dict[str, Rule] = {
    **dict.fromkeys(("item", "participant", "repeats", "printed", "warning"), "name"),
    **dict.fromkeys(("finding", "name", "effect_size_name", "feature"), "name"),
    **dict.fromkeys(("p_published", "p_independent", "p_design", "p_model"), "p"),
    **dict.fromkeys(("p_design_adjusted", "p_model_adjusted"), "p"),
    **dict.fromkeys(("source", "action", "reason"), "name"),
    "p_value": "p",
    "p_adjusted": "p",
    "p_equivalence": "p",
    "share": "percent",
    "label_share": "percent",
    "statistic": "statistic",
    "df": "df",
    "df_denom": "df",
}

#: A code: one word, or a comparison with a number such as ``years_of_training > 3``.
_CODE = re.compile(r"[\w-]+( (>|<|>=|<=|==) -?[\d.]+)?")


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _signed(text: str) -> str:
    """A typographic minus; minus zero becomes zero."""
    if text.startswith("-"):
        return text[1:] if float(text.replace(",", "")) == 0 else _MINUS + text[1:]
    return text


def fixed(value: float, decimals: int) -> str:
    """Number with a fixed count of decimals and thousands separators.

    >>> fixed(-1234.567, 2)
    '\u22121,234.57'
    """
    if _is_missing(value):
        return MISSING
    if math.isinf(value):
        return "\u221e" if value > 0 else f"{_MINUS}\u221e"
    return _signed(f"{value:,.{decimals}f}")


def significant(value: float, digits: int = 3) -> str:
    """Number with this many significant digits, the integer part always whole.

    >>> significant(0.04567), significant(1234.5), significant(3e-7)
    ('0.0457', '1,234', '3.00e\u22127')
    """
    if _is_missing(value) or math.isinf(value):
        return fixed(value, 0)
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{_signed(mantissa)}e{_signed(str(int(exponent)))}"
    return fixed(value, max(0, digits - 1 - magnitude))


def p_value(value: float) -> str:
    """p-value in APA style.

    >>> p_value(0.0421), p_value(2e-9), p_value(0.9999)
    ('.042', '< .001', '> .999')
    """
    if _is_missing(value):
        return MISSING
    if value < 0.001:
        return "< .001"
    if value > 0.999:
        return "> .999"
    return f"{value:.3f}"[1:]


def p_phrase(value: float) -> str:
    """p-value in a sentence, in one piece.

    >>> p_phrase(0.0421).replace("\u00a0", " "), p_phrase(2e-9).replace("\u00a0", " ")
    ('p = .042', 'p < .001')
    """
    text = p_value(value)
    return f"p {text if text[0] in '<>' else f'= {text}'}".replace(" ", "\u00a0")


def stars(value: float) -> str:
    """Stars of a p-value: *** below .001, ** below .01, * below .05.

    >>> stars(0.0004), stars(0.03), stars(0.2)
    ('***', '*', '')
    """
    if _is_missing(value):
        return ""
    return "*" * sum(value < limit for limit in (0.001, 0.01, 0.05))


def percent(value: float, decimals: int = 1) -> str:
    """Share as percent.

    >>> percent(0.38821)
    '38.8%'
    """
    return MISSING if _is_missing(value) else f"{fixed(100 * value, decimals)}%"


def count(value: float) -> str:
    """Whole number with thousands separators.

    >>> count(1494)
    '1,494'
    """
    return fixed(value, 0)


def statistic(value: float) -> str:
    """Test statistic.

    >>> statistic(46.35688), statistic(115054.5)
    ('46.36', '115,054')
    """
    return fixed(value, 0 if abs(value) >= 1000 else 2)


def test_text(name: object, value: float, *degrees: float) -> str:
    """Test statistic with its degrees of freedom.

    >>> test_text("chi-square", 46.35688, 26.0, math.nan), test_text("F", 4.1, 2.0, 31.52)
    ('\u03c7\u00b2(26) = 46.36', 'F(2, 31.52) = 4.10')
    """
    if _is_missing(value):
        return MISSING
    known = [each for each in degrees if math.isfinite(each) or (each > 0 and name in ("F", "t"))]
    shown = ", ".join(_degrees(each) for each in known)
    named = "" if _is_missing(name) else f"{word(name)}{f'({shown})' if shown else ''} = "
    return f"{named}{statistic(value)}"


def interval(low: float, high: float, decimals: int = 3) -> str:
    """Confidence interval.

    >>> interval(0.12345, 0.4)
    '[0.123, 0.400]'
    """
    if _is_missing(low) and _is_missing(high):
        return MISSING
    return f"[{fixed(low, decimals)}, {fixed(high, decimals)}]"


def without_zero(text: str) -> str:
    """Number, or interval, without zeros before the point.

    >>> without_zero("[0.120, 1.000]"), without_zero("10.5")
    ('[.120, 1.000]', '10.5')
    """
    return re.sub(r"(?<![\d.,])0(?=\.\d)", "", text)


def printed_like(value: float, digits: int) -> str:
    """Value rounded as the paper prints it; negative digits round to tens, hundreds, ...

    >>> printed_like(46.35688, 2), printed_like(115432.0, -3)
    ('46.36', '115,000')
    """
    if _is_missing(value) or math.isinf(value):
        return fixed(value, 0)
    return fixed(round(value, digits), max(0, digits))


def published_text(value: float, relation: object, digits: int) -> str:
    """Value of the paper with its relation, or the bound where only that is printed.

    >>> published_text(0.001, "<", 3), published_text(79.45, "=", 2)
    ('< 0.001', '= 79.45')
    """
    if _is_missing(value):
        return MISSING
    return f"{relation if relation in ('<', '>') else '='} {printed_like(value, digits)}"


def rule_of(column: str) -> Rule | None:
    """Rule by which a column is shown; None for one that no rule is about."""
    if column in _COLUMN_RULES:
        return _COLUMN_RULES[column]
    kind = GLOSSARY[column].kind if column in GLOSSARY else None
    if kind is None:
        return None
    rules: dict[str, Rule] = {
        "integer": "count",
        "text": "text",
        "truth": "truth",
        "boolean": "truth",
    }
    return rules.get(kind, "number")


def heading(column: str) -> str:
    """Heading of a result column.

    >>> heading("n_participants"), heading("effect_size"), heading("quantity")
    ('Raters', 'Effect size', 'Quantity')
    """
    if column == "r" or column.startswith("r "):
        return column
    return HEADINGS.get(column) or capital(column).replace("_", " ")


def capital(text: str) -> str:
    """First letter as a capital, the others as they are.

    >>> capital("valence in MuVi")
    'Valence in MuVi'
    """
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """First letter small, but of names in capitals.

    >>> lowered("Effect size"), lowered("CCC"), lowered("Bayes factor")
    ('effect size', 'CCC', 'Bayes factor')
    """
    if text[1:2].isupper() or text.startswith("Bayes"):
        return text
    return text[:1].lower() + text[1:]


def word(value: object) -> str:
    """Code as words: ``side_by_side`` becomes "side by side".

    >>> word("side_by_side"), word("released"), word("label_C")
    ('side by side', 'as released', 'label C')
    """
    if _is_missing(value):
        return MISSING
    text = str(value)
    return WORDS.get(text) or (text.replace("_", " ") if _CODE.fullmatch(text) else text)


def _decimals(values: Iterable[float]) -> int:
    """Decimals that give the largest value of a column three significant digits."""
    finite = [abs(v) for v in values if math.isfinite(v)]
    largest = max(finite, default=0.0)
    if finite and all(v == round(v) for v in finite):
        return 0
    if 0 < largest < _SMALL:
        return 1 - math.floor(math.log10(largest))
    if largest >= 100:
        return 1
    return 2 if largest >= 10 else 3


def _alone(value: float) -> str:
    """A number that shares its column with numbers of other kinds."""
    if not math.isfinite(value) or value == round(value):
        return fixed(value, 0)
    if abs(value) < _TINY:
        return significant(value, 2)
    size = math.floor(math.log10(abs(value)))
    small = abs(value) < _SMALL
    return fixed(value, 1 - size if small else min(3, max(0, 2 - size)))


def _degrees(value: float) -> str:
    """Degrees of freedom."""
    return fixed(value, 0 if not math.isfinite(value) or value == round(value) else 2)


#: Rules that look at one number at a time.
_ONE_BY_ONE: dict[Rule, Callable[[float], str]] = {
    "p": p_value,
    "percent": percent,
    "count": count,
    "statistic": statistic,
    "mixed": _alone,
    "df": _degrees,
}


def column_texts(column: str, values: Sequence[Any], rule: Rule | None = None) -> list[str]:
    """Values of one column as texts, by the column's rule.

    Parameters
    ----------
    column : str
        Result column.
    values : sequence
        Its values.
    rule : str, optional
        One of `RULES`, in place of the column's own.

    Returns
    -------
    list of str
        One text per value.
    """
    rule = rule or rule_of(column) or "number"
    if rule == "name":
        return ["" if _is_missing(value) else str(value) for value in values]
    if rule == "text":
        return ["" if _is_missing(value) else word(value) for value in values]
    if rule == "truth":
        return [MISSING if _is_missing(v) else ("yes" if v else "no") for v in values]
    numbers = np.asarray(values, dtype=float)
    if rule in _ONE_BY_ONE:
        return [_ONE_BY_ONE[rule](v) for v in numbers]
    largest = max((abs(v) for v in numbers if math.isfinite(v)), default=0.0)
    if 0 < largest < _TINY:
        return [significant(v, 2) for v in numbers]
    decimals = _decimals(numbers)
    return [fixed(v, decimals) for v in numbers]
