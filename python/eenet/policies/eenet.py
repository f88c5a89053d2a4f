"""The paper's scheduler: exit scoring functions g and exit assignment functions h, learned together (section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import ArgumentError
from eenet.extras import extra
from eenet.policies.base import Families, Scheduler
from eenet.policies.calibration import Floats
from eenet.policies.confidence import confidence_policy
from eenet.policies.scoring import learn_scores, likelihoods
from eenet.policies.shares import Quota, SharePlan, search_shares
from eenet.predictions import Combiner, Predictions
from eenet.weighting import weighted_mean

HEADS = ("softmax", "stick-breaking")
_MAXIMUM = "maximum"  # the measure that is the score where none is learned


class EENetScheduler(Scheduler):
    """EENet: scores estimate correctness; exit shares are planned by the scores within the budget.

    g is learned first, h on its scores of samples held out, and both once for all budgets: the budget is an input of
    h. A second turn of g, weighted with the shares of h (Eq. 6), changes nothing: the shares hardly differ between
    samples. Of several starts of h the one counts whose plan is most accurate on the fit set, after a search for the
    best shares around it.

    Args:
        head: how raw outputs of h become shares: ``softmax`` (Eq. 5), or ``stick-breaking``, as in an older form of
            the method.
        learn_scores: False keeps g at the maximum score (the paper's ablation, Fig. 6).
        learn_shares: False plans geometric shares instead of h (the other ablation).
        hidden_ratio: hidden width of h_k over its inputs; the paper has 0.5 for images and 2 for text.
        alpha_cost: weight of the budget loss (Eq. 10); the paper has 10 and finds 1 to 100 to work.
        beta_h: of Eq. 7: the smaller, the more h plans for the exits with the highest scores.
        restarts: starts of h.
        learning_rate: of h at its start (Adam); falls to 0.
        steps: of Adam.
        seed: of the starts of h.
        combiner: see `Scheduler`.

    Attributes:
        planned_shares_: K exit shares that h plans for the fit set, before the search for better ones and before the
            calibration set bends them to the budget; None where h is not learned.
    """

    planned_shares_: Floats | None

    def __init__(
        self,
        *,
        head: str = "softmax",
        learn_scores: bool = True,
        learn_shares: bool = True,
        hidden_ratio: float = 0.5,
        alpha_cost: float = 10.0,
        beta_h: float = 1.0,
        restarts: int = 3,
        learning_rate: float = 1e-2,
        steps: int = 200,
        seed: int = 0,
        combiner: Combiner | None = None,
    ) -> None:
        super().__init__(combiner=combiner)
        self.head = head
        self.learn_scores = learn_scores
        self.learn_shares = learn_shares
        self.hidden_ratio = hidden_ratio
        self.alpha_cost = alpha_cost
        self.beta_h = beta_h
        self.restarts = restarts
        self.learning_rate = learning_rate
        self.steps = steps
        self.seed = seed

    @property
    def policy(self) -> str:
        if self.head != HEADS[0]:
            return "eenet-stick-breaking"
        if not self.learn_scores:
            return "eenet-fixed-scores"
        return "eenet" if self.learn_shares else "eenet-fixed-shares"

    def check_settings(self) -> None:
        if self.head not in HEADS:
            raise ArgumentError("head", f"got {self.head!r}, expected one of {', '.join(HEADS)}")
        for name in ("hidden_ratio", "alpha_cost", "beta_h", "learning_rate"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ArgumentError(name, f"got {value:g}, expected a number above 0")
        for name in ("restarts", "steps"):
            if (value := getattr(self, name)) < 1:
                raise ArgumentError(name, f"got {value}, expected at least 1")

    def suits(self, predictions: Predictions) -> bool:
        return self.learn_scores or _MAXIMUM in predictions.measures

    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats) -> Families:
        policy, held_out = self._scores(fit_set)
        self.planned_shares_ = None
        if not self.learn_shares:
            return lambda _: _geometric(calibration_set, policy)
        plans = self._plans(fit_set, held_out, costs)
        quota = Quota(held_out.astype(np.float32), fit_set.weights)
        qualities = fit_set.qualities(self.combiner)

        def family(budget: float) -> SharePlan:
            budget = min(budget, float(costs[-1]))
            found = [(search_shares(quota, qualities, costs, budget, plan(budget)), plan(budget)) for plan in plans]
            # Of equals the first: which they are must not hang on the last bits of shares.
            (shares, _), self.planned_shares_ = max(found, key=lambda one: one[0][1])
            return SharePlan(calibration_set, policy, shares, costs / costs[-1])

        return family

    def _relearn(
        self, fitted: eenet_rt.Schedule, fit_set: Predictions, calibration_set: Predictions, costs: Floats
    ) -> Families:
        """The scores stay as they were fitted, and so do the shares, bent to the budget."""
        policy = fitted.exit_policy
        if not self.learn_shares:
            return lambda _: _geometric(calibration_set, policy)
        shares = np.array(fitted.calibration_shares)
        # Full depth plans nothing for the other exits.
        plan = shares if shares[-1] < 1 else np.ones(len(shares))
        return lambda _: SharePlan(calibration_set, policy, plan, costs / costs[-1])

    def _scores(self, fit_set: Predictions) -> tuple[eenet_rt.ExitPolicy, Floats]:
        """A policy that scores by g, and scores of the fit set by a g that has not seen the sample."""
        exits = fit_set.num_exits
        if not self.learn_scores:
            of_measures = [float(measure == _MAXIMUM) for measure in fit_set.measures]
            policy = confidence_policy(fit_set.num_features, of_measures, self.combiner)
            columns = zip(fit_set.features(self.combiner), fit_set.first_measures, strict=True)
            first = fit_set.measures.index(_MAXIMUM)
            return policy, np.stack([x[:, begin + first] for x, begin in columns], axis=1).astype(np.float64)
        qualities = fit_set.qualities(self.combiner).astype(np.float64)
        weights = np.ones(len(fit_set)) if fit_set.weights is None else fit_set.weights
        features, scales = self._features(fit_set)
        learned = learn_scores(features, fit_set.first_measures, qualities, weights)
        scorers = learned.scorers[:-1]
        for (weight, _), scale in zip(scorers, scales, strict=False):
            weight[:, : len(scale)] /= scale
        never = [math.inf] * exits
        policy = eenet_rt.ExitPolicy(fit_set.num_features, scorers, never, combiner=self.combiner)
        return policy, learned.held_out

    def _features(self, fit_set: Predictions) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Features, and what they were divided by: ones that may be of any size are so in their deviations."""
        features = fit_set.features(self.combiner)
        if fit_set.bounded:
            return features, []
        deviations = [x.std(axis=0) for x in features]
        scales = [np.where(deviation > 0, deviation, 1).astype(np.float32) for deviation in deviations]
        return [x / scale for x, scale in zip(features, scales, strict=True)], scales

    def _plans(self, fit_set: Predictions, held_out: Floats, costs: Floats) -> list[Callable[[float], Floats]]:
        """Exit shares of a budget, by each start of h."""
        with extra("export"):
            from eenet.policies.eenet_training import AssignmentFunctions
        features, _ = self._features(fit_set)
        scores = likelihoods(held_out) if self.learn_scores else held_out
        weights = fit_set.weights
        starts = [
            AssignmentFunctions(self, features, scores, costs, weights, self.seed + i) for i in range(self.restarts)
        ]

        def plan(h: AssignmentFunctions, budget: float) -> Floats:
            return weighted_mean(h.shares(features, scores, budget), weights)

        return [partial(plan, h) for h in starts]


def _geometric(calibration_set: Predictions, policy: eenet_rt.ExitPolicy) -> SharePlan:
    exits = calibration_set.num_exits
    return SharePlan(calibration_set, policy, np.ones(exits), np.arange(exits, dtype=np.float64))
