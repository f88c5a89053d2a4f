"""Measures the cost of each exit with the runtime itself, in a process of its own.

The process holds no PyTorch and no other copy of ONNX Runtime, whose threads would disturb the figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet_export.bundle import CostProfile

_WARM_UP = 20


@dataclass(frozen=True)
class ProfileOptions:
    """How to measure.

    Attributes:
        threads: of the runtime.
        repeats: runs of each exit; the cost is their median.
    """

    threads: int = 1
    repeats: int = 300


def measure(
    bundle: Path, static_bundle: Path, inputs: dict[str, NDArray[np.float32]], options: ProfileOptions
) -> CostProfile:
    """Median time of ``infer`` forced to each exit, heads and scoring included, made non-decreasing, in milliseconds.

    Args:
        bundle: whose exits to measure; its active schedule is the scoring that is timed.
        static_bundle: the network without early exits, as a bundle of one segment.
        inputs: samples, ``{name: (N, ...)}``; runs go through them in turn.
        options: how to measure.

    Raises:
        UserError: the measuring process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "inputs.npz"
        np.savez(samples, **inputs)  # type: ignore[arg-type]
        command = [sys.executable, "-m", "eenet_export.profile", str(bundle), str(static_bundle), str(samples)]
        command += [str(options.threads), str(options.repeats)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"profile of {bundle.name}: the measuring process failed: {done.stderr.strip()[-2000:]}")
    result = json.loads(done.stdout)
    return CostProfile(
        unit="ms",
        costs=tuple(np.maximum.accumulate(result["costs"]).tolist()),
        static=result["static"],
        device=eenet_rt.device_name(),
        provider="cpu",
        precision="float32",
        threads=options.threads,
        batch=1,
    )


def _measure_here(bundle: str, static_bundle: str, samples: str, threads: int, repeats: int) -> dict[str, object]:
    exits = eenet_rt.load(bundle, threads=threads)
    static = eenet_rt.load(static_bundle, threads=threads)
    with np.load(samples) as file:
        inputs = {name: np.ascontiguousarray(file[name]) for name in file.files}
    count = len(next(iter(inputs.values())))
    times = np.zeros((_WARM_UP + repeats, exits.num_exits + 1))
    for i in range(len(times)):
        sample = {name: array[i % count] for name, array in inputs.items()}
        # Interleaved, so that a change of the clock or of the load meets all exits alike.
        for k in range(exits.num_exits):
            times[i, k] = exits.infer(sample, forced_exit=k).latency_ms
        times[i, -1] = static.infer(sample, policy=None).latency_ms
    medians = np.median(times[_WARM_UP:], axis=0)
    return {"costs": medians[:-1].tolist(), "static": float(medians[-1])}


if __name__ == "__main__":
    exits, static, inputs, threads, repeats = sys.argv[1:]
    print(json.dumps(_measure_here(exits, static, inputs, int(threads), int(repeats))))
