"""Networks from files: equal on every road, and refused where they must be."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from muvistats.errors import DataError, DesignError
from muvistats.features.visual import Scenes, extract

LABELS = ["Beach", "Arena/hockey", "living room", "church"]
NAMES = ["scene_beach", "scene_arena_hockey", "scene_living_room", "scene_church"]


def test_onnx_gives_known_probabilities(onnx_network, picture, expected):
    scenes = Scenes(weights=onnx_network(), labels=LABELS, size=16)
    assert scenes.names() == NAMES
    found = scenes.measure([picture((10, 20, 200)), picture((240, 100, 30))])
    np.testing.assert_allclose(found[0], expected((10, 20, 200)), atol=1e-5)
    np.testing.assert_allclose(found[1], expected((240, 100, 30)), atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (3, 3, 12, 12), ("n", 3, 16, 16)])
def test_fixed_batch_and_size_of_the_network(onnx_network, picture, expected, shape):
    scenes = Scenes(weights=onnx_network(shape=shape), labels=LABELS, batch_size=4)
    images = [picture((10, 20 * number, 200)) for number in range(7)]
    found = scenes.measure(images)
    for row, image in zip(found, images, strict=True):
        np.testing.assert_allclose(row, expected(image[0, 0]), atol=1e-5)


def test_size_that_is_not_the_networks(onnx_network, picture):
    scenes = Scenes(weights=onnx_network(shape=("n", 3, 16, 16)), labels=LABELS, size=20)
    with pytest.raises(DesignError, match="16 pixels"):
        scenes.measure([picture((1, 2, 3))])


def test_torchscript_equals_onnx(onnx_network, torchscript, picture):
    images = [picture((10, 20, 200)), picture((240, 100, 30))]
    by_onnx = Scenes(weights=onnx_network(), labels=LABELS, size=16).measure(images)
    by_script = Scenes(weights=torchscript, labels=LABELS, size=16, trust=True).measure(images)
    np.testing.assert_allclose(by_onnx, by_script, atol=1e-5)


def test_torchscript_needs_trust(torchscript):
    with pytest.raises(DesignError, match="trust=True"):
        Scenes(weights=torchscript, labels=LABELS)


@pytest.mark.parametrize("wrapped", [False, True])
def test_bare_weights_of_an_architecture(tmp_path, picture, wrapped):
    import torch
    from torchvision.models import resnet50

    torch.manual_seed(0)
    model = resnet50(num_classes=4).eval()
    state = model.state_dict()
    if wrapped:  # as the authors of Places365 offer theirs
        state = {"state_dict": {f"module.{key}": value for key, value in state.items()}}
    path = tmp_path / "resnet.pth.tar"
    torch.save(state, path)
    scenes = Scenes(weights=path, labels=LABELS, crop=1.0)
    image = picture((10, 20, 200), (224, 224))
    found = scenes.measure([image])[0]
    mean, sd = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    batch = ((image[..., ::-1] / 255 - mean) / sd).transpose(2, 0, 1)[None]
    with torch.inference_mode():
        direct = model(torch.from_numpy(batch.astype(np.float32))).softmax(1)[0].numpy()
    np.testing.assert_allclose(found, direct, atol=1e-5)


def test_weights_of_another_architecture(tmp_path, picture):
    import torch
    from torchvision.models import resnet18

    path = tmp_path / "resnet.pth"
    torch.save(resnet18(num_classes=4).state_dict(), path)
    with pytest.raises(DataError, match="not those of resnet50"):
        Scenes(weights=path, labels=LABELS).measure([picture((1, 2, 3))])
    with pytest.raises(DesignError, match="no model of torchvision"):
        Scenes(weights=path, labels=LABELS, architecture="nothing").measure([picture((1, 2, 3))])


class Malice:
    """A pickle that leaves a trace when it is opened."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("name", ["network.pt", "network.pth", "network.onnx", "network.bin"])
@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("trust", [True, False])
def test_pickles_are_never_run(tmp_path, picture, name, archive, trust):
    import torch

    trace, path = tmp_path / "trace", tmp_path / name
    if archive:
        torch.save(Malice(trace), path)
    else:
        path.write_bytes(pickle.dumps(Malice(trace)))
    with pytest.raises(DataError, match=r"more than weights|not an ONNX network"):
        Scenes(weights=path, labels=LABELS, trust=trust).measure([picture((1, 2, 3))])
    assert not trace.exists()


def test_labels_of_the_wrong_length(onnx_network, write_film, picture):
    film = write_film("film.avi", [picture((1, 2, 3))] * 20)
    for labels in (LABELS[:3], [*LABELS, "street"]):
        with pytest.raises(DataError, match="number of labels") as refused:
            extract(film, Scenes(weights=onnx_network(), labels=labels), cache=False)
        assert refused.value.found == len(labels)
        assert refused.value.expected == 4


def test_label_file(tmp_path, onnx_network):
    path = tmp_path / "labels.txt"
    path.write_text("/a/airfield 0\n/l/living_room 2\n/a/arena/hockey 1\n/z/zen_garden 3\n")
    scenes = Scenes(weights=onnx_network(), labels=path)
    assert scenes.classes == ("airfield", "arena_hockey", "living_room", "zen_garden")


def test_activation_is_checked(onnx_network, picture):
    image = [picture((10, 20, 200))]
    scores = Scenes(weights=onnx_network(), labels=LABELS)
    shares = Scenes(
        weights=onnx_network("shares.onnx", softmax=True), labels=LABELS, activation="none"
    )
    np.testing.assert_allclose(shares.measure(image), scores.measure(image), atol=1e-6)
    with pytest.raises(DesignError, match="activation='none'"):
        Scenes(weights=shares.weights, labels=LABELS).measure(image)
    with pytest.raises(DesignError, match="no probabilities"):
        Scenes(weights=scores.weights, labels=LABELS, activation="none").measure(image)


def test_network_for_something_else(onnx_network, picture):
    scenes = Scenes(weights=onnx_network(shape=("n", 5, "h", "w")), labels=LABELS)
    with pytest.raises(DataError, match=r"not an ONNX network: .* Dimension mismatch"):
        scenes.measure([picture((1, 2, 3))])


def test_file_that_was_changed_is_loaded_anew(onnx_network, picture, scores):
    scenes = Scenes(weights=onnx_network(), labels=LABELS)
    before = scenes.measure([picture((10, 20, 200))])
    onnx_network(weights=np.concatenate([scores, scores])[::-1][:4].copy())
    after = scenes.measure([picture((10, 20, 200))])
    np.testing.assert_allclose(after, before[:, ::-1], atol=1e-6)


def test_crop_shows_the_middle(onnx_network, picture, expected):
    image = picture((200, 200, 200), (100, 60))
    image[15:45, 25:75] = (20, 30, 40)
    scenes = Scenes(weights=onnx_network(), labels=LABELS, crop=0.5)
    np.testing.assert_allclose(scenes.measure([image])[0], expected((20, 30, 40)), atol=1e-5)
