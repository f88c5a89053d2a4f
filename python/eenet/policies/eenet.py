"""The paper's scheduler: exit scoring functions g and exit assignment functions h, learned together (section 3.2)."""

from __future__ import annotations

import math

import numpy as np

import eenet_rt
from eenet.errors import UserError
from eenet.extras import extra
from eenet.policies.base import Scheduler
from eenet.policies.calibration import Family, Floats
from eenet.policies.shares import SharePlan
from eenet.predictions import Combiner, Predictions

HEADS = ("softmax", "stick-breaking")


class EENetScheduler(Scheduler):
    """EENet: scores estimate correctness, planned shares follow the scores within the budget.

    g and h take turns: h is fitted to the present scores, then g to the present shares, full batch. Losses can only be
    compared while the other one rests, so each turn keeps its own best state. Within a turn the learning rate falls
    to 0: scores that start as good as the maximum would be thrown back by large steps.

    Args:
        head: how raw outputs of h become shares: ``softmax`` (Eq. 5), or ``stick-breaking``, as in an older form of
            the method.
        learn_scores: False keeps g at the maximum score (the paper's ablation, Fig. 6).
        learn_shares: False plans geometric shares instead of h (the other ablation).
        hidden_ratio: hidden width of h_k over its inputs; the paper has 0.5 for images and 2 for text.
        cost_weight: alpha_cost, weight of the budget loss (Eq. 10); the paper has 10 and finds 1 to 100 to work.
        entropy_weight: beta_h of Eq. 7.
        score_penalty: ridge that draws g back to the maximum score, where it starts; without it g learns some
            thousand samples by heart.
        score_learning_rate: of g at the start of a turn (Adam).
        share_learning_rate: of h at the start of a turn (Adam).
        rounds: turns of each; h has one more at the end.
        steps: in a turn.
        seed: of the initial h.
        combiner: see `Scheduler`.

    Attributes:
        planned_shares_: K exit shares that h plans for the calibration set, before the budget bends them; None where
            h is not learned.
    """

    policy = "eenet"
    planned_shares_: Floats | None

    def __init__(
        self,
        *,
        head: str = "softmax",
        learn_scores: bool = True,
        learn_shares: bool = True,
        hidden_ratio: float = 0.5,
        cost_weight: float = 10.0,
        entropy_weight: float = 1.0,
        score_penalty: float = 0.1,
        score_learning_rate: float = 3e-3,
        share_learning_rate: float = 1e-2,
        rounds: int = 2,
        steps: int = 100,
        seed: int = 0,
        combiner: Combiner | None = None,
    ) -> None:
        super().__init__(combiner=combiner)
        if head not in HEADS:
            raise UserError(f"head: got {head!r}, expected one of {', '.join(HEADS)}")
        self.head = head
        self.learn_scores = learn_scores
        self.learn_shares = learn_shares
        self.hidden_ratio = hidden_ratio
        self.cost_weight = cost_weight
        self.entropy_weight = entropy_weight
        self.score_penalty = score_penalty
        self.score_learning_rate = score_learning_rate
        self.share_learning_rate = share_learning_rate
        self.rounds = rounds
        self.steps = steps
        self.seed = seed

    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats, budget: float) -> Family:
        with extra("export"):
            from eenet.policies.eenet_training import Training
        training = Training(self, fit_set, costs, budget)
        thresholds = [math.inf] * fit_set.num_exits
        policy = eenet_rt.ExitPolicy(
            fit_set.num_features, training.scorers(), thresholds, combiner=self.combiner, clamp=True
        )
        shares = training.planned_shares(calibration_set)
        self.planned_shares_ = shares if self.learn_shares else None
        return self._plan(calibration_set, policy, shares, costs)

    def _relearn(
        self,
        fitted: eenet_rt.Schedule,
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Floats,
        budget: float,
    ) -> Family:
        """The scores stay as they were fitted, and so do the shares, bent to the budget."""
        shares = np.array(fitted.calibration_shares)
        # Full depth plans nothing for the other exits.
        plan = shares if shares[-1] < 1 else np.ones(len(shares))
        return self._plan(calibration_set, fitted.exit_policy, plan, costs)

    def _plan(
        self, calibration_set: Predictions, policy: eenet_rt.ExitPolicy, shares: Floats, costs: Floats
    ) -> SharePlan:
        if not self.learn_shares:
            exits = len(costs)
            return SharePlan(calibration_set, policy, np.ones(exits), np.arange(exits, dtype=np.float64))
        return SharePlan(calibration_set, policy, shares, costs / costs[-1])
