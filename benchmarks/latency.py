"""Latency of the runtime, one thread, batch 1 (figures 1 to 3 of docs/results.md).

Run: python benchmarks/latency.py [--model densenet121] [--repeats 500]

1. Time per exit outside ONNX Runtime, and what the Python call adds.
2. All segments, no exit taken, over the same network with its heads as one ONNX Runtime session with IoBinding.
3. ``infer`` against the same segments and policy driven from Python by onnxruntime, and against a PyTorch eager loop
   that exits.

Every contestant lives in a process of its own and one runs at a time, sample by sample in turn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import MODELS, machine, ratio, summary, write
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.predictions import Predictions
from eenet.zoo import zoo_folder
from eenet_export.export import ExportOptions, export_bundle, write_whole
from eenet_export.profile import ProfileOptions

WARM_UP = 30


class Contestant:
    """A worker process that runs one sample when told to and answers with its times."""

    def __init__(self, kind: str, folder: Path, model: str) -> None:
        command = [sys.executable, str(Path(__file__).with_name("latency_worker.py")), kind, str(folder), model]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def run(self, sample: int) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{sample}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"worker ended with status {self._process.wait()}")
        answer: dict[str, float] = json.loads(line)
        return answer


def prepare(model: str, folder: Path) -> int:
    """Exports what the workers need into a folder; returns the number of samples."""
    zoo = zoo_folder(model)
    checkpoint = load_checkpoint(zoo / "weights.safetensors")
    images = load_images(zoo / "samples.npz").images
    options = ExportOptions(profile=ProfileOptions(repeats=200))
    export_bundle(checkpoint, Predictions.load(zoo / "validation.npz"), images, folder / "exits.eenet", options, print)
    write_whole(checkpoint, checkpoint.preprocessing(images), folder / "whole.eenet", early_exits=True)
    np.save(folder / "inputs.npy", checkpoint.preprocessing(images))
    return len(images)


def measure(model: str, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        samples = prepare(model, folder)
        names = ("runtime", "onnxruntime", "pytorch")
        contestants = {name: Contestant(name, folder, model) for name in names}
        answers: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for i in range(WARM_UP + repeats):
            for name in names:
                answer = contestants[name].run(i % samples)
                if i >= WARM_UP:
                    answers[name].append(answer)
        for contestant in contestants.values():
            contestant.close()
    return summarise(answers)


def summarise(answers: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    def column(name: str, key: str) -> np.ndarray:
        return np.array([answer[key] for answer in answers[name]])

    def outside(key: str) -> np.ndarray:
        """Microseconds per exit outside ONNX Runtime."""
        exits = column("runtime", f"{key}_exits")
        return 1e3 * (column("runtime", f"{key}_latency") - column("runtime", f"{key}_backend")) / exits

    same = column("runtime", "early_exits") == column("onnxruntime", "exits")
    same_torch = column("runtime", "early_exits") == column("pytorch", "exits")
    return {
        "outside_onnxruntime_us_per_exit": summary(outside("full")),
        "python_call_us": summary(1e3 * (column("runtime", "full_wall") - column("runtime", "full_latency"))),
        "all_segments_ms": summary(column("runtime", "full_latency")),
        "one_session_ms": summary(column("runtime", "whole_latency")),
        "all_segments_over_one_session": ratio(column("runtime", "full_latency"), column("runtime", "whole_latency")),
        "infer_ms": summary(column("runtime", "early_wall")),
        "mean_infer_ms": float(column("runtime", "early_wall").mean()),
        "driven_from_python_ms": summary(column("onnxruntime", "wall")),
        "mean_driven_from_python_ms": float(column("onnxruntime", "wall").mean()),
        "pytorch_eager_ms": summary(column("pytorch", "wall")),
        "mean_pytorch_eager_ms": float(column("pytorch", "wall").mean()),
        "speed_up_over_python": float(column("onnxruntime", "wall").mean() / column("runtime", "early_wall").mean()),
        "speed_up_over_pytorch": float(column("pytorch", "wall").mean() / column("runtime", "early_wall").mean()),
        "same_exits": [int(same.sum()), int(same_torch.sum()), len(same)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--repeats", type=int, default=600)
    arguments = parser.parse_args()
    before = machine()["load_average"]
    result = {model: measure(model, arguments.repeats) for model in arguments.model or MODELS}
    write("latency", {"repeats": arguments.repeats, "load_average_before": before, "models": result})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
