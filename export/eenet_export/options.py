"""What to export, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import eenet_rt
from eenet.budgets import Budget, budget_cost, feasible_budgets
from eenet.costs import CostProfile
from eenet.errors import Argument, UserError
from eenet.policies.grid import DEFAULT_POLICY
from eenet.policies.registry import Settings
from eenet.predictions import Predictions
from eenet.workflows.profile import ProfileOptions

DEFAULT_BUDGETS = ("50%", "60%", "65%", "70%", "80%", "90%")
DEFAULT_ACTIVE = "65%"


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        budgets: to fit, the first one active, numbers or shares of full cost such as ``"65%"``; when empty,
            `DEFAULT_BUDGETS` with `DEFAULT_ACTIVE` active.
        unit: of costs and budgets: ``ms``, measured here; ``flops`` or ``params``, counted.
        policy: name of the scheduler.
        combine: what the answers are made of, see `eenet.policies.grid.fit_schedules`; None: what
            `eenet.policies.grid.combine_or_default` takes.
        seed: of the split of the validation predictions and of the fit.
        settings: of the scheduler, see `eenet.policies.create_scheduler`.
        profile: how to measure costs.
        slices: pairs ``(begin, end)`` of exits, each to be written as a bundle of its own beside the whole one.
    """

    budgets: tuple[Budget, ...] = ()
    unit: str = "ms"
    policy: str = DEFAULT_POLICY
    combine: str | None = None
    seed: int = 0
    settings: Settings = field(default_factory=dict)
    profile: ProfileOptions = field(default_factory=ProfileOptions)
    slices: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ExportResult:
    """What came of it.

    Attributes:
        bundle: the folder.
        parameters: up to each exit.
        profile: measured, in ms.
        costs: of the exits in the unit of the budgets.
        schedules: by ascending budget.
        active: index of the one in force after loading.
        skipped: default budgets that cannot be met.
        max_error: largest difference from PyTorch's logits per exit, as a share of their deviation.
        samples: how many were compared.
        calibration_set: what thresholds were set on.
        slices: folders of the slices.
    """

    bundle: Path
    parameters: list[int]
    profile: CostProfile
    costs: tuple[float, ...]
    schedules: list[eenet_rt.Schedule]
    active: int
    skipped: list[float]
    max_error: list[float]
    samples: int
    calibration_set: Predictions
    slices: list[Path]


def wanted_budgets(costs: Sequence[float], options: ExportOptions) -> tuple[list[float], float, list[float]]:
    """Budgets to fit in ascending order, the active one, and default ones that cannot be met."""
    if options.budgets:
        given = feasible_budgets(options.budgets, costs, options.unit)
        return sorted(set(given)), given[0], []
    wanted = [budget_cost(budget, costs[-1]) for budget in DEFAULT_BUDGETS]
    feasible = [budget for budget in wanted if budget >= costs[0]]
    if not feasible:
        raise UserError(
            f"no default budget can be met: exit 0 costs {costs[0]:.4g} of {costs[-1]:.4g} {options.unit}; give ",
            Argument("budget"),
        )
    active = budget_cost(DEFAULT_ACTIVE, costs[-1])
    return feasible, active if active in feasible else feasible[0], [b for b in wanted if b < costs[0]]
