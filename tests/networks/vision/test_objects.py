"""Objects: ultralytics for real, with random weights and with weights that a package ships."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from muvistats.errors import DataError, DesignError, ExtractionWarning
from muvistats.features.vision.boxes import fitted
from muvistats.features.vision.nanodet import _MEAN, _SD, _scaled
from muvistats.features.visual import BodyPose, Colour, Objects, extract


@pytest.fixture(scope="session")
def yolo(tmp_path_factory):
    """A small YOLOv5 with random weights, as .pt and as .onnx."""
    import os

    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    import torch
    from ultralytics import YOLO

    folder = tmp_path_factory.mktemp("yolo")
    torch.manual_seed(1)
    model = YOLO("yolov5n.yaml", verbose=False)
    with torch.no_grad():  # a new network is sure of nothing
        for branch in model.model.model[-1].cv3:
            branch[-1].bias.copy_(torch.randn(80) - 2)
    model.model.names = {number: f"Kind {number}" for number in range(80)}
    model.save(str(folder / "yolo.pt"))
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch's exporter
        patch.chdir(folder)
        exported = YOLO(str(folder / "yolo.pt"), verbose=False).export(
            format="onnx", imgsz=160, simplify=False, verbose=False
        )
    return folder / "yolo.pt", folder / Path(exported).name


@pytest.fixture
def shapes():
    """Frames of moving shapes."""
    rng = np.random.default_rng(2)
    images = []
    for number in range(5):
        image = rng.integers(0, 60, (120, 160, 3), dtype=np.uint8)
        cv2.circle(image, (20 + 25 * number, 60), 18, (40, 220, 250), -1)
        cv2.rectangle(image, (120 - 20 * number, 20), (150 - 20 * number, 50), (250, 60, 60), -1)
        images.append(image)
    return images


@pytest.mark.parametrize("kind", [0, 1], ids=["pt", "onnx"])
def test_equal_to_ultralytics(yolo, shapes, kind):
    from ultralytics import YOLO

    settings = {"confidence": 0.2, "overlap": 0.5, "image_size": 160}
    objects = Objects(weights=yolo[kind], trust=True, **settings)
    names = objects.names()
    assert names[:2] == ["object_count_kind_0", "object_count_kind_1"]
    assert names[80] == "object_confidence_kind_0"
    found = objects.measure(shapes)
    model = YOLO(str(yolo[kind]), task="detect", verbose=False)
    counts, best = np.zeros((5, 80)), np.zeros((5, 80))
    for row, image in enumerate(shapes):
        boxes = model.predict(image, conf=0.2, iou=0.5, imgsz=160, verbose=False)[0].boxes
        for kind_of, sure in zip(boxes.cls.tolist(), boxes.conf.tolist(), strict=True):
            counts[row, int(kind_of)] += 1
            best[row, int(kind_of)] = max(best[row, int(kind_of)], sure)
    assert (counts > 1).any()
    assert (counts == 0).any()
    np.testing.assert_array_equal(found[:, :80], counts)
    np.testing.assert_allclose(found[:, 80:], best, atol=1e-5)


def test_nothing_found_is_zero(yolo, shapes, write_film):
    objects = Objects(weights=yolo[1], confidence=1.0)
    dataset = extract(write_film("film.avi", shapes * 6), objects, cache=False)
    assert dataset.sizes == {"item": 1, "time": 3, "feature": 160}
    assert (dataset["values"] == 0).all()
    assert set(dataset["family"].to_numpy()) == {"object"}


def test_pickle_needs_trust(tmp_path, yolo):
    with pytest.raises(DesignError, match="trust=True"):
        Objects(weights=yolo[0])

    trace = tmp_path / "trace"

    class Malice:
        def __reduce__(self):
            return open, (str(trace), "w")

    for name in ("evil.pt", "evil.pth", "evil.onnx"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Malice()))
        with pytest.raises((DesignError, DataError), match=r"trust=True|not an ONNX"):
            Objects(weights=path).names()
    assert not trace.exists()


def test_labels_rename_the_classes(tmp_path, yolo):
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(f"thing {number}" for number in range(80)))
    names = Objects(weights=yolo[1], labels=path).names()
    assert names[3] == "object_count_thing_3"
    with pytest.raises(DataError, match="number of labels"):
        Objects(weights=yolo[1], labels=["one", "two"]).names()


def test_network_of_another_task(tmp_path):
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    model = YOLO("yolov8n-cls.yaml", verbose=False)
    model.save(str(tmp_path / "classify.pt"))
    with pytest.raises(DataError, match="does not detect"):
        Objects(weights=tmp_path / "classify.pt", trust=True).names()


#: Of pictures in scikit-image: what they show, where (left, top, right, bottom), least confidence.
SHOWN = [
    ("astronaut", "person", (15, 14, 364, 508), 0.6),
    ("camera", "person", (4, 68, 318, 512), 0.7),
    ("chelsea", "cat", (2, 3, 432, 296), 0.45),
    ("coffee", "cup", (171, 20, 416, 250), 0.3),
]


def photograph(name):
    image = getattr(skimage.data, name)()
    colours = image[..., ::-1] if image.ndim == 3 else np.stack([image] * 3, axis=-1)
    return np.ascontiguousarray(colours)


@pytest.mark.parametrize("size", [(1920, 1080), (640, 272), (333, 512), (53, 101)])
def test_pictures_are_made_smaller_by_area_at_once_or_in_halves(size):
    image = cv2.GaussianBlur(cv2.resize(photograph("astronaut"), size), (0, 0), 3)
    for longest, multiple in ((416, 416), (256, 32)):
        picture, by = fitted(image, longest, multiple)
        assert by == longest / max(size)
        wide, high = (round(side * by) for side in size)
        how = cv2.INTER_LINEAR if by > 1 else cv2.INTER_AREA
        expected = cv2.resize(image, (wide, high), interpolation=how).astype(float)
        assert np.abs(picture[:high, :wide] - expected).mean() < 1
        assert not {side % multiple for side in picture.shape[:2]} - {0}
        assert not picture[high:].any()
        assert not picture[:, wide:].any()


def test_colours_are_looked_up_as_they_would_be_computed():
    picture = np.random.default_rng(0).integers(0, 256, (40, 64, 3), dtype=np.uint8)
    expected = ((picture.astype(np.float32) - _MEAN) / _SD).transpose(2, 0, 1)
    np.testing.assert_array_equal(_scaled(picture), expected)


@pytest.mark.parametrize(("name", "thing", "box", "least"), SHOWN, ids=[row[0] for row in SHOWN])
def test_nanodet_finds_what_photographs_show(made, name, thing, box, least):
    made("nanodet")
    objects = Objects()
    kinds, sure, boxes = objects.find([photograph(name)])[0]
    classes = [each.removeprefix("object_count_") for each in objects.names()[:80]]
    which = [classes[kind] for kind in kinds].index(thing)
    assert sure[which] > least
    np.testing.assert_allclose(boxes[which], box, atol=10)
    row = objects.measure([photograph(name)])[0]
    assert row[80 + kinds[which]] == sure[which]
    assert row[:80].sum() == len(kinds)


def test_nanodet_in_a_film_and_in_black(made, write_film):
    made("nanodet")
    picture = photograph("astronaut")
    film = write_film("film.avi", [picture] * 20 + [np.zeros_like(picture)] * 30)
    found = extract(film, Objects(), cache=False)["values"][0]
    assert found.sel(feature="object_count_person").to_numpy().tolist() == [1, 1, 0, 0]
    assert (found[2:] == 0).all()


@pytest.mark.parametrize("shape", [(512, 1100), (1100, 512), (513, 601)])
def test_nanodet_boxes_in_frames_of_any_shape(made, shape):
    made("nanodet")
    frame = np.zeros((*shape, 3), dtype=np.uint8)
    frame[:512, :512] = photograph("astronaut")
    kinds, _, boxes = Objects().find([frame])[0]
    np.testing.assert_allclose(boxes[list(kinds).index(0)], (15, 14, 364, 508), atol=60)


def test_without_their_networks_columns_are_absent_and_one_line_says_so(write_film, shapes):
    film = write_film("film.avi", shapes * 6)
    with pytest.warns(ExtractionWarning, match="no features of Objects, BodyPose: `muvistats weig"):
        found = extract(film, [Colour(), Objects(), BodyPose()], cache=False)
    assert set(found["family"].to_numpy()) == {"colour"}
    with pytest.raises(DataError, match="`muvistats weights nanodet` makes"):
        extract(film, Objects(), cache=False)
