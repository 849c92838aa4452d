"""Writing a study in the layout of the release."""

from __future__ import annotations

import io
import json
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.dataset.release.emobase import emobase_names
from muvistats.dataset.simulation.features import visual_names

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "data" / "sample_muvi"


@pytest.fixture(scope="module")
def drawn() -> xr.DataTree:
    return mv.simulate_muvi(rng=4, n_items=7, n_participants=9)


@pytest.fixture(scope="module")
def plain() -> xr.DataTree:
    return mv.simulate_muvi(rng=4, n_items=7, n_participants=9, features=False)


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory) -> Path:
    return mv.write_muvi(drawn, tmp_path_factory.mktemp("above") / "muvi")


def read(folder: Path, label_alignment: str) -> xr.DataTree:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mv.AlignmentWarning)
        return mv.read_muvi(folder, label_alignment=label_alignment, cache=False)


def text_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def session(study: xr.DataTree) -> xr.Dataset:
    """Annotations in the order of the sessions."""
    annotations = study["annotations"].to_dataset()
    participant = annotations["participant"].to_numpy().astype(int)
    order = np.lexsort((annotations["trial"].to_numpy(), participant))
    return annotations.isel(annotation=order)


def test_the_layout_is_that_of_the_release(folder, muvi_folder):
    for name in ("media_data.csv", "participant_data.csv"):
        ours, theirs = text_table(folder / name), text_table(muvi_folder / name)
        assert ours.columns.tolist() == theirs.columns.tolist()
        assert b"\r" not in (folder / name).read_bytes()
    for column in ("media_modality", "seen_previously", "overlay_type"):
        ours, theirs = (text_table(f / "media_data.csv") for f in (folder, muvi_folder))
        assert set(ours[column]) == set(theirs[column])
    assert b"\r\n" in (folder / "video_urls.csv").read_bytes()
    assert (folder / "video_urls.csv").read_bytes().startswith(b"video_id\r\n")


def test_labels_stand_one_trial_late(folder, drawn):
    table = text_table(folder / "media_data.csv")
    annotations = session(drawn)
    assert table["participant_id"].tolist() == annotations["participant"].to_numpy().tolist()
    # ids are cut
    items = annotations["item"].to_numpy()
    assert table["media_id"].tolist() == [item.split("_")[0] for item in items]
    assert any("_" in item for item in items)
    labels = annotations["labels"].to_pandas()
    written = table[labels.columns].astype(int).to_numpy()
    participant = table["participant_id"].to_numpy()
    later = participant[1:] == participant[:-1]
    np.testing.assert_array_equal(written[1:][later], labels.to_numpy()[:-1][later])
    known = (table["seen_previously"] == "True").to_numpy(dtype=int)
    np.testing.assert_array_equal(known[1:][later], annotations["familiar"].to_numpy()[:-1][later])
    # the first row holds labels of some other trial of the same person
    for person in np.unique(participant):
        own = labels.to_numpy()[participant == person].tolist()
        assert written[participant == person][0].tolist() in own


def test_corrected_reading_is_the_study(folder, drawn):
    again = read(folder, "corrected")
    assert again.attrs["simulated"] == 1
    assert again.attrs["study"] == "MuVi, simulated"
    ours, theirs = drawn["annotations"].to_dataset(), again["annotations"].to_dataset()
    for name in ("item", "modality", "participant", "trial", "arousal", "valence", "overlay"):
        np.testing.assert_array_equal(theirs[name], ours[name])
    last = ours["trial"] == ours["trial"].groupby(ours["participant"]).map(
        lambda trial: trial * 0 + trial.max()
    )
    lost = last.to_numpy()
    assert lost.sum() == 9
    np.testing.assert_array_equal(theirs["keep_labels"], ~lost)
    assert (theirs["labels"].to_numpy()[lost] == -1).all()
    for name in ("labels", "familiar"):
        np.testing.assert_array_equal(theirs[name].to_numpy()[~lost], ours[name].to_numpy()[~lost])
    for group in ("participants", "items"):
        pd.testing.assert_frame_equal(
            again[group].to_dataset().to_dataframe(), drawn[group].to_dataset().to_dataframe()
        )
    for kind in ("audio", "visual"):
        xr.testing.assert_allclose(
            again[f"features/{kind}"].to_dataset(),
            drawn[f"features/{kind}"].to_dataset(),
            rtol=1e-6,
        )


