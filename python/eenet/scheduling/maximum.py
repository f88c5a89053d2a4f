"""The maximum-score policy of MSDNet (Huang et al., 2018): geometric exit shares."""

from __future__ import annotations

import math

import numpy as np

import eenet_rt
from eenet.predictions import Predictions
from eenet.scheduling.base import Scheduler
from eenet.scheduling.thresholds import Floats


class MaximumScheduler(Scheduler):
    """Score = the highest class probability; shares proportional to rho^k, rho such that the cost meets the budget."""

    policy = "maximum"

    def _learn(
        self, fit_set: Predictions, calibration_set: Predictions, costs: Floats, budget: float
    ) -> tuple[eenet_rt.ExitPolicy, Floats, Floats]:
        exits, classes = fit_set.num_exits, fit_set.num_classes
        return maximum_policy(exits, classes), np.ones(exits), np.arange(exits, dtype=np.float64)


def maximum_policy(num_exits: int, num_classes: int) -> eenet_rt.ExitPolicy:
    """Scorers with weight 1 on the maximum and 0 elsewhere; nobody leaves before the last exit."""
    scorers = []
    for k in range(num_exits - 1):
        weight = np.zeros((1, num_classes + 4 + k), np.float32)
        weight[0, num_classes] = 1
        scorers.append((weight, np.zeros(1, np.float32)))
    return eenet_rt.ExitPolicy(num_classes, scorers, [math.inf] * num_exits)
