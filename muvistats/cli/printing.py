"""Tables of the command line: which there are, and how they are printed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, cast, get_args

import pandas as pd

from ..errors import DesignError
from ..results import layout
from ..results.frame import RESULT_COLUMNS, csv_text
from ..results.paper import published
from ..results.sentences import in_words
from ..results.tables import Style, format_table
from ..results.view import short_view


def functions() -> dict[str, Callable[..., pd.DataFrame]]:
    """Public functions that take a study, and texts beside it, and return a result frame."""
    import muvistats

    found: dict[str, Callable[..., pd.DataFrame]] = {}
    for name in dir(muvistats):
        public = getattr(muvistats, name)
        if name not in RESULT_COLUMNS:
            continue
        first, *others = inspect.signature(public).parameters.values()
        needed = [each.annotation for each in others if each.default is each.empty]
        if first.name == "data" and all(kind == "str" for kind in needed):
            found[name] = public
    return found


def _numbered() -> list[str]:
    """The paper's tables, as ``table3``."""
    sections = published()["section"].unique()
    return sorted(t.replace("Table ", "table") for t in sections if t.startswith("Table "))


def _published_names() -> list[str]:
    return [*_numbered(), *(f"published:{name}" for name in published()["name"].unique())]


def names() -> list[str]:
    """Everything that ``muvistats table`` can print."""
    return [*sorted(functions()), *_published_names()]


def is_published(name: str) -> bool:
    """Whether a name means values that the paper prints."""
    return name.startswith("published:") or name in _published_names()


def printed(name: str) -> pd.DataFrame:
    """Values that the paper prints, by ``table3`` or ``published:kruskal_modality``."""
    return published(name.removeprefix("published:"))


def function(name: str, options: Mapping[str, Any]) -> Callable[..., pd.DataFrame]:
    """Function of a table, checked to take these options.

    Parameters
    ----------
    name : str
        Name of a public function.
    options : mapping
        Arguments that were given.

    Returns
    -------
    callable
        The function.

    Raises
    ------
    DesignError
        When there is no such table, it does not take an option, or one is missing.
    """
    known = functions()
    if name not in known:
        raise DesignError(f"no table is called {name!r}; {_instead_of(name)}")
    parameters = inspect.signature(known[name]).parameters
    for option in options:
        if option not in parameters:
            raise DesignError(f"{name} takes no --{option.replace('_', '-')}")
    for parameter in list(parameters.values())[1:]:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise DesignError(f"{name} needs --{parameter.name.replace('_', '-')}")
    return known[name]


def _instead_of(name: str) -> str:
    """Tables with names like this one, or all of them."""
    near = get_close_matches(name, names(), n=3, cutoff=0.7)
    if near:
        return f"did you mean {' or '.join(near)}? `muvistats table list` names them all"
    there = ", ".join([*sorted(functions()), *_numbered()])
    return f"there are {there}, and published:NAME for what the paper prints"


def as_text(frame: pd.DataFrame, kind: str, *, defuse: bool = False) -> str:
    """A frame as text.

    Parameters
    ----------
    frame : DataFrame
        The frame.
    kind : {"text", "words", "apa", "latex", "markdown", "html", "csv", "md", "json"}
        To be read: the short view, sentences, or a table of a paper. With every digit:
        comma-separated, a Markdown table, or a JSON list of records (missing is null).
    defuse : bool
        Whether texts in CSV that a spreadsheet would run as formulas are defused.

    Returns
    -------
    str
        The text, without a line end after the last line.
    """
    if kind == "text":
        return layout.as_text(short_view(frame))
    if kind == "words":
        return in_words(frame)
    if kind in get_args(Style):
        return format_table(frame, cast("Style", kind))
    if kind == "csv":
        return csv_text(frame, defuse=defuse).rstrip("\n")
    records = [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
    if kind == "json":
        return json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False)
    lines = [[str(name) for name in frame.columns], ["---"] * len(frame.columns)]
    lines += [["" if v is None else _cell(v) for v in row.values()] for row in records]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(value: object) -> object:
    """Value as JSON knows it; infinity as text, missing as None."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value


def _cell(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value).replace("|", "\\|")