def test_released_reading_has_the_shift(default_study, tmp_path):
    with pytest.warns(mv.AlignmentWarning):
        released = mv.read_muvi(mv.write_muvi(default_study, tmp_path / "x"), cache=False)
    check = mv.label_alignment_check(released, n_resamples=20)
    what = check[(check["variable"] == "labels") & (check["participant"] == "all")]
    best = what.loc[what["statistic"].idxmax()]
    assert best["lag"] == 1


def test_without_shift_and_faults_nothing_is_lost(drawn, tmp_path):
    folder = mv.write_muvi(drawn, tmp_path / "clean", label_shift=0, faults=False)
    again = mv.read_muvi(folder, cache=False)
    ours, theirs = drawn["annotations"].to_dataset(), again["annotations"].to_dataset()
    for name in ("labels", "familiar", "overlay", "arousal", "keep_labels"):
        np.testing.assert_array_equal(theirs[name], ours[name])
    assert b"\r" not in (folder / "video_urls.csv").read_bytes()
    items = set(text_table(folder / "media_data.csv")["media_id"])
    assert items == set(drawn["items/item"].to_numpy())
    actions = " ".join(again["log/action"].to_numpy())
    assert "cut" not in actions
    assert "headers" not in actions


def test_headers_of_the_audio_features_are_broken_as_released(folder, drawn):
    columns = ("name", *emobase_names(), "class")
    items = drawn["items/item"].to_numpy()
    with tarfile.open(folder / "emobase_features.tar.xz") as archive:
        for number, item in enumerate(items):
            member = archive.extractfile(f"emobase_features/{item}.csv")
            header, first = io.TextIOWrapper(member).read().splitlines()[:2]
            assert header.split(",") == ["", *[columns[number]] * 990]
            assert first.startswith("0,liveturn_0,")
            assert first.endswith(",unassigned")
            assert len(first.split(",")) == 991


def test_visual_features_stand_in_one_file(folder, drawn):
    table = text_table(folder / "combined_visual_features.csv")
    assert table.columns[1:].tolist() == ["media_id", *visual_names(), "class"]
    windows = np.isfinite(drawn["features/visual/values"].to_numpy()[:, :, 0]).sum(axis=1)
    assert table.groupby("media_id", sort=False).size().tolist() == windows.tolist()
    assert table.iloc[:, 0].tolist() == [str(i) for i in range(windows.sum())]


def test_simulation_note(folder):
    note = json.loads((folder / "simulation.json").read_text())
    assert note["simulated"] is True
    assert note["seed"] == "4"
    assert note["study"] == "MuVi, simulated"


