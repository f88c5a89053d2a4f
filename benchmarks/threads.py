"""Throughput of ``infer`` from Python thread pools of 1, 2, 4 and 8; the runtime itself takes one thread a sample.

Run: python benchmarks/threads.py [--model densenet121] [--samples 1000]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt
from common import MODELS, machine, write
from latency import prepare

THREADS = (1, 2, 4, 8)
ROUNDS = 5


def measure(model: str, samples: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        prepare(model, Path(folder))
        runtime = eenet_rt.load(Path(folder) / "exits.eenet")
        inputs = np.load(Path(folder) / "inputs.npy")
    work = [inputs[i % len(inputs)] for i in range(samples)]
    expected = [(r.exit, r.label) for r in map(runtime.infer, work)]
    rates: dict[int, list[float]] = {threads: [] for threads in THREADS}
    wrong = 0
    for _ in range(ROUNDS):
        for threads in THREADS:
            with ThreadPoolExecutor(threads) as pool:
                start = time.perf_counter()
                answers = [(r.exit, r.label) for r in pool.map(runtime.infer, work)]
                rates[threads].append(samples / (time.perf_counter() - start))
            wrong += sum(a != b for a, b in zip(answers, expected, strict=True))
    medians = {threads: float(np.median(rate)) for threads, rate in rates.items()}
    return {
        "samples_per_second": medians,
        "speed_up": {threads: rate / medians[1] for threads, rate in medians.items()},
        "wrong_answers": wrong,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    before = machine()["load_average"]
    result = {model: measure(model, arguments.samples) for model in arguments.model or MODELS}
    write("threads", {"load_average_before": before, "cores": os.cpu_count(), "models": result})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
