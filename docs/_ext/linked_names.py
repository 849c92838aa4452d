"""In text, the name of a public function is a link to its page."""

from __future__ import annotations

from docutils import nodes
from questions import meant
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

#: Pages that are made from the code, where a name may be that of an argument.
MADE = ("api/", "gallery/")


class LinkedNames(SphinxTransform):
    """Put a reference around each piece of code that is a public name."""

    default_priority = 500

    def apply(self, **_options: object) -> None:
        """Go through the code of a page, headings and links left alone."""
        page = self.env.docname
        if page.startswith(MADE):
            return
        for code in list(self.document.findall(nodes.literal)):
            name = meant(code.astext())
            if name is None or isinstance(
                code.parent, (nodes.title, nodes.reference, addnodes.pending_xref)
            ):
                continue
            link = addnodes.pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=f"muvistats.{name}",
                refexplicit=True,
                refwarn=True,
                refdoc=page,
            )
            code.replace_self(link)
            link += code


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(LinkedNames)
    return {"parallel_read_safe": True}
