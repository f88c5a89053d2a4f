"""What schedules of few validation samples do (docs/results.md, "Few validation samples").

Run: python benchmarks/small_sets.py [--model densenet121] [--draws 60]

The shipped validation predictions are taken for the population: a draw is a few of them, schedules are fitted on it,
and their cost and accuracy are those on all others.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from common import COSTS_MS, MODELS, write
from eenet.policies.grid import fit_schedules
from eenet.tasks.registry import load_predictions
from eenet.workflows.evaluate import evaluate
from eenet.workflows.summary import exit_accuracies
from eenet.zoo import zoo_folder

SIZES = (20, 40, 60, 100, 200, 500, 1000)
SHARES = (0.55, 0.65, 0.8)  # budgets, of full cost
CHOICES = (("maximum", "none"), ("learned-stopping", "exits"))


def run(model: str, draws: int) -> list[dict[str, Any]]:
    population = load_predictions(zoo_folder(model) / "validation.npz")
    full_depth, costs = exit_accuracies(population)[-1], COSTS_MS[model]
    budgets = [share * costs[-1] for share in SHARES]
    rows = []
    for size in SIZES:
        if size < 2 * population.num_classes:
            continue  # refused
        for policy, combine in CHOICES:
            spent, drop, margin = (np.zeros((draws, len(budgets))) for _ in range(3))
            for seed in range(draws):
                order = np.random.default_rng(seed).permutation(len(population))
                drawn, others = population[order[:size]], population[order[size:]]
                drawn = replace(drawn, index=np.arange(size))
                fitted = fit_schedules(policy, drawn, costs, budgets, unit="ms", combine=combine, seed=seed)
                for i, schedule in enumerate(fitted):
                    outcome = evaluate(others, schedule.exit_policy, costs)
                    spent[seed, i] = outcome.mean_cost / schedule.budget
                    drop[seed, i] = full_depth - outcome.accuracy
                    margin[seed, i] = schedule.margin / schedule.budget
            rows.append({
                "samples": size,
                "policy": policy,
                "combine": combine,
                "overspent": float((spent > 1).mean()),
                "most_spent": float(spent.max()),
                "spent": spent.mean(axis=0).tolist(),
                "margin": margin.mean(axis=0).tolist(),
                "drop": drop.mean(axis=0).tolist(),
            })  # fmt: skip
            print(model, rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--draws", type=int, default=60)
    arguments = parser.parse_args()
    models = {model: run(model, arguments.draws) for model in arguments.model or MODELS}
    write("small_sets", {"budgets_of_full": SHARES, "draws": arguments.draws, "models": models})


if __name__ == "__main__":
    main()
