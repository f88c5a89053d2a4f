"""Options of commands that fit policies to costs: what exits cost, and which budgets that allows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eenet.budgets import feasible_budgets
from eenet.cli.commands import COSTS, ArgumentParser, given_budgets
from eenet.policies.calibration import budget_range
from eenet.policies.grid import UNITS
from eenet.predictions import P
from eenet.spending import check_costs


def add_costs(parser: ArgumentParser) -> None:
    """Adds ``--costs`` and ``--unit``."""
    parser.add_argument(
        "--costs", **COSTS,
        help="of leaving at each exit, the same for all samples: 0.83,1.69,2.46 (default: those of each sample, an "
        "array costs, N x K, of the predictions)",
    )  # fmt: skip
    parser.add_argument("--unit", choices=UNITS, default="ms", help="of costs and budgets")


def check_given(arguments: argparse.Namespace) -> None:
    """Refuses before predictions are read what can be refused then: costs that are none, budgets that they forbid.

    Raises:
        UserError: there are such.
    """
    if arguments.costs is not None:
        check_costs(arguments.costs, len(arguments.costs))
        _feasible(arguments, arguments.costs)


def with_costs(predictions: P, arguments: argparse.Namespace, path: Path) -> P:
    """The predictions that were read of a file, without own costs where others were given.

    Raises:
        UserError: they have other exits than the costs, or neither has any costs.
    """
    predictions.priced(arguments.costs, str(path))
    return predictions if arguments.costs is None else predictions.with_costs(None)


def wanted_budgets(arguments: argparse.Namespace, calibration_set: P) -> tuple[list[float], tuple[float, float]]:
    """The budgets as they came, in the unit of the costs, none without such an option; and which can be met.

    Raises:
        UserError: one that cannot be met, or at which nothing would leave early.
    """
    possible = budget_range(calibration_set.priced(arguments.costs), calibration_set)
    return _feasible(arguments, possible), possible


def _feasible(arguments: argparse.Namespace, costs: Sequence[float]) -> list[float]:
    return feasible_budgets(given_budgets(arguments), costs, arguments.unit)
