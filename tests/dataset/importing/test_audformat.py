"""audformat databases: studies there and back, and databases of other people."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv

audformat = pytest.importorskip("audformat")


def rated(**more: object) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    grid = pd.MultiIndex.from_product([["a/1.wav", "b 2.wav", "c"], ["p2", "p10"]])
    frame = grid.to_frame(index=False, name=["item", "participant"])
    return frame.assign(calm=rng.integers(1, 6, 6).astype(float), **more)


PEOPLE = pd.DataFrame({"participant": ["p2", "p10"], "age": [31.5, np.nan], "gender": ["f", "m"]})


def studies() -> dict[str, xr.DataTree]:
    answers = ["joy", "fear", "joy", None, "joy", "fear"]
    days = pd.concat([rated(session=day) for day in ("mon", "tue")]).iloc[1:]
    kinds = pd.concat([rated(modality=kind) for kind in ("voice", "face")])
    scale = {"dimensions": ["calm"], "scale": (1, 5)}
    ticks = rated(joy=[0, 1, 1, 0, np.nan, 1], fear=1)
    names = pd.DataFrame({"label": ["joy", "fear"], "label_name": ["Joy", "Fear"], "category": "x"})
    films = pd.DataFrame({"item": ["c", "a/1.wav", "b 2.wav"], "genre": ["x", "y", "x"]})
    return {
        "static": mv.from_frames(kinds, participants=PEOPLE, modalities=("voice", "face"), **scale),
        "sessions": mv.from_frames(days.assign(trial=range(11)), **scale),
        "choose_one": mv.from_frames(rated(emotion=answers), labels="emotion", items=films),
        "labels": mv.from_frames(ticks, labels=names, **scale),
        "no_ids": mv.from_frames(rated().drop(columns="participant"), study="Who?", **scale),
        "own_factor": mv.from_frames(
            rated(cut=list("xyxyxy")), assigned={"cut": "within_item"}, **scale
        ),
    }


@pytest.mark.parametrize("kind", studies())
def test_a_study_comes_back(kind, tmp_path):
    study = studies()[kind]
    back = mv.read_audformat(mv.write_audformat(study, tmp_path / "db"))
    for group in {"annotations", "participants", "items"} & set(study.children):
        xr.testing.assert_identical(back[group].dataset, study[group].dataset)
    assert back.attrs == study.attrs


def test_continuous_ratings_come_back(tmp_path):
    rng = np.random.default_rng(6)
    keys = {
        "item": list("ab"),
        "participant": list("xyz"),
        "modality": ["v", "w"],
        "time": [0.0, 0.5, 1.0],
    }
    frame = pd.MultiIndex.from_product(keys.values(), names=keys).to_frame(index=False)
    frame = frame.assign(valence=rng.uniform(-1, 1, 36), arousal=rng.uniform(-1, 1, 36))
    study = mv.from_frames(
        dynamics=frame.drop(index=[5, 17]), modalities=("v", "w"), simulated=True
    )
    back = mv.read_audformat(mv.write_audformat(study, tmp_path / "db"))
    assert back.attrs == study.attrs
    for group in ("annotations", "participants", "items"):
        xr.testing.assert_identical(back[group].dataset, study[group].dataset)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> str:
    """A database of somebody else: two raters and a gold standard, files and segments."""
    folder = tmp_path_factory.mktemp("foreign")
    database = audformat.Database("speech", source="somewhere", usage="other")
    database.raters["r1"] = audformat.Rater("human", meta={"age": 30})
    database.raters["r2"] = audformat.Rater("human", meta={"age": 40})
    database.schemes["tension"] = audformat.Scheme("float", minimum=0, maximum=10)
    database.schemes["emotion"] = audformat.Scheme("str", labels=["joy", "fear"])
    whole = database["files"] = audformat.Table(audformat.filewise_index(["x.wav", "y.wav"]))
    parts = database["parts"] = audformat.Table(
        audformat.segmented_index(["x.wav"] * 2, ["0s", "0.5s"], ["0.5s", "1s"])
    )
    for rater, values, answers in (("r1", [1, 2], ["joy", "fear"]), ("r2", [3, None], ["joy"] * 2)):
        for table in (whole, parts):
            table[f"tension.{rater}"] = audformat.Column(scheme_id="tension", rater_id=rater)
            table[f"tension.{rater}"].set(values)
        whole[f"emotion.{rater}"] = audformat.Column(scheme_id="emotion", rater_id=rater)
        whole[f"emotion.{rater}"].set(answers)
    whole["gold"] = audformat.Column(scheme_id="tension")
    whole["gold"].set([9, 9])
    database.save(str(folder))
    return str(folder)


def test_raters_of_another_database_are_participants(foreign):
    study = mv.read_audformat(foreign, tables=["files"])
    frame = mv.annotation_frame(study)
    assert frame["tension"].tolist()[:3] == [1, 3, 2]  # no gold standard
    assert frame["emotion"].astype("str").tolist() == ["joy", "joy", "fear", "joy"]
    assert frame["age"].tolist() == [30, 40, 30, 40]
    assert study["annotations/tension"].attrs["scale_max"] == 10
    assert study.attrs["study"] == "speech"


def test_segments_are_items_or_steps_of_time(foreign):
    items = mv.read_audformat(foreign, tables=["parts"])
    assert items["items/item"].values.tolist() == ["x.wav 0-0.5 s", "x.wav 0.5-1 s"]
    series = mv.read_audformat(foreign, tables=["parts"], segments="time")
    assert series["annotations/tension"].values[0].tolist() == [1, 2]
    assert series["annotations/time"].values.tolist() == [0, 0.5]


def test_without_raters_nobody_knows_who(tmp_path):
    database = audformat.Database("anonymous", usage="other")
    database.schemes["tension"] = audformat.Scheme("float", minimum=0, maximum=10)
    table = database["files"] = audformat.Table(audformat.filewise_index(["x", "y"]))
    for name in ("first", "second"):
        table[name] = audformat.Column(scheme_id="tension")
        table[name].set([1, 2])
    database.save(str(tmp_path))
    study = mv.read_audformat(tmp_path)
    assert "participants" not in study.children
    assert study["annotations/tension"].values.tolist() == [1, 1, 2, 2]


def test_what_cannot_be_read_is_named(foreign, tmp_path):
    with pytest.raises(mv.DataError, match="no audformat database here"):
        mv.read_audformat(tmp_path)
    with pytest.raises(mv.DataError, match="no such table"):
        mv.read_audformat(foreign, tables=["nothing"])
    with pytest.raises(mv.DataError, match="stands twice"):
        mv.read_audformat(foreign, tables=["files", "files"])
    study = mv.from_frames(rated(), dimensions=["calm"], scale=(1, 5))
    with pytest.raises(mv.DataError, match="overwrite=True"):
        mv.write_audformat(study, foreign)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(mv.DataError, match="is not replaced"):
        mv.write_audformat(study, tmp_path, overwrite=True)
    (tmp_path / "db.yaml").write_text("name: [")
    with pytest.raises(mv.DataError, match="cannot be read"):
        mv.read_audformat(tmp_path)


class Touch:
    """What touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_in_a_database_runs(tmp_path):
    study = mv.from_frames(rated(), dimensions=["calm"], scale=(1, 5))
    folder = mv.write_audformat(study, tmp_path / "db")
    made = tmp_path / "made"
    (folder / "db.calm.pkl").write_bytes(pickle.dumps(Touch(made)))
    assert mv.read_audformat(folder).identical(study)  # from the table, not from the pickle
    header = folder / "db.yaml"
    whole = header.read_text()
    header.write_text(f"{whole}x: !!python/object/apply:os.mkdir [{made}]\n")
    with pytest.raises(mv.DataError, match=r"db.yaml: header .* cannot be read"):
        mv.read_audformat(folder)
    pickle_elsewhere = tmp_path / "elsewhere.pkl"
    pickle_elsewhere.write_bytes(pickle.dumps(Touch(made)))
    header.write_text(whole.replace("\n  calm:\n    type", "\n  /../../elsewhere:\n    type"))
    with pytest.raises(mv.DataError, match="pickles can run code"):
        mv.read_audformat(folder)
    header.write_text(whole)
    (folder / "db.calm.parquet").unlink()
    with pytest.raises(mv.DataError, match=r"expected db\.calm\.csv"):
        mv.read_audformat(folder)
    assert not made.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: " + "[" * 500, "nested too deeply"),
        # some versions of PyYAML refuse so many themselves
        ("x: " + "[" * 100_000, "nested too deeply|maximum nesting depth"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "too large"),
        ("- 1", "cannot be read"),
        ("", "cannot be read"),
        ("\0", "cannot be read"),
    ],
    ids=["deep", "deepest", "aliases", "list", "empty", "zero"],
)
def test_a_header_that_fills_the_memory_is_refused(tmp_path, monkeypatch, text, said):
    monkeypatch.setattr("muvistats.dataset.importing.audformat._LARGEST_HEADER", 50)
    (tmp_path / "db.yaml").write_text(text)
    with pytest.raises(mv.DataError, match=said):
        mv.read_audformat(tmp_path)


def test_without_the_package_the_extra_is_named(foreign, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "audformat", None)
    study = mv.from_frames(rated(), dimensions=["calm"], scale=(1, 5))
    with pytest.raises(mv.MissingExtraError, match="muvistats\\[audformat\\]"):
        mv.write_audformat(study, tmp_path / "db")
    with pytest.raises(mv.MissingExtraError):
        mv.read_audformat(foreign)
