"""One report for all tests of this folder: writing it is the slow part."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
import xarray as xr

import muvistats as mv
from muvistats.report import build, figures
from muvistats.report.sections import catalogue as sections

#: Resamples of the report on the small study: what it shows of them is the same with more.
RESAMPLES = 99


@dataclass
class Element:
    """An element of a page: its name, attributes and the text inside."""

    tag: str
    attrs: dict[str, str]
    text: str = ""


class Page(HTMLParser):
    """Elements of a page in order, each with its whole text."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(html)
        assert not self.open, [element.tag for element in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str, **attrs: str) -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag
            and all(element.attrs.get(name.rstrip("_")) == value for name, value in attrs.items())
        ]

    def by_id(self, key: str) -> Element:
        (found,) = [element for element in self.elements if element.attrs.get("id") == key]
        return found


@dataclass
class Report:
    """A report that was written, and the study it is about."""

    folder: Path
    page: Page
    study: xr.DataTree


@pytest.fixture(scope="session")
def prepared(study: xr.DataTree) -> xr.DataTree:
    return mv.released_exclusions(study)


@pytest.fixture(scope="session")
def report(prepared: xr.DataTree, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report on a small simulated study in memory."""
    out = tmp_path_factory.mktemp("report") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_RESAMPLES", RESAMPLES)
        patch.setitem(sys.modules, "pingouin", None)  # `make report` installs no extra
        page = mv.write_report(prepared, out)
    assert page == out / "index.html"
    return Report(out, Page(page.read_text(encoding="utf-8")), prepared)


@contextmanager
def unrendered() -> Iterator[None]:
    """Figures are drawn and not rendered, where other tests hold their files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "_svg", lambda *_: b"<?xml?><svg/>")
        patch.setattr(figures, "_png", lambda *_: b"\x89PNG")
        yield


@pytest.fixture
def quick_figures() -> Iterator[None]:
    with unrendered():
        yield


@pytest.fixture(scope="session")
def real(muvi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report on the real release: labels in two readings, no ratings over time."""
    out = tmp_path_factory.mktemp("report") / "real"
    with unrendered():
        page = mv.write_report(muvi_folder, out)
    return Report(out, Page(page.read_text(encoding="utf-8")), xr.DataTree())


@pytest.fixture(scope="session")
def release(study: xr.DataTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study in the released layout, its labels shifted, without av_data.csv."""
    folder = tmp_path_factory.mktemp("release") / "small_muvi"
    mv.write_muvi(study, folder)
    (folder / "av_data.csv").unlink()
    return folder


@pytest.fixture(scope="session")
def two_readings(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report on a released folder: two readings of the labels, no ratings over time."""
    out = tmp_path_factory.mktemp("report") / "two"
    some = ("read", "alignment", "ratings", "modality", "label-tests")
    chosen = tuple(section for section in sections.SECTIONS if section.key in some)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), unrendered():
        patch.setattr(build, "SECTIONS", chosen)
        warnings.simplefilter("error")
        page = mv.write_report(release, out)
    study = mv.read_muvi(release, label_alignment="corrected")
    return Report(out, Page(page.read_text(encoding="utf-8")), study)
