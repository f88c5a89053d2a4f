"""Learns the g and h of `eenet.policies.eenet`: the part of it that needs PyTorch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from eenet.policies.calibration import Floats
from eenet.predictions import Predictions
from eenet.threads import one_thread

_EPSILON = 1e-6  # keeps logarithms and the normalisation of Eq. 8 finite where a score is clamped to 0 or 1


class Settings(Protocol):
    """What training reads of an `EENetScheduler`; its documentation says what they are."""

    head: str
    learn_scores: bool
    learn_shares: bool
    hidden_ratio: float
    cost_weight: float
    entropy_weight: float
    score_penalty: float
    score_learning_rate: float
    share_learning_rate: float
    rounds: int
    steps: int
    seed: int
    combiner: tuple[NDArray[np.float32], NDArray[np.float32]] | None


class _ScoringFunctions(nn.Module):
    """g_k, k = 0 .. K-1: linear with bias, clamped to [0, 1]; inputs end with the earlier scores."""

    def __init__(self, num_features: Sequence[int], first_measures: Sequence[int]) -> None:
        super().__init__()
        layers = [nn.Linear(features + k, 1) for k, features in enumerate(num_features)]
        for layer, first in zip(layers, first_measures, strict=True):
            # Starts as the maximum-score policy: with the usual initialisation half of the scores start clamped,
            # without gradient.
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight[0, first] = 1
        self.layers = nn.ModuleList(layers)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features, K tensors ``(N, F)``, to scores ``(N, K)``."""
        scores: list[Tensor] = []
        for layer, x in zip(self.layers, features, strict=True):
            scores.append(layer(torch.cat([x, *scores], dim=1)).clamp(0, 1))
        return torch.cat(scores, dim=1)


class _AssignmentFunctions(nn.Module):
    """h_k, k = 0 .. K-1: two-layer MLPs on the inputs of g_k, and shares made of their raw outputs."""

    def __init__(self, num_features: Sequence[int], hidden_ratio: float, head: str) -> None:
        super().__init__()
        self.head = head
        self.layers = nn.ModuleList()
        for k, features in enumerate(num_features):
            inputs = features + k
            hidden = max(1, round(hidden_ratio * inputs))
            self.layers.append(nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1)))

    def forward(self, features: list[Tensor], scores: Tensor) -> Tensor:
        """Log shares ``(N, K)``."""
        raw = [
            layer(torch.cat([x, scores[:, :k]], dim=1))
            for k, (layer, x) in enumerate(zip(self.layers, features, strict=True))
        ]
        outputs = torch.cat(raw, dim=1)
        if self.head == "softmax":
            return F.log_softmax(outputs, dim=1)
        # Stick-breaking: exit k takes sigmoid(output_k) of what the exits before it have left, the last one the rest.
        rests = F.logsigmoid(-outputs[:, :-1]).cumsum(dim=1)
        nothing = torch.zeros_like(outputs[:, :1])
        return torch.cat([nothing, rests], dim=1) + torch.cat([F.logsigmoid(outputs[:, :-1]), nothing], dim=1)


class Training:
    """g and h for one budget.

    Args:
        settings: whose settings and combiner hold.
        fit_set: to learn from.
        costs: K costs.
        budget: in their unit.
    """

    def __init__(self, settings: Settings, fit_set: Predictions, costs: Floats, budget: float) -> None:
        self._settings = settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self._g = _ScoringFunctions(fit_set.num_features, fit_set.first_measures)
            self._h = _AssignmentFunctions(fit_set.num_features, settings.hidden_ratio, settings.head)
        with one_thread():
            self._optimise(fit_set, torch.from_numpy(costs).float(), budget)

    def scorers(self) -> list[tuple[NDArray[np.float32], ...]]:
        """Weight and bias of g at every exit but the last."""
        return [tuple(p.detach().numpy() for p in layer.parameters()) for layer in self._g.layers[:-1]]

    @torch.inference_mode()
    def planned_shares(self, predictions: Predictions) -> Floats:
        """K exit shares, the mean of h over these samples."""
        features = self._features(predictions)
        shares: Floats = self._h(features, self._g(features)).exp().mean(dim=0).double().numpy()
        return shares

    def _optimise(self, fit_set: Predictions, costs: Tensor, budget: float) -> None:
        settings, g, h = self._settings, self._g, self._h
        features = self._features(fit_set)
        correct = torch.from_numpy(fit_set.qualities(settings.combiner).astype(np.float32))
        with torch.no_grad():
            scores = g(features)
            shares = torch.full_like(scores, 1 / scores.shape[1])
        h_turn = _Turn(h, lambda: self._assignment_loss(h(features, scores), scores, costs, budget))
        start = [parameter.detach().clone() for parameter in g.parameters()]
        g_turn = _Turn(
            g, lambda: _scoring_loss(g(features), correct, shares) + settings.score_penalty * _distance(g, start)
        )
        for _ in range(settings.rounds):
            if settings.learn_shares:
                h_turn.take(settings.steps, settings.share_learning_rate)
                shares = h(features, scores).detach().exp()
            if not settings.learn_scores:
                return
            g_turn.take(settings.steps, settings.score_learning_rate)
            scores = g(features).detach()
        if settings.learn_shares:
            h_turn.take(settings.steps, settings.share_learning_rate)

    def _features(self, predictions: Predictions) -> list[Tensor]:
        return [torch.from_numpy(x) for x in predictions.features(self._settings.combiner)]

    def _assignment_loss(self, log_shares: Tensor, scores: Tensor, costs: Tensor, budget: float) -> Tensor:
        """L_h: KL from the target of Eq. 8 to the shares (Eq. 9), and the budget loss (Eq. 10)."""
        target = (scores + _EPSILON) ** (1 / self._settings.entropy_weight)
        target = target / target.sum(dim=1, keepdim=True)
        divergence = (target * (target.log() - log_shares)).mean()
        cost = (log_shares.exp() @ costs).mean()
        return divergence + self._settings.cost_weight * (budget - cost).abs() / budget


def _scoring_loss(scores: Tensor, correct: Tensor, shares: Tensor) -> Tensor:
    """L_g (Eq. 6, with the sign that minimises it): scores of an exit are fitted to the samples planned for it."""
    weights = shares / shares.sum(dim=0, keepdim=True)
    likelihood = scores.clamp(_EPSILON, 1 - _EPSILON)
    loss = -(correct * likelihood.log() + (1 - correct) * torch.log1p(-likelihood))
    return (weights * loss).sum() / scores.shape[1]


def _distance(module: nn.Module, start: list[Tensor]) -> Tensor:
    """Squared distance of all parameters from where they were."""
    pairs = zip(module.parameters(), start, strict=True)
    return torch.stack([(now - then).square().sum() for now, then in pairs]).sum()


class _Turn:
    """Adam on one module while the other one rests."""

    def __init__(self, module: nn.Module, loss: Callable[[], Tensor]) -> None:
        self._module = module
        self._loss = loss

    def take(self, steps: int, learning_rate: float) -> None:
        """Minimises the loss and leaves the module in its best state."""
        adam = torch.optim.Adam(self._module.parameters(), lr=learning_rate)
        decay = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, total_iters=steps)
        best, state = math.inf, copy.deepcopy(self._module.state_dict())
        for _ in range(steps):
            loss = self._loss()
            if loss.item() < best:
                best, state = loss.item(), copy.deepcopy(self._module.state_dict())
            adam.zero_grad()
            loss.backward()
            adam.step()
            decay.step()
        self._module.load_state_dict(state)
