"""Exit scoring functions g of EENet: logistic regressions, each on its exit's features and the scores before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eenet.policies.calibration import Floats

# Ridge penalties to choose from. Under the first one a score is the first measure of confidence, scaled and shifted.
_PENALTIES = (1e4, 1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4)
# The measures of confidence and earlier scores are few and vary more than the other features: theirs is lighter.
_MEASURES_PENALTY = 0.01
_FREE = 1e-5  # that of the first measure: only to be finite where answers are right throughout
_PATIENCE = 2  # penalties that are no better, after which still smaller ones are not tried
_STEPS = 30
_CONVERGED = 1e-8  # by which a step still lowers the loss
_LEAST_CURVATURE = 1e-6  # of the loss of a sample


@dataclass(frozen=True)
class ScoringFunctions:
    """g of every exit, and its scores of the samples that it was learned on.

    Attributes:
        scorers: a linear scorer an exit, as the runtime takes it; scores are log-odds of being right.
        held_out: float64 ``(N, K)``: the score that a g learned without it would give each sample.
    """

    scorers: list[tuple[NDArray[np.float32], NDArray[np.float32]]]
    held_out: Floats


def learn_scores(
    features: Sequence[NDArray[np.float32]], first_measures: Sequence[int], qualities: Floats, weights: Floats
) -> ScoringFunctions:
    """Learns g by cross-entropy (Eq. 6 with the sign that minimises it), convex and solved by Newton's method.

    The ridge penalty of each exit is the one under which samples are likeliest by scores that were learned without
    them (approximate leave-one-out; Rad and Maleki, 2020, arXiv 1801.10243). Later exits learn from such scores, too:
    they are what scores of new samples are like.

    Args:
        features: K arrays ``(N, F_k)``.
        first_measures: see `Predictions.first_measures`.
        qualities: in [0, 1], ``(N, K)``.
        weights: of the samples, ``(N,)``.
    """
    scorers, held_out = [], np.empty((len(qualities), 0))
    for k, (x, first) in enumerate(zip(features, first_measures, strict=True)):
        regression = _Regression(np.concatenate([x, held_out], axis=1), qualities[:, k], weights, first)
        weight, bias, scores = regression.best()
        scorers.append((weight.astype(np.float32)[None], np.array([bias], np.float32)))
        held_out = np.concatenate([held_out, scores[:, None]], axis=1)
    return ScoringFunctions(scorers, held_out)


class _Regression:
    """A logistic regression with a ridge."""

    def __init__(self, inputs: Floats, target: Floats, weights: Floats, first: int) -> None:
        self._weights = weights / weights.sum()
        self._mean = self._weights @ inputs
        self._inputs = np.concatenate([inputs - self._mean, np.ones((len(inputs), 1))], axis=1)
        self._target = target
        self._first = first

    def best(self) -> tuple[Floats, float, Floats]:
        """Weight and bias of the best penalty, and its scores of samples held out."""
        least, best = np.inf, (np.empty(0), 0.0, np.empty(0))
        coefficients = np.zeros(self._inputs.shape[1])
        worse = 0
        for penalty in _PENALTIES:
            ridge = self._ridge(penalty)
            coefficients = self._descend(coefficients, ridge)
            held_out = self._held_out(coefficients, ridge)
            loss = float(self._weights @ self._loss(held_out))
            worse += 1
            if loss < least:
                worse, weight = 0, coefficients[:-1]
                least, best = loss, (weight, float(coefficients[-1] - self._mean @ weight), held_out)
            if worse == _PATIENCE:
                break
        return best

    def _ridge(self, penalty: float) -> Floats:
        ridge = np.full(self._inputs.shape[1], penalty)
        ridge[self._first :] *= _MEASURES_PENALTY
        ridge[self._first], ridge[-1] = _FREE, 0
        return ridge

    def _descend(self, coefficients: Floats, ridge: Floats) -> Floats:
        loss = self._objective(coefficients, ridge)
        for _ in range(_STEPS):
            slope, curvature = self._derivatives(self._inputs @ coefficients)
            gradient = self._inputs.T @ (self._weights * slope) + ridge * coefficients
            step = np.linalg.solve(self._hessian(curvature, ridge), gradient)
            length = 1.0
            while (now := self._objective(coefficients - length * step, ridge)) > loss and length > _CONVERGED:
                length /= 2
            if loss - now < _CONVERGED:
                break
            coefficients, loss = coefficients - length * step, now
        return coefficients

    def _held_out(self, coefficients: Floats, ridge: Floats) -> Floats:
        """Scores of each sample by a regression without it, to first order."""
        scores = self._inputs @ coefficients
        slope, curvature = self._derivatives(scores)
        half = np.linalg.solve(np.linalg.cholesky(self._hessian(curvature, ridge)), self._inputs.T)
        leverage = self._weights * (half**2).sum(axis=0)
        held_out: Floats = scores + slope * leverage / (1 - np.minimum(curvature * leverage, 0.99))
        return held_out

    def _hessian(self, curvature: Floats, ridge: Floats) -> Floats:
        hessian: Floats = (self._inputs * (self._weights * curvature)[:, None]).T @ self._inputs
        hessian[np.diag_indices_from(hessian)] += ridge
        return hessian

    def _objective(self, coefficients: Floats, ridge: Floats) -> float:
        return float(self._weights @ self._loss(self._inputs @ coefficients) + 0.5 * ridge @ coefficients**2)

    def _loss(self, scores: Floats) -> Floats:
        loss: Floats = np.logaddexp(0, scores) - self._target * scores
        return loss

    def _derivatives(self, scores: Floats) -> tuple[Floats, Floats]:
        likelihood = likelihoods(scores)
        return likelihood - self._target, np.maximum(likelihood * (1 - likelihood), _LEAST_CURVATURE)


def likelihoods(scores: Floats) -> Floats:
    """Log-odds to probabilities."""
    probabilities: Floats = 0.5 * (1 + np.tanh(0.5 * scores))
    return probabilities
