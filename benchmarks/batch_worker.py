"""Measures batch.py's batches in a process without PyTorch: ``batch_worker.py FOLDER REPEATS`` prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt

SIZES = (1, 8, 32, 128)
WARM_UP = 2


def sum_over_segments(runtime: eenet_rt.Runtime, batch: np.ndarray, exits: np.ndarray) -> float:
    """What segments take for the samples of a batch that reach them, each timed inside a run of the whole network."""
    total = 0.0
    for k in range(runtime.num_exits):
        survivors = batch[exits >= k]
        if len(survivors):
            total += runtime.infer_batch(survivors, policy=None).segment_ms[k]
    return total


def measure(runtime: eenet_rt.Runtime, inputs: np.ndarray, size: int, repeats: int) -> dict[str, Any]:
    """Early exits, full depth, and every segment on the samples that reach it, in turn."""
    times = np.zeros((repeats, 3))
    exits = []
    for i in range(-WARM_UP, repeats):
        batch = inputs[np.arange(i * size, (i + 1) * size) % len(inputs)]
        early = runtime.infer_batch(batch)
        full = runtime.infer_batch(batch, policy=None)
        segments = sum_over_segments(runtime, batch, early.exits)
        if i >= 0:
            times[i] = early.latency_ms, full.latency_ms, segments
            exits.append(early.exits)
    left = np.concatenate(exits)
    # Medians of ratios of one turn, for the machine is not as fast at all times.
    early_ms, full_ms, segments_ms = times.mean(axis=0) / size
    return {
        "samples": len(left),
        "reached": [float(np.mean(left >= k)) for k in range(runtime.num_exits)],
        "ms_per_sample": {"early_exits": early_ms, "sum_over_segments": segments_ms, "full_depth": full_ms},
        "samples_per_second": 1e3 / early_ms,
        "throughput_over_sum_over_segments": float(np.median(times[:, 2] / times[:, 0])),
        "throughput_over_full_depth": float(np.median(times[:, 1] / times[:, 0])),
    }


def main() -> None:
    folder, repeats = Path(sys.argv[1]), int(sys.argv[2])
    runtime = eenet_rt.load(str(folder / "exits.eenet"))
    inputs = np.load(folder / "inputs.npy")
    # About as many samples at every size.
    result = {size: measure(runtime, inputs, size, max(2, repeats // size)) for size in SIZES}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
