"""Code of a page that is run where the page is made, and what it gives.

``data`` names a file beside the checkout, in the folder ``../shared``. Where it is not there the
code is shown, and that it was not run.
"""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: Real data, which is no part of the package.
SHARED = Path(__file__).resolve().parents[3] / "shared"

NOT_RUN = "Not run here: the data is not part of this package."


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


class Recipe(SphinxDirective):
    """``{recipe}``: a block of code with what it gives."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"data": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """The code, and its table or that it was not run."""
        code = "\n".join(self.content)
        names = self.env.temp_data.setdefault("names of recipes", {})
        shown = run_recipe(code, names, self.options.get("data"))
        block = nodes.literal_block(code, code, language="python")
        if shown is None:
            return [block, nodes.paragraph("", "", nodes.emphasis("", NOT_RUN))]
        return [block, *([nodes.literal_block(shown, shown, language="text")] if shown else [])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("recipe", Recipe)
    return {"parallel_read_safe": True}
