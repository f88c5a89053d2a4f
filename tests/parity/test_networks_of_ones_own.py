"""PyTorch = exported segments = C++ runtime for networks with several inputs, whole numbers and free lengths."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import eenet_rt
from eenet.checkpoint import Checkpoint
from eenet.workflows.profile import ProfileOptions
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions
from support import networks
from support.networks import HalfPrecision, Tokens, TwoInputs

USUAL = {"float32": 2e-5, "float16": 5e-3}  # of logits whose deviation is about 0.3


@pytest.fixture(scope="module", params=[TwoInputs, HalfPrecision, Tokens])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, Path]:
    torch.manual_seed(0)
    network = request.param()
    validation = networks.predictions(network)
    checkpoint = Checkpoint(request.param.__name__, network, validation.class_names, None)
    out = tmp_path_factory.mktemp("own") / "x.eenet"
    options = ExportOptions(policy="maximum", profile=ProfileOptions(repeats=10))
    export_bundle(checkpoint, validation, networks.inputs(network, 20), out, options, lambda line: None)
    return checkpoint, out


def lengths(network: object) -> tuple[int, ...]:
    return (1, 2, 7, networks.MOST_TOKENS) if isinstance(network, Tokens) else (0,)


def test_every_exit(exported: tuple[Checkpoint, Path]) -> None:
    checkpoint, path = exported
    network, runtime = checkpoint.network, eenet_rt.load(path)
    usual = USUAL[json.loads((path / "manifest.json").read_text())["precision"]]
    for tokens in lengths(network):
        inputs = networks.inputs(network, 10, tokens, seed=2)
        expected = networks.logits(network, inputs)
        batch = runtime.infer_batch(inputs, policy=None, return_outputs=True)
        assert np.abs(batch.logits - expected).max() < usual
        for row in range(10):
            sample = {name: array[row, ...] for name, array in inputs.items()}
            for k in range(network.num_exits):
                result = runtime.infer(sample, forced_exit=k, return_outputs=True)
                assert result.exit == k
                assert np.abs(result.logits - expected[row, : k + 1]).max() < usual
        assert np.abs(_segments(path, inputs) - expected).max() < usual


def _segments(path: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """By onnxruntime's own package."""
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["inputs"] == list(inputs)
    board, logits = dict(inputs), []
    for segment in manifest["segments"]:
        session = onnxruntime.InferenceSession(path / segment["files"]["onnx"], providers=["CPUExecutionProvider"])
        outputs = session.run(segment["outputs"], {name: board[name] for name in segment["inputs"]})
        board.update(zip(segment["outputs"], outputs, strict=True))
        logits.append(board[segment["exit"][0]])
    return np.stack(logits, axis=1)


def test_the_manifest_says_what_is_free(exported: tuple[Checkpoint, Path]) -> None:
    checkpoint, path = exported
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["preprocessing"] == {"kind": "none"}
    half = isinstance(checkpoint.network, HalfPrecision)
    assert manifest["precision"] == manifest["profiles"][0]["precision"] == ("float16" if half else "float32")
    shapes = {name: (tensor["dtype"], tensor["shape"][1:]) for name, tensor in manifest["tensors"].items()}
    if isinstance(checkpoint.network, Tokens):
        assert manifest["symbols"] == {"batch": {"max": 1024}, "tokens": {"max": networks.MOST_TOKENS}}
        assert shapes["ids"] == shapes["mask"] == ("int64", ["tokens"])
        assert shapes["hidden_1"] == ("float32", ["tokens", networks.WIDTH])
    elif half:
        assert (shapes["pixels"], shapes["place"]) == (("uint8", [6]), ("int32", []))
        assert shapes["hidden"] == ("float16", [networks.WIDTH])
    else:
        assert shapes["signal"] == ("float32", [4])
        assert shapes["kind"] == ("int64", [])


def test_exits_by_the_schedule_are_those_of_replay(exported: tuple[Checkpoint, Path]) -> None:
    checkpoint, path = exported
    runtime = eenet_rt.load(path)
    inputs = networks.inputs(checkpoint.network, 100, seed=3)
    result = runtime.infer_batch(inputs, return_outputs=True)
    logged = runtime.infer_batch(inputs, policy=None, return_outputs=True).logits
    assert runtime.schedule is not None
    assert np.array_equal(result.exits, eenet_rt.replay(logged, runtime.schedule.exit_policy).exits)
    assert len(set(result.exits.tolist())) > 1
