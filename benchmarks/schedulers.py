"""Accuracy and kept budgets of all policies on report data (docs/results.md, "Policies").

Run: python benchmarks/schedulers.py [--model densenet121] [--repeats 5]

Every policy, with its exits alone and combined, is fitted for nine budgets from 1.1 times the first exit's cost to
90 % of full cost on five seeded splits. Scorers and thresholds see the last 5,000 training images, halved into fit and
calibration sets; figures are of the 10,000 test images, which nothing else has seen. Costs are those of
``common.COSTS_MS``.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import COSTS_MS, MODELS, SHARED, TEST_FILES, write
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.policies import POLICIES, create_scheduler
from eenet.policies.grid import combiner_of, fit_schedules
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.training import predict
from eenet.workflows.compare import ORACLE, ComparedPolicy, compare_policies, default_budgets
from eenet.workflows.evaluate import evaluate
from eenet.zoo import zoo_folder

COMBINE = ("none", "exits")
TIGHT = 0.8  # of full cost: published studies find little to win above
SMALL = 500  # validation samples of the second table
SMALL_POLICIES = ("maximum", "maximum-tuned", "learned-stopping", "learned-stopping-hidden")
WINNER = ("learned-stopping", "exits")
RIVALS = (("maximum", "none"), ("maximum-tuned", "none"), ("maximum-tuned", "exits"), ("eenet", "none"))


def run(model: str, repeats: int) -> dict[str, Any]:
    zoo = zoo_folder(model)
    checkpoint = load_checkpoint(zoo / "weights.safetensors")
    validation = load_predictions(zoo / "validation.npz")
    test_images = load_images(SHARED / "data" / TEST_FILES[model])
    report = predict(checkpoint.network, test_images, checkpoint.preprocessing)
    costs = COSTS_MS[model]
    budgets = default_budgets(costs)
    exits = report.qualities().mean(axis=0)
    print(f"{model}: costs {costs} ms, accuracy of the exits {exits}", flush=True)
    policies = [(policy, combine) for combine in COMBINE for policy in (*POLICIES, ORACLE)]
    compared = _compare(validation, report, costs, budgets, policies, repeats)
    small = [_small(validation, report, costs, budgets, seed) for seed in range(repeats)]
    return {
        "costs_ms": list(costs),
        "budgets_ms": budgets,
        "exit_accuracy": exits.tolist(),
        "policies": [_summary(one, costs, budgets) for one in compared],
        "winner_against": {
            f"{policy}, {combine}": _paired(compared, (policy, combine), costs, budgets) for policy, combine in RIVALS
        },
        "best_learned_against_best_other": _best_of_each(compared),
        "small_validation_set": {key: float(np.mean([row[key] for row in small])) for key in small[0]},
        "fitted_on_report_data": _bounds(report, costs, budgets),
    }


def _compare(
    validation: ClassPredictions,
    report: ClassPredictions,
    costs: tuple[float, ...],
    budgets: list[float],
    policies: list[tuple[str, str]],
    repeats: int,
) -> list[ComparedPolicy]:
    started = time.perf_counter()

    def say(one: ComparedPolicy) -> None:
        row = " ".join(f"{x:6.2f}" for x in 100 * one.accuracy.mean(axis=0))
        print(f"{one.name:>32} {row}  {time.perf_counter() - started:5.0f} s", flush=True)

    return compare_policies(validation, report, costs, budgets, policies, repeats=repeats, say=say)


def _tight(costs: tuple[float, ...], budgets: list[float]) -> NDArray[np.bool_]:
    return np.array(budgets) < TIGHT * costs[-1]


def _summary(one: ComparedPolicy, costs: tuple[float, ...], budgets: list[float]) -> dict[str, Any]:
    spent = one.mean_cost / np.array(budgets)
    tight = one.accuracy[:, _tight(costs, budgets)].mean(axis=1)
    return {
        "policy": one.policy,
        "combine": one.combine,
        "accuracy": one.accuracy.mean(axis=0).tolist(),
        "accuracy_se": _standard_error(one.accuracy).tolist(),
        "tight_accuracy": float(tight.mean()),
        "spent": spent.mean(axis=0).tolist(),
        "overspent": int((spent > 1).sum()),
        "cases": int(spent.size),
    }


def _standard_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    error: NDArray[np.float64] = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return error


def _find(compared: list[ComparedPolicy], key: tuple[str, str]) -> ComparedPolicy:
    return next(one for one in compared if (one.policy, one.combine) == key)


def _paired(
    compared: list[ComparedPolicy], rival: tuple[str, str], costs: tuple[float, ...], budgets: list[float]
) -> dict[str, Any]:
    """Winner minus rival on the same splits, in points."""
    difference = 100 * (_find(compared, WINNER).accuracy - _find(compared, rival).accuracy)
    tight = difference[:, _tight(costs, budgets)].mean(axis=1, keepdims=True)
    return {
        "points": difference.mean(axis=0).tolist(),
        "points_se": _standard_error(difference).tolist(),
        "tight_points": float(tight.mean()),
        "tight_points_se": float(_standard_error(tight)[0]),
    }


def _best_of_each(compared: list[ComparedPolicy]) -> list[dict[str, Any]]:
    """Per budget: the winner against the best of the policies that are not learned stopping, in points."""
    winner = _find(compared, WINNER)
    others = [one for one in compared if not one.policy.startswith("learned-stopping") and one.policy != ORACLE]
    rows = []
    for budget in range(winner.accuracy.shape[1]):
        best = max(others, key=lambda one: float(one.accuracy[:, budget].mean()))
        difference = 100 * (winner.accuracy[:, budget] - best.accuracy[:, budget])
        rows.append({"best_other": best.name, "points": float(difference.mean()), "se": float(
            difference.std(ddof=1) / math.sqrt(len(difference)))})  # fmt: skip
    return rows


def _small(
    validation: ClassPredictions, report: ClassPredictions, costs: tuple[float, ...], budgets: list[float], seed: int
) -> dict[str, float]:
    """Mean accuracy at the tight budgets and share of overspent cases, with few validation samples."""
    few, _ = validation.split(SMALL / len(validation), seed)
    row = {}
    for policy in SMALL_POLICIES:
        for combine in COMBINE:
            schedules = fit_schedules(policy, few, costs, budgets, unit="ms", combine=combine, seed=seed)
            results = [evaluate(report, schedule.exit_policy, costs) for schedule in schedules]
            accuracy = np.array([result.accuracy for result in results])
            spent = np.array([result.mean_cost for result in results]) / budgets
            row[f"{policy}, {combine}: tight accuracy"] = float(accuracy[_tight(costs, budgets)].mean())
            row[f"{policy}, {combine}: overspent"] = float((spent > 1).mean())
    return row


def _bounds(report: ClassPredictions, costs: tuple[float, ...], budgets: list[float]) -> dict[str, float]:
    """Tight accuracy of two policies fitted to all of the report data and evaluated on it.

    It is no result: it shows how much a better fit could win at most.
    """
    twin = replace(report, index=report.index + len(report))
    row = {}
    for policy in ("maximum-tuned", "learned-stopping"):
        for combine in COMBINE:
            scheduler = create_scheduler(policy, 0, combiner_of(combine, report))
            policies = [scheduler.fit(report, twin, costs, budget).exit_policy_ for budget in budgets]
            accuracy = np.array([evaluate(report, one, costs).accuracy for one in policies])
            row[f"{policy}, {combine}"] = float(accuracy[_tight(costs, budgets)].mean())
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    models = {model: run(model, arguments.repeats) for model in arguments.model or MODELS}
    rows = [row for model in models.values() for row in model["policies"] if row["policy"] != ORACLE]
    total = {
        "overspent": sum(row["overspent"] for row in rows),
        "cases": sum(row["cases"] for row in rows),
        "mean_spent": float(np.mean([row["spent"] for row in rows])),
    }
    write("schedulers", {"repeats": arguments.repeats, "total": total, "models": models})
    print(total)


if __name__ == "__main__":
    main()
