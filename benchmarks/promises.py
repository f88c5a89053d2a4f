"""How often schedules overspend their budgets (docs/results.md, "Kept budgets").

Run: python benchmarks/promises.py [--model densenet121] [--splits 100]

Fit, calibration and report set come from the same 10,000 test predictions, so that nothing but chance tells them
apart: 5,000 samples are halved to fit and to calibrate, 5,000 others report, by another seed each time.

The same with validation samples whose classes are imbalanced, up to 100:1 as far as there are samples: a long tail,
each split with other rare classes. Report data stay uniform, and schedules are fitted with and without that prior.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from common import COSTS_MS, MODELS, SHARED, TEST_FILES, write
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.policies.grid import fit_schedules
from eenet.tasks.classification import ClassPredictions
from eenet.training import predict
from eenet.workflows.evaluate import evaluate
from eenet.zoo import zoo_folder

RATIO, LEAST = 100, 4  # of the largest class to the smallest; samples of the smallest, for two in each half
SHARES = (0.5, 0.65, 0.8)  # of full cost
POLICIES = (
    ("maximum", "none"), ("maximum-tuned", "none"), ("eenet", "none"), ("learned-stopping", "none"),
    ("learned-stopping", "exits"),
)  # fmt: skip
SETTINGS = {"eenet": {"restarts": 1}}  # a hundred fits of it, and more starts change shares alone


def exchangeable(model: str, population: ClassPredictions, splits: int) -> list[dict[str, Any]]:
    """Overspending of each policy where all samples are of one distribution."""
    cases: dict[tuple[str, str], list[tuple[float, float]]] = {policy: [] for policy in POLICIES}
    for seed in range(splits):
        validation, report = population.split(0.5, seed)
        for policy in POLICIES:
            cases[policy] += _cases(model, policy, validation, report, seed)
    return [_row(policy, found) for policy, found in cases.items()]


def imbalanced(model: str, population: ClassPredictions, splits: int) -> dict[str, Any]:
    """Overspending where the validation file has other class shares than what is met, with and without a prior."""
    priors: dict[str, str | None] = {"file": None, "uniform": "uniform"}
    cases: dict[tuple[str, tuple[str, str]], list[tuple[float, float]]] = {}
    for seed in range(splits):
        whole, report = population.split(0.5, seed)
        validation = _long_tail(whole, seed)
        for name, prior in priors.items():
            weighted = validation.with_class_prior(prior)
            for policy in POLICIES:
                found = _cases(model, policy, weighted, report, seed)
                cases.setdefault((name, policy), []).extend(found)
    counts = np.bincount(validation.labels)
    rows = [{"prior": name, **_row(policy, found)} for (name, policy), found in cases.items()]
    sizes = {"samples": len(validation), "largest_class": int(counts.max()), "smallest_class": int(counts.min())}
    return {**sizes, "rows": rows}


def _long_tail(balanced: ClassPredictions, seed: int) -> ClassPredictions:
    """Geometric class sizes, the order of the classes drawn anew."""
    random = np.random.default_rng(seed)
    classes = balanced.num_classes
    most = int(np.bincount(balanced.labels).min())
    wanted = np.maximum(LEAST, np.round(most * RATIO ** -(np.arange(classes) / (classes - 1)))).astype(int)
    rows = []
    for label, size in zip(random.permutation(classes), wanted, strict=True):
        rows.append(random.permutation(np.flatnonzero(balanced.labels == label))[:size])
    return balanced[np.sort(np.concatenate(rows))]


def _cases(
    model: str, policy: tuple[str, str], validation: ClassPredictions, report: ClassPredictions, seed: int
) -> list[tuple[float, float]]:
    """Realised cost over budget, and accuracy, for each budget."""
    costs = COSTS_MS[model]
    budgets = [share * costs[-1] for share in SHARES]
    name, combine = policy
    settings = SETTINGS.get(name)
    found = []
    for schedule in fit_schedules(
        name, validation, costs, budgets, unit="ms", combine=combine, seed=seed, settings=settings
    ):
        done = evaluate(report, schedule.exit_policy, costs)
        found.append((done.mean_cost / schedule.budget, done.accuracy))
    return found


def _row(policy: tuple[str, str], found: Sequence[tuple[float, float]]) -> dict[str, Any]:
    spent, accuracy = np.array(found).T
    row = {
        "policy": policy[0],
        "combine": policy[1],
        "cases": len(spent),
        "overspent": float((spent > 1).mean()),
        "overspent_by_budget": [float((spent[i :: len(SHARES)] > 1).mean()) for i in range(len(SHARES))],
        "mean_spent": float(spent.mean()),
        "worst_spent": float(spent.max()),
        "accuracy": [float(accuracy[i :: len(SHARES)].mean()) for i in range(len(SHARES))],
    }
    print(row, flush=True)
    return row


def population(model: str) -> ClassPredictions:
    """ClassPredictions on the test images."""
    checkpoint = load_checkpoint(zoo_folder(model) / "weights.safetensors")
    return predict(checkpoint.network, load_images(SHARED / "data" / TEST_FILES[model]), checkpoint.preprocessing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--splits", type=int, default=100)
    arguments = parser.parse_args()
    models = {}
    for model in arguments.model or MODELS:
        samples = population(model)
        models[model] = {
            "exchangeable": exchangeable(model, samples, arguments.splits),
            "imbalanced": imbalanced(model, samples, arguments.splits // 2),
        }
    write("promises", {"shares_of_full_cost": SHARES, "splits": arguments.splits, "models": models})


if __name__ == "__main__":
    main()
