"""A study from what the page stored: values, masks, order, and files of other servers."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import muvistats as mv
from muvistats.annotate.store import Store
from muvistats.cli import main
from muvistats.report import build


@pytest.fixture
def store(site, tmp_path):
    return Store(tmp_path / "data", json.loads((site / "study.json").read_text()))


def fill(store, make_trial, changes=None):
    """Every participant with all trials; `changes` are those of the first trial of P1."""
    for participant, plans in store.study["lists"].items():
        for n, plan in enumerate(plans):
            part = make_trial(plan)
            if changes and participant == "P1" and n == 0:
                part = changes(part)
            store.save(part | {"participant": participant})
        store.save(
            {
                "kind": "personal", "participant": participant, "consent": "2026", "age": 20,
                "gender": "unsaid" if participant == "P2" else "female", "years_of_training": 3,
            }
        )  # fmt: skip
        store.save({"kind": "final", "participant": participant, "overlay_preference": "overlaid"})


def test_a_study_comes_back(store, make_trial):
    fill(store, make_trial)
    study = mv.read_annotations(store.folder)
    mv.validate(study)
    annotations = study["annotations"]
    assert annotations.sizes["annotation"] == 9
    # samples at 0, 0.02, 0.12, ...: a straight line has no error, whatever lies between
    expected = -0.2 + 0.1 * annotations["time"].values
    assert np.allclose(annotations["valence"], expected[None, :], atol=1e-9)
    assert np.allclose(annotations["arousal"], -expected[None, :], atol=1e-9)
    assert annotations["time"].values[-1] == 3.5
    assert annotations["keep_dynamic"].values.all()
    frame = mv.annotation_frame(study)
    plans = {(who, plan["item"]): plan for who, own in store.study["lists"].items() for plan in own}
    for row in frame.itertuples():
        plan = plans[row.participant, row.item]
        assert (row.trial, row.modality) == (plan["trial"], plan["modality"])
        assert row.familiar == "familiar"
        assert (row.overlay if plan["overlay"] else None) == plan["overlay"]
    chosen = annotations["labels"].values.sum(axis=0)
    assert dict(zip(annotations["label"].values[chosen > 0], chosen[chosen > 0], strict=True)) == {
        "calm": 9,
        "sad": 9,
    }
    assert study["participants/gender"].values.tolist() == ["female", "", "female"]
    assert study["participants/overlay_preference"].values.tolist() == [1, 1, 1]
    assert study["annotations/label_category"].values[0] == "wonder"


def first(study):
    annotations = study["annotations"].to_dataset()
    own = (annotations["participant"] == "P1") & (annotations["trial"] == 1)
    return annotations.isel(annotation=int(np.flatnonzero(own)[0]))


def series(part, **changes):
    return part | {"samples": part["samples"] | changes}


def test_what_nobody_watched_is_missing_and_masked(store, make_trial):
    def away(part):
        time = np.array(part["samples"]["time"])
        return series(part, focus=[int(not 0.9 < t < 2.6) for t in time])

    fill(store, make_trial, away)
    study = mv.read_annotations(store.folder)
    row = first(study)
    missing = np.isnan(row["valence"].values)
    assert row["time"].values[missing].tolist() == [1.0, 1.5, 2.0, 2.5]
    assert abs(row["seconds_unwatched"].item() - 1.7) < 0.11
    assert not row["keep_dynamic"].item()
    assert row["keep_labels"].item()
    reasons = study["exclusions/reason"].values.tolist()
    assert reasons == ["window not in front for more than 10% of the clip"]
    lenient = mv.read_annotations(store.folder, max_unwatched=0.5, max_gap=3.0)
    assert first(lenient)["keep_dynamic"].item()
    assert not np.isnan(first(lenient)["valence"].values).any()


def test_what_stood_still_is_masked(store, make_trial):
    def stalled(part):
        wall = np.array(part["samples"]["wall"])
        wall[20:] += 2500
        return series(part, wall=wall.tolist())

    fill(store, make_trial, stalled)
    row = first(mv.read_annotations(store.folder))
    assert abs(row["seconds_stalled"].item() - 2.5) < 1e-9
    assert not row["keep_dynamic"].item()
    assert first(mv.read_annotations(store.folder, max_stalled=3.0))["keep_dynamic"].item()


def test_the_log_counts(store, make_trial):
    fill(store, make_trial)
    log = mv.read_annotations(store.folder)["log"].to_dataset().to_dataframe()
    counts = log.set_index("action")["count"]
    assert counts["samples of the cursor"] == 9 * 41
    assert counts["samples without focus: missing"] == 0


def test_files_of_participants_are_read_beside_the_study(store, make_trial, tmp_path):
    fill(store, make_trial)
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps(store.study))
    for who in store.study["lists"]:
        parts = [part for _, part in store.parts() if part["participant"] == who]
        file = {"format": 1, "study": store.study["id"], "participant": who, "parts": parts}
        (folder / f"{who}.json").write_text(json.dumps(file))
    read, other = mv.read_annotations(folder), mv.read_annotations(store.folder)
    assert read["annotations"].to_dataset().identical(other["annotations"].to_dataset())
    (folder / "again.json").write_text((folder / "P1.json").read_text())
    again = mv.read_annotations(folder)
    assert again["annotations"].to_dataset().identical(other["annotations"].to_dataset())
    changed = json.loads((folder / "P1.json").read_text())
    trial = next(part for part in changed["parts"] if part["kind"] == "trial")
    trial["familiar"] = not trial["familiar"]
    (folder / "again.json").write_text(json.dumps(changed))
    with pytest.raises(mv.DataError, match="trial is there twice"):
        mv.read_annotations(folder)
    (folder / "again.json").write_text('{"parts": [], "study": "x"}')
    with pytest.raises(mv.DataError, match="another study"):
        mv.read_annotations(folder)


def test_the_report_takes_the_folder_as_it_is(store, make_trial, tmp_path, monkeypatch):
    fill(store, make_trial)
    some = [section for section in build.SECTIONS if section.chapter in ("checks", "people")]
    monkeypatch.setattr(build, "SECTIONS", some)
    with pytest.raises(SystemExit) as left:
        main(["report", str(store.folder), "--out", str(tmp_path / "report")])
    assert left.value.code == 0
    page = (tmp_path / "report/index.html").read_text("utf-8")
    assert "Emotion in music and video" in page
    assert "samples of the cursor" in page


def test_faults_name_the_file(store, make_trial, tmp_path):
    with pytest.raises(mv.DataError, match="no such folder"):
        mv.read_annotations(tmp_path / "none")
    with pytest.raises(mv.DataError, match="no trial is stored"):
        mv.read_annotations(store.folder)
    fill(store, make_trial)
    place = store.folder / "ratings/P1/trial-001.json"
    place.write_text("{")
    with pytest.raises(mv.DataError, match=r"trial-001.json: not a JSON file"):
        mv.read_annotations(store.folder)
    place.write_text('{"kind": "trial", "participant": "P1", "trial": 1}')
    with pytest.raises(mv.DataError, match=r"trial-001.json, column item"):
        mv.read_annotations(store.folder)
    place.unlink()
    for path in (place, store.folder / "P9.json"):
        os.mkfifo(path)
        with pytest.raises(mv.DataError, match=rf"{path.name}: file cannot be read: .* a pipe"):
            mv.read_annotations(store.folder)
        path.unlink()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", 2),
        ("id", None),
        ("labels", [{"label": {}, "label_name": "x"}]),
        ("labels", [{"label_name": "x"}]),
        ("lists", []),
        ("lists", {"P1": 0}),
        ("lists", {"P1": [[1, 2]]}),
        ("lists", {"P1": [{"trial": 1, "item": "V1", "modality": "music"}]}),
        ("lists", {"P1": [{"trial": 1, "item": {}, "modality": "music", "overlay": None}]}),
        ("texts", {}),
    ],
    ids=str,
)
def test_a_damaged_study_names_its_field(store, name, value):
    place = store.folder / "study.json"
    place.write_text(json.dumps(dict(store.study) | {name: value}))
    with pytest.raises(mv.DataError, match=rf"study.json, column {name}"):
        mv.read_annotations(store.folder)
    place.write_text("null")
    with pytest.raises(mv.DataError, match=r"study.json, column format"):
        mv.read_annotations(store.folder)
