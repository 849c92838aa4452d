"""Views as text, HTML, LaTeX and Markdown."""

from __future__ import annotations

import html.parser

import pytest

from muvistats.results.cells import Column
from muvistats.results.layout import as_html, as_latex, as_markdown, as_text
from muvistats.results.view import View

NASTY = 'a_b & <i> 50% | "q" \\ {x} #1 $2 ~ ^'


@pytest.fixture
def view():
    return View(
        [
            Column("Label", [NASTY, "calm"], numeric=False),
            Column("\u03c7\u00b2", ["\u22121.50", "\u2013"], numeric=True),
        ],
        ["", "a"],
        ["Method with \u03c7\u00b2"],
        [("a", "too few")],
    )


def test_text_has_plain_minus_and_numbers_at_the_right(view):
    head, *_, last, note = as_text(view).splitlines()
    assert head.endswith("\u03c7\u00b2")
    assert last.split() == ["calm", "-", "(a)"]
    assert "-1.50" in as_text(view)
    assert note == "Method with \u03c7\u00b2. (a) too few."
    ruled = as_text(view, rule="=").splitlines()
    assert [set(line) == {"="} for line in ruled] == [True, False, True, False, False, True, False]
    assert ruled[-1].startswith("Note. Method")


def test_texts_are_broken_and_nothing_is_lost():
    names = ["word " * 30, "x" * 130, "\u97f3\u697d" * 60]
    view = View([Column("Name", names, numeric=False)], [""] * 3, [], [])
    text = as_text(view)
    assert all(len(line) <= 100 for line in text.splitlines())
    whole = text.replace("\n", "").replace(" ", "")
    assert whole == "Name" + "".join(names).replace(" ", "")


def test_html_is_escaped_and_closed(view):
    class Reader(html.parser.HTMLParser):
        depth, texts, tags = 0, [], []

        def handle_starttag(self, tag, attrs):  # noqa: ARG002
            self.depth += 1
            self.tags.append(tag)

        def handle_endtag(self, tag):  # noqa: ARG002
            self.depth -= 1

        def handle_data(self, data):
            self.texts.append(data)

    reader = Reader()
    reader.feed(as_html(view))
    assert reader.depth == 0
    assert NASTY in reader.texts
    assert set(reader.tags) == {"table", "thead", "tbody", "tr", "th", "td", "sup", "p"}


def test_latex_escapes_what_it_must(view):
    text = as_latex(view)
    row = next(line for line in text.splitlines() if line.startswith("a"))
    assert row == (
        r"a\_b \& $<$i$>$ 50\% $|$ "
        r'"q" \textbackslash{} \{x\} \#1 \$2 \textasciitilde{} \textasciicircum{} & $-$1.50 \\'
    )
    assert r"calm$^{a}$ & -- \\" in text
    assert r"$\chi$$^2$" in text
    assert text.startswith("\\begin{tabular}{lr}\n\\toprule\n")


def test_markdown_keeps_its_cells(view):
    head, sides, first, second, _, note = as_markdown(view).splitlines()
    assert sides == "| --- | ---: |"
    assert first.replace("\\|", "").count("|") == 3
    assert second == "| calm (a) | \u2013 |"
    assert note.startswith("Method")
    assert head == "| Label | \u03c7\u00b2 |"


def test_what_begins_a_row_of_latex_is_no_argument():
    view = View([Column("CI", ["[1, 2]", "*a", "b"], numeric=False)], [""] * 3, [], [])
    assert as_latex(view).splitlines()[4:7] == ["{}[1, 2] \\\\", "{}*a \\\\", "b \\\\"]


def test_markdown_reads_no_html_mathematics_or_emphasis_in_names():
    names = ["<b>", "p < .001", "_x_", "a_b", "$1$", "`c`", "&amp;"]
    view = View([Column("Name", names, numeric=False)], [""] * 7, [], [])
    cells = [line[2:-2] for line in as_markdown(view).splitlines()[2:9]]
    assert cells == [r"\<b>", "p < .001", r"\_x\_", "a_b", r"\$1\$", r"\`c\`", r"\&amp;"]
