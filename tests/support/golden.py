"""The tiny bundle whose bytes are in the repository: two exits, three classes, weights that a person can follow.

Run: python tests/support/golden.py     makes tests/golden/tiny.eenet anew; only a new format version is a reason to
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import eenet_rt
from eenet.bundles import BundleContent, Segment, SegmentSpec, Tensor, write_bundle
from eenet.costs import CostProfile
from eenet.tasks.classification import ClassPredictions

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "tiny.eenet"
INPUTS = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 3, 0], [0.5, 0.5, 0.5, 0.5]], np.float32)

# Exit 0 reads the classes off the first three inputs; exit 1 turns them round by one and is twice as sure.
FIRST = np.eye(4, 3, dtype=np.float32)
SECOND = 2 * np.roll(np.eye(3, dtype=np.float32), 1, axis=1)


def logits() -> np.ndarray:
    """Logits of both exits for `INPUTS`, float32 (4, 2, 3), computed here by numpy."""
    first = INPUTS @ FIRST
    return np.stack([first, first @ SECOND], axis=1)


def content(segments: list[bytes]) -> BundleContent:
    """The description of the bundle around two serialised ONNX models."""
    specs = [
        SegmentSpec(("x",), ("trunk_0", "logits_0"), "logits_0"),
        SegmentSpec(("trunk_0",), ("logits_1",), "logits_1"),
    ]
    return BundleContent(
        model="golden",
        names=("zero", "one", "two"),
        preprocessing={"kind": "none"},
        tensors={
            "x": Tensor("float32", (4,)),
            "trunk_0": Tensor("float32", (3,)),
            "logits_0": Tensor("float32", (3,)),
            "logits_1": Tensor("float32", (3,)),
        },
        inputs=("x",),
        segments=tuple(Segment(spec, data) for spec, data in zip(specs, segments, strict=True)),
        parameters=(12, 21),
        max_batch=8,
    )


def schedules() -> list[eenet_rt.Schedule]:
    """One linear schedule with a combiner, one with a hidden layer and a disabled exit."""
    linear = [(np.array([[0, 0, 0, 1, 0, 0, 0.5]], np.float32), np.array([0.125], np.float32))]
    hidden = [
        (
            np.arange(14, dtype=np.float32).reshape(2, 7) / 8,
            np.array([-1, 1], np.float32),
            np.array([[1, -0.5]], np.float32),
            np.array([0.25], np.float32),
        )
    ]
    combiner = (np.array([[1, 0], [0.25, 0.75]], np.float32), np.array([[0, 0, 0], [0, 0.5, 0]], np.float32))
    features = [eenet_rt.num_features(3)] * 2
    common = {"unit": "flops", "costs": (24.0, 42.0), "margin": 0.5, "calibration_samples": 4}
    return [
        eenet_rt.Schedule(
            policy="linear", budget=33.0, calibration_shares=(0.5, 0.5), **common,
            exit_policy=eenet_rt.ExitPolicy(features, linear, np.array([0.6, 0.0]), combiner=combiner, clamp=True),
        ),
        eenet_rt.Schedule(
            policy="hidden", budget=42.0, calibration_shares=(0.0, 1.0), **common,
            exit_policy=eenet_rt.ExitPolicy(features, hidden, np.array([np.inf, 0.0])),
        ),
    ]  # fmt: skip


def write(folder: Path, segments: list[bytes]) -> None:
    """Writes the bundle around the two ONNX models."""
    description = content(segments)
    labels = np.array([0, 1, 2, 0])
    predictions = ClassPredictions(logits(), labels, np.arange(4), description.names)
    write_bundle(
        folder,
        description,
        profiles=[CostProfile("flops", (24.0, 42.0), 42.0)],
        schedules=schedules(),
        active=0,
        calibration=(predictions, np.array([False, True, True, False])),
    )


def _make() -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def model(weight: np.ndarray, source: str, nodes: list[onnx.NodeProto], outputs: list[str]) -> bytes:
        graph = helper.make_graph(
            nodes,
            "segment",
            [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["batch", weight.shape[0]])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in outputs],
            [numpy_helper.from_array(weight, "weight")],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        onnx.checker.check_model(made, full_check=True)
        return made.SerializeToString(deterministic=True)

    first = model(
        FIRST,
        "x",
        [
            helper.make_node("MatMul", ["x", "weight"], ["trunk_0"]),
            helper.make_node("Identity", ["trunk_0"], ["logits_0"]),
        ],
        ["trunk_0", "logits_0"],
    )
    second = model(SECOND, "trunk_0", [helper.make_node("MatMul", ["trunk_0", "weight"], ["logits_1"])], ["logits_1"])
    write(GOLDEN, [first, second])


if __name__ == "__main__":
    _make()
