"""Fits combiners: the part of `eenet.policies.combining` that needs PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from eenet.tasks.classification import ClassPredictions
from eenet.threads import one_thread

# Penalties and steps suit logits that differ by some units; what differs by less is brought to a deviation of 1.
_LEAST_DEVIATION = 0.25
_NO_DEVIATION = 1e-30  # below, weights would overflow float32
_BIAS_PENALTY = 20.0
_WEIGHT_PENALTY = 1.0

WeightsAndBiases = tuple[NDArray[np.float32], NDArray[np.float32]]


def mixing_combiner(predictions: ClassPredictions) -> WeightsAndBiases:
    """See `eenet.policies.combining.fit_combiner`."""
    exits, classes = predictions.num_exits, predictions.num_classes
    weights, biases = np.zeros((exits, exits), np.float32), np.zeros((exits, classes), np.float32)
    scales = _scales(predictions.logits)
    log_p = F.log_softmax(torch.from_numpy(predictions.logits * scales[:, None]), dim=2)
    labels = torch.from_numpy(predictions.labels)
    with one_thread():
        for k in range(exits):
            weight, biases[k] = _fit_exit(log_p[:, : k + 1], labels, predictions)
            # A scale of logits is one of their log softmax, up to a constant a sample, which no answer depends on.
            weights[k, : k + 1] = weight * scales[: k + 1]
    return weights, biases


def _scales(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each exit's logits are multiplied by, 1 but for those of a small scale."""
    deviations = (logits - logits.mean(axis=2, keepdims=True)).std(axis=(0, 2), dtype=np.float64)
    small = (deviations > _NO_DEVIATION) & (deviations < _LEAST_DEVIATION)
    return np.where(small, 1 / np.where(small, deviations, 1), 1).astype(np.float32)


def temperature_combiner(predictions: ClassPredictions) -> WeightsAndBiases:
    """See `eenet.policies.combining.fit_temperatures`."""
    exits, classes = predictions.num_exits, predictions.num_classes
    scales = _scales(predictions.logits)
    log_p = F.log_softmax(torch.from_numpy(predictions.logits * scales[:, None]), dim=2)
    labels = torch.from_numpy(predictions.labels)
    logarithm = torch.zeros(exits, requires_grad=True)  # of the inverse temperatures, which so stay positive
    optimiser = torch.optim.LBFGS([logarithm], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scaled = log_p * logarithm.exp()[:, None]
        value = sum((_loss(scaled[:, k], labels, predictions) for k in range(exits)), start=torch.zeros(()))
        value.backward()
        return value

    with one_thread():
        optimiser.step(loss)
    return np.diag(logarithm.detach().exp().numpy() * scales), np.zeros((exits, classes), np.float32)


def _loss(logits: torch.Tensor, labels: torch.Tensor, predictions: ClassPredictions) -> torch.Tensor:
    if predictions.weights is None:
        return F.cross_entropy(logits, labels)
    weights = torch.from_numpy(predictions.weights).float()
    return (weights * F.cross_entropy(logits, labels, reduction="none")).mean()


def _fit_exit(log_p: torch.Tensor, labels: torch.Tensor, predictions: ClassPredictions) -> WeightsAndBiases:
    _, inputs, classes = log_p.shape
    alone = torch.eye(inputs)[-1]
    weight = alone.clone().requires_grad_()
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        combined = torch.einsum("njc,j->nc", log_p, weight) + bias
        penalty = _BIAS_PENALTY * bias.square().sum() + _WEIGHT_PENALTY * (weight - alone).square().sum()
        value: torch.Tensor = _loss(combined, labels, predictions) + penalty / predictions.effective_size
        value.backward()
        return value

    optimiser.step(loss)
    return weight.detach().numpy(), bias.detach().numpy()
