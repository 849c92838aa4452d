"""The terms of a model formula: `a * b + (1 | g)` to lists of factors, without evaluating any.

The operators are those of patsy and lme4. What stands between two operators is an expression;
it is checked by `allowlist.check` and kept as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import DesignError
from .allowlist import QUOTED, check, short, split_formula

#: A term is the factors it multiplies, as text; the intercept has none.
Term = tuple[str, ...]

_MAX_LENGTH = 4000
_MAX_NESTING = 20
_MAX_TERMS = 200
_MAX_ORDER = 10
_MAX_BARS = 20

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[^\W\d]\w*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<text>{QUOTED})|(?P<sign>\*\*|==|!=|<=|>=|\|\||\S))"
)
_OPERATORS = {"+", "-", "*", "/", ":", "**", "|", "||", ")"}
_ARITHMETIC = ("+", "-", "*", "/", "**")
_COMPARISONS = {"==", "!=", "<", ">", "<=", ">=", "in", "and", "or", "not"}


@dataclass(frozen=True)
class Bar:
    """Random effects of one grouping factor.

    Parameters
    ----------
    terms : tuple of Term
        What varies between the levels, without the intercept.
    intercept : bool
        Whether the intercept varies.
    group : Term
        Columns whose combinations are the levels.
    """

    terms: tuple[Term, ...]
    intercept: bool
    group: Term

    @property
    def name(self) -> str:
        """Grouping factor, as in ``item:modality``."""
        return ":".join(self.group)


@dataclass(frozen=True)
class ModelFormula:
    """A model formula taken apart.

    Parameters
    ----------
    text : str
        The formula as it was written.
    response : str
        Expression of the response.
    terms : tuple of Term
        Terms of the fixed part, without the intercept.
    intercept : bool
        Whether there is a fixed intercept.
    bars : tuple of Bar
        Random parts, with ``||`` and nesting written out.
    offsets : tuple of str
        Columns that enter with the coefficient 1, as ``offset(x)`` names them.
    """

    text: str
    response: str
    terms: tuple[Term, ...]
    intercept: bool
    bars: tuple[Bar, ...]
    offsets: tuple[str, ...] = ()

    @property
    def factors(self) -> tuple[str, ...]:
        """Expressions of the fixed and the random part, each once."""
        terms = [*self.terms, *(term for bar in self.bars for term in bar.terms)]
        return tuple(dict.fromkeys(code for term in terms for code in term))

    @property
    def groups(self) -> tuple[str, ...]:
        """Expressions of the grouping factors, each once."""
        return tuple(dict.fromkeys(code for bar in self.bars for code in bar.group))


@dataclass
class _Sum:
    """Terms of a part of a formula, in order; `intercept` is None while nothing was said."""

    terms: list[Term] = field(default_factory=list)
    intercept: bool | None = None
    bars: list[Bar] = field(default_factory=list)


def parse_model(formula: str) -> ModelFormula:
    """Take a model formula apart.

    Parameters
    ----------
    formula : str
        For example ``"arousal ~ modality * gender + (1 | participant) + (modality || item)"``.

    Returns
    -------
    ModelFormula
        The response, the fixed terms and the random parts.

    Raises
    ------
    DesignError
        Names the token that is not allowed, before anything is evaluated.

    Notes
    -----
    ``+`` adds terms, ``:`` multiplies, ``a * b`` is ``a + b + a:b``, ``a / b`` is ``a + a:b``,
    ``(a + b) ** 2`` keeps products of up to two, ``-`` takes terms away, ``0`` or ``- 1`` the
    intercept. ``(x | g)`` lets the intercept and ``x`` vary over ``g`` with a correlation,
    ``(x || g)`` without one, ``(1 | a / b)`` is ``(1 | a) + (1 | a:b)``. ``offset(x)`` adds a
    column whose coefficient is 1. A comparison beside other terms stands in brackets; alone it
    takes in the arithmetic of its numbers, as in R: ``x > 4 - 1`` is ``x > 3``.

    Examples
    --------
    >>> from muvistats.formula import parse_model
    >>> model = parse_model("arousal ~ modality * gender + (1 | participant / item)")
    >>> model.terms
    (('modality',), ('gender',), ('modality', 'gender'))
    >>> [bar.name for bar in model.bars]
    ['participant', 'participant:item']
    """
    if len(str(formula)) > _MAX_LENGTH:
        raise DesignError(f"formula {short(formula)!r} is longer than {_MAX_LENGTH} characters")
    response, right = split_formula(formula)
    check(response)
    if _is_offset(response):
        raise DesignError(f"{short(response)!r} is no response: an offset() stands on the right")
    parser = _Parser(right)
    whole = parser.sum()
    parser.end()
    if len(whole.bars) > _MAX_BARS:
        raise DesignError(f"formula {short(formula)!r} has more than {_MAX_BARS} random parts")
    repeated = [bar for bar in whole.bars if whole.bars.count(bar) > 1]
    if repeated:
        raise DesignError(f"the random part of {repeated[0].name!r} stands twice in the formula")
    offsets = tuple(term[0] for term in whole.terms if len(term) == 1 and _is_offset(term[0]))
    terms = tuple(term for term in whole.terms if term[0] not in offsets)
    every = [*terms, *(term for bar in whole.bars for term in (*bar.terms, bar.group))]
    if any(_is_offset(code) for term in every for code in term):
        raise DesignError("an offset() can only be added, in the fixed part")
    intercept = whole.intercept is not False
    return ModelFormula(str(formula), response, terms, intercept, tuple(whole.bars), offsets)


def refuse_forbidden(text: str, *, two_sided: bool, model: bool = False) -> None:
    """Refuse what no formula may say, before there is data.

    Parameters
    ----------
    text : str
        A formula, or the right-hand side of one.
    two_sided : bool
        Whether it has a response.
    model : bool
        Whether it is the formula of a model, with terms; else its sides are expressions, and it is
        refused when it could be neither.

    Raises
    ------
    DesignError
        Names the token that is not allowed.
    """
    whole = text if two_sided else f"y ~ {text}"
    if model:
        parse_model(whole)
        return
    try:
        for side in split_formula(text) if two_sided else (text,):
            check(side)
    except DesignError as error:
        try:
            parse_model(whole)
        except DesignError:
            raise error from None


def _is_offset(code: str) -> bool:
    return code.startswith("offset(")


class _Parser:
    """Recursive descent over the operators, loosest first."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int, int]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            assert match is not None  # the last alternative takes any character
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind], match.start(kind), match.end()))
            position = match.end()
        self._at = 0
        self._depth = 0

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _rest(self) -> str:
        start = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        return short(self._text[start:].strip() or "the end of the formula")

    def end(self) -> None:
        if self._peek():
            raise DesignError(f"{self._rest()!r} is out of place in the formula")

    def sum(self) -> _Sum:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise DesignError(f"{self._rest()!r} is nested more than {_MAX_NESTING} deep")
        sign = self._next() if self._peek() in ("+", "-") else "+"
        total = self._add(_Sum(), self._product(), sign)
        while self._peek() in ("+", "-"):
            sign = self._next()
            while self._peek() in ("+", "-"):
                sign = "-" if (self._next() == "-") != (sign == "-") else "+"
            total = self._add(total, self._product(), sign)
        self._depth -= 1
        return total

    def _add(self, left: _Sum, right: _Sum, sign: str) -> _Sum:
        if sign == "-":
            if right.bars:
                raise DesignError(f"a random part cannot be taken away: {right.bars[0].name!r}")
            gone = {frozenset(term) for term in right.terms}
            terms = [term for term in left.terms if frozenset(term) not in gone]
            intercept = left.intercept if right.intercept is None else not right.intercept
            return _Sum(terms, intercept, left.bars)
        intercept = left.intercept if right.intercept is None else right.intercept
        return _Sum(self._unique([*left.terms, *right.terms]), intercept, [*left.bars, *right.bars])

    def _unique(self, terms: list[Term]) -> list[Term]:
        kept: dict[frozenset[str], Term] = {}
        for term in terms:
            kept.setdefault(frozenset(term), term)
        found = list(kept.values())
        if len(found) > _MAX_TERMS:
            raise DesignError(f"{short(self._text)!r} has more than {_MAX_TERMS} terms")
        return found

    def _product(self) -> _Sum:
        left = self._interaction()
        while self._peek() in ("*", "/"):
            sign = self._next()
            right = self._interaction()
            a, b = self._plain(left), self._plain(right)
            if sign == "*":
                left = _Sum(self._unique([*a, *b, *self._times(a, b)]))
            else:
                whole = tuple(dict.fromkeys(code for term in a for code in term))
                left = _Sum(self._unique([*a, *self._times([whole], b)]))
        return left

    def _interaction(self) -> _Sum:
        left = self._power()
        while self._peek() == ":":
            self._next()
            right = self._power()
            left = _Sum(self._times(self._plain(left), self._plain(right)))
        return left

    def _times(self, left: list[Term], right: list[Term]) -> list[Term]:
        if len(left) * len(right) > _MAX_TERMS:
            raise DesignError(f"{short(self._text)!r} has more than {_MAX_TERMS} terms")
        return self._unique([tuple(dict.fromkeys((*a, *b))) for a in left for b in right])

    def _plain(self, part: _Sum) -> list[Term]:
        if part.bars:
            raise DesignError(
                f"the random part of {part.bars[0].name!r} can only be added with '+'"
            )
        if part.intercept is not None:
            raise DesignError(f"0 or 1 cannot be multiplied in {short(self._text)!r}")
        return part.terms

    def _power(self) -> _Sum:
        base = self._primary()
        if self._peek() != "**":
            return base
        self._next()
        order = self._next()
        if not order.isdigit() or not 1 <= int(order[:9]) <= _MAX_ORDER:
            raise DesignError(
                f"exponent {short(order)!r} must be a whole number up to {_MAX_ORDER}"
            )
        if self._peek() == "**":
            raise DesignError(f"{self._rest()!r}: a power of a power is not allowed")
        terms = self._plain(base)
        power = terms
        for _ in range(int(order) - 1):
            power = self._unique([*power, *self._times(power, terms)])
        return _Sum(sorted(power, key=len))

    def _primary(self) -> _Sum:
        if self._peek() != "(":
            return self._factor()
        self._next()
        part = self.sum()
        if self._peek() in ("|", "||"):
            part = self._bar(part, correlated=self._next() == "|")
        if self._next() != ")":
            self._at -= 1
            raise DesignError(f"a ')' is missing before {self._rest()!r}")
        return part

    def _bar(self, left: _Sum, *, correlated: bool) -> _Sum:
        terms = self._plain(_Sum(left.terms, None, left.bars))
        intercept = left.intercept is not False
        groups = self._plain(self.sum())
        if not groups:
            raise DesignError(f"a grouping factor is missing in {short(self._text)!r}")
        if not terms and not intercept:
            raise DesignError(f"nothing varies over {':'.join(groups[0])!r}")
        parts: list[tuple[tuple[Term, ...], bool]] = [(tuple(terms), intercept)]
        if not correlated:
            parts = [((), True)] if intercept else []
            parts += [((term,), False) for term in terms]
        return _Sum(bars=[Bar(*part, group) for group in groups for part in parts])

    def _factor(self) -> _Sum:
        start = self._at
        depth = 0
        outer: list[str] = []  # tokens outside of brackets
        while self._at < len(self._tokens):
            token = self._peek()
            before = self._tokens[self._at - 1][1] if self._at > start else ""
            signed = token in ("-", "+") and before in _COMPARISONS
            if depth == 0 and token in _OPERATORS and not signed:
                break
            if depth == 0:
                outer.append(token)
            depth += (token in ("(", "[")) - (token in (")", "]"))
            self._at += 1
        if self._at == start:
            raise DesignError(f"a term is missing before {self._rest()!r}")
        text = self._text[self._tokens[start][2] : self._tokens[self._at - 1][3]]
        if any(token in _COMPARISONS for token in outer):
            text = self._comparison(start, text)
        if text in ("0", "1"):
            return _Sum(intercept=text == "1")
        return _Sum([(check(text),)])

    def _comparison(self, start: int, text: str) -> str:
        """A comparison that stands without brackets, as R reads it.

        R reads ``x > 4 - 1`` as ``x > 3``, and ``a + x > 3`` as ``(a + x) > 3``: arithmetic binds
        tighter than a comparison. Numbers after it are taken in; where names stand beside it the
        reader cannot tell what is meant, and brackets are asked for.
        """
        before = self._tokens[start - 1][1] if start else ""
        while self._peek() in ("+", "-", "*", "/") and self._at + 1 < len(self._tokens):
            if self._tokens[self._at + 1][0] != "number":
                break
            self._at += 2
            text = self._text[self._tokens[start][2] : self._tokens[self._at - 1][3]]
        if before not in ("", "(", "|", "||") or self._peek() in (*_ARITHMETIC, ":"):
            raise DesignError(
                f"{short(self._text)!r} has two readings: put brackets around {short(text)!r}"
            )
        return text
