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
from eenet.predictions import Predictions
from eenet.scheduling.base import Scheduler
from eenet.scheduling.calibration import Family, Floats
from eenet.scheduling.combining import Combiner

# Penalties to choose from, times the number of samples. The four confidence measures vary more than the class
# probabilities and there are few of them: theirs is lighter.
_PENALTIES = np.geomspace(1e-4, 3, 12)
_CONFIDENCE_PENALTY = 0.01


class LearnedStoppingScheduler(Scheduler):
    """Linear estimates of the advantage of stopping, by ridge regression.

    Args:
        soft_targets: how far the last exit's probability of an answer takes the place of whether the answer is right,
            0 to 1. It is a less noisy witness of the same thing.
        combiner: see `Scheduler`.
    """

    policy = "learned-stopping"

    def __init__(self, *, soft_targets: float = 0.5, combiner: Combiner | None = None) -> None:
        super().__init__(combiner=combiner)
        self.soft_targets = soft_targets

    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats, budget: float) -> Family:
        return _StoppingRules(fit_set, calibration_set, costs, self.combiner, self.soft_targets)


class _StoppingRules:
    """The family of stopping rules whose price of cost is ``-tilt``. A negative price spends for its own sake."""

    def __init__(
        self,
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Floats,
        combiner: Combiner | None,
        soft_targets: float,
    ) -> None:
        self._calibration = calibration_set
        self._costs = costs
        self._combiner = combiner
        self._num_classes = fit_set.num_classes
        features = eenet_rt.features(fit_set.logits, combiner)
        answers = eenet_rt.answers(fit_set.logits, combiner)
        believed = features[-1][np.arange(len(answers))[:, None], answers]
        self._value = (1 - soft_targets) * (answers == fit_set.labels[:, None]) + soft_targets * believed
        self._regressions = [_Ridge(x, self._num_classes) for x in features[:-1]]
        steps = np.diff(costs)
        # At a price of 1 for the smallest step not even certainty is worth going on.
        self.high = 1.5 / float(steps[steps > 0].min())
        self.low = -self.high

    def at(self, tilt: float) -> tuple[eenet_rt.ExitPolicy, Floats]:
        exits = len(self._costs)
        scorers = []
        for k, (weight, bias) in enumerate(self._scorers(-tilt)):
            # Earlier scores are inputs too (feature spec 1); they say nothing that their exits' features do not.
            padded = np.concatenate([weight, np.zeros(k)]).astype(np.float32)
            scorers.append((padded[None], np.array([bias], np.float32)))
        thresholds = [-math.inf if tilt <= self.low else 0.0] * exits
        policy = eenet_rt.ExitPolicy(self._num_classes, scorers, thresholds, combiner=self._combiner)
        left = eenet_rt.replay(self._calibration.logits, policy).exits
        return policy, np.bincount(left, minlength=exits) / len(left)

    def _scorers(self, price: float) -> list[tuple[Floats, float]]:
        """Weight and bias of every exit but the last, by backward induction."""
        worth = self._value - price * self._costs
        rules: list[tuple[Floats, float]] = []
        going_on = worth[:, -1]
        for k in range(len(self._costs) - 2, -1, -1):
            regression = self._regressions[k]
            weight, bias = regression.fit(worth[:, k] - going_on)
            going_on = np.where(regression.predict(weight, bias) >= 0, worth[:, k], going_on)
            rules.append((weight, bias))
        return rules[::-1]


class _Ridge:
    """Ridge regression of many targets on the same inputs; the penalty is chosen by generalised cross-validation."""

    def __init__(self, inputs: NDArray[np.float32], num_classes: int) -> None:
        self._inputs = inputs.astype(np.float64)
        self._mean = self._inputs.mean(axis=0)
        scale = np.ones(inputs.shape[1])
        scale[num_classes:] = 1 / math.sqrt(_CONFIDENCE_PENALTY)
        centred = (self._inputs - self._mean) * scale
        self._eigenvalues, vectors = np.linalg.eigh(centred.T @ centred)
        self._eigenvalues = np.maximum(self._eigenvalues, 0)
        self._components = centred @ vectors
        self._back = scale[:, None] * vectors

    def fit(self, target: Floats) -> tuple[Floats, float]:
        samples = len(target)
        centred = target - target.mean()
        projected = self._components.T @ centred
        damped = self._eigenvalues + samples * _PENALTIES[:, None]
        coefficients = projected / damped
        residual = centred @ centred - 2 * coefficients @ projected + coefficients**2 @ self._eigenvalues
        freedom = (self._eigenvalues / damped).sum(axis=1)
        best = int(np.argmin(residual / (1 - np.minimum(freedom, samples - 1) / samples) ** 2))
        weight = self._back @ coefficients[best]
        return weight, float(target.mean() - self._mean @ weight)

    def predict(self, weight: Floats, bias: float) -> Floats:
        prediction: Floats = self._inputs @ weight + bias
        return prediction
