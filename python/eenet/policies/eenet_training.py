"""Learns the h of `eenet.policies.eenet`: the part of it that needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from eenet.policies.calibration import Floats
from eenet.threads import one_thread

_EPSILON = 1e-6  # keeps the logarithm and the normalisation of Eq. 8 finite where a score is 0
_SAMPLES, _BUDGETS = 256, 8  # of a step


class Settings(Protocol):
    """What training reads of an `EENetScheduler`; its documentation says what they are."""

    head: str
    hidden_ratio: float
    alpha_cost: float
    beta_h: float
    learning_rate: float
    steps: int


class AssignmentFunctions(nn.Module):
    """h_k, k = 0 .. K-1, for every budget: two-layer MLPs on the inputs of g_k and the budget.

    Args:
        settings: whose hold.
        features: of the fit set, K arrays ``(N, F_k)``.
        scores: of the fit set, in [0, 1], ``(N, K)``.
        costs: K costs.
        weights: of the samples; None: all weigh the same.
        seed: of the start and of the samples and budgets of each step.
    """

    def __init__(
        self,
        settings: Settings,
        features: Sequence[NDArray[np.float32]],
        scores: Floats,
        costs: Floats,
        weights: Floats | None,
        seed: int,
    ) -> None:
        super().__init__()
        self._head = settings.head
        self._costs = torch.from_numpy(costs).float()
        with torch.random.fork_rng(devices=[]), one_thread():
            torch.manual_seed(seed)
            inputs = _inputs(features, scores)
            hidden = [max(1, round(settings.hidden_ratio * x.shape[1])) for x in inputs]
            self._of_inputs = nn.ModuleList(nn.Linear(x.shape[1], h) for x, h in zip(inputs, hidden, strict=True))
            self._of_budget = nn.ModuleList(nn.Linear(1, h, bias=False) for h in hidden)
            self._outputs = nn.ModuleList(nn.Linear(h, 1) for h in hidden)
            target = (torch.from_numpy(scores).float() + _EPSILON) ** (1 / settings.beta_h)
            drawn = None if weights is None else torch.from_numpy(weights).float()
            self._train(settings, inputs, target / target.sum(dim=1, keepdim=True), drawn)

    @torch.inference_mode()
    def shares(self, features: Sequence[NDArray[np.float32]], scores: Floats, budget: float) -> Floats:
        """Shares of samples at each exit, ``(N, K)``."""
        with one_thread():
            log_shares = self._log_shares(_inputs(features, scores), self._scaled(torch.tensor([budget])))
        shares: Floats = log_shares[0].exp().double().numpy()
        return shares

    def _scaled(self, budgets: Tensor) -> Tensor:
        return (budgets - self._costs[0]) / (self._costs[-1] - self._costs[0])

    def _train(self, settings: Settings, inputs: list[Tensor], target: Tensor, weights: Tensor | None) -> None:
        adam = torch.optim.Adam(self.parameters(), lr=settings.learning_rate)
        decay = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, total_iters=settings.steps)
        for _ in range(settings.steps):
            if weights is None:
                rows = torch.randint(len(target), (_SAMPLES,))
            else:
                rows = torch.multinomial(weights, _SAMPLES, replacement=True)
            budgets = (torch.arange(_BUDGETS) + torch.rand(_BUDGETS)) / _BUDGETS
            loss = self._loss([x[rows] for x in inputs], target[rows], budgets, settings.alpha_cost)
            adam.zero_grad()
            loss.backward()
            adam.step()
            decay.step()

    def _loss(self, inputs: list[Tensor], target: Tensor, budgets: Tensor, alpha_cost: float) -> Tensor:
        """L_h: KL from the target of Eq. 8 to the shares (Eq. 9), and the budget loss (Eq. 10)."""
        log_shares = self._log_shares(inputs, budgets)
        divergence = (target * (target.log() - log_shares)).mean()
        budget = self._costs[0] + budgets * (self._costs[-1] - self._costs[0])
        cost = (log_shares.exp() @ self._costs).mean(dim=1)
        return divergence + alpha_cost * ((budget - cost).abs() / budget).mean()

    def _log_shares(self, inputs: list[Tensor], budgets: Tensor) -> Tensor:
        """Log shares ``(B, N, K)`` for budgets ``(B,)`` as shares of the range."""
        raw = []
        for k, x in enumerate(inputs):
            hidden = self._of_inputs[k](x) + self._of_budget[k](budgets[:, None])[:, None]
            raw.append(self._outputs[k](hidden.relu()))
        outputs = torch.cat(raw, dim=2)
        if self._head == "softmax":
            return F.log_softmax(outputs, dim=2)
        # Stick-breaking: exit k takes sigmoid(output_k) of what the exits before it have left, the last one the rest.
        rests = F.logsigmoid(-outputs[..., :-1]).cumsum(dim=2)
        nothing = torch.zeros_like(outputs[..., :1])
        return torch.cat([nothing, rests], dim=2) + torch.cat([F.logsigmoid(outputs[..., :-1]), nothing], dim=2)


def _inputs(features: Sequence[NDArray[np.float32]], scores: Floats) -> list[Tensor]:
    earlier = torch.from_numpy(scores).float()
    return [torch.cat([torch.from_numpy(x), earlier[:, :k]], dim=1) for k, x in enumerate(features)]
