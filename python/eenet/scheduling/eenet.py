"""The paper's scheduler: exit scoring functions g and exit assignment functions h, learned together (section 3.2)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import eenet_rt
from eenet.errors import UserError
from eenet.predictions import Predictions
from eenet.scheduling.base import Scheduler
from eenet.scheduling.calibration import Family, Floats
from eenet.scheduling.combining import Combiner
from eenet.scheduling.shares import SharePlan
from eenet.threads import one_thread

HEADS = ("softmax", "stick-breaking")
_EPSILON = 1e-6  # keeps logarithms and the normalisation of Eq. 8 finite where a score is clamped to 0 or 1


class _ScoringFunctions(nn.Module):
    """g_k, k = 0 .. K-1: linear with bias, clamped to [0, 1]; inputs end with the earlier scores."""

    def __init__(self, num_exits: int, num_classes: int) -> None:
        super().__init__()
        layers = [nn.Linear(num_classes + 4 + k, 1) for k in range(num_exits)]
        for layer in layers:
            # Starts as the maximum-score policy: with the usual initialisation half of the scores start clamped,
            # without gradient.
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight[0, num_classes] = 1
        self.layers = nn.ModuleList(layers)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features, K tensors ``(N, C + 4)``, to scores ``(N, K)``."""
        scores: list[Tensor] = []
        for layer, x in zip(self.layers, features, strict=True):
            scores.append(layer(torch.cat([x, *scores], dim=1)).clamp(0, 1))
        return torch.cat(scores, dim=1)


class _AssignmentFunctions(nn.Module):
    """h_k, k = 0 .. K-1: two-layer MLPs on the inputs of g_k, and shares made of their raw outputs."""

    def __init__(self, num_exits: int, num_classes: int, hidden_ratio: float, head: str) -> None:
        super().__init__()
        self.head = head
        self.layers = nn.ModuleList()
        for k in range(num_exits):
            inputs = num_classes + 4 + k
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
        self.score_learning_rate = score_learning_rate
        self.share_learning_rate = share_learning_rate
        self.rounds = rounds
        self.steps = steps
        self.seed = seed

    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats, budget: float) -> Family:
        exits, classes = fit_set.num_exits, fit_set.num_classes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            g = _ScoringFunctions(exits, classes)
            h = _AssignmentFunctions(exits, classes, self.hidden_ratio, self.head)
        with one_thread():
            self._optimise(g, h, fit_set, torch.from_numpy(costs).float(), budget)
        scorers = [tuple(p.detach().numpy() for p in layer.parameters()) for layer in g.layers[:-1]]
        policy = eenet_rt.ExitPolicy(classes, scorers, [math.inf] * exits, combiner=self.combiner, clamp=True)
        if not self.learn_shares:
            self.planned_shares_ = None
            return SharePlan(calibration_set, policy, np.ones(exits), np.arange(exits, dtype=np.float64))
        with torch.inference_mode():
            features = self._features(calibration_set)
            plan = h(features, g(features)).exp().mean(dim=0).double().numpy()
        self.planned_shares_ = plan
        return SharePlan(calibration_set, policy, plan, costs / costs[-1])

    def _optimise(
        self, g: _ScoringFunctions, h: _AssignmentFunctions, fit_set: Predictions, costs: Tensor, budget: float
    ) -> None:
        features = self._features(fit_set)
        answers = eenet_rt.answers(fit_set.logits, self.combiner)
        correct = torch.from_numpy((answers == fit_set.labels[:, None]).astype(np.float32))
        with torch.no_grad():
            scores = g(features)
            shares = torch.full_like(scores, 1 / scores.shape[1])
        h_turn = _Turn(h, lambda: self._assignment_loss(h(features, scores), scores, costs, budget))
        g_turn = _Turn(g, lambda: _scoring_loss(g(features), correct, shares))
        for _ in range(self.rounds):
            if self.learn_shares:
                h_turn.take(self.steps, self.share_learning_rate)
                shares = h(features, scores).detach().exp()
            if not self.learn_scores:
                return
            g_turn.take(self.steps, self.score_learning_rate)
            scores = g(features).detach()
        if self.learn_shares:
            h_turn.take(self.steps, self.share_learning_rate)

    def _features(self, predictions: Predictions) -> list[Tensor]:
        return [torch.from_numpy(x) for x in eenet_rt.features(predictions.logits, self.combiner)]

    def _assignment_loss(self, log_shares: Tensor, scores: Tensor, costs: Tensor, budget: float) -> Tensor:
        """L_h: KL from the target of Eq. 8 to the shares (Eq. 9), and the budget loss (Eq. 10)."""
        target = (scores + _EPSILON) ** (1 / self.entropy_weight)
        target = target / target.sum(dim=1, keepdim=True)
        divergence = (target * (target.log() - log_shares)).mean()
        cost = (log_shares.exp() @ costs).mean()
        return divergence + self.cost_weight * (budget - cost).abs() / budget


def _scoring_loss(scores: Tensor, correct: Tensor, shares: Tensor) -> Tensor:
    """L_g (Eq. 6, with the sign that minimises it): scores of an exit are fitted to the samples planned for it."""
    weights = shares / shares.sum(dim=0, keepdim=True)
    likelihood = scores.clamp(_EPSILON, 1 - _EPSILON)
    loss = -(correct * likelihood.log() + (1 - correct) * torch.log1p(-likelihood))
    return (weights * loss).sum() / scores.shape[1]


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
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            decay.step()
        self._module.load_state_dict(state)
