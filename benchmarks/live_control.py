"""The controller in a running runtime: what it spends of a budget on streams, and whether replay takes the same exits.

Run: python benchmarks/live_control.py [--model densenet121] [--samples 2000]

Streams of test images: as they are, from easy to hard and back, and spoiled by noise of severity 3 (see streams.py).
The target is the active schedule of a bundle that `eenet-export` made here, 65 % of full cost. Each image goes through
``infer`` under ``set_budget(target, horizon=len(stream), window=100, neighbours=None)``, then at full depth for the
logits that ``replay_stream`` is given.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt
from common import MODELS, SHARED, TEST_FILES, write
from corruptions import gaussian_noise
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.tasks.classification import ClassPredictions
from eenet.zoo import zoo_folder
from latency import prepare
from streams import hardness

WINDOW = 100
SEVERITY = 3


def run(model: str, samples: int) -> dict[str, Any]:
    images = load_images(SHARED / "data" / TEST_FILES[model])[:samples]
    preprocess = load_checkpoint(zoo_folder(model) / "weights.safetensors").preprocessing
    inputs = {
        "as-is": preprocess(images.images),
        "gaussian-noise-3": preprocess(gaussian_noise(images.images, SEVERITY)),
    }
    with tempfile.TemporaryDirectory() as folder:
        prepare(model, Path(folder))
        runtime = eenet_rt.load(Path(folder) / "exits.eenet")
        target = runtime.schedule.budget
        clean = np.stack([runtime.infer(x, policy=None, return_outputs=True).logits for x in inputs["as-is"]])
        logged = ClassPredictions(clean, images.labels, np.arange(len(clean)), images.class_names)
        order = np.argsort(hardness(logged), kind="stable")
        inputs["easy-to-hard"], inputs["hard-to-easy"] = inputs["as-is"][order], inputs["as-is"][order[::-1]]
        streams = {name: stream(runtime, stream_inputs, target) for name, stream_inputs in inputs.items()}
    return {"budget_ms": target, "costs_ms": list(runtime.costs or ()), "streams": streams}


def stream(runtime: eenet_rt.Runtime, inputs: np.ndarray, target: float) -> dict[str, Any]:
    options = {"horizon": len(inputs), "window": WINDOW, "neighbours": None}
    runtime.set_budget(target)
    fixed = np.array([runtime.infer(x).exit for x in inputs])
    runtime.set_budget(target, **options)
    live = [runtime.infer(x) for x in inputs]
    logits = np.stack([runtime.infer(x, policy=None, return_outputs=True).logits for x in inputs])
    replayed = eenet_rt.replay_stream(logits, runtime.schedules, target, costs=runtime.costs, **options)
    exits, costs = np.array([r.exit for r in live]), np.array(runtime.costs)
    return {
        "samples": len(inputs),
        "spent_live": float(costs[exits].mean() / target),
        "spent_replayed": replayed.mean_cost / target,
        "spent_without_controller": float(costs[fixed].mean() / target),
        "wall_over_budget": float(np.mean([r.latency_ms for r in live]) / target),
        "other_exits_than_replayed": int((exits != replayed.exits).sum()),
        "other_schedules_than_replayed": int((np.array([r.schedule for r in live]) != replayed.schedules).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--samples", type=int, default=2000)
    arguments = parser.parse_args()
    result = {model: run(model, arguments.samples) for model in arguments.model or MODELS}
    write("live_control", {"models": result})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
