"""Films and networks that the tests make themselves. These tests need `make test-networks`."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

NEEDED = ("cv2", "scenedetect", "onnxruntime", "onnx", "torch", "torchvision", "ultralytics", "av")

if any(importlib.util.find_spec(name) is None for name in NEEDED):
    collect_ignore_glob = ["*"]  # another environment: see the Makefile


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Default features are asked for where some networks are not made."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:no features of Objects, BodyPose"))


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the settings of ultralytics out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        yield


@pytest.fixture
def write_film(tmp_path: Path) -> Callable[..., Path]:
    """Write pictures as a film without loss."""
    import cv2

    def write(name: str, pictures: Iterable[np.ndarray], rate: float = 25.0) -> Path:
        path = tmp_path / name
        writer = None
        for picture in pictures:
            if writer is None:
                size = picture.shape[1], picture.shape[0]
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), rate, size)
                assert writer.isOpened()
            writer.write(picture)
        assert writer is not None
        writer.release()
        return path

    return write


@pytest.fixture
def write_timed(tmp_path: Path) -> Callable[..., Path]:
    """Write pictures that are shown at given times, in ms; with sound where asked for."""
    import av

    def write(
        name: str, pictures: Sequence[np.ndarray], times: Sequence[int], *, sound: bool = False
    ) -> Path:
        path = tmp_path / name
        with av.open(path, "w") as container:
            voice = container.add_stream("aac", rate=8000) if sound else None
            if pictures:
                video = container.add_stream("mpeg4", rate=25)
                video.height, video.width = pictures[0].shape[:2]
                video.pix_fmt = "yuv420p"
                video.bit_rate = 4_000_000
                video.codec_context.time_base = Fraction(1, 1000)
                for picture, time in zip(pictures, times, strict=True):
                    frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                    frame.pts, frame.time_base = time, Fraction(1, 1000)
                    container.mux(video.encode(frame))
                container.mux(video.encode())
            if voice is not None:
                samples = np.zeros((1, 8000), dtype=np.float32)
                block = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                block.sample_rate = 8000
                container.mux(voice.encode(block))
                container.mux(voice.encode())
        return path

    return write


@pytest.fixture(scope="session")
def clip(shared: Path) -> Path:
    """The real clip beside the checkout."""
    path = shared / "media" / "sample_music_video.mp4"
    if not path.exists():
        pytest.skip("the sample clip is not here")
    return path


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A picture of one colour (blue, green, red)."""
    return np.full((size[1], size[0], 3), colour, dtype=np.uint8)


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    return plain


@pytest.fixture
def scores() -> np.ndarray:
    """Weights (class, colour) of the networks below."""
    return np.random.default_rng(3).normal(size=(4, 3)).astype(np.float32)


@pytest.fixture
def onnx_network(tmp_path: Path, scores: np.ndarray) -> Callable[..., Path]:
    """Write a network that weighs the mean of each colour."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def write(
        name: str = "network.onnx",
        shape: Sequence[int | str] = ("n", 3, "h", "w"),
        weights: np.ndarray = scores,
        *,
        softmax: bool = False,
    ) -> Path:
        nodes = [
            helper.make_node("GlobalAveragePool", ["x"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w"], ["scores"], transB=1),
        ]
        if softmax:
            nodes.append(helper.make_node("Softmax", ["scores"], ["shares"], axis=1))
        last = "shares" if softmax else "scores"
        graph = helper.make_graph(
            nodes,
            "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
            [helper.make_tensor_value_info(last, TensorProto.FLOAT, [shape[0], len(weights)])],
            [numpy_helper.from_array(weights, "w")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return write


@pytest.fixture
def torchscript(tmp_path: Path, scores: np.ndarray) -> Path:
    """The same network for pictures as TorchScript."""
    import torch
    from torch import nn

    linear = nn.Linear(3, len(scores), bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(scores))
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    path = tmp_path / "network.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch will have other formats
        torch.jit.trace(model, torch.zeros(2, 3, 8, 8)).save(str(path))
    return path


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.fixture
def expected(scores: np.ndarray) -> Callable[..., np.ndarray]:
    """Probabilities that these networks give a picture of one colour (blue, green, red)."""

    def compute(colour: Sequence[float]) -> np.ndarray:
        mean, sd = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        return softmax(scores @ ((np.array(colour[::-1]) / 255 - mean) / sd))

    return compute
