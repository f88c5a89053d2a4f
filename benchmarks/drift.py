"""How soon a watch notices corrupted images, what adapted thresholds spend, and what watching costs.

Run: python benchmarks/drift.py [--model densenet121] [--images 2048] [--calls 4000]

Each network is exported with its default settings, whose active schedule, at 65 % of full cost, is in force. Images are
test images:

* ``clean``: all of them as they are; no alarm is expected, and the highest evidence is recorded (an alarm comes at the
  false alarm interval, 1,000,000);
* each corruption of corruptions.py, five severities: 1,024 clean images, then ``--images`` corrupted ones, then 2,048
  clean ones. ``delay`` is the number of corrupted images until the first alarm, null: none. ``spent`` is realised over
  planned mean cost of the corrupted images, and ``spent_late`` of the second half of them, under the schedule as it is
  and with ``adapt``; ``own_again``: its own thresholds are back at the end.

``overhead``: wall time of ``infer`` outside ONNX Runtime with a controller and a watch, and with neither; two runtimes
in turns of 20 samples, after 4 that are not counted. Blocks are judged in one call of 64: the 99 % quantile shows it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt
from common import MODELS, SHARED, TEST_FILES, write
from corruptions import CORRUPTIONS, SEVERITIES
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.zoo import zoo_folder
from latency import prepare

BEFORE = 1024
AFTER = 2048
BLOCK, WARM_UP = 20, 4

Inputs = np.ndarray


def costs(runtime: eenet_rt.Runtime, inputs: Inputs) -> np.ndarray:
    """What each input cost over the planned mean."""
    assert runtime.schedule is not None
    plan = float(np.dot(runtime.schedule.calibration_shares, runtime.costs))
    return np.take(runtime.costs, [runtime.infer(x).exit for x in inputs]) / plan


def clean(runtime: eenet_rt.Runtime, inputs: Inputs) -> dict[str, Any]:
    runtime.watch()
    spent, highest = [], 0.0
    for start in range(0, len(inputs), 64):
        spent.append(costs(runtime, inputs[start : start + 64]))
        highest = max(highest, runtime.health().evidence)
    return {
        "images": len(inputs),
        "alarms": [str(alarm) for alarm in runtime.health().alarms],
        "highest_evidence": round(highest, 1),
        "spent": round(float(np.concatenate(spent).mean()), 4),
    }


def corrupted(runtime: eenet_rt.Runtime, before: Inputs, inputs: Inputs, after: Inputs) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, adapt in (("fixed", False), ("adapted", True)):
        runtime.watch(adapt=adapt)
        costs(runtime, before)
        spent = costs(runtime, inputs)
        health = runtime.health()
        delays = [alarm.sample - len(before) for alarm in health.alarms]
        row[name] = {
            "delay": min(delays, default=None),
            "watched": [alarm.watched for alarm in health.alarms],
            "spent": round(float(spent.mean()), 4),
            "spent_late": round(float(spent[len(spent) // 2 :].mean()), 4),
            "adaptations": health.adaptations,
        }
        if adapt:
            costs(runtime, after)
            row[name]["own_again"] = runtime.health().thresholds is None
    return row


def overhead(path: Path, inputs: Inputs, calls: int) -> dict[str, Any]:
    bare, full = eenet_rt.load(path), eenet_rt.load(path)
    assert bare.schedule is not None
    full.set_budget(bare.schedule.budget, window=100, neighbours=0)
    full.watch()
    outside: dict[str, list[float]] = {"bare": [], "full": []}
    for start in range(0, calls, BLOCK):
        for name, runtime in (("bare", bare), ("full", full)):
            block = [timed(runtime, inputs[i % len(inputs)]) for i in range(start - WARM_UP, start + BLOCK)]
            outside[name] += block[WARM_UP:]
    return {
        "calls": calls,
        "median_us": {name: round(float(np.median(times)), 3) for name, times in outside.items()},
        "p99_us": {name: round(float(np.percentile(times, 99)), 3) for name, times in outside.items()},
        "overhead_us": round(float(np.median(outside["full"]) - np.median(outside["bare"])), 3),
    }


def timed(runtime: eenet_rt.Runtime, x: Inputs) -> float:
    """Microseconds of a call outside ONNX Runtime."""
    start = time.perf_counter()
    result = runtime.infer(x)
    return 1e3 * (1e3 * (time.perf_counter() - start) - result.backend_ms)


def run(model: str, images: int, calls: int) -> dict[str, Any]:
    test = load_images(SHARED / "data" / TEST_FILES[model]).images
    preprocess = load_checkpoint(zoo_folder(model) / "weights.safetensors").preprocessing
    with tempfile.TemporaryDirectory() as scratch:
        prepare(model, Path(scratch))
        path = Path(scratch) / "exits.eenet"
        runtime = eenet_rt.load(path)
        assert runtime.schedule is not None
        result: dict[str, Any] = {
            "costs_ms": runtime.costs,
            "planned_shares": runtime.schedule.calibration_shares,
            "overhead": overhead(path, preprocess(test[:400]), calls),
            "clean": clean(runtime, preprocess(test)),
            "corrupted": {},
        }
        before, after = preprocess(test[:BEFORE]), preprocess(test[BEFORE : BEFORE + AFTER])
        for name, corrupt in CORRUPTIONS.items():
            for severity in SEVERITIES:
                inputs = preprocess(corrupt(test[-images:], severity))
                row = corrupted(runtime, before, inputs, after)
                result["corrupted"][f"{name}-{severity}"] = row
                print(f"{model} {name}-{severity}: {row}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--calls", type=int, default=4000)
    arguments = parser.parse_args()
    models = {model: run(model, arguments.images, arguments.calls) for model in arguments.model or MODELS}
    write("drift", {"models": models})
    for model, result in models.items():
        print(f"{model}: clean {result['clean']}, overhead {result['overhead']['overhead_us']:.2f} us")


if __name__ == "__main__":
    main()
