"""Whole runs: many files, the store, a study, an extractor of the user's, memory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.cli import main
from muvistats.errors import DataError, DesignError, ExtractionWarning
from muvistats.features.attach import with_features
from muvistats.features.extraction import extraction_failures
from muvistats.features.visual import (
    Actions,
    Colour,
    FrameExtractor,
    Lighting,
    Scenes,
    Shots,
    extract,
    shot_table,
)

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "visual_features.md"


@pytest.fixture
def films(write_film, picture):
    colours = {"a": (200, 30, 30), "b": (30, 90, 40), "c": (30, 30, 220)}
    return [
        write_film(f"{name}.avi", [picture(colour)] * (30 + 25 * number))
        for number, (name, colour) in enumerate(colours.items())
    ]


def test_layout(films):
    dataset = extract(films, cache=False)
    assert dataset["item"].to_numpy().tolist() == ["a", "b", "c"]
    assert dataset.sizes["time"] == 7
    assert np.isnan(dataset["values"].to_numpy()[0, 3:]).all()
    measured = dataset["values"].sel(feature=dataset["family"].isin(["colour", "lighting", "shot"]))
    assert np.isfinite(measured.to_numpy()[2]).all()
    families = dataset["family"].to_series()
    assert families.value_counts().to_dict() == {
        "colour": 28, "lighting": 5, "shot": 3, "motion": 10, "face": 9,
    }  # fmt: skip
    assert all(name.startswith(family) for name, family in families.items())
    table = shot_table(dataset)
    assert table["item"].tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(table["end"], [1.2, 2.2, 3.2])


def test_processes_and_store_make_no_difference(films, tmp_path, onnx_network):
    extractors = [
        Colour(),
        Lighting(),
        Shots(),
        Scenes(weights=onnx_network(), labels=list("abcd")),
    ]
    alone = extract(films, extractors, cache=tmp_path / "store")
    assert len(list((tmp_path / "store").glob("*.npz"))) == 3
    xr.testing.assert_identical(extract(films, extractors, cache=False, n_jobs=2), alone)
    for film in films:  # what is kept is not read again
        film.touch()
    kept = extract(films, extractors, cache=tmp_path / "store", n_jobs=2)
    xr.testing.assert_identical(kept, alone)
    pd.testing.assert_frame_equal(shot_table(kept), shot_table(alone))


def test_store_knows_settings_weights_and_labels(films, tmp_path, onnx_network, scores):
    store = tmp_path / "store"

    def run(extractor):
        before = len(list(store.glob("*.npz"))) if store.exists() else 0
        values = extract(films[0], extractor, cache=store)["values"].to_numpy()
        return values, len(list(store.glob("*.npz"))) - before

    path = onnx_network()
    first, new = run(Scenes(weights=path, labels=list("abcd")))
    assert new == 1
    assert run(Scenes(weights=path, labels=list("abcd")))[1] == 0
    assert run(Scenes(weights=path, labels=list("abce")))[1] == 1
    onnx_network(weights=scores[::-1].copy())
    changed, new = run(Scenes(weights=path, labels=list("abcd")))
    assert new == 1
    np.testing.assert_allclose(changed, first[..., ::-1], atol=1e-6)
    assert run(Colour())[1] == 1
    assert run(Colour(hue_bins=8))[1] == 1


def test_damaged_file_is_reported_and_the_rest_kept(films, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"\0" * 1000)
    with pytest.warns(ExtractionWarning, match="1 of 4 files"):
        dataset = extract([films[0], bad, *films[1:]], cache=False, n_jobs=2)
    assert dataset["item"].to_numpy().tolist() == ["a", "b", "c"]
    failures = extraction_failures(dataset)
    assert failures["file"].tolist() == ["bad.mp4"]
    assert "no video stream" in failures["reason"].iloc[0]


def test_features_join_a_study(write_film, picture, tiny, tmp_path):
    items = [str(item) for item in tiny["items/item"].to_numpy()]
    films = [write_film(f"{item}.avi", [picture((9, 90, 200))] * 60) for item in items[:3]]
    study = with_features(tiny, extract(films, cache=False))
    group = study["features/visual"].to_dataset()
    assert group["item"].to_numpy().tolist() == items
    assert np.isnan(group["values"].to_numpy()[3]).all()
    mv.save_dataset(study, tmp_path / "study.zarr")
    again = mv.load_study(tmp_path / "study.zarr")
    assert shot_table(again)["item"].tolist() == items[:3]


@pytest.mark.filterwarnings("default::muvistats.errors.ExtractionWarning")
def test_command_writes_features_shots_and_failures(films, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"\0" * 1000)
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as stopped:
        main(["features", "visual", *map(str, films), str(bad), "--out", str(out), "--jobs", "1"])
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert "1 of 4 files could not be read" in printed.err
    with xr.open_dataset(out / "visual_features.nc", engine="h5netcdf") as stored:
        assert stored.sizes["feature"] == 55
    shots = pd.read_csv(out / "visual_shots.csv")
    assert list(shots.columns) == ["item", "shot", "start", "end", "length"]
    assert shots["item"].tolist() == ["a", "b", "c"]
    assert pd.read_csv(out / "visual_failures.csv")["item"].tolist() == ["bad"]


def test_command_takes_networks(films, tmp_path, onnx_network):
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\nd\n")
    with pytest.raises(SystemExit) as stopped:
        main(
            ["features", "visual", str(films[0]), "--out", str(tmp_path / "out"), "--jobs", "1",
             "--scenes", str(onnx_network()), "--scene-labels", str(labels)]
        )  # fmt: skip
    assert stopped.value.code == 0
    with xr.open_dataset(tmp_path / "out" / "visual_features.nc", engine="h5netcdf") as stored:
        assert stored["feature"].to_numpy()[-1] == "scene_d"


def test_extractor_of_the_guide(films):
    """The example in the guide runs, takes ten lines, and does what it says."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    code = next(block for block in blocks if "(FrameExtractor)" in block)
    definition = code[code.index("class ") : code.index("\n\n\n", code.index("class "))]
    assert len(definition.splitlines()) <= 10
    scope: dict[str, object] = {"films": films}
    exec(code, scope)
    dataset = scope["features"]
    warmth = dataset["values"].sel(feature="warmth").to_numpy()
    np.testing.assert_allclose(warmth[0, 0], (30 - 200) / 255, atol=0.01)
    np.testing.assert_allclose(warmth[2, 0], (220 - 30) / 255, atol=0.01)
    assert dataset["family"].sel(feature="warmth") == "colour"


