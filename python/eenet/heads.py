"""Exit heads: from the features of a core part to logits."""

from __future__ import annotations

from torch import nn


def conv_head(channels: int, width: int, num_classes: int) -> nn.Sequential:
    """The paper's exit head for CNNs: three 3x3 convolutions with batch norm and ReLU, global average pool, linear.

    Args:
        channels: channels of the features, shape ``(batch, channels, H, W)``.
        width: channels of the three convolutions; the first one changes from ``channels`` to it.
        num_classes: C.
    """
    layers: list[nn.Module] = []
    for in_channels in (channels, width, width):
        layers += [
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))


def pool_head(channels: int, num_classes: int) -> nn.Sequential:
    """The usual last layers of a CNN: global average pool and linear."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))
