"""One process of footprint.py: ``footprint_worker.py CONTESTANT FOLDER`` or ``calls BUNDLE COUNT``; prints JSON."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLES = 50


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def footprint(contestant: str, folder: Path) -> dict[str, float]:
    inputs = np.load(folder / "inputs.npy")[:SAMPLES]
    before = resident_mb()
    start = time.perf_counter()
    # Part of the figures: the onnxruntime package opens its library when it is imported, eenet_rt when it loads.
    if contestant == "onnxruntime_package":
        import onnxruntime as library
    else:
        import eenet_rt as library
    if contestant == "onnxruntime_package":
        options = library.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = folder / "whole.eenet" / "segment_0.onnx"
        session = library.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name

        def run(x: np.ndarray) -> object:
            return session.run(None, {name: x[None]})
    else:
        bundle = "exits.eenet" if contestant == "bundle" else "whole.eenet"
        runtime = library.load(folder / bundle)

        def run(x: np.ndarray) -> object:
            return runtime.infer(x, policy=None)

    loaded = time.perf_counter()
    run(inputs[0])
    answered = time.perf_counter()
    for x in inputs[1:]:
        run(x)
    return {
        "resident_mb": resident_mb() - before,
        "load_ms": 1e3 * (loaded - start),
        "first_answer_ms": 1e3 * (answered - start),
    }


def calls(bundle: Path, count: int) -> dict[str, Any]:
    """Resident memory at ten moments of that many calls."""
    import eenet_rt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
        runtime = eenet_rt.load(bundle)
    if runtime.costs is None:
        costs = [float(k + 1) for k in range(runtime.num_exits)]
        runtime = eenet_rt.load(bundle, cost_profile=costs)
    random = np.random.default_rng(0)
    ((name, (_, shape)),) = runtime.inputs.items()
    inputs = random.standard_normal((64, *shape), np.float32)
    ways: list[dict[str, Any]] = [
        {},
        {"deadline_ms": 1e4},
        {"explain": True},
        {"policy": None},
        {"return_outputs": True},
    ]
    resident = []
    for _ in range(11):
        runtime.set_budget(runtime.budgets[-1], window=100)
        # The first tenth is the warm-up, and comes on top.
        for i in range(count // 10):
            runtime.infer({name: inputs[i % 64]}, **ways[i % len(ways)])
        resident.append(round(resident_mb(), 3))
    return {"calls": count, "resident_mb": resident, "growth_mb": round(resident[-1] - resident[0], 3)}


def main() -> None:
    what, path = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(calls(path, int(sys.argv[3])) if what == "calls" else footprint(what, path)))


if __name__ == "__main__":
    main()
