from __future__ import annotations

import errno
import importlib.util
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import cli
from muvistats.report import build
from muvistats.results.frame import read_frame

from ..report.test_report import _design, _only

pytestmark = pytest.mark.slow

SMALL = ["--items", "9", "--participants", "12", "--seed", "1", "--no-features"]


def run(*arguments: object) -> int:
    """Exit code of the command line."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    code = stop.value.code
    return 0 if code is None else int(code)


@pytest.fixture(scope="module")
def small() -> object:
    return mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)


@pytest.fixture(scope="module")
def store(small: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "small.nc"
    mv.save_dataset(small, path)
    return path


@pytest.fixture(scope="module")
def folder(small: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folder") / "small"
    mv.write_muvi(small, path)
    return path


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from muvistats.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code\n"
        "heavy = {'numpy', 'pandas', 'xarray', 'scipy', 'matplotlib', 'jinja2', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("report", "validate", "simulate", "table", "features", "deep"):
        assert command in done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"muvistats {mv.__version__}\n"


def test_the_package_runs_as_a_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["muvistats", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("muvistats", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"muvistats {mv.__version__}\n"


@pytest.mark.parametrize("command", [["validate"], ["table", "describe_design"], ["report"]])
def test_bad_folders_give_one_line_and_two(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file.txt"
    file.write_text("x")
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken.nc"
    broken.write_text("not a NetCDF file")
    out = ["--out", str(tmp_path / "out")] if command == ["report"] else []
    for bad, said in (
        (tmp_path / "nothing", "no such file or folder"),
        (file, "this is a file"),
        (empty, "required file is missing"),
        (broken, "broken.nc"),
    ):
        assert run(*command, bad, *out) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        assert line.startswith("muvistats: error: ")
        # the report takes a text file for a table of ratings
        assert (said if bad != file or command != ["report"] else "file.txt: ") in line
    assert not (tmp_path / "out").exists()


def test_unexpected_error_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(build, "write_report", crash)
    with pytest.raises(ZeroDivisionError):
        cli.main(["report", "--out", str(tmp_path / "r")])


@pytest.mark.parametrize("suffix", [".nc", ".zarr", ""])
def test_simulate_writes_what_the_reader_reads(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], small: object
) -> None:
    out = tmp_path / f"study{suffix}"
    assert run("simulate", "--out", out, *SMALL) == 0
    assert capsys.readouterr().out.strip() == str(out)
    again = mv.load_study(out) if suffix else mv.read_muvi(out, label_alignment="corrected")
    np.testing.assert_allclose(
        again["annotations/valence"].to_numpy(), small["annotations/valence"].to_numpy(), atol=1e-9
    )
    assert again.attrs["simulated"]


def test_simulate_needs_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate") == 2
    assert "--out" in capsys.readouterr().err


def test_validate_says_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", folder) == 0
    captured = capsys.readouterr()
    assert "108 annotations, 12 participants, 9 items" in captured.out
    assert "alignment of labels: best at lag 1" in captured.out
    assert "log: media_data.csv" in captured.out
    assert captured.out.rstrip().endswith("valid, with the warning above")
    assert captured.err.startswith("muvistats: warning: labels do not stand beside the item")
    assert len(captured.err.splitlines()) == 1
    assert run("validate", folder, "--label-alignment", "corrected") == 0
    captured = capsys.readouterr()
    assert "alignment of labels: best at lag 0" in captured.out
    assert captured.err == ""


def test_validate_refuses_bad_values(folder: Path, tmp_path: Path, capsys: object) -> None:
    text = (folder / "media_data.csv").read_text()
    bad = tmp_path / "bad"
    bad.mkdir()
    for file in folder.iterdir():
        (bad / file.name).write_bytes(file.read_bytes())
    (bad / "media_data.csv").write_text(text.replace("muted_video", "mime", 1))
    assert run("validate", bad) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "media_data.csv" in line
    assert "mime" in line


def test_table_formats_hold_every_digit(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = mv.describe_annotations(mv.load_study(store))
    command = ("table", "describe_annotations", store, "--format")
    assert run(*command, "csv") == 0
    frame = pd.read_csv(io.StringIO(capsys.readouterr().out))
    numbers = expected.select_dtypes("number").columns
    pd.testing.assert_frame_equal(expected[numbers], frame[numbers], check_exact=True)
    assert list(frame.columns) == list(expected.columns)

    assert run(*command, "json") == 0
    records = json.loads(capsys.readouterr().out)
    frame = pd.DataFrame(records)
    pd.testing.assert_frame_equal(expected[numbers], frame[numbers], check_exact=True)
    assert records[0]["warning"] is None
    assert records[0]["simulated"] is True

    assert run(*command, "md") == 0
    header, rule, *rows = capsys.readouterr().out.splitlines()
    assert header == f"| {' | '.join(expected.columns)} |"
    assert set(rule) == set("|- ")
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    frame = pd.DataFrame(cells, columns=expected.columns)
    for name in numbers:
        np.testing.assert_array_equal(frame[name].astype(float), expected[name].astype(float))


def test_table_can_be_written(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.csv"
    assert run("table", "describe_design", store, "--out", out) == 0
    assert capsys.readouterr().out == ""
    expected = mv.describe_design(mv.load_study(store))
    pd.testing.assert_frame_equal(read_frame(out), expected, check_exact=True)


def test_a_table_that_cannot_be_written_leaves_the_old_one(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.csv"
    out.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert run("table", "describe_design", store, "--out", out) == 2
    assert capsys.readouterr().err.endswith(f"{out}: No space left on device\n")
    assert out.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_tables_in_files_are_defused_unless_told(tmp_path: Path) -> None:
    ratings = pd.DataFrame(
        {"item": ["a", "b"], "participant": ["1", "2"], "arousal": [0.1, 0.2], "=1+1": [0, 1]}
    )
    study = mv.from_frames(ratings, labels=["=1+1"], modalities=("music",), dimensions=["arousal"])
    path, out = mv.save_dataset(study, tmp_path / "s.nc"), tmp_path / "t.csv"
    assert run("table", "label_frequencies", path, "--out", out) == 0
    assert "'=1+1" in out.read_text()
    assert run("table", "label_frequencies", path, "--out", out, "--no-defuse") == 0
    assert "'=1+1" not in out.read_text()
    assert "=1+1" in out.read_text()


def test_a_forbidden_formula_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom muvistats.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print([m for m in ('numpy', 'pandas', 'xarray') if m in sys.modules])"
    )
    arguments = ("table", "kruskal", tmp_path / "nowhere", "--formula", "arousal ~ x.__class__")
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == "[]\n"
    assert "__class__" in done.stderr


def test_table_options(folder: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--by", "gender", "--label-alignment", "corrected", "--format", "json")
    assert run("table", "chisquare_labels", folder, *chosen) == 0
    row = json.loads(capsys.readouterr().out)[0]
    study = mv.read_muvi(folder, label_alignment="corrected")
    expected = mv.chisquare_labels(study, by="gender").iloc[0]
    assert row["statistic"] == expected["statistic"]
    assert row["alignment"] == "corrected"
    assert run("table", "kruskal", store, "--formula", "arousal ~ gender", "--format", "json") == 0
    row, design = json.loads(capsys.readouterr().out)
    assert (row["dependence"], design["dependence"]) == ("independent", "design")
    expected = mv.kruskal(mv.load_study(store), "arousal ~ gender", n_resamples=0).iloc[0]
    assert row["statistic"] == expected["statistic"]
    assert run("table", "label_frequencies", store, "--level", "superfactor") == 0
    assert "sublimity" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "chisquare_labels"),
        (["kruskal"], "needs --formula"),
        (["describe_design", "--by", "gender"], "takes no --by"),
        (["table3", "--by", "gender"], "takes no data and no options"),
        (["published:nonsense"], "no such printed values"),
        (["kruskal", "--formula", "arousal ~ __import__('os')"], "__import__"),
        (["describe_design", "--label-alignment", "corrected"], "one reading of its labels"),
    ],
)
def test_table_refusals(
    arguments: list[str], said: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = arguments
    data = [] if name.startswith(("table", "published")) else [store]
    assert run("table", name, *data, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_table_lists_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("table", "list") == 0
    names = capsys.readouterr().out.split()
    assert {"kruskal_modality", "label_alignment_check", "table3"} <= set(names)
    assert "published:normality" in names
    assert "compare_published" not in names  # takes a frame, not a study


def test_table_of_printed_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("table", "table5", "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["published"] == 0.4062
    assert run("table", "published:kruskal_modality", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["printed"] == "79.45"


def test_report_prints_where_the_page_is(
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(build, "SECTIONS", _only(_design))
    out = tmp_path / "r"
    assert run("report", store, "--out", out) == 0
    assert capsys.readouterr().out.strip() == str(out / "index.html")
    (out / "mine.txt").write_text("x")
    assert run("report", store, "--out", out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run("report", store, "--out", out, "--overwrite") == 0
    assert not (out / "mine.txt").exists()


def test_deep_without_keras_says_what_to_install(
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "keras" else find(name)
    )
    for options in ([], ["--quick", "--backend", "torch"]):
        assert run("deep", "compare", store, *options, "--out", tmp_path / "r") == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        assert line.startswith("muvistats: error: keras is needed")
        assert "muvistats[deep]" in line
    assert not (tmp_path / "r").exists()


def test_deep_help_names_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("deep", "compare", "--help") == 0
    said = capsys.readouterr().out
    for option in ("--quick", "--protocol", "--seeds", "--repeats", "--backend", "--jobs"):
        assert option in said
    assert run("deep", "compare", "--protocol", "fair") == 2
    assert "strict" in capsys.readouterr().err


def test_a_table_replaces_neither_its_study_nor_a_folder(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.nc"
    shutil.copy(store, own)
    again = own.parent / "x" / ".." / own.name
    (tmp_path / "x").mkdir()
    assert run("table", "describe_design", own, "--out", again) == 2
    assert "is the study itself" in capsys.readouterr().err
    assert run("table", "describe_design", own, "--out", tmp_path / "x") == 2
    assert "Is a directory" in capsys.readouterr().err
    assert mv.open_dataset(own).identical(mv.open_dataset(store))


@pytest.mark.parametrize("command", [("table", "describe_design"), ("validate",)])
def test_a_table_of_ratings_is_led_to_what_reads_it(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my ratings.csv"
    path.write_text("item,participant,arousal\na,b,0.5\n")
    assert run(*command, path) == 2
    assert "my ratings.csv: this is a file and no stored study" in capsys.readouterr().err
