"""Training losses: that of the paper for classes, section 3.1, and one for values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MultiExitLoss(nn.Module):
    r"""Cost-weighted losses of all exits and self-distillation from the last one.

    .. math:: L = \sum_k \gamma_k \ell_k + \alpha \tau^2 \sum_{k<K-1} KL(\sigma(z_{K-1}/\tau) \| \sigma(z_k/\tau))

    The paper's :math:`\gamma_k = (k+1) / (K (K+1))` add up to 1/2; here the weights are scaled to add up to 1, so
    that a learning rate and a weight decay mean what they mean for a network with one exit. The teacher is detached,
    so distillation never pulls the last exit towards the early ones.

    :math:`\ell_k` is the cross-entropy. With a teacher from outside, whose logits are t, it is

    .. math:: \ell_k = (1 - s) CE(z_k) + s \tau^2 KL(\sigma(t/\tau) \| \sigma(z_k/\tau))

    With full heads, early exits have :math:`\ell_k` itself, and it is their gradient into the trunk that is multiplied
    by :math:`\gamma_k` (`eenet.models.ChainNetwork.branch_gradients`): a head whose weight is small would hardly
    learn, and what it takes from the trunk is to stay small. With weights 1 / (K - k) that is near to the gradient
    equilibrium of Li et al. (2019, arXiv 1908.06294).

    Args:
        num_exits: K.
        weights: K positive numbers, scaled to sum 1; the paper's, ``k + 1``, when None.
        distillation: alpha, 0 to switch it off.
        temperature: tau.
        teacher_share: s, the part that the teacher from outside has in each loss.
        full_heads: whether weights are for the trunk alone.
    """

    def __init__(
        self,
        num_exits: int,
        weights: Sequence[float] | None = None,
        distillation: float = 0.01,
        temperature: float = 3.0,
        teacher_share: float = 0.5,
        *,
        full_heads: bool = False,
    ) -> None:
        super().__init__()
        raw = torch.arange(1.0, num_exits + 1) if weights is None else torch.tensor(list(weights))
        self.weights: list[float] = (raw / raw.sum()).tolist()
        self.distillation = distillation
        self.temperature = temperature
        self.teacher_share = teacher_share
        self.full_heads = full_heads

    def forward(
        self, logits: Sequence[Tensor], labels: Tensor, *, distil: bool, teacher: Tensor | None = None
    ) -> Tensor:
        """The loss, a scalar.

        Args:
            logits: of the K exits, each ``(batch, C)``; or of the last one alone, whose weight is then 1.
            labels: ``(batch,)``.
            distil: add the second sum.
            teacher: logits of a teacher from outside, ``(batch, C)``.
        """
        weights = self._weights_of(len(logits))
        losses = [w * self._exit(z, labels, teacher) for w, z in zip(weights, logits, strict=True)]
        loss = torch.stack(losses).sum()
        if distil and self.distillation > 0:
            for student in logits[:-1]:
                loss = loss + self.distillation * self._divergence(student, logits[-1].detach())
        return loss

    def _weights_of(self, count: int) -> list[float]:
        if count == 1:
            return [1.0]
        return [*[1.0] * (count - 1), self.weights[-1]] if self.full_heads else self.weights

    def _exit(self, logits: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
        loss = F.cross_entropy(logits, labels)
        if teacher is None:
            return loss
        return (1 - self.teacher_share) * loss + self.teacher_share * self._divergence(logits, teacher)

    def _divergence(self, student: Tensor, teacher: Tensor) -> Tensor:
        tau = self.temperature
        return tau**2 * F.kl_div(
            F.log_softmax(student / tau, dim=1),
            F.log_softmax(teacher / tau, dim=1),
            reduction="batchmean",
            log_target=True,
        )


class BoostedLoss(nn.Module):
    """Weighted squared errors of all exits, in deviations of the targets.

    Args:
        deviation: of the targets of the training set, ``(D,)``.
        num_exits: K.
        weights: K positive numbers, scaled to sum 1; all the same when None, for each head of a `BoostedNetwork` is
            trained on what the earlier ones leave.
    """

    def __init__(self, deviation: Tensor, num_exits: int, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        raw = torch.ones(num_exits) if weights is None else torch.tensor(list(weights))
        self.weights: list[float] = (raw / raw.sum()).tolist()
        self.deviation: Tensor
        self.register_buffer("deviation", deviation, persistent=False)

    def forward(
        self, values: Sequence[Tensor], targets: Tensor, *, distil: bool, teacher: Tensor | None = None
    ) -> Tensor:
        """The loss, a scalar.

        Args:
            values: of the K exits, each ``(batch, D)``.
            targets: ``(batch, D)``.
            distil: has no meaning here.
            teacher: has none, either.
        """
        errors = [
            w * ((v - targets) / self.deviation).square().mean() for w, v in zip(self.weights, values, strict=True)
        ]
        return torch.stack(errors).sum()
