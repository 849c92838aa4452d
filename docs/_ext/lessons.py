"""Lessons as notebooks, made of their pages before these are read.

Prose becomes text, recipes become code. A paragraph with numbers of the page (``{value}``) becomes
code that writes it, so that its numbers are those of the notebook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: Where pages find their notebooks, below the folder of pages.
NOTEBOOKS = "api/generated/lessons"

#: Cells of a page: code that is run, or prose up to it.
_RECIPE = re.compile(r"^```\{recipe\}\n(?::\w+: [^\n]*\n)*\n?(.*?)^```$", re.MULTILINE | re.DOTALL)

_VALUE = re.compile(r"\{value\}`([^`]+)`")

#: What a notebook writes otherwise than a page.
_PLAIN = (
    (re.compile(r"^:::\{dropdown\} (\w+)$", re.MULTILINE), r"**\1**"),
    (re.compile(r"^:::$", re.MULTILINE), ""),
    (re.compile(r"\{doc\}`([^<`]+?) ?(?:<[^>]*>)?`"), r"\1"),
    (re.compile(r"^\*[^*]*\{download\}.*\*$\n*", re.MULTILINE), ""),
)


def cells_of(page: str) -> Iterator[tuple[str, str]]:
    """Cells of a page, each with its kind: markdown or code."""
    start = 0
    for match in _RECIPE.finditer(page):
        yield from _prose(page[start : match.start()])
        yield "code", match[1].rstrip()
        start = match.end()
    yield from _prose(page[start:])


def _prose(text: str) -> Iterator[tuple[str, str]]:
    """Paragraphs, those with numbers of the page as code that writes them."""
    for pattern, plain in _PLAIN:
        text = pattern.sub(plain, text)
    for paragraph in filter(str.strip, re.split(r"\n{2,}", text)):
        if _VALUE.search(paragraph):
            yield "code", _written(paragraph.strip())
        else:
            yield "markdown", paragraph.strip()


def _written(paragraph: str) -> str:
    """Code that writes a paragraph with its numbers."""
    parts = _VALUE.split(paragraph)
    plain = [part.replace("{", "{{").replace("}", "}}") for part in parts[::2]]
    numbers = [f"{{{code}}}" for code in parts[1::2]]
    text = "".join(x for pair in zip(plain, [*numbers, ""], strict=True) for x in pair)
    return f"from IPython.display import Markdown\n\nMarkdown(f'''{text}''')"


def notebook_of(page: str) -> dict[str, Any]:
    """A notebook of the cells of a page, without outputs."""
    cells = []
    for number, (kind, source) in enumerate(cells_of(page)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        cell["source"] = source
        if kind == "code":
            cell |= {"outputs": [], "execution_count": None}
            if source.startswith("from IPython"):
                cell["metadata"] = {"jupyter": {"source_hidden": True}}
        cells.append(cell)
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": python, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write_notebooks(app: Sphinx) -> None:
    """Write a notebook for each lesson where its page finds it."""
    source = Path(app.srcdir)
    (source / NOTEBOOKS).mkdir(parents=True, exist_ok=True)
    for page in sorted((source / "lessons").glob("*.md")):
        notebook = json.dumps(notebook_of(page.read_text("utf-8")), indent=1)
        (source / NOTEBOOKS / f"{page.stem}.ipynb").write_text(f"{notebook}\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the notebooks before pages are read."""
    app.connect("builder-inited", write_notebooks)
    return {"parallel_read_safe": True}
