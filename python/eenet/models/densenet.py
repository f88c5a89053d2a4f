"""DenseNet for 32x32 images, Huang et al. (2017), with exits after the transitions."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eenet.models.heads import exit_head
from eenet.models.network import ChainNetwork, initialise
from eenet.models.registry import register


@dataclass(frozen=True)
class DenseNetConfig:
    """A DenseNet with bottleneck layers and compression.

    Attributes:
        num_classes: C.
        growth: channels that every layer adds.
        blocks: layers of each dense block.
        bottleneck: the 1x1 convolution of a layer has ``bottleneck * growth`` channels.
        compression: a transition keeps this share of the channels.
        heads: of the early exits, one of `eenet.models.heads.HEADS`.
        head_reduction: the convolutions of a ``paper`` head have ``channels / head_reduction`` channels.
        image_size: height and width of the input.
    """

    num_classes: int = 100
    growth: int = 12
    blocks: tuple[int, ...] = (6, 12, 24, 16)
    bottleneck: int = 4
    compression: float = 0.5
    heads: str = "paper"
    head_reduction: int = 4
    image_size: int = 32


class DenseLayer(nn.Module):
    """BN-ReLU-conv1x1-BN-ReLU-conv3x3, its output appended to its input."""

    def __init__(self, in_channels: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, bottleneck * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bottleneck * growth)
        self.conv2 = nn.Conv2d(bottleneck * growth, growth, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.norm1(x)))
        y = self.conv2(self.relu(self.norm2(y)))
        return torch.cat((x, y), 1)


class Transition(nn.Sequential):
    """BN-ReLU-conv1x1 and a 2x2 average pool between two dense blocks."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            OrderedDict(
                norm=nn.BatchNorm2d(in_channels),
                relu=nn.ReLU(inplace=True),
                conv=nn.Conv2d(in_channels, out_channels, 1, bias=False),
                pool=nn.AvgPool2d(2, 2),
            )
        )


class MultiExitDenseNet(ChainNetwork):
    """Exits after every transition and at the end: K = number of dense blocks. Parameter names are torchvision's."""

    def __init__(self, config: DenseNetConfig) -> None:
        num_exits = len(config.blocks)
        super().__init__(config.num_classes, num_exits, (3, config.image_size, config.image_size))
        channels = 2 * config.growth
        size = config.image_size
        features = OrderedDict[str, nn.Module](conv0=nn.Conv2d(3, channels, 3, padding=1, bias=False))
        heads = []
        for i, layers in enumerate(config.blocks, start=1):
            block = OrderedDict[str, nn.Module]()
            for j in range(1, layers + 1):
                block[f"denselayer{j}"] = DenseLayer(channels, config.growth, config.bottleneck)
                channels += config.growth
            features[f"denseblock{i}"] = nn.Sequential(block)
            if i < num_exits:
                features[f"transition{i}"] = Transition(channels, int(channels * config.compression))
                channels = int(channels * config.compression)
                size //= 2
                paper_width = channels // config.head_reduction
                heads.append(exit_head(config.heads, channels, size, config.num_classes, paper_width))
        features["norm5"] = nn.BatchNorm2d(channels)
        self.backbone = nn.ModuleDict(
            {"features": nn.Sequential(features), "classifier": nn.Linear(channels, config.num_classes)}
        )
        self.exits = nn.ModuleList(heads)
        initialise(self)

    def core_modules(self, k: int) -> tuple[nn.Module, ...]:
        names = ["conv0"] if k == 0 else []
        names.append(f"denseblock{k + 1}")
        names.append(f"transition{k + 1}" if k < self.num_exits - 1 else "norm5")
        return tuple(self.backbone["features"].get_submodule(name) for name in names)

    def head(self, k: int) -> nn.Module:
        if k < self.num_exits - 1:
            return self.exits[k]
        return nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), self.backbone["classifier"])


@register("densenet121", num_classes=100, dataset="CIFAR-100", paper_parameters=(0.06, 0.25, 0.86, 1.17))
def densenet121(num_classes: int, *, heads: str = "paper") -> MultiExitDenseNet:
    """DenseNet of 121 layers, growth 12."""
    return MultiExitDenseNet(DenseNetConfig(num_classes=num_classes, heads=heads))
