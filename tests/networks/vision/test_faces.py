"""Faces: a detector that is made to find bright squares, and known expressions."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.errors import DataError, DesignError
from muvistats.features.vision.boxes import distinct
from muvistats.features.visual import Faces, extract

LABELS = ["happy", "sad", "angry", "calm"]


@pytest.fixture
def detector(tmp_path):
    """A network with the outputs of YuNet that finds a face wherever a cell of 16 is bright.

    The box of cell (row, column) is 16 wide and high and stands on the cell.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], {}
    for stride in (8, 16, 32):
        threshold = 230.0 if stride == 16 else 1e9
        constants[f"t{stride}"] = np.float32([threshold]).reshape(1, 1, 1, 1)
        nodes += [
            helper.make_node("ReduceMean", ["input"], [f"m{stride}"], axes=[1], keepdims=1),
            helper.make_node(
                "AveragePool", [f"m{stride}"], [f"a{stride}"],
                kernel_shape=[stride, stride], strides=[stride, stride],
            ),
            helper.make_node("Sub", [f"a{stride}", f"t{stride}"], [f"d{stride}"]),
            helper.make_node("Sigmoid", [f"d{stride}"], [f"s{stride}"]),
            helper.make_node("Reshape", [f"s{stride}", "column"], [f"cls_{stride}"]),
            helper.make_node("Identity", [f"cls_{stride}"], [f"obj_{stride}"]),
            helper.make_node("Mul", [f"cls_{stride}", "zero"], [f"z{stride}"]),
            helper.make_node("Add", [f"z{stride}", "box"], [f"bbox_{stride}"]),
            helper.make_node("Add", [f"z{stride}", "points"], [f"kps_{stride}"]),
        ]  # fmt: skip
    outputs = [
        helper.make_tensor_value_info(f"{name}_{stride}", TensorProto.FLOAT, [1, "n", width])
        for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
        for stride in (8, 16, 32)
    ]
    constants["column"] = np.int64([1, -1, 1])
    constants["zero"] = np.float32([0])
    # centre half a cell to the right and down, width and height of one cell (their logarithm)
    constants["box"] = np.float32([0.5, 0.5, 0, 0]).reshape(1, 1, 4)
    constants["points"] = np.zeros((1, 1, 10), np.float32)
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])],
        outputs,
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    path = tmp_path / "detector.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def faces(detector, onnx_network):
    def make(**more):
        settings = {"labels": LABELS, "size": 16, "confidence": 0.6, **more}
        return Faces(weights=onnx_network(), detector=detector, **settings)

    return make


def dark(size=(128, 96)):
    return np.zeros((size[1], size[0], 3), np.uint8)


def light(image, row, column, colour, cells=1):
    """A bright square on the cells of 16 pixels."""
    image[16 * row : 16 * (row + cells), 16 * column : 16 * (column + cells)] = colour


def test_one_face(faces, expected):
    image = dark()
    light(image, 2, 3, (255, 240, 250))
    found = faces().measure([image])[0]
    assert found[0] == 1
    assert found[1] == pytest.approx(16 * 16 / (128 * 96))
    np.testing.assert_allclose(found[2:], expected((255, 240, 250)), atol=1e-4)


def test_two_faces_of_one_size(faces, expected):
    image = dark()
    light(image, 1, 1, (255, 240, 250))
    light(image, 4, 6, (240, 255, 235))
    found = faces().measure([image])[0]
    assert found[0] == 2
    wanted = (expected((255, 240, 250)) + expected((240, 255, 235))) / 2
    np.testing.assert_allclose(found[2:], wanted, atol=1e-4)


def test_area_weights(faces, expected, monkeypatch):
    image = dark()
    light(image, 0, 0, (250, 240, 230), cells=2)
    light(image, 3, 5, (230, 250, 240), cells=1)
    boxes = np.array([[0.0, 0, 32, 32], [80.0, 48, 16, 16]])
    monkeypatch.setattr(Faces, "find", lambda _self, _images: [boxes])
    found = faces().measure([image])[0]
    wanted = 0.8 * expected((250, 240, 230)) + 0.2 * expected((230, 250, 240))
    np.testing.assert_allclose(found[2:], wanted, atol=1e-4)
    assert found[1] == pytest.approx((32 * 32 + 16 * 16) / (128 * 96))


def test_large_frames_are_made_smaller_for_the_detector(faces, expected):
    image = np.zeros((192, 256, 3), np.uint8)
    image[64:96, 96:128] = (255, 240, 250)  # cell (2, 3) at half the size
    found = faces(longest_side=128).measure([image])[0]
    assert found[0] == 1
    assert found[1] == pytest.approx(32 * 32 / (256 * 192))
    np.testing.assert_allclose(found[2:], expected((255, 240, 250)), atol=1e-4)


def test_grey_faces(faces, expected):
    image = dark()
    light(image, 2, 3, (255, 200, 250))
    found = faces(grey=True, confidence=0.1).measure([image])[0]
    grey = round(0.114 * 255 + 0.587 * 200 + 0.299 * 250)
    np.testing.assert_allclose(found[2:], expected((grey, grey, grey)), atol=1e-3)


def test_no_face(faces, write_film):
    film = write_film("film.avi", [dark()] * 30)
    dataset = extract(film, faces(), cache=False)
    assert dataset["feature"].to_numpy().tolist() == [
        "face_count", "face_area", "face_happy", "face_sad", "face_angry", "face_calm",
    ]  # fmt: skip
    values = dataset["values"][0].to_numpy()
    assert (values[:, :2] == 0).all()
    assert np.isnan(values[:, 2:]).all()
    assert (extract(film, faces(absent=0.0), cache=False)["values"] == 0).all()


