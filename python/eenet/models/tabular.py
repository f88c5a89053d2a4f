"""A residual network for rows of a table (Gorishniy et al., 2021, arXiv 2106.11959); exits cost more and more."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eenet.errors import UserError
from eenet.models.boosted import BoostedNetwork, moments
from eenet.models.registry import register

_BLOCKS = (0, 1, 2, 3)  # of each core part
_HIDDEN = 16  # features of a head


class Standardise(nn.Module):
    """Inputs less their mean, in their deviation, both of the training set."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, num_inputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_inputs))
        self.register_buffer("deviation", torch.ones(num_inputs))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


class ResidualBlock(nn.Module):
    """Layer norm, linear, ReLU, linear, added to what came in."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.body(x)
        return added


class TabularNetwork(BoostedNetwork):
    """Core parts of no, one, two and three residual blocks, an exit after each."""

    def __init__(self, num_targets: int, num_inputs: int, width: int) -> None:
        super().__init__(num_targets, len(_BLOCKS), (num_inputs,), (_HIDDEN,) * len(_BLOCKS))
        self.standardise = Standardise(num_inputs)
        self.stem = nn.Linear(num_inputs, width)
        self.cores = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width, 2 * width) for _ in range(blocks))) for blocks in _BLOCKS
        )
        self.heads = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, _HIDDEN), nn.ReLU()) for _ in _BLOCKS
        )

    def adapt(self, inputs: Tensor, answers: Tensor) -> None:
        super().adapt(inputs, answers)
        mean, deviation = moments(inputs)
        self.standardise.mean.copy_(mean)
        self.standardise.deviation.copy_(deviation)

    def core_modules(self, k: int) -> tuple[nn.Module, ...]:
        return (self.standardise, self.stem, self.cores[k]) if k == 0 else (self.cores[k],)

    def hidden_module(self, k: int) -> nn.Module:
        return self.heads[k]


@register("tabular")
def tabular(num_targets: int, *, num_inputs: int = 8, width: int = 32) -> TabularNetwork:
    """A regression on rows of numbers.

    Args:
        num_targets: D.
        num_inputs: numbers of a row.
        width: of the trunk.
    """
    for name, size in (("num_inputs", num_inputs), ("width", width)):
        if size < 1:
            raise UserError(f"tabular: {name}: got {size}, expected at least 1")
    return TabularNetwork(num_targets, num_inputs, width)
