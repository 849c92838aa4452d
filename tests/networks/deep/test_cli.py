"""``muvistats deep compare`` from the command line to the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats import cli
from muvistats.deep import summarise
from muvistats.report import build
from muvistats.report.sections import catalogue as sections
from muvistats.results.frame import read_frame

#: Keras reads weights of torch in a way that NumPy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    code = stop.value.code
    return 0 if code is None else int(code)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study with a few features of each kind, as a file."""
    study = mv.simulate_muvi(rng=7, n_items=8, n_participants=9)
    for kind, every in (("audio", 100), ("visual", 10)):
        features = study[f"features/{kind}"].to_dataset().isel(feature=slice(0, None, every))
        study[f"features/{kind}"] = xr.DataTree(features)
    path = tmp_path_factory.mktemp("store") / "small.nc"
    mv.save_dataset(study, path)
    return path


@pytest.fixture(scope="module")
def options(one_backend: str) -> list[object]:
    return ["--quick", "--dimension", "arousal", "--jobs", 2, "--backend", one_backend]


@pytest.fixture(scope="module")
def compared(store: Path, options: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared") / "report"
    assert run("deep", "compare", store, *options, "--out", out) == 0
    return out


def test_what_it_writes(compared: Path) -> None:
    folder = compared / "networks"
    scores = read_frame(folder / "compare_architectures.csv")
    sets = scores[["modality", "features", "configuration"]].drop_duplicates()
    assert len(sets) == 7 + 5
    summary = read_frame(folder / "summary.csv")
    pd.testing.assert_frame_equal(summary, summarise(scores), check_exact=False, rtol=1e-12)
    assert set(read_frame(folder / "predictions.csv")["configuration"]) == {"pair"}
    assert set(read_frame(folder / "paired_tests.csv")["group1"]) == {"pair"}
    about = json.loads((folder / "networks.json").read_text())
    assert about["quick"]
    assert about["simulated"]
    assert about["protocol"]["stopping"] == "training_items"
    assert set(about["versions"]) == {"keras", about["backend"]}
    assert not list(compared.glob(".*"))  # nothing half written is left
    for name in ("architectures", "comparison", "trajectory"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_reads_what_is_kept_and_says_what_it_found(
    compared: Path, store: Path, options: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (compared / "networks" / "compare_architectures.csv").read_bytes()
    assert run("deep", "compare", store, *options, "--out", compared) == 0
    said = capsys.readouterr().out
    assert (compared / "networks" / "compare_architectures.csv").read_bytes() == before
    assert said.startswith("Simulated data.")
    assert "Quick trial" in said
    (line,) = [line for line in said.splitlines() if "PAIR" in line]
    scores = read_frame(compared / "networks" / "compare_architectures.csv")
    mean = scores.query("configuration == 'pair'")["rmse"].mean()
    assert f"{mean:.3f} \u00b1" in line
    assert str(compared / "networks" / "summary.csv") in said


def test_the_report_shows_them(
    compared: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tuple(s for s in sections.SECTIONS if s.key in ("read", "lstm-networks"))
    monkeypatch.setattr(build, "SECTIONS", chosen)
    assert run("report", store, "--out", compared) == 0
    page = (compared / "index.html").read_text(encoding="utf-8")
    assert "Protocol: strict, quick" in page
    shown = read_frame(compared / "tables" / "networks.csv")
    kept = read_frame(compared / "networks" / "summary.csv")
    np.testing.assert_allclose(shown["mean"], kept["mean"], rtol=1e-12)
    assert (compared / "figures" / "architectures_figure.svg").is_file()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--dimension", "tension"], "tension"),
        (["--jobs", "0"], "n_jobs"),
    ],
)
def test_bad_input_is_told_before_training(
    wrong: list[str],
    said: str,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("deep", "compare", store, *wrong, "--out", tmp_path / "r") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("muvistats: error: ")
    assert said in line
    assert not (tmp_path / "r").exists()


def test_a_study_without_features_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bare.nc"
    study = mv.simulate_muvi(rng=1, n_items=8, n_participants=8, features=False)
    mv.save_dataset(study, path)
    assert run("deep", "compare", path, "--quick", "--out", tmp_path / "r") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "features" in line
