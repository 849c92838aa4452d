"""What a formula may say: its text against an allow-list, before any of it is evaluated."""

from __future__ import annotations

import ast
import re
from typing import Any

from ..errors import DesignError

MAX_EXPONENT = 10
MAX_NESTING = 20
_MAX_LENGTH = 1000
_MAX_NODES = 200
_MAX_SPLINE_DF = 30

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.BitAnd, ast.BitOr)

#: A quoted name, in which no sign counts.
QUOTED = r"'[^'\\]*'|\"[^\"\\]*\""

#: Functions of an expression.
FUNCTIONS = ("C", "I", "Q", "center", "exp", "log", "sqrt", "standardize")

#: Functions that only the fixed and random parts of a model know, with their named arguments.
_MODEL_FUNCTIONS = {
    "bs": ("df", "degree", "knots", "include_intercept"),
    "cr": ("df", "knots"),
    "cc": ("df", "knots"),
    "poly": ("degree",),
    "offset": (),
}

#: Contrasts that C() takes as its second argument.
CONTRASTS = ("Treatment", "Sum", "Helmert", "Poly")


def split_formula(formula: str) -> tuple[str, str]:
    """Response and right-hand side of a two-sided formula.

    Parameters
    ----------
    formula : str
        For example ``"arousal ~ modality"``.

    Returns
    -------
    response, right : str
        The two sides, stripped.

    Raises
    ------
    DesignError
        When there is not exactly one ``~`` outside of quotes with something on both sides.

    Examples
    --------
    >>> from muvistats.formula import split_formula
    >>> split_formula("arousal ~ modality")
    ('arousal', 'modality')
    """
    unquoted = re.sub(QUOTED, lambda name: "." * len(name[0]), str(formula))
    place = unquoted.find("~")
    sides = str(formula)[:place].strip(), str(formula)[place + 1 :].strip()
    if unquoted.count("~") != 1 or not all(sides):
        raise DesignError(
            f"formula {short(formula)!r} needs one '~' between a response and a factor, "
            "as in 'arousal ~ modality'"
        )
    return sides


def check(expression: str) -> str:
    """Hold the text of a model term against the allow-list, without a frame.

    Parameters
    ----------
    expression : str
        What stands between two operators of a model formula. Beyond the functions of `evaluate`
        there are bs, cr, cc and poly, and C with a contrast.

    Returns
    -------
    str
        The expression, spaced in one way.

    Raises
    ------
    DesignError
        Names the token that is not allowed.

    Examples
    --------
    >>> from muvistats.formula.allowlist import check
    >>> check("C( modality,Sum )")
    'C(modality, Sum)'
    """
    tree = parse(expression)
    _check_node(tree, 0)
    return ast.unparse(tree)


def _check_node(node: ast.AST, depth: int) -> None:
    if depth > MAX_NESTING:
        raise DesignError(f"{short(ast.unparse(node))!r} is nested more than {MAX_NESTING} deep")
    allowed: tuple[Any, ...] = (ast.Name, ast.BoolOp, ast.Compare, ast.List, ast.Tuple, ast.Set)
    children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if isinstance(node, ast.Call):
        children = _check_call(node)
    elif isinstance(node, ast.Constant):
        real = isinstance(node.value, int | float) and abs(node.value) < 1e300
        if not (real or isinstance(node.value, str)):
            raise DesignError(f"{short(ast.unparse(node))!r} is not allowed in a formula")
    elif isinstance(node, ast.BinOp):
        if not isinstance(node.op, _OPERATORS):
            raise DesignError(f"{short(ast.unparse(node))!r} is not allowed in a formula")
        if isinstance(node.op, ast.Pow) and not _literal(node.right, float, MAX_EXPONENT):
            raise DesignError(
                f"exponent {short(ast.unparse(node.right))!r} must be a number up to "
                f"{MAX_EXPONENT} in {short(ast.unparse(node))!r}"
            )
    elif not isinstance(node, (*allowed, ast.UnaryOp)):
        raise DesignError(f"{short(ast.unparse(node))!r} is not allowed in a formula")
    for child in children:
        _check_node(child, depth + 1)


