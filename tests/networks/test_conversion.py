"""The converter on a small graph, in a process of its own as the command runs it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from muvistats.errors import DataError
from muvistats.features import making

if any(importlib.util.find_spec(name) is None for name in ("tensorflow", "tf2onnx", "onnxruntime")):
    pytest.skip("tensorflow and tf2onnx are not installed", allow_module_level=True)

JOB = {"format": "tfjs", "shape": [2, 8, 8, 3], "largest": 4}

#: A graph of TensorFlow.js with two fused convolutions and 16-bit weights, written by its rules.
WRITE = """
import base64, json, sys
import numpy as np
folder, wrong = sys.argv[1:]
rng = np.random.default_rng(0)
values = {
    "kernel": rng.normal(size=(3, 3, 3, 4)).astype("f2"),
    "bias": rng.normal(size=4).astype("f2"),
    "deep": rng.normal(size=(3, 3, 4, 1)).astype("f2"),
    "offset": rng.normal(size=4).astype("f2"),
    "axis": np.array([1, 2], dtype="i4"),
}
text = lambda word: base64.b64encode(word.encode()).decode()
kind = lambda name: {"type": name}
def const(name):
    whole = name == "axis"
    dims = [{"size": str(n)} for n in values[name].shape]
    dtype = "DT_INT32" if whole else "DT_FLOAT"
    tensor = {"dtype": dtype, "tensorShape": {"dim": dims}}
    attr = {"dtype": kind(dtype), "value": {"tensor": tensor}}
    return {"name": name, "op": "Const", "attr": attr}
def conv(name, op, inputs, after):
    attr = {
        "T": kind("DT_FLOAT"), "strides": {"list": {"i": ["1", "2", "2", "1"]}},
        "padding": {"s": text("SAME")}, "data_format": {"s": text("NHWC")},
        "dilations": {"list": {"i": ["1", "1", "1", "1"]}}, "explicit_paddings": {"list": {}},
        "fused_ops": {"list": {"s": [text(word) for word in after]}},
        "num_args": {"i": "1"}, "epsilon": {"f": 0},
    }
    return {"name": name, "op": op, "input": inputs, "attr": attr}
dims = [{"size": n} for n in ("-1", "8", "8", "3")]
nodes = [
    {"name": "x", "op": "Placeholder",
     "attr": {"dtype": kind("DT_FLOAT"), "shape": {"shape": {"dim": dims}}}},
    *map(const, values),
    conv("one", "_FusedConv2D", ["x", "kernel", "bias"], ["BiasAdd", wrong]),
    conv("two", "FusedDepthwiseConv2dNative", ["one", "deep", "offset"], ["BiasAdd"]),
    {"name": "mean", "op": "Mean", "input": ["two", "axis"],
     "attr": {"T": kind("DT_FLOAT"), "Tidx": kind("DT_INT32"), "keep_dims": {"b": False}}},
]
weights = []
for name, value in values.items():
    entry = {"name": name, "shape": list(value.shape), "dtype": "int32"}
    if value.dtype == "f2":
        entry |= {"dtype": "float32",
                  "quantization": {"dtype": "float16", "original_dtype": "float32"}}
    weights.append(entry)
model = {
    "format": "graph-model", "modelTopology": {"node": nodes, "library": {}, "versions": {}},
    "signature": {"inputs": {"x": {"name": "x:0"}}, "outputs": {"y": {"name": "mean:0"}}},
    "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": weights}],
}
raw = b"".join(value.tobytes() for value in values.values())
open(f"{folder}/a.bin", "wb").write(raw[:100])
open(f"{folder}/b.bin", "wb").write(raw[100:])
open(f"{folder}/model.json", "w").write(json.dumps(model))
np.savez(f"{folder}/values.npz", **values)
"""


def write(folder: Path, after: str = "Relu6") -> Path:
    subprocess.run([sys.executable, "-c", WRITE, str(folder), after], check=True)
    return folder / "model.json"


def expected(folder: Path, batch: np.ndarray) -> np.ndarray:
    """The same network in plain NumPy."""
    values = {name: value.astype(float) for name, value in np.load(folder / "values.npz").items()}

    def patches(x: np.ndarray) -> np.ndarray:  # 3 by 3, every second place, SAME of an even side
        padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
        seen = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
        return seen[:, ::2, ::2]  # (batch, row, column, channel, 3, 3)

    one = np.einsum("brcixy,xyio->brco", patches(batch), values["kernel"]) + values["bias"]
    one = np.clip(one, 0, 6)
    two = np.einsum("brcixy,xyi->brci", patches(one), values["deep"][..., 0]) + values["offset"]
    return two.mean(axis=(1, 2))


def test_a_small_graph(tmp_path):
    target = tmp_path / "network.onnx"
    apart = making.convert(Path(sys.executable), write(tmp_path), target, JOB)
    assert 0 <= apart < 1e-5
    import onnxruntime

    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(1).normal(size=(3, 8, 8, 3)).astype(np.float32)
    found = session.run(["mean:0"], {"x:0": batch})[0]
    np.testing.assert_allclose(found, expected(tmp_path, batch), rtol=1e-4, atol=1e-4)


def test_what_is_not_known_is_refused(tmp_path):
    with pytest.raises(DataError, match="fused with BiasAdd, Elu, which is not known"):
        making.convert(Path(sys.executable), write(tmp_path, "Elu"), tmp_path / "n.onnx", JOB)


def test_a_conversion_that_differs_is_an_error(tmp_path):
    """The converter is given other weights than the original once the graph was read."""
    script = tmp_path / "wrong.py"
    script.write_text(
        making.SCRIPT.read_text().replace(
            "    convert(graph, target)\n",
            "    one = next(n for n in graph.definition.node if n.name == 'bias')\n"
            "    kept = one.attr['value'].tensor.tensor_content\n"
            "    one.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(np.ones(4, 'f4')))\n"
            "    convert(graph, target)\n"
            "    one.attr['value'].tensor.tensor_content = kept\n"
            "    del one.attr['value'].tensor.float_val[:]\n",
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "SCRIPT", script)
        with pytest.raises(DataError, match="differs from its original"):
            making.convert(Path(sys.executable), write(tmp_path), tmp_path / "n.onnx", JOB)
    assert json.loads((tmp_path / "model.json").read_text())["format"] == "graph-model"
