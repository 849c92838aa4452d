from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import muvistats as mv
from muvistats import cli
from muvistats.features import audio

from ..features.sounds import harmonic, write_wav

pytest.importorskip("opensmile")

RATE = 16_000


def run(*arguments: object) -> int:
    """Exit code of the command line."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    names = ["a_1", "b_1", "c_1", "d_1"]
    tones = [harmonic(100 * (n + 2), 2, RATE) for n in range(4)]
    return [
        write_wav(tmp_path / f"{name}.wav", tone, RATE)
        for name, tone in zip(names, tones, strict=True)
    ]


def test_features_of_a_study(files, tiny, tmp_path, capsys):
    study = mv.save_dataset(tiny, tmp_path / "s.nc")
    assert run("features", "audio", *files, "--out", study, "--jobs", 1) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(study)
    assert captured.err == ""
    again = mv.load_study(study)
    expected = mv.with_features(tiny, audio.extract(files))
    assert again.identical(expected)
    assert again["features/audio"].sizes == {"item": 4, "time": 4, "feature": 988}
    before = study.read_bytes()
    assert run("features", "audio", *files, "--out", study) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert study.read_bytes() == before
    more = ("--feature-set", "eGeMAPS", "--window", "1", "--overwrite", "--jobs", "2")
    assert run("features", "audio", *files, "--out", study, *more) == 0
    assert mv.load_study(study)["features/audio"].sizes["feature"] == 88


@pytest.mark.filterwarnings("default")  # as outside the tests: the command shows it as a line
def test_features_to_a_folder(files, tmp_path, capsys):
    files[1].write_bytes(b"")
    out = tmp_path / "deep" / "out"
    assert run("features", "audio", *files, "--out", out, "--jobs", 1) == 1
    captured = capsys.readouterr()
    assert captured.out.split() == [
        str(out / "audio_features.nc"),
        str(out / "audio_failures.csv"),
    ]
    (line,) = captured.err.splitlines()
    assert line.startswith("muvistats: warning: 1 of 4 files could not be read")
    header, row = (out / "audio_failures.csv").read_text().splitlines()
    assert header == "item,file,reason"
    assert row.startswith("b_1,b_1.wav,not a readable sound or video file")
    with xr.open_dataset(out / "audio_features.nc") as stored:
        np.testing.assert_array_equal(stored["item"], ["a_1", "c_1", "d_1"])
        np.testing.assert_array_equal(
            stored["values"], audio.extract([files[0], *files[2:]])["values"]
        )
    assert run("features", "audio", files[0], "--out", out) == 2
    capsys.readouterr()
    assert run("features", "audio", files[0], "--out", out, "--overwrite", "--jobs", 1) == 0
    assert capsys.readouterr().out.split() == [str(out / "audio_features.nc")]
    assert not (out / "audio_failures.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "nothing.nc"], "no such file"),
        (["--out", "file.txt"], "this is a file"),
        (["--out", "out", "--feature-set", "mfcc"], "unknown feature set"),
        (["--out", "out", "--hop", "0.123"], "hop=0.123"),
        (["--out", "out", "damaged.wav"], "none of the files could be read"),
    ],
)
def test_refusals(arguments, said, files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "damaged.wav").write_bytes(b"x")
    given = [] if "damaged.wav" in arguments else [files[0]]
    assert run("features", "audio", *given, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("muvistats: error: ")
    assert said in line
    assert not (tmp_path / "out").exists()
