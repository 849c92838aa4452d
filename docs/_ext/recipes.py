"""Code of a page that is run where the page is made, and what it gives.

``data`` names a file beside the checkout, in the folder ``../shared``. Where it is not there the
code is shown, and that it was not run. ``alt`` says what the figure that it gives shows, and
``caption`` how to read it. The role ``{value}`` puts a number of the page into a sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib.figure import Figure
from running import run_recipe, value_of
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

NOT_RUN = "Not run here: the data is not part of this package."

#: Where the namespace of a page is kept while it is read.
NAMES = "names of recipes"

#: Where figures are written, below the folder of pages.
FIGURES = "api/generated/figures"


class Recipe(SphinxDirective):
    """``{recipe}``: a block of code with what it gives."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "data": directives.unchanged,
        "alt": directives.unchanged,
        "caption": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """The code, and its output or that it was not run."""
        code = "\n".join(self.content)
        names = self.env.temp_data.setdefault(NAMES, {})
        try:
            output = run_recipe(code, names, self.options.get("data"))
        except Exception as error:
            raise self.error(f"{type(error).__name__}: {error}") from error
        shown: list[nodes.Node] = [nodes.literal_block(code, code, language="python")]
        if output is None:
            return [*shown, nodes.paragraph("", "", nodes.emphasis("", NOT_RUN))]
        if output.text:
            shown.append(nodes.literal_block(output.text, output.text, language="text"))
        if output.figure is not None:
            shown.append(self.image(output.figure))
        return shown

    def image(self, figure: Figure) -> nodes.Node:
        """A figure with its caption, saved under the name of the page and the line."""
        page = self.env.docname.replace("/", "-")
        file = f"{FIGURES}/{page}-{self.lineno}.png"
        path = Path(self.env.srcdir) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
        image = nodes.image(uri=f"/{file}", alt=self.options.get("alt", ""), classes=["sd-mb-4"])
        if (said := self.options.get("caption")) is None:
            return image
        inline, _ = self.parse_inline(said, lineno=self.lineno)
        return nodes.figure("", image, nodes.caption(said, "", *inline))


class Value(SphinxRole):
    """``{value}``: an expression in the namespace of its page, as text."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The value."""
        try:
            return [nodes.Text(value_of(self.text, self.env.temp_data[NAMES]))], []
        except Exception as error:
            said = self.inliner.reporter.error(f"{self.text}: {error}", line=self.lineno)
            return [nodes.Text("?")], [said]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and the role."""
    app.add_directive("recipe", Recipe)
    app.add_role("value", Value())
    return {"parallel_read_safe": True}
