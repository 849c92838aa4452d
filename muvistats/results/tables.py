"""Results as tables that go into a paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

import pandas as pd

from ..arguments import check_choice, check_names
from ..errors import DesignError
from .docstrings import documented
from .layout import as_html, as_latex, as_markdown, as_text
from .sentences import Fit, frame_of
from .view import View, short_view

Style = Literal["apa", "latex", "markdown", "html"]

_LAYOUTS: dict[str, Callable[[View], str]] = {
    "apa": lambda view: as_text(_apa(view), rule="\u2500"),
    "latex": as_latex,
    "markdown": as_markdown,
    "html": as_html,
}


def _apa(view: View) -> View:
    """A view without leading zeros of numbers that cannot exceed 1."""
    return replace(view, columns=[replace(each, texts=each.apa) for each in view.columns])


@documented
def format_table(
    result: pd.DataFrame | Fit, style: Style = "apa", *, columns: Sequence[str] | None = None
) -> str:
    r"""Lay a result out as a table of a paper.

    Parameters
    ----------
    style : {"apa", "latex", "markdown", "html"}
        Plain text with the three rules and the note that the American Psychological Association
        asks for, a LaTeX ``tabular`` with the rules of the package booktabs, Markdown, or HTML.
    columns : sequence of str, optional
        Columns to show; those of the short view where not given. Confidence limits are one column,
        called by the lower one.

    Returns
    -------
    str
        The table with all rows; method and reasons stand in a note below it.

    Raises
    ------
    DataError
        When this is no result, or has no rows.
    DesignError
        When the style is not known, or a column is not there.

    See Also
    --------
    in_words : the same in sentences.

    Notes
    -----
    Numbers are rounded as in the short view, by the rules that the report's section on methods
    lists; in the style "apa" those that cannot exceed 1, such as correlations, have no leading
    zero. The frame itself keeps every digit: ``result.to_csv`` and ``result.to_latex`` write it
    as it is.

    Examples
    --------
    >>> from muvistats import format_table, kruskal_modality, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> tests = kruskal_modality(study, dimension="arousal")
    >>> columns = ["dependence", "statistic", "p_value"]
    >>> print(format_table(tests, "markdown", columns=columns).partition("\n\n")[0])
    | Dependence | Test | p |
    | --- | ---: | ---: |
    | independent | H(2) = 6.44 | .040 |
    | design | F(2, 7.74) = 1.66 | .251 |
    """
    check_choice("style", style, get_args(Style))
    frame = frame_of(result)
    asked = check_names("columns", columns)
    if asked is not None:
        columns = [asked] if isinstance(asked, str) else list(asked)
        unknown = [name for name in columns if name not in frame]
        if unknown or not columns:
            there = ", ".join(map(str, frame.columns))
            raise DesignError(f"columns: there is no {unknown or 'column'}; there are {there}")
        columns = [name for name in columns if name != "conf_high" or "conf_low" not in columns]
    return _LAYOUTS[style](short_view(frame, columns=columns, reasons=None))
