"""The code of the README and of the guide runs as it is printed."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.cli import main
from muvistats.stats.ranks.by_design import LARGEST, MANY

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample_muvi"

#: What a formula may call.
FORMULA_FUNCTIONS = {
    "center",
    "standardize",
    "poly",
    "bs",
    "cr",
    "cc",
    "log",
    "sqrt",
    "exp",
    "offset",
}

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


def recipes(page: str) -> Iterator[tuple[str | None, str]]:
    """Blocks of a page that are run where it is made, each with the data that it needs."""
    for block in blocks(ROOT / "docs" / f"{page}.md", "{recipe}"):
        head = re.match(r"(?::\w+: .*\n)*\n?", block)
        assert head is not None
        data = re.search(r":data: (.*)", head[0])
        yield data[1] if data else None, block[head.end() :]


@pytest.fixture
def shown(monkeypatch):
    """What the blocks of a page give, one by one, with the names that there are by then."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    run_recipe = importlib.import_module("running").run_recipe

    def outputs(page: str) -> Iterator[tuple[str | None, Any, dict[str, Any]]]:
        names: dict[str, Any] = {}
        for data, code in recipes(page):
            yield data, run_recipe(code, names, data), names

    return outputs


def test_start(shown):
    *_, (_, last, names) = shown("start")
    assert "CCC" in last.text
    study, own = names["study"], names["own"]
    assert isinstance(study, xr.DataTree)
    assert isinstance(own, xr.DataTree)
    assert study["exclusions"].sizes["exclusion"] > 0
    assert own["annotations"].sizes["annotation"] == 32
    assert own["log/count"].sum() > 0  # something was clipped, as the page says
    assert float(abs(own["annotations/valence"]).max()) == 1