def _literal(node: ast.expr, kind: type, limit: float) -> bool:
    """Whether a node is a number (for `int` a whole one) from -limit to limit."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    value = node.value if isinstance(node, ast.Constant) else None
    known = (int,) if kind is int else (int, float)
    return isinstance(value, known) and not isinstance(value, bool) and abs(value) <= limit


def _check_call(node: ast.Call) -> list[ast.expr]:
    """Expressions inside of a call that must be checked in turn."""
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name == "C":
        _check_factor(node)
        return node.args[:1]
    if name in _MODEL_FUNCTIONS:
        arguments = dict(zip(_MODEL_FUNCTIONS[name], node.args[1:], strict=False))
        for keyword in node.keywords:
            if keyword.arg not in _MODEL_FUNCTIONS[name] or keyword.arg in arguments:
                raise DesignError(f"{name}() does not take {short(keyword.arg)!r}")
            arguments[str(keyword.arg)] = keyword.value
        if not node.args or len(node.args) > 1 + len(_MODEL_FUNCTIONS[name]):
            raise DesignError(f"{short(ast.unparse(node))!r}: {name}() takes a column first")
        for key, value in arguments.items():
            _check_option(name, key, value)
        return node.args[:1]
    if name not in FUNCTIONS:
        raise DesignError(
            f"function {short(name)!r} is not allowed in a formula; "
            f"there are {', '.join((*FUNCTIONS, *_MODEL_FUNCTIONS))}"
        )
    if len(node.args) != 1 or node.keywords:
        raise DesignError(f"{short(ast.unparse(node))!r}: {name}() takes one argument")
    return node.args


def _check_factor(node: ast.Call) -> None:
    """Hold ``C(column, contrast, levels=[...])`` against what it may say."""
    if not 1 <= len(node.args) <= 2:
        raise DesignError(
            f"{short(ast.unparse(node))!r}: C() takes one argument, or a contrast too"
        )
    for keyword in node.keywords:
        levels = keyword.value.elts if isinstance(keyword.value, ast.List | ast.Tuple) else []
        if keyword.arg != "levels" or not levels or not all(map(_is_level, levels)):
            raise DesignError(
                f"{short(ast.unparse(node))!r}: C() takes levels=[...], a list of levels"
            )
    if len(node.args) == 2:
        _check_contrast(node.args[1])


def _check_option(function: str, key: str, value: ast.expr) -> None:
    text = short(ast.unparse(value))
    if key in ("df", "degree"):
        limit = _MAX_SPLINE_DF if key == "df" else MAX_EXPONENT
        if not _literal(value, int, limit) or text.startswith("-"):
            raise DesignError(f"{key}={text} of {function}() must be a whole number up to {limit}")
    elif key == "knots":
        known = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
        if len(known) > _MAX_SPLINE_DF or not all(_literal(v, float, 1e300) for v in known):
            raise DesignError(f"knots={text} of {function}() must be a list of numbers")
    elif not (isinstance(value, ast.Constant) and isinstance(value.value, bool)):
        raise DesignError(f"{key}={text} of {function}() must be True or False")


def _check_contrast(node: ast.expr) -> None:
    inner = node.func if isinstance(node, ast.Call) else node
    name = inner.id if isinstance(inner, ast.Name) else ""
    if name not in CONTRASTS:
        raise DesignError(
            f"contrast {short(ast.unparse(node))!r} is not known; there are {', '.join(CONTRASTS)}"
        )
    if isinstance(node, ast.Call):
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        named = all(keyword.arg == "reference" for keyword in node.keywords)
        if name != "Treatment" or len(given) != 1 or not named or not _is_level(given[0]):
            raise DesignError(
                f"{short(ast.unparse(node))!r}: only Treatment takes an argument, a level"
            )


def _is_level(node: ast.expr) -> bool:
    text = isinstance(node, ast.Constant) and isinstance(node.value, bool | str)
    return text or _literal(node, float, 1e300)


def parse(expression: str) -> ast.expr:
    """Syntax tree of an expression, of limited length and size."""
    text = str(expression).strip()
    if not text:
        raise DesignError("the expression is empty")
    if len(text) > _MAX_LENGTH:
        raise DesignError(f"{short(text)!r} is longer than {_MAX_LENGTH} characters")
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise DesignError(
            f"{short(text)!r} is not an expression: {error.msg}; Q('...') names a column whose "
            "name is no single word"
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise DesignError(f"{short(text)!r} is not an expression: {error}") from None
    nodes = sum(1 for _ in ast.walk(tree))
    if nodes > _MAX_NODES:
        raise DesignError(f"{short(text)!r} has more than {_MAX_NODES} parts")
    return tree


def short(text: object) -> str:
    """Text of an error, cut to 60 characters."""
    text = str(text)
    return text if len(text) <= 60 else f"{text[:57]}..."
