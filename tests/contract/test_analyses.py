"""The scripts run on a folder in the released layout, warnings being errors, and say something."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from muvistats.report import figures

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample_muvi"
SCRIPTS = sorted((ROOT / "analyses").glob("*.py"))


def run(script: Path, *arguments: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def test_the_scripts_are_there():
    names = {script.stem for script in SCRIPTS}
    assert {"01_describe", "02_is_the_data_what_it_says", "reanalysis"} <= names


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_on_a_folder(script, tmp_path, monkeypatch, capfd):
    """In this process, where warnings are errors too: modules are imported once."""
    name, here = script.stem, tmp_path
    extra = [str(here / "report")] if name == "reanalysis" else []
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "argv", [str(script), str(SAMPLE), *extra])
    if extra:  # tests/report looks at the files of figures
        monkeypatch.setattr(figures, "_svg", lambda *_: b"<svg/>")
        monkeypatch.setattr(figures, "_png", lambda *_: b"")
    runpy.run_path(str(script), run_name="__main__")
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


def test_describe_copes_without_ratings_over_time(tmp_path):
    folder = tmp_path / "muvi"
    folder.mkdir()
    for name in ("media_data.csv", "participant_data.csv", "video_urls.csv"):
        (folder / name).write_bytes((SAMPLE / name).read_bytes())
    done = run(ROOT / "analyses" / "01_describe.py", folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no ratings over time" in done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_uses_the_public_functions_only(script):
    text = script.read_text("utf-8")
    assert "import muvistats as mv" in text
    assert "from muvistats" not in text
    assert "muvistats._" not in text
