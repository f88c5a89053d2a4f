"""ResNet for 32x32 images, the 6n+2 networks of He et al. (2016), with exits after the stages."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from eenet.heads import conv_head, pool_head
from eenet.models.network import ChainNetwork, initialise
from eenet.models.registry import register


@dataclass(frozen=True)
class ResNetConfig:
    """A 6n+2 network.

    Attributes:
        num_classes: C.
        depth: 6n+2, the number of weighted layers of the trunk.
        widths: channels of the three stages.
        image_size: height and width of the input.
    """

    num_classes: int = 10
    depth: int = 56
    widths: tuple[int, int, int] = (16, 32, 64)
    image_size: int = 32


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        result: Tensor = self.relu(y + shortcut)
        return result


class MultiExitResNet(ChainNetwork):
    """Exits after stages 1 and 2 (heads of three full-width convolutions) and at the end: K = 3."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config.num_classes, 3, (3, config.image_size, config.image_size))
        blocks = (config.depth - 2) // 6
        width = config.widths[0]
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))
        self.stages = nn.ModuleList()
        for stage, channels in enumerate(config.widths):
            strides = [1 if stage == 0 else 2] + [1] * (blocks - 1)
            layers = []
            for stride in strides:
                layers.append(BasicBlock(width, channels, stride))
                width = channels
            self.stages.append(nn.Sequential(*layers))
        self.exits = nn.ModuleList(conv_head(channels, channels, config.num_classes) for channels in config.widths[:2])
        self.classifier = pool_head(config.widths[2], config.num_classes)
        initialise(self)

    def core_modules(self, k: int) -> tuple[nn.Module, ...]:
        return (self.stem, self.stages[0]) if k == 0 else (self.stages[k],)

    def head(self, k: int) -> nn.Module:
        return self.exits[k] if k < 2 else self.classifier


@register("resnet56", num_classes=10, dataset="CIFAR-10", paper_parameters=(0.06, 0.28, 0.96))
def resnet56(num_classes: int) -> MultiExitResNet:
    """ResNet of 56 layers, basic blocks."""
    return MultiExitResNet(ResNetConfig(num_classes=num_classes))