def test_film_with_a_face_that_comes_and_goes(faces, write_film, expected):
    with_face = dark()
    light(with_face, 2, 3, (255, 240, 250))
    film = write_film("film.avi", [dark()] * 25 + [with_face] * 25 + [dark()] * 25)
    values = extract(film, faces(batch_size=2), cache=False)["values"][0].to_numpy()
    assert values[:, 0].tolist() == [0, 0, 1, 1, 0, 0]
    np.testing.assert_allclose(values[2, 2:], expected((255, 240, 250)), atol=1e-4)


def test_vgg19_is_the_architecture_of_bare_weights(tmp_path, detector):
    import torch
    from torchvision.models import vgg19

    torch.manual_seed(0)
    model = vgg19(num_classes=4).eval()
    torch.save(model.state_dict(), tmp_path / "vgg.pth")
    image = dark()
    light(image, 2, 3, (255, 240, 250))
    found = Faces(
        weights=tmp_path / "vgg.pth", labels=LABELS, detector=detector, confidence=0.6
    ).measure([image])[0]
    face = np.broadcast_to(np.array((250, 240, 255)) / 255, (224, 224, 3))
    batch = ((face - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)[None]
    with torch.inference_mode():
        direct = model(torch.from_numpy(batch.astype(np.float32))).softmax(1)[0].numpy()
    np.testing.assert_allclose(found[2:], direct, atol=1e-5)


def test_bad_detector(tmp_path, onnx_network):
    (tmp_path / "detector.onnx").write_bytes(b"nothing")
    bad = Faces(weights=onnx_network(), labels=LABELS, detector=tmp_path / "detector.onnx")
    with pytest.raises(DataError, match="face detector"):
        bad.check()
    other = Faces(weights=onnx_network(), labels=LABELS, detector=onnx_network())
    with pytest.raises(DataError, match="face detector"):
        other.check()
    (tmp_path / "conftest.pt").write_bytes(b"something")
    with pytest.raises(DesignError, match="ONNX file is needed"):
        Faces(weights=onnx_network(), labels=LABELS, detector=tmp_path / "conftest.pt")


def test_expression_that_is_a_feature_already(onnx_network, detector):
    with pytest.raises(DesignError, match="'count'"):
        Faces(weights=onnx_network(), labels=[*LABELS[:3], "Count"], detector=detector)


@pytest.fixture
def astronaut():
    """A woman who laughs, from scikit-image."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


def test_a_face_is_found_and_happy(astronaut):
    found = dict(zip(Faces().names(), Faces().measure([astronaut])[0], strict=True))
    assert found["face_count"] == 1
    assert found["face_happy"] > 0.9
    assert sum(found[f"face_{label}"] for label in Faces().classes) == pytest.approx(1)
    left, top, wide, high = Faces().find([astronaut])[0][0]
    # facenet-pytorch 2.6.0: MTCNN(keep_all=True).detect(picture)
    expected = (181.051, 62.156, 267.747, 172.050)
    np.testing.assert_allclose((left, top, left + wide, top + high), expected, atol=3)


@pytest.mark.parametrize("by", [0.3, 0.6, 1.5])
def test_faces_of_other_sizes(astronaut, by):
    import cv2

    other = cv2.resize(astronaut, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)
    assert Faces().measure([other])[0, 0] == 1
    both = np.concatenate([other, other[:, ::-1]], axis=1)
    found = dict(zip(Faces().names(), Faces().measure([both])[0], strict=True))
    assert found["face_count"] == 2
    assert found["face_happy"] > 0.5


@pytest.mark.parametrize("shape", [(8, 8), (11, 300), (301, 17), (640, 272), (13, 13)])
def test_odd_sizes_and_black_have_no_face(shape):
    found = Faces().measure([np.zeros((*shape, 3), dtype=np.uint8)])[0]
    assert (found[:2] == 0).all()
    assert np.isnan(found[2:]).all()


def test_a_folder_must_hold_the_cascade(tmp_path):
    (tmp_path / "pnet.onnx").write_bytes(b"")
    with pytest.raises(DesignError, match=r"rnet\.onnx, onet\.onnx is not in the folder"):
        Faces(detector=tmp_path)
    with pytest.raises(DesignError, match="smallest at least 12"):
        Faces(smallest=5)


def test_frames_at_a_time_are_found_as_one_by_one(astronaut):
    frames = [astronaut, np.zeros((40, 90, 3), np.uint8), astronaut[:300, :401], astronaut[:9]]
    together = Faces().find(frames)
    assert [len(each) for each in together] == [1, 0, 1, 0]
    for frame, boxes in zip(frames, together, strict=True):
        np.testing.assert_allclose(boxes, Faces().find([frame])[0], atol=0.01)


def test_of_boxes_that_overlap_the_surest_is_left():
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [40, 0, 50, 10], [2, 2, 5, 5]])
    scores = np.array([0.5, 0.8, 0.0, 0.6])
    assert distinct(boxes, scores, 0.5).tolist() == [1, 3, 2]
    assert distinct(boxes, scores, 0.5, of_smaller=True).tolist() == [1, 2]
    assert distinct(boxes[:0], scores[:0], 0.5).tolist() == []
