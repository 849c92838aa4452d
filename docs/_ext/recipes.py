"""Code of a page that is run where the page is made, and what it gives.

``data`` names a file beside the checkout, in the folder ``../shared``. Where it is not there the
code is shown, and that it was not run.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from running import run_recipe
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

NOT_RUN = "Not run here: the data is not part of this package."


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