def test_what_an_extractor_gives_is_checked(films):
    class Wrong(FrameExtractor):
        family = "test"

        def names(self):
            return ["one", "two"]

        def measure(self, images):
            return np.zeros((len(images), 3))

    with pytest.raises(DataError, match="another number of features"):
        extract(films[0], Wrong(), cache=False)
    with pytest.raises(DesignError, match="no extractor"):
        extract(films[0], Wrong, cache=False)
    with pytest.raises(DesignError, match="two features are called"):
        extract(films[0], [Colour(), Colour()], cache=False)
    with pytest.raises(DesignError, match="hop must be a number above 0"):
        extract(films[0], hop=0, cache=False)


FACES = {"face_count", "face_area"}

PEAK = """
import resource, sys
from muvistats.features.visual import Actions, Colour, Lighting, Scenes, Shots
from muvistats.features.vision.scan import scan_film
from pathlib import Path
network, clips, film = sys.argv[1:]
extractors = [
    Colour(), Lighting(), Shots(), Scenes(weights=network, labels=list("abcd"), size=32),
    Actions(weights=clips, labels=list("abcd"), clip_length=8, size=32),
]
features = scan_film(Path(film), extractors, step=0.5)
print(len(features.time), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_film(write_film, onnx_network):
    network = onnx_network()
    clips = onnx_network("clips.onnx", shape=("n", 3, 8, 32, 32))
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (360, 640, 3), dtype=np.uint8) for _ in range(4)]
    peaks = []
    for name, n in (("short.avi", 100), ("long.avi", 900)):
        film = write_film(name, (noise[number % 4] // 4 for number in range(n)))
        done = subprocess.run(
            [sys.executable, "-c", PEAK, network, clips, film],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        windows, peak = map(int, done.stdout.split()[-2:])
        assert windows == n / 25 / 0.5
        peaks.append(peak)
    frame = 360 * 640 * 3 / 1024
    assert peaks[1] - peaks[0] < 60 * frame  # 800 frames more; 40 MiB is the noise of a process


def test_actions_and_the_rest_decode_once(films, onnx_network, monkeypatch):
    from muvistats.features.vision import scan

    opened = []
    real = scan.open_film
    monkeypatch.setattr(scan, "open_film", lambda *a, **k: opened.append(a) or real(*a, **k))
    clips = onnx_network("clips.onnx", shape=("n", 3, 8, 32, 32))
    actions = Actions(weights=clips, labels=list("abcd"), clip_length=8)
    extract(films[0], [Colour(), Lighting(), Shots(), actions], cache=False)
    assert len(opened) == 1


def test_all_that_works_out_of_the_box_on_the_shared_clip(shared):
    clip = shared / "media" / "sample_music_video.mp4"
    if not clip.is_file():
        pytest.skip("the clip is not here")
    found = extract(clip, cache=False)["values"].isel(item=0).to_pandas()
    assert len(found) == 112
    faces = [name for name in found if name.startswith("face_") and name not in FACES]
    motion = [name for name in found if name.startswith("motion_")]
    assert np.isfinite(found.drop(columns=[*faces, *motion])).all(axis=None)
    assert (found[faces].isna().all(axis=1) == (found["face_count"] == 0)).all()
    assert 1 <= (found["face_count"] > 0).sum() < 40  # people on bicycles, now and then
    np.testing.assert_allclose(found[faces].dropna().sum(axis=1), 1, atol=1e-6)
    assert found[motion].isna().any(axis=1).sum() <= 8  # a cut within the pair of frames
    assert (found["motion_amount"].dropna() > 0).mean() > 0.9
