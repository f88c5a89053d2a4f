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


def segment_ms(runtime: eenet_rt.Runtime, batch: np.ndarray, exit: int, repeats: int) -> float:
    """What the segment before an exit takes, head and scoring included: the difference of two forced exits."""
    times = []
    for _ in range(WARM_UP + repeats):
        until = runtime.infer_batch(batch, forced_exit=exit).latency_ms
        before = runtime.infer_batch(batch, forced_exit=exit - 1).latency_ms if exit > 0 else 0.0
        times.append(until - before)
    return float(np.median(times[WARM_UP:]))


def measure(runtime: eenet_rt.Runtime, inputs: np.ndarray, size: int, repeats: int) -> dict[str, Any]:
    """Early exits and full depth in turn, then every segment at the number of samples that reach it on average."""
    early, full, exits = [], [], []
    for i in range(WARM_UP + repeats):
        batch = inputs[np.arange(i * size, (i + 1) * size) % len(inputs)]
        result = runtime.infer_batch(batch)
        early.append(result.latency_ms)
        full.append(runtime.infer_batch(batch, policy=None).latency_ms)
        exits.append(result.exits)
    left = np.concatenate(exits[WARM_UP:])
    reached = [float(np.mean(left >= k)) for k in range(runtime.num_exits)]
    segments = []
    for k, share in enumerate(reached):
        survivors = max(1, round(share * size))
        segments.append(segment_ms(runtime, inputs[np.arange(survivors) % len(inputs)], k, repeats) / survivors)
    early_ms, full_ms = (float(np.mean(times[WARM_UP:])) / size for times in (early, full))
    expected = sum(share * ms for share, ms in zip(reached, segments, strict=True))
    return {
        "samples": len(left),
        "reached": reached,
        "segment_ms_per_sample": segments,
        "ms_per_sample": {"early_exits": early_ms, "sum_over_segments": expected, "full_depth": full_ms},
        "samples_per_second": 1e3 / early_ms,
        "early_exits_over_sum_over_segments": early_ms / expected,
        "full_depth_over_early_exits": full_ms / early_ms,
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
