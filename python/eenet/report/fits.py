"""Policies fitted for comparison: on the validation predictions, never on those that are reported on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eenet.policies import EENetScheduler
from eenet.policies.calibration import Floats
from eenet.policies.confidence import confidence_policy, geometric_shares
from eenet.policies.grid import FIT_SHARE, fit_schedules
from eenet.report.inputs import Inputs
from eenet.workflows.evaluate import Evaluation, evaluate

COST_WEIGHTS = (1.0, 3.0, 10.0, 30.0, 100.0)
_BUDGETS = 8
_LOWEST, _HIGHEST = 0.05, 0.9  # of the way from the first exit's cost to full cost
_BISECTIONS = 30


@dataclass(frozen=True)
class Curve:
    """What a policy does on the report set, budget after budget.

    Attributes:
        policy: its name.
        accuracy: mean quality of the answers for each budget.
        mean_cost: realised, likewise.
    """

    policy: str
    accuracy: Floats
    mean_cost: Floats


@dataclass(frozen=True)
class SweepPoint:
    """EENet with one weight of the budget loss.

    Attributes:
        cost_weight: alpha_cost.
        accuracy: mean quality on the report set.
        planned: mean cost of the exit shares that h plans, over the budget.
        realised: mean cost on the report set, over the budget, after the plan was bent to keep it.
    """

    cost_weight: float
    accuracy: float
    planned: float
    realised: float


@dataclass(frozen=True)
class Ablation:
    """What the parts of EENet do, whatever policy the bundle has.

    Attributes:
        budgets: of the curves.
        curves: the paper's ablation.
        sweep: over alpha_cost, at the budget of the reported schedule.
    """

    budgets: Floats
    curves: Sequence[Curve]
    sweep: Sequence[SweepPoint]

    def to_json(self, quality: str) -> dict[str, Any]:
        """All figures, of types that JSON has; mean quality under the name that it has in the task."""
        return {
            "budgets": self.budgets.tolist(),
            "policies": {
                curve.policy: {quality: curve.accuracy.tolist(), "mean_cost": curve.mean_cost.tolist()}
                for curve in self.curves
            },
            "alpha_cost": [
                {quality if name == "accuracy" else name: value for name, value in vars(point).items()}
                for point in self.sweep
            ],
        }


class SimplePolicy:
    """The task's simple policy with geometric exit shares, its thresholds from all of the validation predictions."""

    def __init__(self, inputs: Inputs) -> None:
        policy = confidence_policy(inputs.report.num_features, inputs.terms.simple_weights)
        self._inputs = inputs
        self._plan = geometric_shares(inputs.validation, policy)

    def at_cost(self, cost: float) -> Evaluation:
        """What it does on the report set at the largest mean cost there that is no larger than ``cost``."""
        low, high = self._plan.low, self._plan.high
        best = self._evaluate(low)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            outcome = self._evaluate(middle)
            if outcome.mean_cost <= cost * (1 + 1e-12):
                low, best = middle, outcome
            else:
                high = middle
        return best

    def _evaluate(self, tilt: float) -> Evaluation:
        return evaluate(self._inputs.report, self._plan.at(tilt)[0], self._inputs.schedule.costs)


def fit_ablation(inputs: Inputs, progress: Callable[[str, int], None]) -> Ablation:
    """Fits and evaluates everything; ``progress`` is told what comes next, fit after fit, and how many there are.

    Raises:
        UserError: the validation predictions are too few.
    """
    first, full = inputs.costs[0], inputs.costs[-1]
    budgets = first + np.linspace(_LOWEST, _HIGHEST, _BUDGETS) * (full - first)
    policies = inputs.terms.ablation
    fits = len(policies) * _BUDGETS + len(COST_WEIGHTS)

    def begin(what: str) -> None:
        progress(what, fits)

    curves = [_curve(inputs, policy, budgets, begin) for policy in policies]
    return Ablation(budgets, curves, [_sweep_point(inputs, weight, begin) for weight in COST_WEIGHTS])


def _curve(inputs: Inputs, policy: str, budgets: Floats, progress: Callable[[str], None]) -> Curve:
    costs = inputs.schedule.costs
    cells = []
    fitted = fit_schedules(policy, inputs.validation, costs, list(budgets), unit=inputs.unit, seed=inputs.seed)
    for _ in budgets:
        progress(policy)
        cells.append(evaluate(inputs.report, next(fitted).exit_policy, costs))
    return Curve(policy, np.array([c.accuracy for c in cells]), np.array([c.mean_cost for c in cells]))


def _sweep_point(inputs: Inputs, cost_weight: float, progress: Callable[[str], None]) -> SweepPoint:
    progress(f"alpha_cost {cost_weight:g}")
    schedule = inputs.schedule
    fit_set, calibration_set = inputs.validation.split(FIT_SHARE, inputs.seed)
    scheduler = EENetScheduler(alpha_cost=cost_weight, seed=inputs.seed)
    scheduler.fit(fit_set, calibration_set, schedule.costs, schedule.budget)
    outcome = evaluate(inputs.report, scheduler.exit_policy_, schedule.costs)
    assert scheduler.planned_shares_ is not None
    planned = float(scheduler.planned_shares_ @ inputs.costs)
    return SweepPoint(cost_weight, outcome.accuracy, planned / schedule.budget, outcome.mean_cost / schedule.budget)
