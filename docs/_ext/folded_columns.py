"""On a page of a function, the columns of its result are folded: they open with a click."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

#: How the list of columns begins in the help of a function.
HEAD = re.compile(r"^( +)(.*)\. Columns:$")


def fold_columns(
    _app: Sphinx, _what: str, _name: str, _found: object, _options: object, lines: list[str]
) -> None:
    """Put the list of columns into a dropdown, in place, before numpydoc reads the lines."""
    at = next((i for i, line in enumerate(lines) if HEAD.match(line)), None)
    match = HEAD.match(lines[at]) if at is not None else None
    if at is None or match is None:
        return
    indent, row = match.groups()
    end = at + 2
    while end < len(lines) and lines[end].startswith(f"{indent}- "):
        end += 1
    columns = [f"   {line}" for line in lines[at + 2 : end]]
    head = [f"{indent}{row}.", "", f"{indent}.. dropdown:: {len(columns)} columns", ""]
    lines[at:end] = [*head, *columns]


def setup(app: Sphinx) -> dict[str, bool]:
    """Fold before numpydoc, whose priority is 500."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", fold_columns, priority=400)
    return {"parallel_read_safe": True}
