"""Policies fitted for comparison: on the validation predictions, never on those that are reported on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eenet.evaluation import Evaluation, evaluate
from eenet.report.inputs import Inputs
from eenet.scheduling import EENetScheduler
from eenet.scheduling.calibration import Floats
from eenet.scheduling.grid import FIT_SHARE, fit_schedules

ABLATION = ("eenet", "eenet-fixed-scores", "eenet-fixed-shares", "maximum", "learned-stopping")
COST_WEIGHTS = (1.0, 3.0, 10.0, 30.0, 100.0)
RIVAL = "maximum"  # with geometric shares: MSDNet's policy
RIVAL_NAME = "maximum score"
_BUDGETS = 8
_LOWEST, _HIGHEST = 0.05, 0.9  # of the way from the first exit's cost to full cost


@dataclass(frozen=True)
class Curve:
    """What a policy does on the report set, budget after budget.

    Attributes:
        policy: its name.
        accuracy: fraction of right answers for each budget.
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
        accuracy: on the report set.
        planned: mean cost of the exit shares that h plans, over the budget.
        realised: mean cost on the report set, over the budget, after the plan was bent to keep it.
    """

    cost_weight: float
    accuracy: float
    planned: float
    realised: float


@dataclass(frozen=True)
class Fits:
    """All that was fitted.

    Attributes:
        rival: what the maximum score with geometric shares does at the budget of the reported schedule.
        budgets: of the curves.
        curves: the paper's ablation.
        sweep: over alpha_cost, at the budget of the reported schedule.
    """

    rival: Evaluation
    budgets: Floats
    curves: Sequence[Curve]
    sweep: Sequence[SweepPoint]


def number_of_fits() -> int:
    """How often `fit_all` calls ``progress``."""
    return 1 + len(ABLATION) * _BUDGETS + len(COST_WEIGHTS)


def fit_all(inputs: Inputs, progress: Callable[[str], None]) -> Fits:
    """Fits and evaluates everything; ``progress`` is told what comes next, fit after fit.

    Raises:
        UserError: the validation predictions are too few.
    """
    progress(RIVAL)
    schedule = inputs.schedule
    (rival,) = fit_schedules(
        RIVAL, inputs.validation, schedule.costs, [schedule.budget], unit=schedule.unit, seed=inputs.seed
    )
    first, full = inputs.costs[0], inputs.costs[-1]
    budgets = first + np.linspace(_LOWEST, _HIGHEST, _BUDGETS) * (full - first)
    curves = [_curve(inputs, policy, budgets, progress) for policy in ABLATION]
    sweep = [_sweep_point(inputs, weight, progress) for weight in COST_WEIGHTS]
    return Fits(evaluate(inputs.report, rival.exit_policy, schedule.costs), budgets, curves, sweep)


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
    scheduler = EENetScheduler(cost_weight=cost_weight, seed=inputs.seed)
    scheduler.fit(fit_set, calibration_set, schedule.costs, schedule.budget)
    outcome = evaluate(inputs.report, scheduler.exit_policy_, schedule.costs)
    assert scheduler.planned_shares_ is not None
    planned = float(scheduler.planned_shares_ @ inputs.costs)
    return SweepPoint(cost_weight, outcome.accuracy, planned / schedule.budget, outcome.mean_cost / schedule.budget)
