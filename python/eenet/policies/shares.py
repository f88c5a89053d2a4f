"""From a plan of exit shares to thresholds (paper, Algorithm 1, lines 8 to 19), and plans that are not learned."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.policies.calibration import Floats
from eenet.predictions import Predictions, Qualities
from eenet.weighting import weighted_mean

_FIRST_STEP, _LAST_STEP = 1.0, 0.1
_LEAST_SHARE = 1e-12
_ROUNDED = 1e-12


class SharePlan:
    """The family of policies whose exit shares are proportional to ``plan * exp(tilt * direction)``.

    A plan is bent as little as a budget needs. With a plan of ones and the exit indices for direction the shares are
    geometric.

    Args:
        predictions: of the calibration set.
        policy: its scorers and combiner are used, its thresholds are not.
        plan: K positive shares to start from.
        direction: K increasing numbers.
        leaving: bool ``(K,)``, exits that have a share at all; the others have none but where all samples leave at
            exit 0. None: all exits have.
    """

    def __init__(
        self,
        predictions: Predictions,
        policy: eenet_rt.ExitPolicy,
        plan: Floats,
        direction: Floats,
        leaving: NDArray[np.bool_] | None = None,
    ) -> None:
        self._quota = PolicyQuota(predictions, policy)
        self._policy = policy
        self._log_plan = np.log(np.maximum(plan, _LEAST_SHARE))
        if leaving is not None:
            self._log_plan[~leaving] = -np.inf
        self._direction = direction
        self.high = 60 / float(np.diff(direction).min())
        self.low = -self.high

    def at(self, tilt: float) -> tuple[eenet_rt.ExitPolicy, NDArray[np.int64]]:
        planned = _normalised(self._log_plan + tilt * self._direction)
        if tilt <= self.low and planned[0] == 0:
            planned = np.eye(len(planned))[0]
        thresholds, exits = self._quota.fill(planned)
        return self._policy.with_thresholds(thresholds.tolist()), exits


class Quota:
    """Turns exit shares into thresholds for samples whose scores are known.

    Args:
        scores: float32 ``(N, K-1)``, or more columns.
        weights: of the samples; None: all weigh the same.
    """

    def __init__(self, scores: NDArray[np.float32], weights: Floats | None = None) -> None:
        self._known = scores
        self.weights = weights

    def fill(self, shares: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Thresholds by which at most ``round(N * shares[k])`` samples leave at exit k, and where each sample leaves.

        Samples with the highest scores leave first. A group of tied scores leaves whole or stays whole. A threshold
        is +inf where nobody may leave, -inf where everybody does.
        """
        samples, last = len(self._known), len(shares) - 1
        thresholds = np.full(last + 1, -np.inf)
        exits = np.full(samples, last)
        staying = np.arange(samples)
        disabled: tuple[int, ...] = ()
        for k in range(last):
            scores = self._scores_without(disabled)[staying, k]
            if self.weights is None:
                thresholds[k], leaves = threshold(scores, round(samples * float(shares[k])))
            else:
                quota = float(self.weights.sum() * shares[k])
                thresholds[k], leaves = weighted_threshold(scores, quota, self.weights[staying])
            if math.isinf(thresholds[k]) and thresholds[k] > 0:
                disabled += (k,)
            exits[staying[leaves]] = k
            staying = staying[~leaves]
        return thresholds, exits

    def _scores_without(self, disabled: tuple[int, ...]) -> NDArray[np.float32]:
        """Scores where these exits are disabled."""
        return self._known


class PolicyQuota(Quota):
    """The same for the scores of a policy, which are computed anew only where another set of exits is disabled.

    Args:
        predictions: of the samples.
        policy: its scorers and combiner are used, its thresholds are not.
    """

    def __init__(self, predictions: Predictions, policy: eenet_rt.ExitPolicy) -> None:
        self._predictions = predictions
        self._policy = policy
        self._scores: dict[tuple[int, ...], NDArray[np.float32]] = {}
        super().__init__(self._scores_without(()), predictions.weights)

    def _scores_without(self, disabled: tuple[int, ...]) -> NDArray[np.float32]:
        # A disabled exit's score reads as 0 in the inputs of later exits (feature spec 1).
        if disabled not in self._scores:
            thresholds = np.zeros(self._predictions.num_exits)
            thresholds[list(disabled)] = np.inf
            self._scores[disabled] = self._predictions.scores(self._policy.with_thresholds(thresholds.tolist()))
        return self._scores[disabled]


