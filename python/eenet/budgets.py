"""Budgets as users give them: a number in the unit of the costs, or a share of full cost such as ``"65%"``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import eenet_rt
from eenet.errors import UserError

Budget = float | str
BUDGET_HELP = "B, a share of full cost, as 65%%, or a number in the unit of the schedules"


def parse_budget(text: str) -> Budget:
    """A budget on a command line; shares keep their sign.

    Raises:
        argparse.ArgumentTypeError: it is neither a number nor a share.
    """
    try:
        number = _number(text.removesuffix("%"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number or a share of full cost, as 65%") from None
    return text if text.endswith("%") else number


def budget_cost(budget: Budget, full_cost: float) -> float:
    """What a sample may cost on average, in the unit of the full cost.

    Raises:
        UserError: the budget is text and no share.
    """
    if not isinstance(budget, str):
        return float(budget)
    try:
        if not budget.endswith("%"):
            raise ValueError
        return _number(budget[:-1]) / 100 * full_cost
    except ValueError:
        raise UserError(f"budget: got {budget!r}, expected a number or a share of full cost, as '65%'") from None


def within_budget(schedules: Sequence[eenet_rt.Schedule], budget: Budget) -> int:
    """Index of the schedule with the largest budget up to this one, by the costs that schedules were fitted for.

    Args:
        schedules: by ascending budget.
        budget: in their unit, or a share of full cost.

    Raises:
        UserError: the budget is below all of theirs, or there are none; says what there is.
    """
    if not schedules:
        raise UserError(f"--budget: got {budget}, there are no schedules")
    least = schedules[0]
    met = [i for i, s in enumerate(schedules) if s.budget <= budget_cost(budget, s.costs[-1])]
    if not met:
        share = 100 * least.budget / least.costs[-1]
        raise UserError(
            f"--budget: got {budget}, the smallest of the schedules is {least.budget:g} {least.unit}, {share:.4g}% of "
            "full cost; `eenet-schedule refit` fits others to a bundle"
        )
    return met[-1]


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number <= 0 or text != text.strip() or "_" in text:
        raise ValueError
    return number
