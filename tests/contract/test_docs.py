"""The code of the README and of the guide runs as it is printed."""

from __future__ import annotations

import importlib
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

import muvistats as mv
from muvistats.cli import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample_muvi"

#: What stands for the reader's own folder.
OWN_FOLDER = "MUVI_FOLDER"


def blocks(page: Path, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(page: Path) -> dict[str, object]:
    """Run the Python of a page in one namespace, each error at its line of the page."""
    text = page.read_text("utf-8")
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        lines_before = text[: text.index(block)].count("\n")
        source = "\n" * lines_before + block.replace(OWN_FOLDER, SAMPLE.as_posix())
        exec(compile(source, str(page), "exec"), names)
    return names


def test_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run(ROOT / "docs" / "start.md")
    study, own = names["study"], names["own"]
    assert isinstance(study, xr.DataTree)
    assert isinstance(own, xr.DataTree)
    assert study["exclusions"].sizes["exclusion"] > 0
    assert own["annotations"].sizes["annotation"] == 6
    assert own["log/count"].sum() > 0  # something was clipped, as the page says
    assert float(abs(own["annotations/valence"]).max()) == 1


def recipes() -> Iterator[tuple[str | None, str]]:
    """Blocks of the page on one's own study, each with the data that it needs."""
    for block in blocks(ROOT / "docs" / "guide" / "own_study.md", "{recipe}"):
        data = re.match(r":data: (.*)\n\n", block)
        yield (data[1], block[data.end() :]) if data else (None, block)


def test_own_study(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    run_recipe = importlib.import_module("running").run_recipe
    names: dict[str, object] = {}
    shown = [(data, run_recipe(code, names, data)) for data, code in recipes()]
    assert all(text is not None for data, text in shown if data is None)
    for data, text in shown:
        if text is not None and data is not None and "crema" in data:
            hits = re.findall(r"(?<!unbiased) hit rate +(0\.\d{3})", text)
            assert hits[:3] == ["0.400", "0.574", "0.630"]
    assert names["study"]["annotations/tension"].values.tolist() == [2, 3, 1, 6, 7, 5]
    assert set(names["long"].columns) >= {"item", "valence", "arousal"}


def test_readme_python():
    names = run(ROOT / "README.md")
    assert names["data"].attrs["label_alignment"] == "corrected"
    assert names["study"].attrs["simulated"] == 1


#: What the README makes of clips of one's own; tests/annotate goes that way.
OWN_STUDY = {"CLIPS", "site", "site-data"}


def commands(*, own: bool = False) -> list[list[str]]:
    """Lines of the README that call the command, without their comments."""
    lines = "\n".join(blocks(ROOT / "README.md", "console")).splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    called = [words[1:] for words in found if words and Path(words[0]).name == "muvistats"]
    return [words for words in called if bool(OWN_STUDY & {*words}) == own]


def test_readme_shows_the_commands():
    assert {words[0] for words in commands()} == {"report", "validate", "table"}
    assert {words[0] for words in commands(own=True)} == {"annotate", "report"}


@pytest.mark.parametrize("words", commands(own=True), ids=lambda words: "-".join(words[:2]))
def test_commands_of_ones_own_study_have_these_options(words, capsys):
    """The options are read before the clips, which are not there."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert re.search("CLIPS|site|lists.csv", said)
    assert "No such option" not in said


@pytest.mark.parametrize(
    "words", [w for w in commands() if w[0] != "report"], ids=lambda words: words[0]
)
def test_readme_command(words, capsys):
    given = [SAMPLE.as_posix() if word == OWN_FOLDER else word for word in words]
    with pytest.raises(SystemExit) as end:
        main(given)
    assert end.value.code == 0
    assert capsys.readouterr().out.strip()


def test_readme_report_lines_name_what_is_there():
    """The report itself is run in test_analyses; here, that its lines could be."""
    reports = [words for words in commands() if words[0] == "report"]
    assert len(reports) == 3
    for words in reports:
        folders = [w for w in words[1:] if "/" in w]
        assert all((ROOT / folder).is_dir() for folder in folders)
        assert words[-2:] == ["--out", "report"]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_calls_is_public(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    called = re.findall(r"`(?:mv\.)?([a-z]\w*)\(", text)
    assert [name for name in called if not hasattr(mv, name)] == []


@pytest.mark.parametrize("page", ["which_test", "which_agreement"])
def test_what_a_page_recommends_is_public(page):
    lines = (ROOT / "docs" / f"{page}.md").read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    first_table = itertools.takewhile(lambda line: line.startswith("|"), lines[start:])
    rows = [line.split("|")[1:-1] for line in first_table]
    column = [cell.strip() for cell in rows[0]].index("function")
    named = [name for row in rows[2:] for name in re.findall(r"`(\w+)", row[column])]
    assert len(named) >= len(rows) - 2
    assert [name for name in named if not hasattr(mv, name)] == []
