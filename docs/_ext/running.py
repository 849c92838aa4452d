"""Code of a page, run in the namespace of its page."""

from __future__ import annotations

import ast
import contextlib
import io
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

#: The checkout, in which code is run.
ROOT = Path(__file__).resolve().parents[2]

#: Letters of a line of output.
WIDTH = 100

#: Real data, which is no part of the package.
SHARED = ROOT.parent / "shared"


class Output(NamedTuple):
    """What a piece of code gives: text that it prints, the value of its last line, a figure."""

    text: str
    figure: Figure | None


def run_recipe(code: str, names: dict[str, Any], data: str | None = None) -> Output | None:
    """Run code in the namespace of its page.

    Parameters
    ----------
    code : str
        Statements; what they print is shown, and the value that the last one gives.
    names : dict
        The namespace; what the code names stays in it.
    data : str, optional
        File below the folder of real data, in which the code is run.

    Returns
    -------
    Output or None
        None where the data is not there.
    """
    if data is not None and not (SHARED / data).exists():
        return None
    *statements, last = ast.parse(code).body
    printed, value = io.StringIO(), None
    with (
        contextlib.chdir(ROOT if data is None else SHARED),
        contextlib.redirect_stdout(printed),
        pd.option_context(
            "display.width", WIDTH, "display.max_colwidth", 80, "display.max_columns", None
        ),
    ):
        if isinstance(last, ast.Expr):
            _execute(statements, names)
            value = eval(compile(ast.Expression(last.value), "recipe", "eval"), names)  # noqa: S307
        else:
            _execute([*statements, last], names)
        texts = [printed.getvalue()]
        if value is not None and not isinstance(value, Figure):
            texts.append(value if isinstance(value, str) else repr(value))
    shown = "\n\n".join(_wrapped(text.rstrip()) for text in texts if text.strip())
    return Output(shown, value if isinstance(value, Figure) else None)


def value_of(expression: str, names: dict[str, Any]) -> str:
    """An expression of a page in words; a format may follow, as in ``rate:.0%``."""
    return str(eval(f"f'''{{{expression}}}'''", names))  # noqa: S307


def _wrapped(text: str) -> str:
    """Long lines of prose on several lines; tables as they are."""
    lines = [
        textwrap.fill(line, WIDTH, break_on_hyphens=False)
        if len(line) > WIDTH and "  " not in line and " & " not in line
        else line
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def _execute(statements: list[ast.stmt], names: dict[str, Any]) -> None:
    exec(compile(ast.Module(statements, []), "recipe", "exec"), names)  # noqa: S102
