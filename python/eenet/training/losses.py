"""The training loss of the paper, section 3.1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MultiExitLoss(nn.Module):
    r"""Cost-weighted cross-entropy of all exits and self-distillation from the last one.

    .. math:: L = \sum_k \gamma_k \ell_k + \alpha \tau^2 \sum_{k<K-1} KL(\sigma(z_{K-1}/\tau) \| \sigma(z_k/\tau))

    The paper's :math:`\gamma_k = (k+1) / (K (K+1))` add up to 1/2; here the weights are scaled to add up to 1, so
    that a learning rate and a weight decay mean what they mean for a network with one exit. The teacher is detached,
    so distillation never pulls the last exit towards the early ones.

    Args:
        weights: K positive numbers, scaled to sum 1; the paper's, ``k + 1``, when None.
        num_exits: K.
        distillation: alpha, 0 to switch it off.
        temperature: tau.
    """

    def __init__(
        self,
        num_exits: int,
        weights: Sequence[float] | None = None,
        distillation: float = 0.01,
        temperature: float = 3.0,
    ) -> None:
        super().__init__()
        raw = torch.arange(1.0, num_exits + 1) if weights is None else torch.tensor(list(weights))
        self.weights: list[float] = (raw / raw.sum()).tolist()
        self.distillation = distillation
        self.temperature = temperature

    def forward(self, logits: Sequence[Tensor], labels: Tensor, *, distil: bool) -> Tensor:
        """Scalar loss of logits, K tensors ``(batch, C)``, and labels ``(batch,)``; ``distil`` adds the second sum."""
        loss = torch.stack([w * F.cross_entropy(z, labels) for w, z in zip(self.weights, logits, strict=True)]).sum()
        if distil and self.distillation > 0:
            tau = self.temperature
            teacher = F.log_softmax(logits[-1].detach() / tau, dim=1)
            for student in logits[:-1]:
                divergence = F.kl_div(
                    F.log_softmax(student / tau, dim=1), teacher, reduction="batchmean", log_target=True
                )
                loss = loss + self.distillation * tau**2 * divergence
        return loss
