"""A network with three exits that trains in seconds; joins the registry as ``tiny``."""

from __future__ import annotations

import itertools

from torch import nn

from eenet.models import ChainNetwork, create_model, register
from eenet.models.heads import pool_head
from eenet.models.network import MultiExitNetwork


class TinyNetwork(ChainNetwork):
    """Three strided convolutions, an exit after each."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes, 3, (3, 32, 32))
        widths = (3, 12, 24, 48)
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in itertools.pairwise(widths)
        )
        self.exits = nn.ModuleList(pool_head(width, num_classes) for width in widths[1:])

    def core_modules(self, k: int) -> tuple[nn.Module, ...]:
        return (self.parts[k],)

    def head(self, k: int) -> nn.Module:
        return self.exits[k]


@register("tiny", num_classes=10, dataset="CIFAR-10", paper_parameters=())
def _tiny(num_classes: int) -> TinyNetwork:
    return TinyNetwork(num_classes)


def create() -> MultiExitNetwork:
    """A fresh tiny network."""
    return create_model("tiny")
