"""How often the bound on lost accuracy fails (docs/results.md, "Guaranteed accuracy").

Run: python benchmarks/guarantee.py [--model densenet121] [--draws 200]

The 10,000 test images are taken for the whole population: a draw is 5,000 of them with replacement, a schedule is
chosen on it, and its true drop is known. At most delta of the draws may yield a schedule that loses more than allowed.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

from common import COSTS_MS, MODELS, SHARED, TEST_FILES, write
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.tasks.classification import ClassPredictions
from eenet.training import predict
from eenet.workflows.guarantee import fit_within_accuracy_drop
from eenet.zoo import zoo_folder

DROP, DELTA, DRAWN = 0.005, 0.05, 5000
CHOICES = (("maximum", "none"), ("learned-stopping", "none"), ("learned-stopping", "exits"))


def run(model: str, draws: int) -> list[dict[str, Any]]:
    checkpoint = load_checkpoint(zoo_folder(model) / "weights.safetensors")
    population = predict(checkpoint.network, load_images(SHARED / "data" / TEST_FILES[model]), checkpoint.preprocessing)
    full_depth = population.replay(None).qualities.mean()
    rows = []
    for policy, combine in CHOICES:
        drops, costs = [], []
        for seed in range(draws):
            found = fit_within_accuracy_drop(
                policy, _draw(population, seed), COSTS_MS[model], DROP, DELTA, unit="ms", combine=combine, seed=seed
            )
            drops.append(full_depth - population.replay(found.schedule.exit_policy).qualities.mean())
            costs.append(found.schedule.budget / COSTS_MS[model][-1])
        violations = float((np.array(drops) > DROP).mean())
        rows.append({
            "policy": policy,
            "combine": combine,
            "violations": violations,
            "allowed": DELTA + 2 * math.sqrt(DELTA * (1 - DELTA) / draws),
            "mean_drop": float(np.mean(drops)),
            "cost_of_full": float(np.mean(costs)),
        })  # fmt: skip
        print(model, rows[-1], flush=True)
    return rows


def _draw(population: ClassPredictions, seed: int) -> ClassPredictions:
    rows = np.random.default_rng(seed).integers(0, len(population), DRAWN)
    # Samples drawn twice are two samples of the population.
    return ClassPredictions(population.logits[rows], population.labels[rows], np.arange(DRAWN), population.class_names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--draws", type=int, default=200)
    arguments = parser.parse_args()
    models = {model: run(model, arguments.draws) for model in arguments.model or MODELS}
    write("guarantee", {"max_drop": DROP, "delta": DELTA, "draws": arguments.draws, "models": models})


if __name__ == "__main__":
    main()
