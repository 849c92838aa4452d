"""Code of a page, run in the namespace of its page."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from typing import Any

import pandas as pd

#: Real data, which is no part of the package.
SHARED = Path(__file__).resolve().parents[3] / "shared"


def run_recipe(code: str, names: dict[str, Any], data: str | None = None) -> str | None:
    """Run code in the namespace of its page.

    Parameters
    ----------
    code : str
        Statements; a table that the last one gives is shown.
    names : dict
        The namespace; what the code names stays in it.
    data : str, optional
        File below the folder of real data, in which the code is run.

    Returns
    -------
    str or None
        The table as it is printed, empty where there is none; None where the data is not there.
    """
    if data is not None and not (SHARED / data).exists():
        return None
    *statements, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        statements, value = [*statements, last], None
    with contextlib.chdir(SHARED if data is not None else Path.cwd()):
        exec(compile(ast.Module(statements, []), "recipe", "exec"), names)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "recipe", "eval"), names)  # noqa: S307
    with pd.option_context("display.width", 96):
        return repr(value) if isinstance(value, pd.DataFrame) else ""
