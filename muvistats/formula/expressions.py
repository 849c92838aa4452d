"""R-style formulas over the annotation frame.

A formula is data, not code. Its text is parsed to a syntax tree, every node is held against an
allow-list, and what is left is evaluated here, column by column; nothing is handed to Python's
own evaluator.
"""

from __future__ import annotations

import ast
import difflib
import operator
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DesignError
from ..types import level_text
from .allowlist import FUNCTIONS, MAX_EXPONENT, MAX_NESTING, parse, short
from .levels import as_levels, equals, is_number, named, of_type, place_of, plain

Value = Any  # a column, or a literal

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_LOGIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}


def evaluate(expression: str, frame: pd.DataFrame) -> pd.Series:
    """Value of an expression for each row of a frame.

    Parameters
    ----------
    expression : str
        Column names, literals, arithmetic, comparisons, ``and``, ``or``, ``not``, ``in`` with a
        list of literals, and the functions C, I, Q, center, exp, log, sqrt and standardize.
    frame : DataFrame
        The rows.

    Returns
    -------
    Series
        One value per row. A comparison is a nullable truth value.

    Raises
    ------
    DesignError
        Names the token that is not allowed or the column that is not there.

    Notes
    -----
    Whatever is compared or computed with a missing value is missing. Numbers are floats.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats.formula import evaluate
    >>> frame = pd.DataFrame({"years": [0.0, 5.0, None]})
    >>> evaluate("years > 3", frame).tolist()
    [False, True, <NA>]
    """
    value = Evaluator(frame).of(parse(expression))
    if not isinstance(value, pd.Series):
        raise DesignError(f"{short(expression)!r} names no column")
    return value


def factor(expression: str, frame: pd.DataFrame) -> pd.Series:
    """Groups that an expression makes of the rows of a frame.

    Parameters
    ----------
    expression : str
        As in `evaluate`, for example ``"gender"`` or ``"years_of_training > 3"``.
    frame : DataFrame
        The rows.

    Returns
    -------
    Series
        Categorical with text levels: of a column in its own order, of a text sorted, of a
        comparison False before True. Missing stays missing.

    Raises
    ------
    DesignError
        For a number that is not made a factor by ``C()`` or a comparison, and as `evaluate`.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats.formula import factor
    >>> frame = pd.DataFrame({"years": [0.0, 5.0, None]})
    >>> factor("years > 3", frame).cat.categories.tolist()
    ['False', 'True']
    """
    _check_one_factor(expression)
    value = evaluate(expression, frame)
    if is_number(value):
        raise DesignError(
            f"{short(expression)!r} is a number, not a factor: write C({expression}) or a "
            f"comparison such as {expression} > 3"
        )
    return pd.Series(as_levels(value, expression), index=frame.index, name=expression)


def _check_one_factor(expression: str) -> None:
    """Refuse several terms, which a model has: one factor is compared here."""
    tree = parse(expression)
    sums = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub | ast.Mult)
    if sums or _is_offset(tree):
        raise DesignError(
            f"{short(expression)!r} is not one factor, such as a column, C(x) or x > 3; "
            "several terms and offset() belong to linear_model, glm and mixed_model"
        )


