"""Code of a page that is run where the page is made, and what it gives.

``data`` names a file beside the checkout, in the folder ``../shared``. Where it is not there the
code is shown, and that it was not run. ``alt`` says what the figure that it gives shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib.figure import Figure
from running import run_recipe
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

NOT_RUN = "Not run here: the data is not part of this package."

#: Where figures are written, below the folder of pages.
FIGURES = "api/generated/figures"


class Recipe(SphinxDirective):
    """``{recipe}``: a block of code with what it gives."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "data": directives.unchanged,
        "alt": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """The code, and its output or that it was not run."""
        code = "\n".join(self.content)
        names = self.env.temp_data.setdefault("names of recipes", {})
        output = run_recipe(code, names, self.options.get("data"))
        shown: list[nodes.Node] = [nodes.literal_block(code, code, language="python")]
        if output is None:
            return [*shown, nodes.paragraph("", "", nodes.emphasis("", NOT_RUN))]
        if output.text:
            shown.append(nodes.literal_block(output.text, output.text, language="text"))
        if output.figure is not None:
            shown.append(self.image(output.figure))
        return shown

    def image(self, figure: Figure) -> nodes.image:
        """A figure, saved under the name of the page and the line."""
        page = self.env.docname.replace("/", "-")
        file = f"{FIGURES}/{page}-{self.lineno}.png"
        path = Path(self.env.srcdir) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
        return nodes.image(uri=f"/{file}", alt=self.options.get("alt", ""))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("recipe", Recipe)
    return {"parallel_read_safe": True}
