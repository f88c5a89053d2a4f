"""ResNet for 32x32 images, the 6n+2 networks of He et al. (2016), with exits between blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from eenet.errors import UserError
from eenet.models.heads import exit_head, pool_head
from eenet.models.network import ChainNetwork, initialise
from eenet.models.registry import register


@dataclass(frozen=True)
class ResNetConfig:
    """A 6n+2 network.

    Attributes:
        num_classes: C.
        depth: 6n+2, the number of weighted layers of the trunk.
        widths: channels of the three stages.
        exits: early exits, each given by the number of blocks before it, ascending; the ends of stages 1 and 2 when
            None; none at all when empty.
        heads: of the early exits, one of `eenet.models.heads.HEADS`.
        shortcut: where a block changes the shape, ``projection`` by a 1x1 convolution (option B of the paper), or
            ``pad`` with zeros (option A).
        image_size: height and width of the input.
    """

    num_classes: int = 10
    depth: int = 56
    widths: tuple[int, int, int] = (16, 32, 64)
    exits: tuple[int, ...] | None = None
    heads: str = "paper"
    shortcut: str = "projection"
    image_size: int = 32


class PaddedShortcut(nn.Module):
    """Every second pixel, and zero channels on either side: a shortcut without parameters."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        missing = channels - in_channels
        self.padding = (0, 0, 0, 0, missing // 2, missing - missing // 2)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.padding)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            if shortcut == "pad":
                self.downsample = PaddedShortcut(in_channels, channels, stride)
            else:
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
    """Early exits between blocks, after the stages as in the paper or elsewhere, and one at the end."""

    def __init__(self, config: ResNetConfig) -> None:
        per_stage = (config.depth - 2) // 6
        exits = (per_stage, 2 * per_stage) if config.exits is None else tuple(config.exits)
        if list(exits) != sorted(set(exits)) or not all(0 < place < 3 * per_stage for place in exits):
            raise UserError(f"exits: got {list(exits)}, expected ascending numbers from 1 to {3 * per_stage - 1}")
        if config.shortcut not in ("projection", "pad"):
            raise UserError(f"shortcut: got {config.shortcut!r}, expected projection or pad")
        super().__init__(config.num_classes, len(exits) + 1, (3, config.image_size, config.image_size))
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(config.widths[0]), nn.ReLU(True)
        )
        width = config.widths[0]
        self.stages = nn.ModuleList()
        for stage, channels in enumerate(config.widths):
            layers = []
            for i in range(per_stage):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(BasicBlock(width, channels, stride, config.shortcut))
                width = channels
            self.stages.append(nn.Sequential(*layers))
        heads = []
        for place in exits:
            stage = (place - 1) // per_stage
            size = config.image_size >> stage
            heads.append(exit_head(config.heads, config.widths[stage], size, config.num_classes))
        self.exits = nn.ModuleList(heads)
        self.classifier = pool_head(config.widths[2], config.num_classes)
        self._places = (0, *exits, 3 * per_stage)
        initialise(self)

    def core_modules(self, k: int) -> tuple[nn.Module, ...]:
        blocks = [block for stage in self.stages for block in stage.children()]
        part = blocks[self._places[k] : self._places[k + 1]]
        return (self.stem, *part) if k == 0 else tuple(part)

    def head(self, k: int) -> nn.Module:
        return self.exits[k] if k < len(self.exits) else self.classifier


@register("resnet56", num_classes=10, dataset="CIFAR-10", paper_parameters=(0.06, 0.28, 0.96))
def resnet56(
    num_classes: int, *, heads: str = "paper", exits: Sequence[int] | None = None, shortcut: str = "projection"
) -> MultiExitResNet:
    """ResNet of 56 layers, basic blocks."""
    places = None if exits is None else tuple(exits)
    return MultiExitResNet(ResNetConfig(num_classes=num_classes, exits=places, heads=heads, shortcut=shortcut))
