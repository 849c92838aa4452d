"""Studies of many files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.dataset.importing import batches
from muvistats.dataset.importing.patterns import files_of
from muvistats.errors import DataError, ExtractionWarning

STEPS = np.arange(6) * 0.5


@pytest.fixture
def folder(tmp_path):
    """A recording of three people and three items each, in a file of its own."""
    for who in range(3):
        for film in range(3):
            table = pd.DataFrame({"time": STEPS, "arousal": (who + film) / 10 + STEPS / 10})
            table.to_csv(tmp_path / f"p{who}_v{film}.csv", index=False)
    return tmp_path


def built(folder, **more):
    return mv.from_files(f"{folder}/{{participant}}_{{item}}.csv", folder / "s.zarr", **more)


def test_files_make_the_study_of_their_tables(folder, monkeypatch):
    monkeypatch.setattr(batches, "_FILES", 2)
    study = built(folder, study="waves")
    tables = [
        pd.read_csv(path).assign(participant=path.stem[:2], item=path.stem[3:])
        for path in sorted(folder.glob("*.csv"))
    ]
    whole = mv.from_frames(dynamics=pd.concat(tables, ignore_index=True), study="waves")
    for group in ("annotations", "participants", "items"):
        assert study[group].to_dataset().load().identical(whole[group].to_dataset())
    assert not list(folder.glob("*.parts"))


def test_a_damaged_file_is_named_and_the_others_kept(folder):
    (folder / "p1_v1.csv").write_bytes(b"\x00\xff")
    (folder / "p2_v2.csv").write_text("time,arousal\n0.0,0.1\n0.5,7\n")
    with pytest.warns(ExtractionWarning, match=r"2 of 9 files.*p1_v1"):
        study = built(folder)
    assert study["annotations"].sizes["annotation"] == 7
    told = list(study["log/source"].values)
    assert any(name.endswith("p1_v1.csv") for name in told)
    assert any(name.endswith("p2_v2.csv") for name in told)


def test_a_run_that_was_cut_off_goes_on(folder, monkeypatch):
    read = []

    def cut_off(path):
        if len(read) == 4:
            raise KeyboardInterrupt
        read.append(path.name)
        return pd.read_csv(path)

    monkeypatch.setattr(batches, "_FILES", 2)
    with pytest.raises(KeyboardInterrupt):
        built(folder, read=cut_off)
    assert len(list((folder / "s.zarr.parts").glob("*.zarr"))) == 2
    read.clear()
    read.extend(["more"] * 5)  # the function is the same, so what is kept is not read again
    built(folder, read=cut_off)
    assert len(read) == 5 + 5


def test_a_kept_part_that_was_damaged_is_read_again(folder, monkeypatch):
    read = []

    def cut_off(path):
        read.append(path.name)
        if len(read) == 4:
            raise KeyboardInterrupt
        return pd.read_csv(path)

    monkeypatch.setattr(batches, "_FILES", 3)
    with pytest.raises(KeyboardInterrupt):
        built(folder, read=cut_off)
    (part,) = (folder / "s.zarr.parts").glob("*.zarr")
    (part / "annotations" / "arousal" / "0.0").write_bytes(b"x")
    study = built(folder, read=cut_off)
    assert len(read) == 4 + 9
    assert float(study["annotations/arousal"].max()) == pytest.approx(0.65)


def test_choices_of_all_files_are_the_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "_FILES", 1)
    for who, answers in {"p1": ["joy", "fear"], "p2": ["fear", "calm"]}.items():
        pd.DataFrame({"clip": ["a", "b"], "feeling": answers}).to_csv(
            tmp_path / f"{who}.csv", index=False
        )
    study = mv.from_files(
        tmp_path / "{participant}.csv", tmp_path / "s.nc", item="clip", labels="feeling"
    )
    assert study["annotations/label"].values.tolist() == ["calm", "fear", "joy"]
    assert mv.annotation_frame(study)["feeling"].tolist() == ["joy", "fear", "fear", "calm"]


def test_names_are_parsed_and_wrong_patterns_refused(folder):
    found = files_of(f"{folder}/{{participant}}_{{item}}.csv")
    assert found[folder / "p1_v2.csv"] == {"participant": "p1", "item": "v2"}
    for wrong in ("{}.csv", "{item}_{item}.csv", "{item}.tsv"):
        with pytest.raises(DataError):
            files_of(folder / wrong)
    built(folder)
    with pytest.raises(DataError, match="is there already"):
        built(folder)


def test_an_annotation_in_two_files_is_refused(folder, monkeypatch):
    monkeypatch.setattr(batches, "_FILES", 1)
    with pytest.raises(DataError, match="session"):
        mv.from_files(f"{folder}/{{participant}}_*.csv", folder / "s.zarr", read=_one_item)


def _one_item(path):
    return pd.read_csv(path).assign(item="a")
