"""Learned stopping: leave where stopping is worth more than going on, found by backward induction over the exits.

A score that estimates correctness sends the samples on that every exit gets wrong; they should leave early. This one
estimates the *advantage of stopping*. With a price lambda of cost in accuracy, stopping at exit k is worth
``correct_k - lambda c_k`` and going on is worth what the rules of the later exits then earn, ``V_{k+1}``; the
difference is regressed on the scorer's inputs, from the last exit but one backwards, and a sample leaves where the
estimate is at least 0. The budget sets lambda.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.policies.base import Families, Scheduler
from eenet.policies.calibration import Floats
from eenet.predictions import Combiner, Predictions
from eenet.weighting import effective_size, weighted_mean

# Penalties to choose from, times the number of samples. The confidence measures vary more than the class
# probabilities and there are few of them: theirs is lighter.
_PENALTIES = np.geomspace(1e-4, 3, 12)
_CONFIDENCE_PENALTY = 0.01


class LearnedStoppingScheduler(Scheduler):
    """Estimates of the advantage of stopping by ridge regression, linear or with one hidden layer.

    Args:
        soft_targets: how far the last exit's probability of an answer takes the place of whether the answer is right,
            0 to 1. It is a less noisy witness of the same thing.
        knots: hidden ReLU units for each of the four confidence measures, which make the estimate piecewise linear in
            them; 0: linear scorers.
        combiner: see `Scheduler`.
    """

    def __init__(self, *, soft_targets: float = 0.75, knots: int = 0, combiner: Combiner | None = None) -> None:
        super().__init__(combiner=combiner)
        self.soft_targets = soft_targets
        self.knots = knots

    @property
    def policy(self) -> str:
        return "learned-stopping-hidden" if self.knots else "learned-stopping"

    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats) -> Families:
        rules = _StoppingRules(self, fit_set, calibration_set, costs)
        return lambda _: rules


class _StoppingRules:
    """The family of stopping rules whose price of cost is ``-tilt``. A negative price spends for its own sake.

    Where samples have costs of their own, those are what going on with each of them costs.
    """

    def __init__(
        self,
        scheduler: LearnedStoppingScheduler,
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Floats,
    ) -> None:
        self._sets = fit_set, calibration_set
        self._costs = costs if fit_set.costs is None else fit_set.costs
        self._combiner = scheduler.combiner
        features = fit_set.features(self._combiner)
        believed = fit_set.believed(features, self._combiner)
        soft = scheduler.soft_targets
        self._value = (1 - soft) * fit_set.qualities(self._combiner) + soft * believed
        exits = list(zip(features[:-1], fit_set.first_measures[:-1], strict=True))
        bounded = fit_set.bounded
        self._inputs = [_Inputs(x, first, scheduler.knots, bounded=bounded) for x, first in exits]
        self._regressions = [
            _Ridge(inputs(x), first, fit_set.weights, bounded=bounded)
            for inputs, (x, first) in zip(self._inputs, exits, strict=True)
        ]
        calibration = calibration_set.features(self._combiner)
        self._calibration = [inputs(x) for inputs, x in zip(self._inputs, calibration[:-1], strict=True)]
        steps = np.diff(self._costs)
        # At a price of 1 for the smallest step not even certainty is worth going on.
        self.high = 1.5 / float(steps[steps > 0].min())
        self.low = -self.high

    def at(self, tilt: float) -> tuple[eenet_rt.ExitPolicy, NDArray[np.int64]]:
        exits = self._sets[0].num_exits
        rules = [x.rounded(weight, bias) for x, (weight, bias) in zip(self._inputs, self._rules_at(-tilt), strict=True)]
        left = np.full(len(self._sets[1]), exits - 1)
        for k in reversed(range(exits - 1)):
            weight, bias = rules[k]
            left[self._calibration[k] @ weight + bias >= 0] = k
        thresholds = np.zeros(exits)
        if tilt <= self.low:
            thresholds[:], left[:] = -math.inf, 0
        scorers = [self._inputs[k].scorer(k, weight, bias) for k, (weight, bias) in enumerate(rules)]
        policy = eenet_rt.ExitPolicy(self._sets[0].num_features, scorers, thresholds.tolist(), combiner=self._combiner)
        return policy, left

    def _rules_at(self, price: float) -> list[tuple[Floats, float]]:
        """Weight and bias of every exit but the last, by backward induction."""
        worth = self._value - price * self._costs
        rules: list[tuple[Floats, float]] = []
        going_on = worth[:, -1]
        for k in range(len(self._regressions) - 1, -1, -1):
            regression = self._regressions[k]
            weight, bias = regression.fit(worth[:, k] - going_on)
            going_on = np.where(regression.predict(weight, bias) >= 0, worth[:, k], going_on)
            rules.append((weight, bias))
        return rules[::-1]


class _Inputs:
    """What an exit's regression sees: the features, and a hidden ReLU unit for each knot of a confidence measure.

    Args:
        features: of the fit set, ``(N, F)``; the knots of a measure are its quantiles.
        first: the column with which they begin.
        knots: of each measure.
        bounded: whether features lie in [0, 1]. One hidden unit then has the linear part; two have it otherwise, for
            nothing is known of others than these: what it is where it is positive, and where it is negative.
    """

    def __init__(self, features: NDArray[np.float32], first: int, knots: int, *, bounded: bool) -> None:
        self._bounded = bounded
        self._columns = np.repeat(np.arange(first, features.shape[1]), knots)
        levels = np.arange(1, knots + 1) / (knots + 1)
        self._knots = np.quantile(features[:, first:], levels, axis=0).T.reshape(-1).astype(np.float32)

    def __call__(self, features: NDArray[np.float32]) -> Floats:
        """Inputs ``(N, F + knots of each measure)``."""
        x = features.astype(np.float64)
        return np.concatenate([x, np.maximum(x[:, self._columns] - self._knots, 0)], axis=1)

    def rounded(self, weight: Floats, bias: float) -> tuple[Floats, float]:
        """A rule on these inputs as the runtime has it in float32, so that the same samples leave here as there."""
        weight = weight.astype(np.float32).astype(np.float64)
        lift = self._lift(weight)
        return weight, float(np.float32(bias - lift)) + lift

    def scorer(self, exit: int, weight: Floats, bias: float) -> tuple[NDArray[np.float32], ...]:
        """A rounded rule as the runtime takes it: a linear scorer, or one with a hidden layer."""
        units = len(self._knots)
        direct, steps = np.split(weight.astype(np.float32), [len(weight) - units])
        # Earlier scores are inputs too (feature spec 1); they say nothing that their exits' features do not.
        direct = np.concatenate([direct, np.zeros(exit, np.float32)])
        if units == 0:
            return direct[None], np.array([bias], np.float32)
        lift = self._lift(weight)
        signs = [1] if self._bounded else [1, -1]
        hidden = np.zeros((len(signs) + units, len(direct)), np.float32)
        hidden[: len(signs)] = np.outer(signs, direct)
        hidden[len(signs) + np.arange(units), self._columns] = 1
        return (
            hidden,
            np.concatenate([[lift] * len(signs), -self._knots]).astype(np.float32),
            np.concatenate([signs, steps]).astype(np.float32)[None],
            np.array([bias - lift], np.float32),
        )

    def _lift(self, weight: Floats) -> float:
        """What the linear part, a hidden unit like the others, needs to be positive for all inputs in [0, 1]."""
        if len(self._knots) == 0 or not self._bounded:
            return 0.0
        direct = weight[: len(weight) - len(self._knots)]
        return float(np.float32(1 - direct[direct < 0].sum()))


class _Ridge:
    """Ridge regression of many targets on the same inputs; the penalty is chosen by generalised cross-validation."""

    def __init__(self, inputs: Floats, first: int, weights: Floats | None, *, bounded: bool) -> None:
        self._inputs = inputs
        self._weights = weights
        self._roots = None if weights is None else np.sqrt(weights)
        self._mean = weighted_mean(self._inputs, weights)
        scale = np.ones(inputs.shape[1])
        if not bounded:
            deviation = inputs.std(axis=0)
            scale[deviation > 0] /= deviation[deviation > 0]  # of any unit
        scale[first:] *= 1 / math.sqrt(_CONFIDENCE_PENALTY)
        centred = self._rooted((self._inputs - self._mean) * scale)
        self._eigenvalues, vectors = np.linalg.eigh(centred.T @ centred)
        self._eigenvalues = np.maximum(self._eigenvalues, 0)
        self._components = centred @ vectors
        self._back = scale[:, None] * vectors

    def fit(self, target: Floats) -> tuple[Floats, float]:
        samples, mean = len(target), weighted_mean(target, self._weights)
        centred = self._rooted(target - mean)
        projected = self._components.T @ centred
        damped = self._eigenvalues + samples * _PENALTIES[:, None]
        coefficients = projected / damped
        residual = centred @ centred - 2 * coefficients @ projected + coefficients**2 @ self._eigenvalues
        freedom = (self._eigenvalues / damped).sum(axis=1)
        effective = effective_size(self._weights, samples)
        best = int(np.argmin(residual / (1 - np.minimum(freedom, effective - 1) / effective) ** 2))
        weight = self._back @ coefficients[best]
        return weight, float(mean - self._mean @ weight)

    def _rooted(self, rows: Floats) -> Floats:
        """Rows whose squares weigh what their samples do."""
        if self._roots is None:
            return rows
        return rows * self._roots.reshape(-1, *[1] * (rows.ndim - 1))

    def predict(self, weight: Floats, bias: float) -> Floats:
        prediction: Floats = self._inputs @ weight + bias
        return prediction
