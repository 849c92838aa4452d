"""Visual features against bare loops: how fast beside real time, and what the package costs.

The film is drawn here (moving shapes at 640x272, 25 frames a second, in H.264 or what OpenCV can
write), and the sample clip is used where it lies beside the checkout. The bare loop decodes with
OpenCV and runs the same network in the same batches, nothing else. Runs of the two alternate, and
the ratio is that of their shortest times, in wall-clock and in CPU seconds of the process.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from torchvision.models import resnet18

from muvistats.features.vision.scan import scan_film
from muvistats.features.visual import Colour, Lighting, Scenes, Shots

SIZE, RATE, SECONDS, STEP = (640, 272), 25, 60, 0.5
BATCH, SIDE, CLASSES = 16, 224, 365
RUNS = 3
CLIP = Path(__file__).resolve().parents[2] / "shared" / "media" / "sample_music_video.mp4"
Row = dict[str, Any]


def run() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        film = draw_film(Path(folder) / "film.mp4")
        network = save_network(Path(folder) / "resnet18.onnx")
        for path in [film, *([CLIP] if CLIP.exists() else [])]:
            yield real_time(path)
        yield against_the_bare_loop(film, network)


def real_time(path: Path) -> Row:
    """Colour, lighting and shots together: seconds of film per second."""
    extractors = [Colour(), Lighting(), Shots()]
    features = scan_film(path, extractors, step=STEP)
    wall, cpu = fastest(lambda: scan_film(path, extractors, step=STEP))[0]
    length = float(features.tables["shot"]["end"][-1])
    return {
        "what": f"colour, lighting and shots of {path.name}",
        "cores": os.cpu_count(),
        "seconds": wall,
        "cpu_seconds": cpu,
        "times_real_time": length / wall,
        "times_real_time_per_core": length / cpu,
    }


def against_the_bare_loop(film: Path, network: Path) -> Row:
    """Frames of the grid through a ResNet18: the package, and OpenCV with ONNX Runtime alone."""
    scenes = Scenes(weights=network, labels=[f"c{n}" for n in range(CLASSES)], batch_size=BATCH)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    ours, bare = fastest(
        lambda: scan_film(film, [scenes], step=STEP), lambda: bare_loop(film, session)
    )
    difference = np.abs(
        scan_film(film, [scenes], step=STEP).values - bare_loop(film, session)
    ).max()
    return {
        "what": "scenes by ResNet18 against decode plus network",
        "seconds": ours[0],
        "bare_seconds": bare[0],
        "throughput_ratio": bare[0] / ours[0],
        "cpu_throughput_ratio": bare[1] / ours[1],
        "largest_difference": float(difference),
    }


def bare_loop(film: Path, session: Any) -> np.ndarray:
    """Decode, take every half second, run the network in batches."""
    capture = cv2.VideoCapture(str(film))
    mean = np.float32([0.485, 0.456, 0.406]) * 255
    sd = np.float32([0.229, 0.224, 0.225]) * 255
    rows: list[np.ndarray] = []
    batch: list[np.ndarray] = []
    number, window = 0, 0

    def flush() -> None:
        pictures = np.ascontiguousarray(np.stack(batch).transpose(0, 3, 1, 2))
        scores = session.run(None, {session.get_inputs()[0].name: pictures})[0]
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        rows.append(powers / powers.sum(axis=1, keepdims=True))
        batch.clear()

    while capture.grab():
        if number == int(np.ceil(window * STEP * RATE - 0.5)):
            _, image = capture.retrieve()
            height, width = image.shape[:2]
            top, left = round(height / 16), round(width / 16)
            middle = image[top : height - top, left : width - left]
            small = cv2.resize(middle, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            batch.append((small[..., ::-1].astype(np.float32) - mean) / sd)
            window += 1
            if len(batch) == BATCH:
                flush()
        number += 1
    if batch:
        flush()
    return np.concatenate(rows)


def fastest(*calls: Callable[[], object]) -> list[tuple[float, float]]:
    """Shortest wall-clock and CPU time of each call; the calls take turns."""
    best = [(np.inf, np.inf)] * len(calls)
    for _ in range(RUNS):
        for number, call in enumerate(calls):
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            best[number] = min(best[number][0], spent[0]), min(best[number][1], spent[1])
    return best


def draw_film(path: Path) -> Path:
    """Shapes that move over a picture, which changes every four seconds."""
    rng = np.random.default_rng(0)
    for codec in ("avc1", "mp4v"):
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE, SIZE)
        if writer.isOpened():
            break
    for number in range(SECONDS * RATE):
        if number % (4 * RATE) == 0:
            coarse = rng.integers(0, 256, (17, 40, 3), dtype=np.uint8)
            ground = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
        image = ground.copy()
        x, y = (7 * number) % SIZE[0], (3 * number) % SIZE[1]
        cv2.circle(image, (x, y), 40, (40, 220, 250), -1)
        cv2.rectangle(image, (SIZE[0] - x, y), (SIZE[0] - x + 60, y + 50), (250, 60, 60), -1)
        writer.write(image)
    writer.release()
    return path


def save_network(path: Path) -> Path:
    """A ResNet18 with random weights."""
    torch.manual_seed(0)
    model = resnet18(num_classes=CLASSES).eval()
    torch.onnx.export(
        model, (torch.zeros(2, 3, SIDE, SIDE),), path, dynamo=False,
        input_names=["x"], dynamic_axes={"x": {0: "n"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(path))
    return path
