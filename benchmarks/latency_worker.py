"""One contestant of latency.py: reads where to start and how many samples, answers with times in milliseconds."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import eenet_rt

Answer = dict[str, float]


def full_depth(folder: Path, model: str) -> Callable[[int], Answer]:
    """eenet_rt: all segments, no exit taken, and the same network with its heads as one session, in turn."""
    import eenet_rt

    segments, whole = eenet_rt.load(str(folder / "exits.eenet")), eenet_rt.load(str(folder / "whole.eenet"))
    inputs = np.load(folder / "inputs.npy")
    last = segments.num_exits - 1

    def run(sample: int) -> Answer:
        x = inputs[sample]
        start = time.perf_counter()
        result = segments.infer(x, forced_exit=last)
        wall = 1e3 * (time.perf_counter() - start)
        one = whole.infer(x, policy=None)
        return _answer(wall, result) | {"whole_latency": one.latency_ms}

    return run


def infer(folder: Path, model: str) -> Callable[[int], Answer]:
    """eenet_rt with early exits."""
    import eenet_rt

    runtime = eenet_rt.load(str(folder / "exits.eenet"))
    inputs = np.load(folder / "inputs.npy")

    def run(sample: int) -> Answer:
        x = inputs[sample]
        start = time.perf_counter()
        result = runtime.infer(x)
        return _answer(1e3 * (time.perf_counter() - start), result)

    return run


def _answer(wall: float, result: eenet_rt.Result) -> Answer:
    return {"wall": wall, "latency": result.latency_ms, "backend": result.backend_ms, "exits": result.exit + 1}


class Policy:
    """The active schedule in vectorised numpy: a combiner, and linear scorers on feature spec 1."""

    def __init__(self, folder: Path) -> None:
        import eenet_rt

        file = eenet_rt.read_schedules(str(folder / "exits.eenet" / "scheduler.safetensors"))
        policy = file.schedules[file.active].exit_policy
        assert policy.combiner is not None
        weight, bias = policy.combiner
        self.combiner = weight.astype(np.float64), bias.astype(np.float64)
        self.limits = (0.0, 1.0) if policy.clamp else (-np.inf, np.inf)
        self.scorers = [(weight[0].astype(np.float64), float(bias[0])) for weight, bias in policy.scorers]
        self.thresholds = policy.thresholds
        self.classes = bias.shape[1]
        self.log_classes = np.log(self.classes)

    def begin(self) -> None:
        self.logits: list[np.ndarray] = []
        self.votes = np.zeros(self.classes, np.int64)
        self.scores: list[float] = []

    def combine(self, k: int, logits: np.ndarray) -> np.ndarray:
        """What exit k answers with, by its logits and those of the exits before it."""
        self.logits.append(logits)
        weight, bias = self.combiner
        return sum((w * z for w, z in zip(weight[k], self.logits, strict=False)), bias[k])

    def accepts(self, k: int, combined: np.ndarray) -> bool:
        """Whether the sample leaves at exit k, which is not the last one."""
        shifted = combined - combined.max()
        log_p = shifted - np.log(np.exp(shifted).sum())
        p = np.exp(log_p)
        first = int(p.argmax())
        self.votes[first] += 1
        top = p[first]
        second = np.partition(p, -2)[-2]
        confidence = (top, 1 + (p @ log_p) / self.log_classes, self.votes.max() / (k + 1), top - second)
        weight, bias = self.scorers[k]
        features = np.concatenate((p, confidence, self.scores))
        enabled = self.thresholds[k] < np.inf
        low, high = self.limits
        score = min(max(float(weight @ features) + bias, low), high) if enabled else 0.0
        self.scores.append(score)
        return enabled and score >= self.thresholds[k]


def driven_from_python(folder: Path, model: str) -> Callable[[int], Answer]:
    """The same segments by onnxruntime with IoBinding on buffers that are bound once."""
    import onnxruntime as ort

    manifest = json.loads((folder / "exits.eenet" / "manifest.json").read_text())
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    buffers = {name: np.zeros((1, *tensor["shape"][1:]), np.float32) for name, tensor in manifest["tensors"].items()}
    values = {name: ort.OrtValue.ortvalue_from_numpy(buffer) for name, buffer in buffers.items()}
    # On the CPU an OrtValue is the numpy array's own memory.
    segments = []
    for segment in manifest["segments"]:
        path = folder / "exits.eenet" / segment["files"]["onnx"]
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        for name in segment["inputs"]:
            binding.bind_ortvalue_input(name, values[name])
        for name in segment["outputs"]:
            binding.bind_ortvalue_output(name, values[name])
        segments.append((session, binding))
    image = buffers[manifest["inputs"][0]]
    policy = Policy(folder)
    inputs = np.load(folder / "inputs.npy")
    last = len(segments) - 1
    logits = [buffers[segment["exit"]][0] for segment in manifest["segments"]]

    def infer_one(x: np.ndarray) -> tuple[int, int, np.ndarray]:
        image[0] = x
        policy.begin()
        for k, (session, binding) in enumerate(segments):
            session.run_with_iobinding(binding)
            combined = policy.combine(k, logits[k])
            if k == last or policy.accepts(k, combined):
                break
        shifted = np.exp(combined - combined.max())
        return k, int(combined.argmax()), shifted / shifted.sum()

    return timed(infer_one, inputs)


def pytorch_eager(folder: Path, model: str) -> Callable[[int], Answer]:
    """PyTorch's segments in a Python loop that stops."""
    import torch

    from eenet.checkpoint import load_checkpoint
    from eenet.zoo import zoo_folder

    torch.set_num_threads(1)
    network = load_checkpoint(zoo_folder(model) / "weights.safetensors").network
    policy = Policy(folder)
    last = network.num_exits - 1

    @torch.inference_mode()
    def infer_one(x: np.ndarray) -> tuple[int, int, np.ndarray]:
        policy.begin()
        trunk = torch.from_numpy(x)[None]
        for k in range(last + 1):
            outputs = network.run_segment(k, trunk)
            trunk, logits = outputs[0], outputs[-1]
            combined = policy.combine(k, logits[0].numpy())
            if k == last or policy.accepts(k, combined):
                break
        shifted = np.exp(combined - combined.max())
        return k, int(combined.argmax()), shifted / shifted.sum()

    return timed(infer_one, np.load(folder / "inputs.npy"))


def timed(
    infer_one: Callable[[np.ndarray], tuple[int, int, np.ndarray]], inputs: np.ndarray
) -> Callable[[int], Answer]:
    def run(sample: int) -> Answer:
        x = inputs[sample]
        start = time.perf_counter()
        k, _, _ = infer_one(x)
        return {"wall": 1e3 * (time.perf_counter() - start), "exits": k + 1}

    return run


KINDS = {"full_depth": full_depth, "infer": infer, "onnxruntime": driven_from_python, "pytorch": pytorch_eager}


def main() -> None:
    step = KINDS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
    samples = len(np.load(Path(sys.argv[2]) / "inputs.npy"))
    print("[]", flush=True)
    for line in sys.stdin:
        start, count = map(int, line.split())
        print(json.dumps([step((start + i) % samples) for i in range(count)]), flush=True)


if __name__ == "__main__":
    main()
