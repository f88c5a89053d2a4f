"""A bundle with all that a blackboard allows: two inputs, whole numbers, a length that each call chooses, skips.

Its ONNX graphs add and multiply small multiples of 1/4, so that numpy knows every logit to the bit. The last segment
adds the number of samples it is run on to its logits, which changes no answer and tells who was computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from eenet.bundles import BundleContent, Segment, SegmentSpec, Tensor, write_bundle

MAX_BATCH, MAX_TOKENS = 32, 6
_TENSORS = {
    "x": ("float32", ("tokens", 3)),
    "mask": ("int64", ("tokens",)),
    "hidden": ("float32", ("tokens", 3)),
    "trunk": ("float32", (3,)),
    **{f"logits_{k}": ("float32", (3,)) for k in range(3)},
}


def inputs(samples: int, tokens: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs of that many samples of that length."""
    random = np.random.default_rng(seed)
    x = random.integers(-4, 5, (samples, tokens, 3)) / 4
    return {"x": x.astype(np.float32), "mask": random.integers(0, 2, (samples, tokens))}


def logits(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Logits of the three exits by numpy, float32 (N, 3, 3), but for what the last segment adds."""
    hidden = x * mask[..., None].astype(np.float32)
    first = hidden.sum(axis=1)
    second = (hidden * hidden).sum(axis=1)
    third = second + (hidden * x).sum(axis=1) + x.sum(axis=1) * mask.sum(axis=1, keepdims=True)
    return np.stack([first, second, third], axis=1).astype(np.float32)


def _model(reads: Sequence[str], writes: Sequence[str], nodes: Sequence[tuple[str, str, str]]) -> bytes:
    """A graph of ``(operator, inputs, output)``."""

    def info(name: str) -> Any:
        dtype, shape = _TENSORS[name]
        element = TensorProto.FLOAT if dtype == "float32" else TensorProto.INT64
        return helper.make_tensor_value_info(name, element, ["batch", *shape])

    def node(operator: str, sources: str, output: str) -> Any:
        every = {"Cast": {"to": TensorProto.FLOAT}, "ReduceSum": {"keepdims": 0}, "Shape": {"end": 1}}
        options = every.get(operator, {})
        return helper.make_node(operator, sources.split(), [output], **options)

    axes = [numpy_helper.from_array(np.array([axis]), name) for name, axis in (("one", 1), ("two", 2))]
    graph = helper.make_graph(
        [node(*each) for each in nodes], "segment", [info(n) for n in reads], [info(n) for n in writes], axes
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def write(folder: Path) -> Path:
    """Writes the bundle."""
    first = [("Cast", "mask", "m"), ("Unsqueeze", "m two", "column"), ("Mul", "x column", "hidden")]
    first += [("ReduceSum", "hidden one", "logits_0")]
    second = [
        ("Mul", "hidden hidden", "square"),
        ("ReduceSum", "square one", "trunk"),
        ("Identity", "trunk", "logits_1"),
    ]
    third = [("Mul", "hidden x", "product"), ("ReduceSum", "product one", "sum"), ("Add", "trunk sum", "both")]
    third += [("ReduceSum", "mask one", "count"), ("Cast", "count", "real"), ("Unsqueeze", "real one", "column")]
    third += [("ReduceSum", "x one", "all"), ("Mul", "all column", "weighed"), ("Add", "both weighed", "total")]
    third += [("Shape", "trunk", "shape"), ("Cast", "shape", "samples"), ("Add", "total samples", "logits_2")]
    segments = [
        (SegmentSpec(("x", "mask"), ("hidden", "logits_0"), "logits_0"), first),
        (SegmentSpec(("hidden",), ("trunk", "logits_1"), "logits_1"), second),
        (SegmentSpec(("trunk", "hidden", "x", "mask"), ("logits_2",), "logits_2"), third),
    ]
    content = BundleContent(
        model="masked",
        names=("zero", "one", "two"),
        preprocessing={"kind": "none"},
        tensors={name: Tensor(dtype, shape) for name, (dtype, shape) in _TENSORS.items()},
        inputs=("x", "mask"),
        segments=tuple(Segment(spec, _model(spec.inputs, spec.outputs, nodes)) for spec, nodes in segments),
        parameters=(1, 2, 3),
        max_batch=MAX_BATCH,
        symbols={"tokens": MAX_TOKENS},
    )
    write_bundle(folder, content)
    return folder
