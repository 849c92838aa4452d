"""Clips of shots, and what a network makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.errors import DataError, DesignError
from muvistats.features.visual import Actions, Shots, extract

LABELS = ["run", "sing", "dance", "sit"]
COLOURS = [(200, 30, 30), (60, 90, 40), (30, 30, 220)]


@pytest.fixture
def film(write_film, picture):
    def write(lengths):
        pictures = [
            picture(COLOURS[number % 3]) for number, n in enumerate(lengths) for _ in range(n)
        ]
        return write_film("film.avi", pictures)

    return write


@pytest.fixture
def network(onnx_network):
    def write(clip_length, **more):
        return onnx_network("clips.onnx", shape=("n", 3, clip_length, 16, 16), **more)

    return write


@pytest.mark.parametrize("detector", ["adaptive", "content"])
def test_each_window_has_the_probabilities_of_its_shot(film, network, expected, detector):
    path = film([30, 50, 45])
    actions = Actions(
        weights=network(8), labels=LABELS, clip_length=8, shots=Shots(detector=detector)
    )
    values = extract(path, actions, cache=False)["values"][0]
    assert values["feature"].to_numpy().tolist() == [f"action_{label}" for label in LABELS]
    assert values["family"].to_numpy().tolist() == ["action"] * 4
    shot = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]  # cuts at 1.2 and 3.2 s
    assert len(values) == len(shot)
    for row, number in zip(values.to_numpy(), shot, strict=True):
        np.testing.assert_allclose(row, expected(COLOURS[number]), atol=1e-5)


@pytest.mark.parametrize(
    ("length", "clips"),
    [(5, [5]), (16, [8, 8]), (21, [8, 8, 5]), (18, [8, 8]), (20, [8, 8, 4]), (3, [3])],
)
def test_clips_follow_each_other_and_the_rest_is_filled_or_dropped(
    write_film, picture, network, monkeypatch, length, clips
):
    path = write_film("film.avi", [picture((0, 0, 10 * number)) for number in range(length)])
    seen = []

    def keep(_self, batch):
        seen.extend(batch[:, 0, :, 0, 0])  # red of each frame of each clip
        return np.full((len(batch), 4), 0.25)

    monkeypatch.setattr(Actions, "check", lambda _self: None)
    monkeypatch.setattr(Actions, "probabilities", keep)
    actions = Actions(
        weights=network(8), labels=LABELS, clip_length=8, mean=(0, 0, 0), sd=(1, 1, 1)
    )
    extract(path, actions, cache=False)
    numbers = np.round(np.array(seen) * 25.5).astype(int)
    wanted, first = [], 0
    for n in clips:
        row = list(range(first, first + n))
        wanted.append(row + [row[-1]] * (8 - n))
        first += n
    np.testing.assert_array_equal(numbers, wanted)


def test_stride_takes_every_other_frame(write_film, picture, network, monkeypatch):
    path = write_film("film.avi", [picture((0, 0, 10 * number)) for number in range(16)])
    seen = []

    def keep(_self, batch):
        seen.extend(np.round(batch[:, 0, :, 0, 0] * 25.5).astype(int))
        return np.full((len(batch), 4), 0.25)

    monkeypatch.setattr(Actions, "check", lambda _self: None)
    monkeypatch.setattr(Actions, "probabilities", keep)
    actions = Actions(
        weights=network(8), labels=LABELS, clip_length=8, stride=2, mean=(0, 0, 0), sd=(1, 1, 1)
    )
    extract(path, actions, cache=False)
    np.testing.assert_array_equal(seen, [np.arange(0, 16, 2)])


def test_shots_and_actions_share_the_cuts(film, network, monkeypatch):
    from muvistats.features.vision import shots

    made = []
    finder = shots.ShotFinder
    monkeypatch.setattr(shots, "ShotFinder", lambda *given: made.append(given) or finder(*given))
    actions = Actions(weights=network(8), labels=LABELS, clip_length=8)
    dataset = extract(film([30, 50, 45]), [Shots(window=4.0), actions], cache=False)
    assert len(made) == 1
    assert dataset["shot_start"].to_numpy().tolist() == [0, 1.2, 3.2]


def test_s3d_from_bare_weights(tmp_path, film):
    import torch
    from torchvision.models.video import s3d

    torch.manual_seed(0)
    model = s3d(num_classes=4).eval()
    with torch.no_grad():
        model.classifier[1].weight.mul_(1e6)  # so that colours matter to a random network
    torch.save(model.state_dict(), tmp_path / "s3d.pth")
    actions = Actions(weights=tmp_path / "s3d.pth", labels=LABELS, clip_length=16)
    values = extract(film([40, 26]), actions, cache=False)["values"][0].to_numpy()
    np.testing.assert_allclose(values.sum(axis=1), 1)
    for row, colour in ((0, COLOURS[0]), (-1, COLOURS[1])):
        clip = np.broadcast_to(np.array(colour[::-1]) / 255, (16, 224, 224, 3))
        batch = (clip - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        with torch.inference_mode():
            tensor = torch.from_numpy(batch.astype(np.float32).transpose(3, 0, 1, 2)[None])
            direct = model(tensor).softmax(1)[0].numpy()
        np.testing.assert_allclose(values[row], direct, atol=1e-3)
    assert np.abs(values[0] - values[-1]).max() > 0.01


def test_bad_settings(network, film):
    with pytest.raises(DesignError, match="at least 1"):
        Actions(weights=network(8), labels=LABELS, clip_length=0)
    with pytest.raises(DataError, match="refused a batch"):  # the network takes clips of 8
        extract(film([30]), Actions(weights=network(8), labels=LABELS, clip_length=9), cache=False)