def test_a_folder_is_only_replaced_on_request(plain, tmp_path):
    target = tmp_path / "muvi"
    target.mkdir()
    mv.write_muvi(plain, target)  # an empty folder is fine
    with pytest.raises(mv.DataError, match="not empty"):
        mv.write_muvi(plain, target)
    (target / "simulation.json").write_text("{}")
    mv.write_muvi(plain, target, overwrite=True)
    assert json.loads((target / "simulation.json").read_text())["simulated"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["muvi"]
    other = tmp_path / "release"
    other.mkdir()
    (other / "media_data.csv").write_text("real\n")
    with pytest.raises(mv.DataError, match="not written by write_muvi"):
        mv.write_muvi(plain, other, overwrite=True)
    assert (other / "media_data.csv").read_text() == "real\n"
    with pytest.raises(mv.DataError, match="this is a file"):
        mv.write_muvi(plain, other / "media_data.csv")


def test_nothing_is_left_behind_after_a_failure(drawn, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr("muvistats.dataset.release.writer._write_visual", fail)
    with pytest.raises(OSError, match="disk is full"):
        mv.write_muvi(drawn, tmp_path / "muvi")
    assert list(tmp_path.iterdir()) == []


def changed(study: xr.DataTree, group: str, dataset: xr.Dataset) -> xr.DataTree:
    parts = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
    tree = xr.DataTree.from_dict(parts | {group: dataset}, name=study.name)
    tree.attrs = dict(study.attrs)
    return tree


@pytest.mark.parametrize("name", ["labels", "familiar", "overlay", "trial"])
def test_what_the_layout_needs_must_be_there(plain, tmp_path, name):
    study = changed(plain, "/annotations", plain["annotations"].to_dataset().drop_vars(name))
    with pytest.raises(mv.DataError, match="the study does not"):
        mv.write_muvi(study, tmp_path / "muvi")
    assert not (tmp_path / "muvi").exists()


def test_missing_labels_are_refused_unless_they_are_lost_anyway(plain, tmp_path):
    annotations = plain["annotations"].to_dataset()
    familiar = annotations["familiar"].copy()
    first = int(np.flatnonzero(annotations["trial"] == 1)[0])
    familiar[first] = -1
    study = changed(plain, "/annotations", annotations.assign(familiar=familiar))
    with pytest.raises(mv.DataError, match="familiarity are missing"):
        mv.write_muvi(study, tmp_path / "muvi")
    folder = mv.write_muvi(plain, tmp_path / "whole")
    # the corrected reading lacks the labels of last trials, which the shift drops again
    corrected = read(folder, "corrected")
    twice = read(mv.write_muvi(corrected, tmp_path / "again"), "corrected")
    np.testing.assert_array_equal(twice["annotations/labels"], corrected["annotations/labels"])
    released = read(folder, "released")
    with pytest.raises(mv.DataError, match="shifted already"):
        mv.write_muvi(released, tmp_path / "third")
    same = read(mv.write_muvi(released, tmp_path / "third", label_shift=0), "released")
    np.testing.assert_array_equal(same["annotations/labels"], released["annotations/labels"])


def test_ambiguous_ids_are_refused(drawn, tmp_path):
    def renamed(names: dict[str, str]) -> xr.DataTree:
        parts = {
            node.path: node.to_dataset(inherit=False)
            for node in drawn.subtree
            if node.path not in ("/", "/features", "/features/audio", "/features/visual", "/truth")
        }
        for path, key in (("/annotations", "item"), ("/items", "item")):
            old = parts[path][key]
            new = [names.get(item, item) for item in old.to_numpy()]
            parts[path] = parts[path].assign_coords(item=(old.dims, np.array(new)))
        tree = xr.DataTree.from_dict(parts)
        tree.attrs = dict(drawn.attrs)
        return tree

    for clash in ({"clip1": "clip6"}, {"clip1": "clip6_y"}):
        with pytest.raises(mv.DataError, match="ambiguous"):
            mv.write_muvi(renamed(clash), tmp_path / "muvi")
    with pytest.raises(mv.DataError, match="name of a file"):
        mv.write_muvi(renamed({"clip1": "../clip1"}), tmp_path / "muvi")
    mv.write_muvi(renamed({"clip1": "clip6_y"}), tmp_path / "muvi", faults=False)


def test_the_sample_is_what_its_script_draws(tmp_path):
    note = json.loads((SAMPLE / "simulation.json").read_text())
    assert note["simulated"] is True
    study = mv.simulate_muvi(rng=7, n_items=6, n_participants=12)
    fresh = mv.write_muvi(study, tmp_path / "muvi", feature_digits=2)
    for path in fresh.iterdir():
        if path.suffix != ".xz":
            assert path.read_bytes() == (SAMPLE / path.name).read_bytes(), path.name
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 2e6
    again = read(SAMPLE, "corrected")
    assert again["annotations"].sizes["annotation"] == 72
    xr.testing.assert_allclose(
        again["features/audio/values"], study["features/audio/values"], rtol=0.06, atol=1e-6
    )
