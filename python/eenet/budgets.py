"""Budgets as users give them: a number in the unit of the costs, or a share of full cost such as ``"65%"``."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Sequence

import eenet_rt
from eenet.errors import ArgumentError, UserError
from eenet.text import number

Budget = float | str
_SHARE_ROUNDING = 1e-9
BUDGET_HELP = "B, a share of full cost, as 65%%, or a number in the unit of the schedules"

_log = logging.getLogger(__name__)


def parse_budget(text: str) -> Budget:
    """A budget on a command line; shares keep their sign.

    Raises:
        argparse.ArgumentTypeError: it is neither a number nor a share of at most 100 %.
    """
    try:
        return text if text.endswith("%") and _share(text) else _number(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected a number above 0 or a share of full cost, as 65%"
        ) from None


def parse_budget_ms(text: str) -> float:
    """A budget in ms on a command line.

    Raises:
        argparse.ArgumentTypeError: it is no positive number.
    """
    try:
        return _number(text)
    except ValueError:
        hint = "; a share of full cost is given as --budget" if text.endswith("%") else ""
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a positive number of ms{hint}") from None


def budget_cost(budget: Budget, full_cost: float) -> float:
    """What a sample may cost on average, in the unit of the full cost.

    Raises:
        UserError: the budget is text and no share of at most 100 %.
    """
    if not isinstance(budget, str):
        return float(budget)
    try:
        return _share(budget) * full_cost
    except UserError as error:
        raise UserError(f"budget: {error}") from None
    except ValueError:
        raise UserError(f"budget: got {budget!r}, expected a number or a share of full cost, as '65%'") from None


def feasible_budgets(budgets: Sequence[Budget], costs: Sequence[float], unit: str) -> list[float]:
    """Budgets that schedules are to be fitted for, in the unit of the costs.

    Args:
        budgets: in that unit, or shares of full cost.
        costs: K costs.
        unit: theirs, for messages.

    Raises:
        UserError: one is below the cost of the first exit, or above full cost, where no sample would leave early.
    """
    found = [budget_cost(budget, costs[-1]) for budget in budgets]
    for budget, cost in zip(budgets, found, strict=True):
        if costs[0] <= cost <= costs[-1]:
            continue
        problem = "is above full cost, so that nothing would leave early" if cost > costs[-1] else "cannot be met"
        hint = "" if isinstance(budget, str) else _share_hint(budget)
        raise UserError(
            f"budget {describe_budget(budget, unit)} {problem}: feasible are {number(costs[0], 4)} {unit} (exit 0, "
            f"{100 * costs[0] / costs[-1]:.4g}%) to {number(costs[-1], 4)} {unit} (full depth, 100%){hint}"
        )
    return found


def describe_budget(budget: Budget, unit: str) -> str:
    """As it was asked for, with its unit."""
    return budget if isinstance(budget, str) else f"{budget:,.12g} {unit}"


def within_budget(schedules: Sequence[eenet_rt.Schedule], budget: Budget) -> int:
    """Index of the schedule with the largest budget up to this one, by the costs that schedules were fitted for.

    Args:
        schedules: by ascending budget.
        budget: in their unit, or a share of full cost.

    Raises:
        UserError: the budget is below all of theirs, or there are none; says what there is.
    """
    if not schedules:
        raise ArgumentError("budget", f"got {budget}, there are no schedules")
    least = schedules[0]
    met = [i for i, s in enumerate(schedules) if s.budget <= budget_cost(budget, s.costs[-1]) * (1 + _SHARE_ROUNDING)]
    if not met:
        share = 100 * least.budget / least.costs[-1]
        raise ArgumentError(
            "budget",
            f"got {describe_budget(budget, least.unit)}, the smallest of the schedules is {number(least.budget, 4)} "
            f"{least.unit}, {share:.4g}% of full cost; `eenet-schedule refit` fits others to a bundle"
            f"{'' if isinstance(budget, str) else _share_hint(budget)}",
        )
    chosen = schedules[met[-1]]
    if not isinstance(budget, str) and budget > chosen.costs[-1]:
        _log.warning(
            "budget %s is above full cost, %s %s: the largest of the schedules, %.4g%% of it, is taken%s",
            describe_budget(budget, chosen.unit), number(chosen.costs[-1], 4), chosen.unit,
            100 * chosen.budget / chosen.costs[-1], _share_hint(budget),
        )  # fmt: skip
    return met[-1]


def _share(text: str) -> float:
    """A share of at most 1 from text with a percent sign, a space before it or not; ValueError where it is none."""
    if not text.endswith("%"):
        raise ValueError
    share = _number(text[:-1].removesuffix(" ")) / 100
    if share > 1 + _SHARE_ROUNDING:
        raise UserError(f"got {text!r}, expected a share of full cost of at most 100%")
    return share


def _share_hint(budget: float) -> str:
    """What may have been meant by a number that is no cost, where it looks like a share."""
    if not 0.01 <= budget <= 100:
        return ""
    percent = 100 * budget if budget <= 1 else budget
    return f"; a share of full cost is written {percent:.4g}%"


def parse_number(text: str) -> float:
    """A number as people write it: ValueError for others that Python takes, as ``1_0`` or digits of other scripts."""
    if text != text.strip() or "_" in text or not text.isascii():
        raise ValueError
    return float(text)


def _number(text: str) -> float:
    value = parse_number(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError
    return value
