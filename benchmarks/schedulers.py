"""Accuracy and kept budgets of the schedulers on report data (figure 4 of docs/results.md).

Run: python benchmarks/schedulers.py [--model densenet121] [--seeds 5]

Scorers and thresholds see the last 5,000 training images, halved by a seed into fit and calibration sets; figures are
of the 10,000 test images, which nothing else has seen. Costs are those that ``eenet-export`` measures on this
machine.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from common import MODELS, SHARED, write
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.evaluation import evaluate
from eenet.predictions import Predictions
from eenet.scheduling.grid import fit_schedules
from eenet.training import predict
from eenet.zoo import zoo_folder
from eenet_export.export import measure_costs

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
POLICIES = ("eenet", "maximum", "learned-stopping")
TEST_FILES = {"densenet121": "cifar100_test.npz", "resnet56": "cifar10_test.npz"}


def run(model: str, seeds: int) -> dict[str, Any]:
    zoo = zoo_folder(model)
    checkpoint = load_checkpoint(zoo / "weights.safetensors")
    validation = Predictions.load(zoo / "validation.npz")
    test_images = load_images(SHARED / "data" / TEST_FILES[model])
    report = predict(checkpoint.network, test_images, checkpoint.preprocessing)
    costs = measure_costs(checkpoint, test_images.images[:100]).costs
    exits = (report.logits.argmax(axis=2) == report.labels[:, None]).mean(axis=0)
    rows, fit_seconds = [], {}
    for policy in POLICIES:
        started = time.perf_counter()
        repeats = [_repeat(policy, seed, validation, report, costs) for seed in range(seeds)]
        fit_seconds[policy] = (time.perf_counter() - started) / seeds
        for share, cell in zip(SHARES, zip(*repeats, strict=True), strict=True):
            rows.append({"policy": policy, "share": share, **_summary(cell)})
    return {"costs_ms": list(costs), "exit_accuracy": exits.tolist(), "s_per_5_budgets": fit_seconds, "rows": rows}


def _repeat(
    policy: str, seed: int, validation: Predictions, report: Predictions, costs: tuple[float, ...]
) -> list[tuple[float, float]]:
    """Accuracy, and cost over budget, at each of `SHARES`."""
    budgets = [share * costs[-1] for share in SHARES]
    cells = []
    for schedule in fit_schedules(policy, validation, costs, budgets, unit="ms", seed=seed):
        result = evaluate(report, schedule.exit_policy, costs)
        cells.append((result.accuracy, result.mean_cost / schedule.budget))
    return cells


def _summary(cell: Sequence[tuple[float, float]]) -> dict[str, Any]:
    accuracy, spent = np.array(cell).T
    root = math.sqrt(len(cell))
    return {
        "accuracy": float(accuracy.mean()),
        "accuracy_se": float(accuracy.std(ddof=1) / root),
        "spent": float(spent.mean()),
        "spent_se": float(spent.std(ddof=1) / root),
        "overspent": int((spent > 1).sum()),
        "cases": len(cell),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    models = {model: run(model, arguments.seeds) for model in arguments.model or MODELS}
    rows = [row for model in models.values() for row in model["rows"]]
    total = {
        "overspent": sum(row["overspent"] for row in rows),
        "cases": sum(row["cases"] for row in rows),
        "mean_spent": float(np.mean([row["spent"] for row in rows])),
    }
    write("schedulers", {"seeds": arguments.seeds, "total": total, "models": models})
    print(json.dumps({"total": total, "models": models}, indent=1))


if __name__ == "__main__":
    main()