@pytest.fixture
def questions(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    return importlib.import_module("questions")


def test_own_study(shown):
    names: dict[str, Any] = {}
    for data, output, names in shown("guide/own_study"):  # noqa: B007
        assert output is not None or data is not None
        if output is not None and data is not None and "crema" in data:
            hits = re.findall(r"(?<!unbiased) hit rate +(0\.\d{3})", output.text)
            assert hits[:3] == ["0.400", "0.574", "0.630"]
    assert names["study"]["annotations/tension"].values.tolist() == [2, 3, 1, 6, 7, 5]
    assert set(names["long"].columns) >= {"item", "valence", "arousal"}


GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_shows_what_its_code_gives(page):
    """All of it is run where the page is made, but for what needs files, networks or a cluster."""
    text = page.read_text("utf-8")
    figures = len(re.findall(r"^!\[", text, re.MULTILINE))
    assert blocks(page, "{recipe}") or figures
    for block in blocks(page, "python"):
        assert re.search(r"extract|cut_clip|network_models|Client|read_annotations|weights=", block)


#: Guides whose code takes a few seconds; the others are run where the pages are made.
QUICK = {"annotate": "checks", "design_rows": "few", "features": "table", "formulas": "frame"}


@pytest.mark.parametrize("page", QUICK)
def test_a_guide_runs(page, shown):
    outputs, names = [], {}
    for _, output, names in shown(f"guide/{page}"):  # noqa: B007
        outputs.append(output.text)
    assert len(names[QUICK[page]]) > 0
    assert any(outputs)


def test_the_guide_to_the_design_rows_shows_rates_that_hold(shown):
    *_, (_, _, names) = shown("guide/design_rows")
    rates = names["rates"]
    assert rates.xs("design", level="dependence").max() < 0.07
    assert rates.xs("independent", level="dependence").max() > 0.5  # familiarity
    text = (ROOT / "docs" / "guide" / "design_rows.md").read_text("utf-8")
    assert f"From {MANY} participants and {MANY} items on" in text
    assert f"up to {LARGEST:,} rows" in text


def test_the_first_page_shows_what_it_says(shown):
    outputs = [output for _, output, _ in shown("index")]
    independent, design = re.findall(
        r"independent.* (\.\d{3}) |design.* (\.\d{3}) ", outputs[0].text
    )
    assert float(independent[0]) < 0.05 < float(design[1])
    assert [output.figure is not None for output in outputs] == [False, False, False, True]


def test_what_comes_from_r_is_ours(shown):
    compared = 0
    for _, output, names in shown("from_r"):
        assert output.text
        if {"theirs", "ours"} <= {*names}:
            theirs, ours = names.pop("theirs"), names.pop("ours")
            numbers = theirs.columns[1:]
            np.testing.assert_allclose(theirs[numbers], ours[numbers], rtol=1e-3)
            compared += 1
    assert compared == 2


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, in pingouin's own code
def test_what_comes_from_python_is_ours(shown):
    *_, (_, last, names) = shown("from_python")
    assert "GEE" in last.text
    ours = names["one"].tidy().set_index("term")["estimate"]
    theirs = names["smf"].mixedlm(
        "arousal ~ modality + loud", names["ratings"], groups="participant"
    )
    np.testing.assert_allclose(theirs.fit().fe_params[ours.index], ours, rtol=1e-4)


def test_each_public_figure_is_drawn_with_its_question(shown):
    outputs = [output for _, output, _ in shown("figures")]
    text = (ROOT / "docs" / "figures.md").read_text("utf-8")
    asked = re.findall(r"^\*\*[^*]+\?\*\*(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    named = re.findall(r"`(plot_\w+)`", " ".join(asked))
    assert sorted(named) == sorted(name for name in mv.__all__ if name.startswith("plot_"))
    of_networks = 1  # it needs one
    assert sum(output.figure is not None for output in outputs) == len(named) - of_networks


@pytest.mark.filterwarnings("ignore:labels do not stand")  # of the released data, which is read
def test_rates_of_false_alarms_stand_with_their_nulls(shown, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    value_of = importlib.import_module("running").value_of
    *_, (_, _, names) = shown("not_6091_observations")
    text = (ROOT / "docs" / "not_6091_observations.md").read_text("utf-8")
    said = {code: value_of(code, names) for code in re.findall(r"\{value\}`([^`]+)`", text)}
    assert said['rate(ratings, "modality_by_item", "independent", "valence"):.1%'] == "19.5%"
    assert max(float(v.strip("%")) for code, v in said.items() if "design" in code) < 7
    assert all(re.search("no_|modality_by_", code) for code in said)


def test_the_guide_to_time_shows_one_cluster_that_is_significant(shown):
    *_, (_, _, names) = shown("guide/over_time")
    assert [p <= 0.05 for p in names["clusters"]["p_value"]] == [True, False]
    assert (names["clusters"]["effect_size"] < 0).all()
    rejected, studies = names["nothing"]["n_rejected"].sum(), names["nothing"]["n"].sum()
    assert 0 < rejected / studies < 0.1


@pytest.mark.filterwarnings("ignore:labels do not stand")  # of the released data, which is read
def test_labels_of_the_released_data_stand_one_trial_too_late(shown):
    for data, output, names in shown("is_the_data_what_it_says"):
        assert (output is None) == (names == {})
        assert data is not None
    if names:
        best = names["signal"].loc[lambda rows: rows["best"]]
        assert best["lag"].tolist() == [1, 1]


def test_mixed_models_of_the_guide_are_those_of_r(shown):
    *_, (_, _, names) = shown("guide/mixed_models")
    differences = pd.DataFrame(names["rows"])
    assert differences.shape == (4, 3)
    assert differences.to_numpy().max() < 1e-5


#: What each lesson says, of the names that its page has at its end: the error, and what mends it.
LESSONS: dict[str, list[str]] = {
    "dependence": [
        "independent < 0.01 < 0.05 < design",
        "second > 0.2",
        "alarms['independent'] > 0.15 > 0.1 > alarms['design']",
        "share < 0.12",
        "twice['independent'] > alarms['independent']",
        "own['null_sd'][1] > 1.3 * own['null_sd'][0]",
    ],
    "agreement": [
        "arousal.loc['ICC(A,k)', 'estimate'] > 1.7 * arousal.loc['ICC(A,1)', 'estimate']",
        "near.loc['ewe', 'ccc'] < near.loc['mean', 'ccc'] < late['ccc']",
        "needed[0] > 2 * needed[1]",
        "windows.idxmax() == 0",
        "best > late['lag_seconds']",
    ],
    "leakage": [
        "leaky > 0.4 and honest < 0.05",
        "mended['leaky'].iloc[-1] > 0.4 and (mended['honest'] < 0.05).all()",
        "both[words[True]] > both[words[False]] > 0.1",
        "shares[True] > 0.4 > 0 > shares[False]",
    ],
    "own_csv": [
        "forgets.loc['sex[T.male]', 'p_value'] < 0.01 < 0.1 < knows.loc['sex[T.male]', 'p_value']",
        "knows.loc['center(age)', 'p_value'] < 0.01",
        "tests.set_index('term').loc['sex:center(age)', 'p_value'] > 0.1",
        "widths[0] < 0.6 * widths[1]",
        "ordinal.loc['sex[T.male]', 'p_value'] > 0.1 > ordinal.loc['center(age)', 'p_value']",
    ],
    "checks": [
        "(p_read > 0.05).all() and (p_meant < 0.05).all()",
        "table.loc[0, 'labels'] < 2 and table.loc[1, 'labels'] > 10",
        "0 < len(again) < study['participants'].sizes['participant']",
        "len(strange) > 0",
        "best.to_dict() == {'labels': 2, 'familiar': 2, 'arousal': 0, 'valence': 0}",
    ],
}


@pytest.mark.parametrize("lesson", sorted(LESSONS))
def test_a_lesson_shows_its_error_and_has_answers(lesson, shown, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    value_of = importlib.import_module("running").value_of
    text = (ROOT / "docs" / "lessons" / f"{lesson}.md").read_text("utf-8")
    figures, names = 0, {}
    for _, output, names in shown(f"lessons/{lesson}"):  # noqa: B007
        figures += output.figure is not None
    assert figures
    untrue = [said for said in LESSONS[lesson] if not eval(said, names)]
    assert untrue == []
    for code in re.findall(r"\{value\}`([^`]+)`", text):
        assert "nan" not in value_of(code, names).lower(), code
    story, exercises = text.split("## Exercises")
    assert "imulated" in story or "made up" in story
    assert re.findall(r"^\*\*(\d)\.\*\*", exercises, re.MULTILINE) == ["1", "2", "3"]
    assert exercises.count(":::{dropdown} Answer") == 3
    assert story.rstrip().rpartition("```{recipe}\n:alt:")[2].count("```{recipe}") == 0


@pytest.mark.parametrize("lesson", sorted(LESSONS))
def test_a_notebook_has_the_code_and_the_numbers_of_its_lesson(lesson, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    lessons = importlib.import_module("lessons")
    text = (ROOT / "docs" / "lessons" / f"{lesson}.md").read_text("utf-8")
    cells = lessons.notebook_of(text)["cells"]
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    run = [source for source in code if not source.startswith("from IPython")]
    assert run == [source.rstrip() for _, source in recipes(f"lessons/{lesson}")]
    written = "".join(source for source in code if source.startswith("from IPython"))
    for source in code:
        ast.parse(source)
    numbers = re.findall(r"\{value\}`([^`]+)`", text)
    assert [n for n in numbers if f"{{{n}}}" not in written] == []
    prose = "".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    assert not re.search(r"\{\w+\}`|^:::", prose, re.MULTILINE)


def test_each_lesson_has_a_card_and_is_tested():
    pages = {page.stem for page in (ROOT / "docs" / "lessons").glob("*.md")}
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert pages == {*LESSONS} == {*re.findall(r"^:link: lessons/(\w+)$", index, re.MULTILINE)}


def test_a_recipe_shows_what_is_printed_and_what_comes_last(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    run_recipe = importlib.import_module("running").run_recipe
    assert run_recipe("print('one')\n2", {}) == ("one\n\n2", None)
    assert run_recipe("x = 1", {}) == ("", None)
    assert run_recipe("print('said ' * 50)", {}).text.count("\n") == 2
    assert run_recipe("'table  ' * 40", {}).text.count("\n") == 0
    assert run_recipe("1", {}, "no such folder") is None


def test_a_number_in_a_sentence_has_the_format_that_follows_it(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    value_of = importlib.import_module("running").value_of
    assert value_of('share["a"]:.1%', {"share": {"a": 0.195}}) == "19.5%"
    assert value_of("n", {"n": 3}) == "3"
    with pytest.raises(NameError):
        value_of("unknown", {})


def test_each_public_name_answers_one_question(questions):
    parts = questions.names_by_question()
    listed = [name for names in parts.values() for name in names]
    assert sorted(listed) == sorted(questions.public_names())
    assert set(listed) >= set(mv.__all__)
    assert all(parts.values())
    with pytest.raises(LookupError, match="name it in QUESTIONS"):
        questions.question_of("nowhere.near")


def test_code_in_a_sentence_means_a_public_name(questions):
    found = {code: questions.meant(code) for code in ("icc", "mv.icc(study)", "visual.extract")}
    assert list(found.values()) == ["icc", "icc", "features.visual.extract"]
    assert questions.meant("ccc(x, y)") == "ccc"
    for other in ("ccc", "participant", "pg.kruskal(d)", "stats::glm(f)", "x ~ kruskal"):
        assert questions.meant(other) is None


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
    assert len(reports) == 4  # from PyPI, in a checkout, a folder, the sample
    for words in reports:
        folders = [w for w in words[1:] if "/" in w]
        assert all((ROOT / folder).is_dir() for folder in folders)
        assert words[-2:] == ["--out", "report"]


#: Pages that put the calls of others beside ours.
COMPARING = ("from_r", "from_python")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_calls_is_public(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\{value\}`[^`]*`", "", text)  # in the namespace of the page
    if page.stem in COMPARING:
        text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    called = re.findall(r"`(?:mv\.)?([a-z]\w*)\(", text)
    assert [name for name in {*called} - FORMULA_FUNCTIONS if not hasattr(mv, name)] == []


def own_calls(page: str) -> Iterator[ast.Call]:
    """Calls of functions and of methods of fits in the column of ours."""
    lines = (ROOT / "docs" / f"{page}.md").read_text("utf-8").splitlines()
    cells = [re.split(r"(?<!\\)\|", line)[2] for line in lines if line.startswith("|")]
    for code in re.findall(r"`([^`]+)`", " ".join(cells).replace(r"\|", "|")):
        with contextlib.suppress(SyntaxError):  # a part of a formula, or an argument
            node = ast.parse(code, mode="eval").body
            if isinstance(node, ast.Subscript):
                node = node.value
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name.islower() and name not in FORMULA_FUNCTIONS:  # no C(a), no row ICC(A,1)
                yield node


@pytest.mark.parametrize("page", COMPARING)
def test_calls_beside_those_of_others_can_be_made(page):
    calls = list(own_calls(page))
    for call in calls:
        names = {str(keyword.arg): None for keyword in call.keywords}
        if isinstance(call.func, ast.Attribute):  # of a fit
            method = getattr(mv.MixedFit, call.func.attr)
            inspect.signature(method).bind(None, *call.args, **names)
        else:
            assert isinstance(call.func, ast.Name)
            inspect.signature(getattr(mv, call.func.id)).bind(*call.args, **names)
    assert len(calls) > 15


@pytest.mark.parametrize("page", COMPARING)
def test_calls_with_a_frame_say_what_is_rated_or_chosen(page):
    """A plain frame does not say it, and a function that asks a study alone takes none."""
    for call in own_calls(page):
        if isinstance(call.func, ast.Name) and list(map(ast.unparse, call.args)) == ["d"]:
            needed = inspect.signature(getattr(mv, call.func.id)).parameters
            asked = next(name for name in ("labels", "dimension") if name in needed)
            assert asked in {keyword.arg for keyword in call.keywords}, ast.unparse(call)


@pytest.mark.parametrize("page", ["which_test", "which_agreement"])
def test_what_a_page_recommends_is_a_link(page, questions):
    lines = (ROOT / "docs" / f"{page}.md").read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    first_table = itertools.takewhile(lambda line: line.startswith("|"), lines[start:])
    rows = [line.split("|")[1:-1] for line in first_table]
    column = [cell.strip() for cell in rows[0]].index("function")
    named = [code for row in rows[2:] for code in re.findall(r"`([^`]+)`", row[column])]
    assert len(named) >= len(rows) - 2
    assert [code for code in named if questions.meant(code) is None] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_points_to_is_there(page):
    text = re.sub(r"^```\w.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    cards = [f"{name}.*" for name in re.findall(r"^:link: (.*)$", text, re.MULTILINE)]
    made = ("api/index", "gallery/index")
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [c for c in cards if not c.startswith(made) and not [*page.parent.glob(c)]]
    assert missing == []
