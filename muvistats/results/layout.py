"""A short view as text for a terminal, as HTML, LaTeX and Markdown."""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata
from collections.abc import Callable, Sequence
from itertools import zip_longest

from .view import WIDTH, View, margin_of, widths_of

#: What a terminal shows as plain letters, so that numbers can be copied.
_PLAIN = str.maketrans({"\u2212": "-", "\u2013": "-", "\u00a0": " "})

_LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": "$<$",
        ">": "$>$",
        "|": "$|$",
        "\u00d7": r"$\times$",
        "\u2264": r"$\leq$",
        "\u2265": r"$\geq$",
        "\u2212": "$-$",
        "\u2013": "--",
        "\u00a0": "~",
        "\u2026": r"\ldots{}",
        "\u221e": r"$\infty$",
        "\u03c7": r"$\chi$",
        "\u00b2": r"$^2$",
        "\u2080": "$_0$",
        "\u2081": "$_1$",
        "\u2082": "$_2$",
    }
)

#: What Markdown would read: its signs, underscores around words, and what may begin HTML.
_MARKDOWN = re.compile(r"[\\|*`$~]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;)")


def as_text(view: View, *, rule: str = "") -> str:
    """A view in lines of at most 100 characters.

    Parameters
    ----------
    view : View
        The view.
    rule : str
        Letter of which lines above, below the heading and below the table are made; none where
        empty.

    Returns
    -------
    str
        The text.
    """
    marks = [f"({mark})" if mark else "" for mark in view.marks]
    widths = widths_of(view.columns, WIDTH - margin_of(view.marks))
    numeric = [column.numeric for column in view.columns]
    lines = _row([column.title for column in view.columns], widths, numeric)
    for number, mark in enumerate(marks):
        texts = [column.texts[number] for column in view.columns]
        first, *more = _row(texts, widths, numeric)
        whole = sum(widths) + 2 * (len(widths) - 1)
        lines += [_padded(first, whole) + f"  {mark}" if mark else first, *more]
    if rule:
        length = max(map(_cells, lines))
        head = len(_row([column.title for column in view.columns], widths, numeric))
        line = rule * length
        lines = [line, *lines[:head], line, *lines[head:], line]
    lines += textwrap.wrap(
        f"Note. {view.line}" if rule and view.line else view.line, WIDTH, break_on_hyphens=False
    )
    return "\n".join(line.rstrip() for line in lines).translate(_PLAIN)


def _row(texts: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    """Lines of a row: texts broken at their width, numbers at the right."""
    broken = [_wrapped(text, width) or [""] for text, width in zip(texts, widths, strict=True)]
    return [
        "  ".join(
            _padded(text, width, right=right)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in zip_longest(*broken, fillvalue="")
    ]


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a text; letters that are two characters wide are counted as such."""
    if _cells(text) <= width:
        return [text]
    wide = _cells(text) > len(text)
    return textwrap.wrap(text, max(1, width // 2 if wide else width))


def _cells(text: str) -> int:
    """Characters that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _padded(text: str, width: int, *, right: bool = False) -> str:
    blanks = " " * max(0, width - _cells(text))
    return blanks + text if right else text + blanks


#: Classes of HTML that notebooks do not search for formulas between dollar signs.
PLAIN = "tex2jax_ignore mathjax_ignore"


def as_html(view: View) -> str:
    """A view as an HTML table; every text is escaped."""
    head = "".join(_html_cell("th", column.title, column.numeric) for column in view.columns)
    lines = [
        f'<table class="dataframe muvistats {PLAIN}">',
        f"<thead><tr>{head}</tr></thead>",
        "<tbody>",
    ]
    for number, mark in enumerate(view.marks):
        cells = [
            _html_cell("td", column.texts[number], column.numeric, mark if place == 0 else "")
            for place, column in enumerate(view.columns)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    note = f'\n<p class="{PLAIN}">{html.escape(view.line)}</p>' if view.line else ""
    return "\n".join([*lines, "</tbody>", "</table>"]) + note


def _html_cell(tag: str, text: str, numeric: bool, mark: str = "") -> str:
    side = "right" if numeric else "left"
    raised = f"<sup>{mark}</sup>" if mark else ""
    return f'<{tag} style="text-align: {side}">{html.escape(text)}{raised}</{tag}>'


def as_latex(view: View) -> str:
    r"""A view as a LaTeX tabular, with the rules of the package booktabs."""
    sides = "".join("r" if column.numeric else "l" for column in view.columns)
    lines = [rf"\begin{{tabular}}{{{sides}}}", r"\toprule"]
    lines += [*_latex_row([column.title for column in view.columns]), r"\midrule"]
    for texts in _marked_rows(view, lambda mark: rf"$^{{{mark}}}$", lambda t: t.translate(_LATEX)):
        guard = "{}" if texts[0][:1] in ("[", "*") else ""  # no argument of the rule above
        lines.append(guard + " & ".join(texts) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    note = [f"\n\\par\\smallskip\\emph{{Note.}} {view.line.translate(_LATEX)}"] if view.line else []
    return "\n".join([*lines, *note])


def _latex_row(texts: Sequence[str]) -> list[str]:
    return [" & ".join(text.translate(_LATEX) for text in texts) + r" \\"]


def as_markdown(view: View) -> str:
    """A view as a Markdown table."""

    def escaped(text: str) -> str:
        return _MARKDOWN.sub(r"\\\g<0>", text)

    heads = [escaped(column.title) for column in view.columns]
    sides = ["---:" if column.numeric else "---" for column in view.columns]
    rows = _marked_rows(view, lambda mark: f" ({mark})", escaped)
    lines = [f"| {' | '.join(cells)} |" for cells in [heads, sides, *rows]]
    return "\n".join([*lines, *(["", escaped(view.line)] if view.line else [])])


def _marked_rows(
    view: View, mark: Callable[[str], str], escape: Callable[[str], str]
) -> list[list[str]]:
    """Rows of escaped cells, the letter of a reason behind the first one."""
    rows = []
    for number, letter in enumerate(view.marks):
        cells = [escape(column.texts[number]) for column in view.columns]
        rows.append([cells[0] + (mark(letter) if letter else ""), *cells[1:]])
    return rows