def threshold(scores: NDArray[np.float32], quota: int) -> tuple[float, NDArray[np.bool_]]:
    """The threshold by which at most ``quota`` of the scores leave, and which do."""
    if quota <= 0 or len(scores) == 0:
        return math.inf, np.zeros(len(scores), bool)
    if quota >= len(scores):
        return -math.inf, np.ones(len(scores), bool)
    return _cut(scores, np.sort(scores)[::-1].astype(np.float64), quota)


def weighted_threshold(scores: NDArray[np.float32], quota: float, weights: Floats) -> tuple[float, NDArray[np.bool_]]:
    """The same for a quota of weight."""
    order = np.argsort(-scores, kind="stable")
    # Sums of weights are rounded: a quota of all of them is one of all samples.
    count = int(np.searchsorted(np.cumsum(weights[order]), quota * (1 + _ROUNDED), side="right"))
    if count == 0 or count == len(scores):
        return threshold(scores, count)
    return _cut(scores, scores[order].astype(np.float64), count)


def _cut(scores: NDArray[np.float32], descending: Floats, count: int) -> tuple[float, NDArray[np.bool_]]:
    """Lets so many leave, or fewer where scores are tied; 0 < count < N."""
    while count > 0 and descending[count - 1] == descending[count]:
        count = int(np.searchsorted(-descending, -descending[count], side="left"))
    if count == 0:
        return math.inf, np.zeros(len(scores), bool)
    # Half way between neighbours: on another machine, whose logits differ in the last bits, these samples still go
    # the same way.
    middle = (descending[count - 1] + descending[count]) / 2
    return middle, scores.astype(np.float64) >= middle


def tuned_shares(predictions: Predictions, policy: eenet_rt.ExitPolicy, costs: Floats, budget: float) -> Floats:
    """Exit shares of mean cost ``budget`` whose answers are best on these samples: K positive numbers.

    Args:
        predictions: of the fit set.
        policy: its scorers and combiner are used.
        costs: K costs.
        budget: between the first and the last of them.
    """
    qualities = predictions.qualities(policy.combiner)
    return search_shares(PolicyQuota(predictions, policy), qualities, costs, budget, np.ones(len(costs)))[0]


def search_shares(
    quota: Quota, qualities: Qualities, costs: Floats, budget: float, start: Floats
) -> tuple[Floats, float]:
    """As `tuned_shares`, for any scores.

    A pattern search over the logarithms of the shares: deterministic, a few hundred evaluations.

    Args:
        quota: of the samples.
        qualities: of the samples, ``(N, K)``.
        costs: K costs.
        budget: between the first and the last of them.
        start: K positive shares, which geometric factors bend to the budget.

    Returns:
        Shares, and the mean quality of the answers on these samples.
    """
    rows = np.arange(len(qualities))

    def mean_quality(log_shares: Floats) -> float:
        _, exits = quota.fill(_normalised(log_shares))
        return float(weighted_mean(qualities[rows, exits], quota.weights))

    exits = len(costs)
    best = _bent(np.log(np.maximum(start, _LEAST_SHARE)), np.arange(exits, dtype=np.float64), costs, budget)
    best_quality = mean_quality(best)
    step = _FIRST_STEP
    while step > _LAST_STEP:
        before = best_quality
        for k in range(exits):
            for sign in (-1, 1):
                moved = best.copy()
                moved[k] += sign * step
                moved = _bent(moved, costs / costs[-1], costs, budget)
                if (moved_quality := mean_quality(moved)) > best_quality:
                    best, best_quality = moved, moved_quality
        if best_quality == before:
            step /= 2
    return _normalised(best), best_quality


def _bent(log_plan: Floats, direction: Floats, costs: Floats, budget: float) -> Floats:
    """``log_plan + tilt * direction`` such that the shares cost the budget."""
    high = 60 / float(np.diff(direction).min())
    low = -high
    for _ in range(60):
        tilt = (low + high) / 2
        if _normalised(log_plan + tilt * direction) @ costs <= budget:
            low = tilt
        else:
            high = tilt
    bent: Floats = log_plan + low * direction
    return bent


def _normalised(exponent: Floats) -> Floats:
    shares: Floats = np.exp(exponent - exponent.max())
    return shares / float(shares.sum())
