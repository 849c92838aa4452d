"""Names of files that say what is in them: ``{participant}_{item}.csv``."""

from __future__ import annotations

import os
import re
from glob import glob
from pathlib import Path

from ...errors import DataError
from ...files import FilePath
from ..build import natural_order

#: A field in braces, or a wildcard.
_PARTS = re.compile(r"\{([^{}]*)\}|(\*\*/?)|(\*)|(\?)")


def files_of(pattern: FilePath) -> dict[Path, dict[str, str]]:
    """Files of a pattern in their natural order, and what the name of each says.

    Parameters
    ----------
    pattern : path
        A path with fields in braces and wildcards, ``data/*/{participant}_{item}.csv``.

    Returns
    -------
    dict of Path to dict of str to str
        Value of each field, by file.

    Raises
    ------
    DataError
        When a field has no name or stands twice, or no file is there.
    """
    text = os.fspath(pattern)
    if not isinstance(text, str) or "\0" in text:
        raise DataError("not a pattern of files", found=text, expected="data/{participant}.csv")
    text = text.replace(os.sep, "/")
    expression, wildcards, last = "", "", 0
    fields: list[str] = []
    for part in _PARTS.finditer(text):
        name, folders, some, _ = part.groups()
        between = text[last : part.start()]
        expression += re.escape(between)
        wildcards += _literal(between)
        last = part.end()
        if name is not None:
            if not name.isidentifier() or name in fields:
                problem = "field stands twice" if name in fields else "field has no name"
                raise DataError(problem, file="pattern", found=part[0], expected="{participant}")
            fields.append(name)
        expression += (
            f"(?P<{name}>[^/]+?)"
            if name is not None
            else "(?:.*/)?"
            if folders
            else "[^/]*"
            if some
            else "[^/]"
        )
        wildcards += "*" if name is not None else part[0]
    expression += re.escape(text[last:])
    wildcards += _literal(text[last:])
    found = {}
    for path in natural_order([p.replace(os.sep, "/") for p in glob(wildcards, recursive=True)]):  # noqa: PTH207
        match = re.fullmatch(expression, path)
        if match and Path(path).is_file():
            found[Path(path)] = match.groupdict()
    if not found:
        raise DataError("no file has such a name", file="pattern", found=text)
    return found


def _literal(text: str) -> str:
    """A part of a pattern that stands for itself."""
    return text.replace("[", "[[]")
