"""Policies whose score is a fixed confidence measure: the baselines of the paper."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

import eenet_rt
from eenet.policies.base import Scheduler
from eenet.policies.calibration import Family, Floats
from eenet.policies.shares import SharePlan, tuned_shares
from eenet.predictions import Predictions
from eenet.tasks.classification import Combiner


class ConfidenceScheduler(Scheduler):
    """A confidence measure as score, and exit shares that are geometric or tuned.

    Args:
        tune_shares: search the shares that are most accurate on the fit set; otherwise they are proportional to
            rho^k, with rho such that the cost meets the budget (MSDNet, Huang et al., 2018).
        combiner: see `Scheduler`.
    """

    def __init__(self, *, tune_shares: bool = False, combiner: Combiner | None = None) -> None:
        super().__init__(combiner=combiner)
        self.tune_shares = tune_shares

    @staticmethod
    @abstractmethod
    def confidence_weights(num_exits: int) -> tuple[float, float, float, float]:
        """Weights of maximum, 1 - normalised entropy, vote and margin in the score."""

    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats, budget: float) -> Family:
        exits = fit_set.num_exits
        weights = self.confidence_weights(exits)
        policy = confidence_policy(exits, fit_set.num_classes, weights, self.combiner)
        if not self.tune_shares:
            return SharePlan(calibration_set, policy, np.ones(exits), np.arange(exits, dtype=np.float64))
        plan = tuned_shares(fit_set, policy, costs, min(budget, float(costs[-1])))
        return SharePlan(calibration_set, policy, plan, costs / costs[-1])


def confidence_policy(
    num_exits: int,
    num_classes: int,
    weights: tuple[float, float, float, float],
    combiner: Combiner | None = None,
) -> eenet_rt.ExitPolicy:
    """Scorers with these weights on the four confidence measures; nobody leaves before the last exit."""
    scorers = []
    num_features = eenet_rt.num_features(num_classes)
    for k in range(num_exits - 1):
        weight = np.zeros((1, num_features + k), np.float32)
        weight[0, num_classes:num_features] = weights
        scorers.append((weight, np.zeros(1, np.float32)))
    return eenet_rt.ExitPolicy([num_features] * num_exits, scorers, [math.inf] * num_exits, combiner=combiner)
