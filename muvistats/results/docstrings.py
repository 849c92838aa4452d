"""Docstrings whose shared arguments are described in one place."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from .parameters import PARAMETERS

F = TypeVar("F", bound=Callable[..., Any])

_HEADS = ("Returns", "Yields", "Raises", "Warns", "See Also", "Notes", "References", "Examples")


def documented(function: F) -> F:
    """Write the texts of shared arguments into the docstring of a public function."""
    function.__doc__ = with_parameters(function)
    return function


def with_parameters(function: Callable[..., Any]) -> str:
    """Docstring whose Parameters section names every argument, in the order of the signature.

    An argument that the docstring describes keeps its own words; the words of the others are
    those of `PARAMETERS`.
    """
    before, own, after = split_docstring(inspect.cleandoc(function.__doc__ or ""))
    entries = []
    rest = dict(own)
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self":
            continue
        if name in own:
            entries.append(rest.pop(name))
        elif name in PARAMETERS:
            entries.append(_entry(name, parameter.annotation))
    section = "\n".join(
        ["Parameters", "----------", *dict.fromkeys([*entries, *rest.values()]), "", ""]
    )
    return f"{before}\n\n{section if entries or rest else ''}{after}".rstrip() + "\n"


def split_docstring(doc: str) -> tuple[str, dict[str, str], str]:
    """What stands before the parameters, the entry of each parameter, and what comes after."""
    section = re.search(r"^Parameters\n-+\n", doc, re.MULTILINE)
    start = section.start() if section else None
    follows = re.search(rf"^(?:{'|'.join(_HEADS)})\n-+$", doc, re.MULTILINE)
    end = follows.start() if follows else len(doc)
    if section is None or start is None:
        return doc[:end].rstrip(), {}, doc[end:]
    own = {}
    for entry in re.split(r"\n(?=\S)", doc[section.end() : end].strip()):
        for name in entry.partition(" : ")[0].split(", "):
            own[name.strip()] = entry
    return doc[:start].rstrip(), own, doc[end:]


def _entry(name: str, annotation: Any) -> str:
    """Entry of a shared argument; choices and kinds of data are those of the signature."""
    shared = PARAMETERS[name]
    kind, text = shared.type, shared.text
    written = str(annotation)
    if choices := re.fullmatch(r"Literal(\[.*\])", written, re.DOTALL):
        kind = "{" + ", ".join(f'"{each}"' for each in ast.literal_eval(choices[1])) + "}"
    if name == "data" and "DataFrame" not in written and written != "Data":
        kind, text = "DataTree", "The study."
    lines = textwrap.wrap(text, 95)
    return "\n".join([f"{name} : {kind}", *(f"    {line}" for line in lines)])
