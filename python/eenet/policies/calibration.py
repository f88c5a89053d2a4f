"""Keeping a budget on samples never seen: the dearest policy of a family that stays within it, margin included."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.reference import reference_of
from eenet.errors import UserError
from eenet.predictions import Predictions
from eenet.spending import mean_costs, spending

Floats = NDArray[np.float64]

# One-sided 95 % quantile of the normal distribution.
_Z95 = 1.6448536269514722
_BISECTIONS = 40


class Family(Protocol):
    """Policies in a row: the higher the tilt, the later samples leave and the more they cost.

    Attributes:
        low: the tilt at which every sample leaves at exit 0.
        high: a tilt at which the cost is as high as it gets.
    """

    low: float
    high: float

    def at(self, tilt: float) -> tuple[eenet_rt.ExitPolicy, NDArray[np.int64]]:
        """The policy, and the exit that each sample of the calibration set leaves at."""


@dataclass(frozen=True)
class Calibrated:
    """A policy and what it does on the calibration set.

    Attributes:
        exit_policy: the policy.
        shares: K realised exit shares.
        mean_cost: of the calibration samples, in the unit of the costs.
        margin: see `budget_margin`; ``mean_cost + margin`` is at most the budget.
    """

    exit_policy: eenet_rt.ExitPolicy
    shares: Floats
    mean_cost: float
    margin: float


def budget_margin(deviation: float, samples: int, effective: float) -> float:
    """What is held back of a budget, for two samples of the same size never cost the same.

    A policy was chosen on ``samples`` calibration samples. The mean cost of as many new samples exceeds theirs by
    more than ``1.645 * deviation * sqrt(1 / samples + 1 / effective)`` in 5 % of cases.

    Args:
        deviation: of the cost of one sample.
        samples: size of the calibration set.
        effective: its effective size, another one where its samples are weighted.
    """
    return _Z95 * deviation * math.sqrt(1 / samples + 1 / effective)


def budget_range(costs: Floats, calibration_set: Predictions) -> tuple[float, float]:
    """The least budget that can be kept, and full cost.

    Args:
        costs: ``(K,)`` or ``(N, K)``, of the calibration set.
        calibration_set: see `calibrate`.
    """
    samples, weights = len(calibration_set), calibration_set.weights
    least = spending(np.zeros(samples, np.int64), costs, weights)
    margin = budget_margin(least.deviation, samples, calibration_set.effective_size)
    return least.mean + margin, float(mean_costs(costs, weights)[-1])


def calibrate(family: Family, calibration_set: Predictions, costs: Floats, budget: float) -> Calibrated:
    """The policy of a family whose realised cost is the largest that keeps the budget, margin included.

    Args:
        family: its exits are those of the calibration set.
        calibration_set: what is realised is realised on it.
        costs: ``(K,)`` or ``(N, K)``, of the calibration set.
        budget: at least what `budget_range` says.
    """
    samples, effective = len(calibration_set), calibration_set.effective_size

    def attempt(tilt: float) -> Calibrated:
        policy, exits = family.at(tilt)
        spent = spending(exits, costs, calibration_set.weights)
        return Calibrated(policy, spent.shares, spent.mean, budget_margin(spent.deviation, samples, effective))

    low, high = family.low, family.high
    best = attempt(low)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        candidate = attempt(middle)
        if candidate.mean_cost + candidate.margin <= budget:
            low = middle
            if candidate.mean_cost >= best.mean_cost:
                best = candidate
        else:
            high = middle
    return best


def check_schedule(schedule: eenet_rt.Schedule, calibration_set: Predictions) -> None:
    """Whether a schedule that was read back treats the calibration set as it says, and keeps its budget there.

    What counts are the costs of each sample where the set has them, else those of the schedule.

    Raises:
        UserError: it does not.
    """
    exits = calibration_set.replay(schedule.exit_policy).exits
    costs = np.array(schedule.costs) if calibration_set.costs is None else calibration_set.costs
    spent = spending(exits, costs, calibration_set.weights)
    if not np.allclose(spent.shares, schedule.calibration_shares, atol=1e-12):
        raise UserError(
            f"verify: schedule for budget {schedule.budget:g} leaves the calibration set in shares "
            f"{spent.shares.tolist()}, stored are {list(schedule.calibration_shares)}"
        )
    bound = min(schedule.budget, schedule.costs[-1]) * (1 + 1e-12)
    if spent.mean + schedule.margin > bound:
        raise UserError(
            f"verify: schedule for budget {schedule.budget:g} {schedule.unit} overspends on the calibration set"
        )
    reference = reference_of(schedule.exit_policy, calibration_set)
    for name in ("score_edges", "score_shares", "agreement"):
        stored = getattr(schedule, name)
        if stored is not None and not np.array_equal(stored, getattr(reference, name)):
            raise UserError(f"verify: schedule for budget {schedule.budget:g} has a {name} of another calibration set")
