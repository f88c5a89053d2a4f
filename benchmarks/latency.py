"""Latency of the runtime, one thread, batch 1 (figures 1 to 3 of docs/results.md).

Run: python benchmarks/latency.py [--model densenet121] [--repeats 600]

1. Time per exit outside ONNX Runtime, and what the Python call adds.
2. All segments, no exit taken, over the same network with its heads as one ONNX Runtime session with IoBinding.
3. ``infer`` against the same segments and policy driven from Python by onnxruntime, and against a PyTorch eager loop
   that exits.

Every contestant lives in a process of its own; they take turns of 20 samples.
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
from eenet.tasks.registry import load_predictions
from eenet.workflows.profile import ProfileOptions
from eenet.zoo import zoo_folder
from eenet_export.content import write_whole
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions
from latency_worker import KINDS

BLOCK = 20
WARM_UP = 4


class Contestant:
    """A worker process that runs samples when told to and answers with their times."""

    def __init__(self, kind: str, folder: Path, model: str) -> None:
        command = [sys.executable, str(Path(__file__).with_name("latency_worker.py")), kind, str(folder), model]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def run(self, start: int, count: int) -> list[dict[str, float]]:
        """Times of ``count`` samples in a row."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{start} {count}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> list[dict[str, float]]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"worker ended with status {self._process.wait()}")
        answer: list[dict[str, float]] = json.loads(line)
        return answer


def prepare(model: str, folder: Path) -> int:
    """Exports what the workers need into a folder; returns the number of samples."""
    zoo = zoo_folder(model)
    checkpoint = load_checkpoint(zoo / "weights.safetensors")
    images = load_images(zoo / "samples.npz").images
    options = ExportOptions(profile=ProfileOptions(repeats=200))
    export_bundle(checkpoint, load_predictions(zoo / "validation.npz"), images, folder / "exits.eenet", options, print)
    write_whole(checkpoint, {"image": checkpoint.preprocessing(images)}, folder / "whole.eenet", early_exits=True)
    np.save(folder / "inputs.npy", checkpoint.preprocessing(images))
    return len(images)


def measure(model: str, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        samples = prepare(model, folder)
        contestants = {name: Contestant(name, folder, model) for name in KINDS}
        answers: dict[str, list[dict[str, float]]] = {name: [] for name in KINDS}
        for start in range(0, repeats, BLOCK):
            for name, contestant in contestants.items():
                # The first runs of a turn find the caches full of another contestant's data.
                block = contestant.run((start - WARM_UP) % samples, WARM_UP + BLOCK)
                if start > 0:
                    answers[name] += block[WARM_UP:]
        for contestant in contestants.values():
            contestant.close()
    return summarise({name: _columns(rows) for name, rows in answers.items()})


def _columns(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def summarise(times: dict[str, dict[str, np.ndarray]]) -> dict[str, Any]:
    full, early = times["full_depth"], times["infer"]
    python, torch = times["onnxruntime"], times["pytorch"]

    def outside(run: dict[str, np.ndarray]) -> np.ndarray:
        return 1e3 * (run["latency"] - run["backend"]) / run["exits"]

    return {
        "samples": len(early["wall"]),
        "outside_onnxruntime_us_per_exit": summary(outside(full)),
        "python_call_us": summary(1e3 * (early["wall"] - early["latency"])),
        "all_segments_ms": summary(full["latency"]),
        "one_session_ms": summary(full["whole_latency"]),
        "all_segments_over_one_session": ratio(full["latency"], full["whole_latency"]),
        "mean_ms": {name: float(run["wall"].mean()) for name, run in times.items()},
        "driven_from_python_over_infer": float(python["wall"].mean() / early["wall"].mean()),
        "pytorch_over_infer": float(torch["wall"].mean() / early["wall"].mean()),
        "other_exits_than_infer": {
            "onnxruntime": int((python["exits"] != early["exits"]).sum()),
            "pytorch": int((torch["exits"] != early["exits"]).sum()),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--repeats", type=int, default=600)
    arguments = parser.parse_args()
    before = machine()["load_average"]
    result = {model: measure(model, arguments.repeats) for model in arguments.model or MODELS}
    write("latency", {"load_average_before": before, "models": result})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
