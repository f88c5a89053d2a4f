"""A bundle with tensors of every dtype: inputs of float16, int32 and uint8, and such that go from segment to segment.

Its ONNX graphs add and multiply small numbers that float16 holds, so that numpy knows every logit to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper

from eenet.bundles import BundleContent, Segment, SegmentSpec, Tensor, write_bundle

MAX_BATCH = 16
TENSORS = {
    "x": Tensor("float16", (3,)),
    "tokens": Tensor("int32", (3,)),
    "pixels": Tensor("uint8", (5,)),
    "hidden": Tensor("float16", (3,)),
    "doubled": Tensor("int32", (3,)),
    "levels": Tensor("uint8", (3,)),
    "ids": Tensor("int64", (3,)),
    "logits_0": Tensor("float32", (3,)),
    "logits_1": Tensor("float32", (3,)),
}
INPUTS = ("x", "tokens", "pixels")
SPECS = (
    SegmentSpec(INPUTS, ("hidden", "doubled", "levels", "ids", "logits_0"), "logits_0"),
    SegmentSpec(("hidden", "doubled", "levels", "ids", "pixels"), ("logits_1",), "logits_1"),
)


def inputs(samples: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs of that many samples."""
    random = np.random.default_rng(seed)
    return {
        "x": (random.integers(-4, 5, (samples, 3)) / 4).astype(np.float16),
        "tokens": random.integers(0, 9, (samples, 3), np.int32),
        "pixels": random.integers(0, 256, (samples, 5), np.uint8),
    }


def logits(x: np.ndarray, tokens: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Logits of both exits by numpy, float32 (N, 2, 3)."""
    first = x.astype(np.float32) * tokens
    second = first + 2.0 * tokens * tokens + tokens + pixels.sum(axis=1, keepdims=True, dtype=np.int64)
    return np.stack([first, second], axis=1).astype(np.float32)


def segments() -> list[bytes]:
    """The serialised ONNX model of each."""
    first = [
        ("Cast:float16", "tokens", "factor"),
        ("Mul", "x factor", "hidden"),
        ("Add", "tokens tokens", "doubled"),
        ("Cast:uint8", "tokens", "levels"),
        ("Cast:int64", "tokens", "ids"),
        ("Cast:float32", "hidden", "logits_0"),
    ]
    second = [
        ("Cast:float32", "hidden", "h"),
        ("Cast:float32", "doubled", "d"),
        ("Cast:float32", "levels", "l"),
        ("Cast:float32", "ids", "i"),
        ("Cast:float32", "pixels", "p"),
        ("ReduceSum", "p", "bright"),
        ("Mul", "d l", "square"),
        ("Add", "h square", "a"),
        ("Add", "a i", "b"),
        ("Add", "b bright", "logits_1"),
    ]
    return [_model(spec, nodes) for spec, nodes in zip(SPECS, (first, second), strict=True)]


def _model(spec: SegmentSpec, nodes: Sequence[tuple[str, str, str]]) -> bytes:
    """A graph of ``(operator, inputs, output)``; here every sum is over all axes but the batch, which is one."""

    def info(name: str) -> Any:
        tensor = TENSORS[name]
        return helper.make_tensor_value_info(name, _element(tensor.dtype), ["batch", *tensor.shape])

    def node(operator: str, sources: str, output: str) -> Any:
        name, _, to = operator.partition(":")
        options: dict[str, Any] = {"to": _element(to)} if to else {}
        return helper.make_node(
            name, [*sources.split(), *(["axis"] if name == "ReduceSum" else [])], [output], **options
        )

    axis = helper.make_tensor("axis", _element("int64"), [1], [1])
    reads, writes = [info(name) for name in spec.inputs], [info(name) for name in spec.outputs]
    graph = helper.make_graph([node(*each) for each in nodes], "segment", reads, writes, [axis])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString(deterministic=True))


def _element(dtype: str) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def content() -> BundleContent:
    """What the bundle holds."""
    return BundleContent(
        model="mixed",
        names=("zero", "one", "two"),
        preprocessing={"kind": "none"},
        tensors=dict(TENSORS),
        inputs=INPUTS,
        segments=tuple(Segment(spec, data) for spec, data in zip(SPECS, segments(), strict=True)),
        parameters=(1, 2),
        max_batch=MAX_BATCH,
    )


def write(folder: Path) -> Path:
    """Writes the bundle."""
    write_bundle(folder, content())
    return folder