def _is_offset(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "offset"


def columns_of(expression: str, frame: pd.DataFrame) -> tuple[str, ...]:
    """Columns that an expression reads, in the order in which it names them.

    Parameters
    ----------
    expression : str
        As in `evaluate`.
    frame : DataFrame
        The rows.

    Returns
    -------
    tuple of str
        Each column once.

    Raises
    ------
    DesignError
        As `evaluate`.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats.formula import columns_of
    >>> columns_of("years > 3 and age > 20", pd.DataFrame({"age": [30.0], "years": [5.0]}))
    ('years', 'age')
    """
    evaluator = Evaluator(frame)
    evaluator.of(parse(expression))
    return tuple(dict.fromkeys(evaluator.used))


class Evaluator:
    """Walks a syntax tree and knows no node but those below."""

    #: Whether levels that a formula names must be those of these rows.
    _first = True

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._depth = 0
        self.used: list[str] = []

    def of(self, node: ast.expr) -> Value:
        """Value of a node."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise DesignError(f"{short(ast.unparse(node))!r} is not allowed in a formula")
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise DesignError(
                f"{short(ast.unparse(node))!r} is nested more than {MAX_NESTING} deep"
            )
        value = method(node)
        self._depth -= 1
        return value

    def _name(self, node: ast.Name) -> pd.Series:
        return self._column(node.id)

    def _column(self, name: str) -> pd.Series:
        if name not in self._frame.columns:
            # Python composes the letters of names; the column may have them apart
            composed = unicodedata.normalize("NFKC", name)
            name = next((c for c in self._frame.columns if _composed(c) == composed), name)
        if name not in self._frame.columns:
            near = difflib.get_close_matches(name, [str(c) for c in self._frame.columns], n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise DesignError(f"no column {short(name)!r}{hint}")
        column = self._frame[name]
        if not isinstance(column, pd.Series):
            raise DesignError(f"two columns are called {short(name)!r}: rename one")
        if pd.api.types.is_complex_dtype(column.dtype):
            raise DesignError(f"{short(name)!r} holds complex numbers")
        self.used.append(name)
        return plain(column)

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, bool | str):
            return node.value
        if isinstance(node.value, int | float) and abs(node.value) < 1e300:
            return np.float64(node.value)  # overflows to infinity instead of raising
        raise DesignError(f"{short(ast.unparse(node))!r} is not allowed in a formula")

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.of(node.operand)
        if isinstance(node.op, ast.Not | ast.Invert):
            return ~self._truth(value, node.operand)
        number = self._number(value, node.operand)
        return -number if isinstance(node.op, ast.USub) else number

    def _binop(self, node: ast.BinOp) -> Value:
        if type(node.op) in _LOGIC:
            return self._combine(_LOGIC[type(node.op)], node.left, node.right)
        if type(node.op) not in _ARITHMETIC:
            raise DesignError(f"{short(ast.unparse(node))!r} is not allowed in a formula")
        left = self._number(self.of(node.left), node.left)
        right = self._number(self.of(node.right), node.right)
        if isinstance(node.op, ast.Pow) and (
            isinstance(right, pd.Series) or abs(right) > MAX_EXPONENT
        ):
            raise DesignError(
                f"exponent {short(ast.unparse(node.right))!r} must be a number up to {MAX_EXPONENT}"
            )
        with np.errstate(all="ignore"):
            return _finite(_ARITHMETIC[type(node.op)](left, right))

    def _boolop(self, node: ast.BoolOp) -> Value:
        value = self.of(node.values[0])
        value = self._truth(value, node.values[0])
        for other in node.values[1:]:
            value = _LOGIC[type(node.op)](value, self._truth(self.of(other), other))
        return value

    def _combine(
        self, function: Callable[[Any, Any], Any], left: ast.expr, right: ast.expr
    ) -> Value:
        return function(self._truth(self.of(left), left), self._truth(self.of(right), right))

    def _compare(self, node: ast.Compare) -> Value:
        if len(node.ops) != 1:
            raise DesignError(
                f"{short(ast.unparse(node))!r} is a chain: join two comparisons with 'and'"
            )
        left = self.of(node.left)
        kind, other = type(node.ops[0]), node.comparators[0]
        if kind in (ast.In, ast.NotIn):
            if not isinstance(other, ast.List | ast.Tuple | ast.Set):
                raise DesignError(f"{short(ast.unparse(other))!r} is not a list of literals")
            if not isinstance(left, pd.Series):
                raise DesignError(f"{short(ast.unparse(node.left))!r} is not a column")
            inside = pd.Series(False, index=left.index, dtype="boolean").mask(left.isna())
            for element in other.elts:
                inside |= equals(left, self._literal(element), ast.unparse(node.left))
            result = ~inside if kind is ast.NotIn else inside
        elif kind in _COMPARISONS:
            result = self._ordered(kind, left, self._literal(other), node)
        else:
            raise DesignError(f"{short(ast.unparse(node))!r} is not allowed in a formula")
        return result

    def _literal(self, node: ast.expr) -> Value:
        """Value of a node; a whole number keeps all its digits."""
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        return self.of(node)

    def _ordered(
        self, kind: type[ast.cmpop], left: Value, right: Value, node: ast.Compare
    ) -> Value:
        sides = ((left, right, node.left), (right, left, node.comparators[0]))
        for column, other, name in sides:
            if not isinstance(column, pd.Series) or isinstance(other, pd.Series):
                continue
            written = ast.unparse(name)
            if kind in (ast.Eq, ast.NotEq):
                hits = equals(column, other, written)
                return hits if kind is ast.Eq else ~hits
            places = place_of(column, other, written) or (column, of_type(other, column))
            left, right = places if column is left else places[::-1]
        if _is_text(left) != _is_text(right):
            raise DesignError(f"{short(ast.unparse(node))!r} compares a text with a number")
        if _is_text(left):
            if kind not in (ast.Eq, ast.NotEq):
                raise DesignError(f"{short(ast.unparse(node))!r} orders texts")
            left, right = (_names_of(side) for side in (left, right))
        result = _COMPARISONS[kind](left, right)
        columns = [side for side in (left, right) if isinstance(side, pd.Series)]
        if not columns:
            return bool(result)
        missing = np.logical_or.reduce([column.isna().to_numpy() for column in columns])
        return pd.Series(result, index=self._frame.index).astype("boolean").mask(missing)

    def _call(self, node: ast.Call) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in FUNCTIONS:
            raise DesignError(
                f"function {short(name)!r} is not allowed in a formula; "
                f"there are {', '.join(FUNCTIONS)}"
            )
        if len(node.args) != 1 or (node.keywords and name != "C"):
            raise DesignError(f"{name}() takes one argument")
        value = self.of(node.args[0])
        if name == "Q":
            if not isinstance(value, str):
                raise DesignError("Q() takes the name of a column in quotes")
            return self._column(value)
        if name == "I":
            return value
        if name == "C":
            if not isinstance(value, pd.Series):
                raise DesignError("C() takes a column")
            return self._as_factor(value, node)
        number = self._number(value, node.args[0])
        if not isinstance(number, pd.Series):
            raise DesignError(f"{name}() takes a column")
        if name in ("center", "standardize"):
            centred = number - number.mean()
            return centred / number.std() if name == "standardize" else centred
        with np.errstate(all="ignore"):
            return _finite(getattr(np, name)(number))

    def _as_factor(self, column: pd.Series, node: ast.Call) -> pd.Series:
        """A column as a factor, with the levels that C() names; others are missing then."""
        levels = as_levels(column, ast.unparse(node.args[0]))
        for keyword in node.keywords:
            known = list(levels.categories)
            texts = [level_text(ast.literal_eval(each)) for each in keyword.value.elts]  # type: ignore[attr-defined]
            asked = [named(known, text) or text for text in texts]
            unknown = [level for level in asked if level not in known]
            if (unknown and self._first) or len(set(asked)) < len(asked):
                wrong = unknown[0] if unknown else "a level twice"
                raise DesignError(
                    f"{short(ast.unparse(node))!r} names {wrong!r}; the levels are "
                    f"{', '.join(levels.categories[:8])}"
                )
            levels = levels.set_categories(asked)
        return pd.Series(levels, index=column.index)

    def _number(self, value: Value, node: ast.expr) -> Value:
        if isinstance(value, float):
            return value
        if isinstance(value, pd.Series) and pd.api.types.is_numeric_dtype(value.dtype):
            return value.astype("float64")
        raise DesignError(f"{short(ast.unparse(node))!r} is not a number")

    def _truth(self, value: Value, node: ast.expr) -> Value:
        if isinstance(value, pd.Series) and pd.api.types.is_bool_dtype(value.dtype):
            return value.astype("boolean")
        raise DesignError(f"{short(ast.unparse(node))!r} is not a comparison")


def _finite(value: Value) -> Value:
    """Infinite values become missing."""
    return value.replace([np.inf, -np.inf], np.nan) if isinstance(value, pd.Series) else value


def _composed(name: object) -> str:
    return unicodedata.normalize("NFKC", str(name))


def _is_text(value: Value) -> bool:
    if isinstance(value, pd.Series):
        ordered = pd.api.types.is_datetime64_any_dtype(value.dtype)
        return not ordered and not pd.api.types.is_numeric_dtype(value.dtype)
    return isinstance(value, str)


def _names_of(value: Value) -> Value:
    """Levels as texts that can be compared."""
    if not isinstance(value, pd.Series):
        return value
    return pd.Series(as_levels(value), index=value.index).astype("object")
