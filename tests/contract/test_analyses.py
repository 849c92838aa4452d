"""The scripts run on a folder in the released layout, warnings being errors, and say something."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import muvistats as mv
from muvistats.report import build, figures

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample_muvi"
SCRIPTS = sorted((ROOT / "analyses").glob("*.py"))


def test_the_scripts_are_there():
    names = {script.stem for script in SCRIPTS}
    assert {"01_describe", "02_is_the_data_what_it_says", "reanalysis"} <= names


def run(script: Path, folder: Path, *more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, where warnings are errors too: modules are imported once."""
    monkeypatch.setattr(sys, "argv", [str(script), str(folder), *more])
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_on_a_folder(script, tmp_path, monkeypatch, capfd):
    name, here = script.stem, tmp_path
    extra = [str(here / "report")] if name == "reanalysis" else []
    monkeypatch.chdir(here)
    if extra:  # tests/report looks at the files of figures, and at models of every label
        monkeypatch.setattr(figures, "_svg", lambda *_: b"<svg/>")
        monkeypatch.setattr(figures, "_png", lambda *_: b"")
        monkeypatch.setattr(build, "_RESAMPLES", 49)
        some = [section for section in build.SECTIONS if section.key != "sensitivity"]
        monkeypatch.setattr(build, "SECTIONS", some)
    if name.startswith("05_"):
        whole = mv.power_study
        monkeypatch.setattr(mv, "power_study", lambda *a, **of: whole(*a, **of | {"n_sims": 4}))
    run(script, SAMPLE, *extra, monkeypatch=monkeypatch)
    out, err = capfd.readouterr()
    assert out.strip()
    assert err == ""
    assert [path.name for path in here.iterdir()] == (["report"] if name == "reanalysis" else [])
    if name.startswith("08_"):  # what was planted: 0.2 on arousal, -0.15 on valence
        rows = [line.split() for line in out.splitlines() if "modality[T." in line]
        found = {}
        for dimension, (term, *numbers) in zip(
            ["arousal"] * 2 + ["valence"] * 2, rows, strict=True
        ):
            found[dimension, term[11:-1]] = [float(number) for number in numbers]
        planted = {("arousal", "audiovisual"): 0.2, ("valence", "visual"): -0.15}
        for effect, (estimate, low, high) in found.items():
            assert low < planted.get(effect, 0.0) < high
            assert abs(estimate - planted.get(effect, 0.0)) < 0.02
    if name.startswith("02_"):  # the labels of the folder stand one trial late
        first = [line.split() for line in out.splitlines()[:10]]
        assert [w[1] for w in first if w[0] == "labels" and w[-1] == "True"] == ["1"]


def test_describe_copes_without_ratings_over_time(tmp_path, monkeypatch, capfd):
    folder = tmp_path / "muvi"
    folder.mkdir()
    for name in ("media_data.csv", "participant_data.csv", "video_urls.csv"):
        (folder / name).write_bytes((SAMPLE / name).read_bytes())
    run(ROOT / "analyses" / "01_describe.py", folder, monkeypatch=monkeypatch)
    assert "no ratings over time" in capfd.readouterr().out


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_uses_the_public_functions_only(script):
    text = script.read_text("utf-8")
    assert "import muvistats as mv" in text
    assert "from muvistats" not in text
    assert "muvistats._" not in text
