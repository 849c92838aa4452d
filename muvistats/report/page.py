"""The page: what the templates are given, and their rendering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import jinja2

from ..results.cells import Cell
from .citation import Reference
from .views import TableView


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class NumberedTable:
    """A table with its number."""

    number: int
    view: TableView


@dataclass(frozen=True, slots=True)
class ShownFigure:
    """A figure, its image in the page and its files."""

    number: int
    key: str
    caption: str
    alt: str
    uri: str
    width: int
    height: int
    svg: str
    png: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """What is not in the report, and why."""

    title: str
    reference: str
    reason: str


@dataclass(slots=True)
class ShownSection:
    """A section with what could be made of it."""

    key: str
    title: str
    reference: str
    text: str
    tables: list[NumberedTable] = field(default_factory=list)
    figures: list[ShownFigure] = field(default_factory=list)
    warnings: Sequence[str] = ()


@dataclass(slots=True)
class Chapter:
    """Sections under one heading."""

    key: str
    title: str
    sections: list[ShownSection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Score:
    """How many printed values got a verdict."""

    verdict: str
    count: int
    tone: str


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """The verdicts on one reading of the data."""

    name: str
    counts: Sequence[Score]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What is said, where it stands, and the answers: cells of a row for each reading."""

    said: str
    section: str
    anchor: str
    answers: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings in a table: those of the first page, and the others behind it."""

    caption: str
    header: Sequence[str]
    first: Sequence[FindingRow]
    others: Sequence[FindingRow]
    others_caption: str = ""
    note: str = ""
    footnotes: Sequence[tuple[str, str]] = ()
    others_footnotes: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """Agreement beside what a model could reach, and what it does."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be made, for one reason."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows."""

    title: str
    kicker: str
    simulated: bool
    lead: Sequence[str]
    facts: Sequence[Fact]
    readings: Sequence[str]
    scores: Sequence[ScoreRow]
    findings: Findings | None
    beside: Beside | None
    gaps: Sequence[Gap]
    origin: Sequence[Fact]
    chapters: Sequence[Chapter]
    absent: Sequence[Absent]
    methods: Sequence[str]
    rules: Sequence[str]
    verdicts: Mapping[str, Mapping[str, str]]
    versions: Sequence[Fact]
    references: Sequence[Reference]
    version: str
    date: str


def render(page: Page) -> str:
    """HTML of a page.

    Parameters
    ----------
    page : Page
        What it shows. Every text is escaped.

    Returns
    -------
    str
        One HTML document that needs nothing beside itself.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("muvistats.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (files("muvistats.report") / "style.css").read_text(encoding="utf-8")
    # the style sheet is a file of this package, not data
    css = jinja2.filters.do_mark_safe(style)
    return environment.get_template("report.html.j2").render(page=page, css=css)
