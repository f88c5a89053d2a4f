"""From a plan of exit shares to thresholds that keep a budget (paper, Algorithm 1, lines 8 to 19, and more)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import eenet_rt

Floats = NDArray[np.float64]

# One-sided 95 % quantile of the normal distribution.
_Z95 = 1.6448536269514722
_BISECTIONS = 48


@dataclass(frozen=True)
class CalibratedThresholds:
    """Thresholds and what they do on the calibration set.

    Attributes:
        thresholds: K; +inf where nobody may leave, -inf where everybody does.
        shares: K realised exit shares.
        mean_cost: of the calibration samples, in the unit of the costs.
        margin: see `budget_margin`; ``mean_cost + margin`` is at most the budget.
    """

    thresholds: Floats
    shares: Floats
    mean_cost: float
    margin: float


def budget_margin(shares: Floats, costs: Floats, samples: int) -> float:
    """What is held back of a budget, for two samples of the same size never cost the same.

    Thresholds were set on ``samples`` calibration samples. The mean cost of as many new samples exceeds theirs by
    more than ``1.645 * sd * sqrt(2 / samples)`` in 5 % of cases, sd being the deviation of the cost of one sample.
    """
    mean = shares @ costs
    deviation = math.sqrt(max(0.0, float(shares @ (costs - mean) ** 2)))
    return _Z95 * deviation * math.sqrt(2 / samples)


def calibrate(
    logits: NDArray[np.float32],
    policy: eenet_rt.ExitPolicy,
    plan: Floats,
    direction: Floats,
    costs: Floats,
    budget: float,
) -> CalibratedThresholds:
    """Thresholds whose realised cost on the calibration set, margin included, is the largest that keeps the budget.

    The plan is bent as little as needed: shares proportional to ``plan * exp(tilt * direction)``, with the largest
    ``tilt`` that keeps the budget. Costs rise with the tilt.

    Args:
        logits: float32 ``(N, K, C)`` of the calibration samples.
        policy: its scorers and combiner are used, its thresholds are not.
        plan: K positive shares to start from.
        direction: K numbers, increasing: the exit indices for geometric shares (plan 1), the costs for a learned plan.
        costs: K costs.
        budget: at least ``costs[0]``.
    """
    quota = _Quota(logits, policy)
    samples = len(logits)

    def attempt(tilt: float) -> CalibratedThresholds:
        exponent = np.log(np.maximum(plan, 1e-12)) + tilt * direction
        shares = np.exp(exponent - exponent.max())
        thresholds, realised = quota.thresholds(shares / shares.sum())
        return CalibratedThresholds(
            thresholds, realised, float(realised @ costs), budget_margin(realised, costs, samples)
        )

    scale = 60 / float(np.diff(direction).min())
    low, high = -scale, scale
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


class _Quota:
    """Scores of the calibration samples, computed anew only where another set of exits is disabled."""

    def __init__(self, logits: NDArray[np.float32], policy: eenet_rt.ExitPolicy) -> None:
        self._logits = logits
        self._policy = policy
        self._scores: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def thresholds(self, shares: Floats) -> tuple[Floats, Floats]:
        """Thresholds by which at most ``round(N * shares[k])`` samples leave at exit k, and the shares that do.

        Samples with the highest scores leave first. A group of tied scores leaves whole or stays whole.
        """
        samples, exits = len(self._logits), len(shares)
        thresholds = np.full(exits, -np.inf)
        realised = np.zeros(exits)
        staying = np.arange(samples)
        disabled: tuple[int, ...] = ()
        for k in range(exits - 1):
            scores = self._scores_without(disabled)[staying, k]
            thresholds[k], leaves = _threshold(scores, round(samples * float(shares[k])))
            if math.isinf(thresholds[k]) and thresholds[k] > 0:
                disabled += (k,)
            realised[k] = leaves.sum() / samples
            staying = staying[~leaves]
        realised[-1] = len(staying) / samples
        return thresholds, realised

    def _scores_without(self, disabled: tuple[int, ...]) -> NDArray[np.float32]:
        # A disabled exit's score reads as 0 in the inputs of later exits (feature spec 1).
        if disabled not in self._scores:
            thresholds = np.zeros(self._logits.shape[1])
            thresholds[list(disabled)] = np.inf
            self._scores[disabled] = eenet_rt.scores(self._logits, with_thresholds(self._policy, thresholds))
        return self._scores[disabled]


def _threshold(scores: NDArray[np.float32], quota: int) -> tuple[float, NDArray[np.bool_]]:
    """The threshold by which at most ``quota`` of the scores leave, and which do."""
    if quota <= 0 or len(scores) == 0:
        return math.inf, np.zeros(len(scores), bool)
    if quota >= len(scores):
        return -math.inf, np.ones(len(scores), bool)
    descending = np.sort(scores)[::-1].astype(np.float64)
    count = quota
    while count > 0 and descending[count - 1] == descending[count]:
        count = int(np.searchsorted(-descending, -descending[count], side="left"))
    if count == 0:
        return math.inf, np.zeros(len(scores), bool)
    # Half way between neighbours: on another machine, whose logits differ in the last bits, these samples still go
    # the same way.
    threshold = (descending[count - 1] + descending[count]) / 2
    return threshold, scores.astype(np.float64) >= threshold


def with_thresholds(policy: eenet_rt.ExitPolicy, thresholds: Sequence[float] | Floats) -> eenet_rt.ExitPolicy:
    """The same scorers and combiner with other thresholds."""
    return eenet_rt.ExitPolicy(
        policy.num_classes,
        policy.scorers,
        [float(t) for t in thresholds],
        combiner=policy.combiner,
        clamp=policy.clamp,
    )
