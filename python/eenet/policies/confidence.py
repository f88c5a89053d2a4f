"""Policies whose score is a fixed confidence measure: the baselines of the paper."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.policies.base import Families, Scheduler
from eenet.policies.calibration import Floats
from eenet.policies.shares import SharePlan, tuned_shares
from eenet.predictions import Combiner, Predictions


class ConfidenceScheduler(Scheduler):
    """A confidence measure as score, and exit shares that are geometric or tuned.

    Args:
        tune_shares: search the shares whose answers are best on the fit set; otherwise they are proportional to
            rho^k, with rho such that the cost meets the budget (MSDNet, Huang et al., 2018).
        combiner: see `Scheduler`.
    """

    name: ClassVar[str]  # with geometric shares
    memory: ClassVar[float] = 0.0  # weight of the score of the exit before

    def __init__(self, *, tune_shares: bool = False, combiner: Combiner | None = None) -> None:
        super().__init__(combiner=combiner)
        self.tune_shares = tune_shares

    @property
    def policy(self) -> str:
        return f"{self.name}-tuned" if self.tune_shares else self.name

    @staticmethod
    @abstractmethod
    def confidence_weights(num_exits: int) -> Mapping[str, float]:
        """Weights of measures of confidence in the score, by their names in `Predictions.measures`."""

    def suits(self, predictions: Predictions) -> bool:
        return set(self.confidence_weights(predictions.num_exits)) <= set(predictions.measures)

    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats) -> Families:
        weights = self.confidence_weights(fit_set.num_exits)
        measures = [weights.get(measure, 0.0) for measure in fit_set.measures]
        policy = confidence_policy(fit_set.num_features, measures, self.combiner, memory=self.memory)

        def family(budget: float) -> SharePlan:
            if not self.tune_shares:
                return geometric_shares(calibration_set, policy)
            plan = tuned_shares(fit_set, policy, costs, min(budget, float(costs[-1])))
            return SharePlan(calibration_set, policy, plan, costs / costs[-1])

        return family


def geometric_shares(predictions: Predictions, policy: eenet_rt.ExitPolicy) -> SharePlan:
    """Policies with these scorers whose exit shares on these samples are proportional to rho^k, for every rho."""
    exits = policy.num_exits
    direction = np.arange(exits, dtype=np.float64)
    return SharePlan(predictions, policy, np.ones(exits), direction, _telling(predictions, policy))


def _telling(predictions: Predictions, policy: eenet_rt.ExitPolicy) -> NDArray[np.bool_]:
    """Which exits tell samples apart: where all scores are the same, a plan is for all of them or for none."""
    scores = predictions.scores(policy.with_thresholds([0.0] * policy.num_exits))
    telling: NDArray[np.bool_] = np.ptp(scores, axis=0) > 0
    telling[-1] = True
    return telling


def confidence_policy(
    num_features: Sequence[int],
    weights: Sequence[float],
    combiner: Combiner | None = None,
    *,
    memory: float = 0.0,
) -> eenet_rt.ExitPolicy:
    """Scorers with weights on the measures of confidence alone; nobody leaves before the last exit.

    Args:
        num_features: F_k of each exit.
        weights: of the measures, which are the last features of each exit.
        combiner: what answers are made of.
        memory: weight of the score of the exit before.
    """
    scorers = []
    for k, features in enumerate(num_features[:-1]):
        weight = np.zeros((1, features + k), np.float32)
        weight[0, features - len(weights) : features] = weights
        if k > 0:
            weight[0, -1] = memory
        scorers.append((weight, np.zeros(1, np.float32)))
    return eenet_rt.ExitPolicy(list(num_features), scorers, [math.inf] * len(num_features), combiner=combiner)
