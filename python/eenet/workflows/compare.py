"""Policies side by side on report data: accuracy at a budget (the paper's Table 1) and trade-off curves."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eenet.errors import Argument, UserError
from eenet.files import replacing
from eenet.policies.base import check_budget
from eenet.policies.calibration import budget_range
from eenet.policies.grid import FIT_SHARE, combine_or_default, combiner_of, fit_schedules
from eenet.policies.registry import POLICIES, Settings, check_policy, settings_of
from eenet.predictions import Predictions
from eenet.progress import Progress
from eenet.spending import Costs
from eenet.workflows.evaluate import Evaluation, evaluate, evaluate_best_exit, evaluate_oracle

ORACLE = "oracle"  # no policy: the upper bound of all
BEST_EXIT = "best-exit"  # nor this: all samples leave at one exit, the best within the budget on the validation set
_BUDGETS = 9
_LOWEST, _HIGHEST = 1.1, 0.9  # times the first exit's cost, times full cost


@dataclass(frozen=True)
class ComparedPolicy:
    """What one policy does on the report data.

    Attributes:
        policy: its name.
        combine: what the answers are made of, see `fit_schedules`.
        accuracy: float64 ``(repeats, budgets)``, mean qualities, fractions.
        figures: what else is told of the answers, see `Predictions.figures`; the same shape each.
        mean_cost: float64 ``(repeats, budgets)``, realised, in the unit of the costs.
    """

    policy: str
    combine: str
    accuracy: NDArray[np.float64]
    mean_cost: NDArray[np.float64]
    figures: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def overspent(self, budgets: Sequence[float]) -> int:
        """How many of the fits spend more than their budget on the report data."""
        return int((self.mean_cost > np.array(budgets)).sum())

    @property
    def name(self) -> str:
        """How it is called in tables and figures."""
        return self.policy if self.combine == "none" else f"{self.policy}, {self.combine}"


def default_budgets(costs: Sequence[float]) -> list[float]:
    """Nine budgets from 1.1 times the first exit's cost to 90 % of full cost.

    Args:
        costs: from the least that can be met to full cost.

    Raises:
        UserError: the first exit costs so much that there are none.
    """
    low, high = _LOWEST * costs[0], _HIGHEST * costs[-1]
    if low >= high:
        raise UserError(
            f"costs: from {costs[0]:g} to {costs[-1]:g} there is no room for budgets; give ", Argument("budget")
        )
    return [float(b) for b in np.linspace(low, high, _BUDGETS)]


def compare_policies(
    validation: Predictions,
    report: Predictions,
    costs: Costs | None,
    budgets: Sequence[float],
    policies: Sequence[tuple[str, str]],
    *,
    repeats: int,
    settings: Settings | None = None,
    say: Callable[[ComparedPolicy], None],
) -> list[ComparedPolicy]:
    """Fits every policy for every budget on seeded splits of the validation predictions, and reports on others.

    Args:
        validation: for fitting and calibrating, split anew by each repeat.
        report: for nothing but the figures that come back; of the same network, see `check_apart`.
        costs: K costs; None: those of each sample, which both sets then have.
        budgets: in the unit of the costs.
        policies: names, `ORACLE` and `BEST_EXIT` among them if wanted, and what the answers are made of.
        repeats: splits, seeds 0, 1, ...
        settings: see `create_scheduler`; each policy takes those that it has.
        say: takes each policy when it is done.

    Raises:
        UserError: costs or budgets that do not fit, unknown policies, settings that none of them has.
        eenet_rt.InputError: sets that differ in exits or classes.
    """
    possible = budget_range(validation.priced(costs, "validation set"), validation)
    report.priced(costs, "report set")
    for budget in budgets:
        check_budget(budget, possible)
    own = settings_of([policy for policy, _ in policies if policy in POLICIES], settings or {})
    for policy, combine in policies:
        combine_or_default(combine, validation)
        if policy in POLICIES:
            check_policy(policy, validation)
    compared: list[ComparedPolicy] = []
    rows: list[list[list[Evaluation]]] = [[] for _ in policies]
    # In turns, for some policies take many times as long as others: after a turn of all, the time left can be told.
    with Progress("compare", len(policies) * repeats, "fits", even_after=len(policies)) as progress:
        for seed in range(repeats):
            for i, (policy, combine) in enumerate(policies):
                rows[i].append(_evaluate(policy, combine, seed, own.get(policy), validation, report, costs, budgets))
                progress.advance(note=policy)
                if seed == repeats - 1:
                    compared.append(_compared(policy, combine, rows[i]))
                    progress.clear()
                    say(compared[-1])
    return compared


def _compared(policy: str, combine: str, rows: Sequence[Sequence[Evaluation]]) -> ComparedPolicy:
    accuracy = np.array([[cell.accuracy for cell in row] for row in rows])
    mean_cost = np.array([[cell.mean_cost for cell in row] for row in rows])
    names = rows[0][0].figures
    figures = {name: np.array([[cell.figures[name] for cell in row] for row in rows]) for name in names}
    return ComparedPolicy(policy, combine, accuracy, mean_cost, figures)


def _evaluate(
    policy: str,
    combine: str,
    seed: int,
    settings: Settings | None,
    validation: Predictions,
    report: Predictions,
    costs: Costs | None,
    budgets: Sequence[float],
) -> list[Evaluation]:
    if policy == ORACLE:
        combiner = combiner_of(combine, validation.split(FIT_SHARE, seed)[0])
        return [evaluate_oracle(report, costs, budget, combiner) for budget in budgets]
    if policy == BEST_EXIT:
        combiner = combiner_of(combine, validation.split(FIT_SHARE, seed)[0])
        return [evaluate_best_exit(validation, report, costs, budget, combiner) for budget in budgets]
    schedules = fit_schedules(
        policy, validation, costs, budgets, unit="ms", combine=combine, seed=seed, settings=settings
    )
    return [evaluate(report, schedule.exit_policy, costs) for schedule in schedules]


def write_csv(path: Path, compared: Sequence[ComparedPolicy], budgets: Sequence[float], quality: str) -> None:
    """A line for each policy, budget and repeat."""
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["policy", "combine", "budget", "seed", quality, "mean_cost"])
        for one in compared:
            for seed, (accuracies, mean_costs) in enumerate(zip(one.accuracy, one.mean_cost, strict=True)):
                for budget, accuracy, mean_cost in zip(budgets, accuracies, mean_costs, strict=True):
                    writer.writerow([one.policy, one.combine, budget, seed, accuracy, mean_cost])


def write_figure(path: Path, compared: Sequence[ComparedPolicy], unit: str, quality: str) -> None:
    """Quality against realised cost, mean and deviation over the repeats, as PNG; needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel=f"mean cost ({unit})", ylabel=f"{quality} (%)")
    for one in compared:
        accuracy = 100 * one.accuracy
        axes.errorbar(
            one.mean_cost.mean(axis=0), accuracy.mean(axis=0), accuracy.std(axis=0), label=one.name, marker=".",
            linestyle="-" if one.combine == "none" else "--", capsize=2,
        )  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
