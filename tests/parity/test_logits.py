"""PyTorch = exported segments = C++ runtime, for the logits of every exit, on real images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import eenet_rt
from conftest import TrainedBundle

BOUND = 1e-3  # what eenet-export fails above
USUAL = 2e-5  # what is seen


def runtime_logits(runtime: eenet_rt.Runtime, inputs: np.ndarray) -> np.ndarray:
    last = runtime.num_exits - 1
    return np.stack([runtime.infer(x, forced_exit=last, return_outputs=True).logits for x in inputs])


def pytorch_logits(bundle: TrainedBundle, inputs: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return torch.stack(bundle.checkpoint.network(torch.from_numpy(inputs)), dim=1).numpy()


def segment_logits(bundle: Path, runtime: eenet_rt.Runtime, inputs: np.ndarray) -> np.ndarray:
    """The ONNX files of the bundle, run by onnxruntime's own Python package, in one batch."""
    import json

    manifest = json.loads((bundle / "manifest.json").read_text())
    board, logits = {manifest["inputs"][0]: inputs}, []
    for segment in manifest["segments"]:
        session = onnxruntime.InferenceSession(bundle / segment["files"]["onnx"], providers=["CPUExecutionProvider"])
        outputs = session.run(segment["outputs"], {name: board[name] for name in segment["inputs"]})
        board.update(zip(segment["outputs"], outputs, strict=True))
        logits.append(board[segment["exit"][0]])
    return np.stack(logits, axis=1)


def test_every_exit(bundle: TrainedBundle) -> None:
    inputs = bundle.inputs[:100]
    runtime = eenet_rt.load(str(bundle.path))
    ours = runtime_logits(runtime, inputs)
    expected = pytorch_logits(bundle, inputs)
    assert ours.shape == (100, runtime.num_exits, runtime.num_classes)
    assert np.abs(ours - expected).max() < USUAL < BOUND
    assert np.abs(segment_logits(bundle.path, runtime, inputs) - expected).max() < USUAL


def test_full_depth_is_the_whole_network(bundle: TrainedBundle) -> None:
    inputs = bundle.inputs[:100]
    runtime = eenet_rt.load(str(bundle.path))
    with torch.inference_mode():
        whole = bundle.checkpoint.network.run_last(torch.from_numpy(inputs)).softmax(dim=1).numpy()
    for x, expected in zip(inputs, whole, strict=True):
        result = runtime.infer(x, policy=None)
        assert result.exit == runtime.num_exits - 1
        assert np.abs(result.probabilities - expected).max() < 1e-5
        top, second = np.sort(expected)[::-1][:2]
        assert result.label == expected.argmax() or top - second < 1e-5


def test_results_are_copies(tiny: TrainedBundle) -> None:
    runtime = eenet_rt.load(str(tiny.path))
    first = runtime.infer(tiny.inputs[0])
    before = first.probabilities.copy()
    runtime.infer(tiny.inputs[1])
    assert np.array_equal(first.probabilities, before)
    assert first.probabilities.sum() == pytest.approx(1, abs=1e-5)
