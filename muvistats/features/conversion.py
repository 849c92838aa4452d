"""Convert a network to ONNX and compare the two: a script that `making` runs elsewhere.

It stands alone, since it runs where TensorFlow and tf2onnx are and muvistats need not be::

    python conversion.py JOB

JOB is JSON: `format` ("tfjs", a model.json of TensorFlow.js beside its shards, or "checkpoint", the
prefix of a checkpoint of TensorFlow 1 with its meta graph), `source`, `target`, for a checkpoint
the names of `inputs` and `outputs`, and the `shape` and `largest` value of what the network gets.
The last line printed is how far original and conversion are apart (`difference`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from google.protobuf import json_format

#: Convolutions with what follows them, in TensorFlow.js, and the convolutions alone.
FUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}

#: What a convolution alone keeps of its settings.
KEPT = ("T", "strides", "padding", "data_format", "explicit_paddings", "dilations")

#: Random inputs on which the two networks are compared.
TRIALS = 8


@dataclass
class Graph:
    """A graph of TensorFlow without variables, and the names of its ends."""

    definition: Any
    inputs: list[str]
    outputs: list[str]


def read_tfjs(path: Path) -> Graph:
    """A graph model of TensorFlow.js, its fused convolutions split."""
    model = json.loads(path.read_text(encoding="utf-8"))
    if model.get("format") != "graph-model":
        sys.exit(f"{path.name} is no graph model of TensorFlow.js")
    found = json_format.ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    values = dict(shard_values(model["weightsManifest"], path.parent))
    graph = tf.compat.v1.GraphDef()
    for node in found.node:
        if node.op == "Const":
            kind = tf.as_dtype(node.attr["dtype"].type)
            tensor = tf.make_tensor_proto(values[node.name], dtype=kind)
            node.attr["value"].tensor.CopyFrom(tensor)
        graph.node.extend(split(node) if node.op in FUSED else [node])
    ends = model["signature"]
    return Graph(graph, *(names_of(ends[which]) for which in ("inputs", "outputs")))


def names_of(ends: dict[str, Any]) -> list[str]:
    """Tensors of a signature, in the order of their keys."""
    return [ends[key]["name"] for key in sorted(ends)]


def shard_values(manifest: list[dict[str, Any]], folder: Path) -> Iterator[tuple[str, Any]]:
    """Name and values of each constant; 16-bit ones become what they were made of."""
    for group in manifest:
        raw = b"".join((folder / name).read_bytes() for name in group["paths"])
        start = 0
        for entry in group["weights"]:
            stored = entry.get("quantization", entry)
            if "scale" in stored:
                sys.exit(f"{entry['name']} is stored as 8-bit numbers, which are not read")
            kind, count = np.dtype(stored["dtype"]), int(np.prod(entry["shape"]))
            flat = np.frombuffer(raw, kind, count, start)
            yield entry["name"], flat.reshape(entry["shape"]).astype(entry["dtype"])
            start += count * kind.itemsize
        if start != len(raw):
            sys.exit(f"shards hold {len(raw)} bytes, the list of weights {start}")


def split(node: Any) -> list[Any]:
    """A fused convolution as the convolution and what follows it; the last has the name."""
    left = list(node.input)
    steps = [FUSED[node.op], *(step.decode() for step in node.attr["fused_ops"].list.s)]
    parts: list[Any] = []
    for number, step in enumerate(steps):
        part = tf.compat.v1.NodeDef(op=step, name=f"{node.name}/step_{number}")
        taken = 2 if number == 0 else 1 if step == "BiasAdd" else 0
        part.input.extend([each.name for each in parts[-1:]] + left[:taken])
        left = left[taken:]
        known = KEPT if number == 0 else ("T", "data_format") if step == "BiasAdd" else ("T",)
        for key in known:
            if key in node.attr:
                part.attr[key].CopyFrom(node.attr[key])
        parts.append(part)
    if left or not set(steps[1:]) <= {"BiasAdd", "Relu", "Relu6"}:
        sys.exit(f"{node.name} is fused with {', '.join(steps[1:])}, which is not known")
    parts[-1].name = node.name
    return parts


def read_checkpoint(prefix: str, inputs: list[str], outputs: list[str]) -> Graph:
    """A graph of TensorFlow 1 that does not train: variables and the switch of training fixed."""
    meta = tf.compat.v1.MetaGraphDef()
    meta.ParseFromString(Path(f"{prefix}.meta").read_bytes())
    ends = [name.partition(":")[0] for name in outputs]
    graph = tf.compat.v1.graph_util.extract_sub_graph(meta.graph_def, ends)
    values = tf.compat.v1.train.NewCheckpointReader(prefix)
    for node in graph.node:
        kind = node.attr["dtype"].type if "dtype" in node.attr else None
        switch = node.op == "Placeholder" and kind == tf.bool.as_datatype_enum
        node.device = ""
        for key in ("_output_shapes", "_class"):
            node.attr.pop(key, None)
        if node.op == "VariableV2" or switch:
            value = np.array(False) if switch else values.get_tensor(node.name)
            fixed = tf.compat.v1.NodeDef(op="Const", name=node.name)
            fixed.attr["dtype"].type = kind
            fixed.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
            node.CopyFrom(fixed)
    return Graph(graph, inputs, outputs)


def convert(graph: Graph, target: Path) -> None:
    """Write the graph as ONNX."""
    tf2onnx.convert.from_graph_def(
        graph.definition,
        input_names=graph.inputs,
        output_names=graph.outputs,
        opset=13,
        output_path=str(target),
    )


def difference(graph: Graph, target: Path, shape: list[int], largest: float) -> float:
    """Largest difference of the outputs as a share of the largest output: median of random inputs.

    Inputs are noise, and noise in coarse cells, so that large things are seen too. A network
    that takes the place of a maximum jumps where two are equal but for rounding; a conversion
    that is wrong is so on most inputs.
    """

    def load() -> None:
        tf.graph_util.import_graph_def(graph.definition, name="")

    whole = tf.compat.v1.wrap_function(load, [])
    tensor = whole.graph.get_tensor_by_name
    original = whole.prune([tensor(n) for n in graph.inputs], [tensor(n) for n in graph.outputs])
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    kind = tensor(graph.inputs[0]).dtype
    rng = np.random.default_rng(0)
    apart = []
    for trial in range(TRIALS):
        batch = rng.uniform(0, largest, shape)
        if trial % 2:
            for axis, length in enumerate(shape):
                if length > 3:
                    batch = np.take(batch, np.arange(length) // 32 * 32, axis)
        fed = tf.cast(tf.constant(batch), kind)
        expected = [np.asarray(each) for each in original(fed)]
        found = session.run(graph.outputs, {graph.inputs[0]: fed.numpy()})
        apart.append(max(map(relative, expected, found)))
    return float(np.median(apart))


def relative(expected: Any, found: Any) -> float:
    """Largest difference as a share of the largest expected value."""
    if expected.shape != found.shape:
        return float("inf")
    apart = float(np.abs(expected - found).max() / max(float(np.abs(expected).max()), 1e-9))
    return apart if np.isfinite(apart) else float("inf")


def main() -> None:
    """Do one job."""
    job = json.loads(sys.argv[1])
    if job["format"] == "tfjs":
        graph = read_tfjs(Path(job["source"]))
    else:
        graph = read_checkpoint(job["source"], job["inputs"], job["outputs"])
    target = Path(job["target"])
    convert(graph, target)
    sys.stdout.write(f"\n{difference(graph, target, job['shape'], job['largest'])!r}\n")


if __name__ == "__main__":
    main()
