"""Exit heads of image networks: from the features of a core part, ``(batch, channels, size, size)``, to logits."""

from __future__ import annotations

from torch import nn

from eenet.errors import UserError

HEADS = ("paper", "strided", "mlp", "linear")


def exit_head(kind: str, channels: int, size: int, num_classes: int, paper_width: int | None = None) -> nn.Module:
    """An early exit's head.

    Args:
        kind: one of `HEADS`: ``paper`` as published, ``strided`` and ``mlp`` made for engines that compute sample by
            sample, ``linear`` the cheapest.
        channels: of the features.
        size: height and width of the features.
        num_classes: C.
        paper_width: channels of the convolutions of ``paper``; as many as the features have when None.

    Raises:
        UserError: no head has that name.
    """
    if kind == "paper":
        return paper_head(channels, paper_width or channels, num_classes)
    if kind == "strided":
        return strided_head(channels, num_classes)
    if kind == "mlp":
        return mlp_head(channels, size, num_classes)
    if kind == "linear":
        return pool_head(channels, num_classes)
    raise UserError(f"heads: got {kind!r}, expected one of {', '.join(HEADS)}")


def paper_head(channels: int, width: int, num_classes: int) -> nn.Sequential:
    """The paper's head for CNNs: three 3x3 convolutions with batch norm and ReLU, global average pool, linear.

    Args:
        channels: channels of the features.
        width: channels of the three convolutions; the first one changes from ``channels`` to it.
        num_classes: C.
    """
    layers: list[nn.Module] = []
    for in_channels in (channels, width, width):
        layers += _convolution(in_channels, width, 3)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))


def strided_head(channels: int, num_classes: int, widths: tuple[int, ...] = (32, 64, 64)) -> nn.Sequential:
    """3x3 convolutions of stride 2, each with batch norm and ReLU, global average pool, linear.

    The resolution falls at once, so that little is computed where it is high; widths are multiples of 16, the blocks
    that engines compute in.

    Args:
        channels: channels of the features.
        num_classes: C.
        widths: channels of the convolutions.
    """
    layers: list[nn.Module] = []
    for width in widths:
        layers += _convolution(channels, width, 3, stride=2)
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


def mlp_head(
    channels: int, size: int, num_classes: int, width: int = 64, grid: int = 4, hidden: int = 192
) -> nn.Sequential:
    """A 1x1 convolution, a pool to a grid, and one hidden layer: where things are is kept, not averaged away.

    Args:
        channels: channels of the features.
        size: height and width of the features; averaged 2x2 first where it is above ``2 * grid``.
        num_classes: C.
        width: channels of the convolution.
        grid: height and width of the pool's output; a size that is no multiple of it is pooled as PyTorch's adaptive
            pool does.
        hidden: width of the hidden layer.
    """
    layers: list[nn.Module] = []
    if size > 2 * grid:
        layers.append(nn.AvgPool2d(2))
        size //= 2
    layers += _convolution(channels, width, 1)
    if size % grid:
        layers.append(nn.AdaptiveAvgPool2d(grid))
    elif size > grid:
        layers.append(nn.AvgPool2d(size // grid))
    layers += [nn.Flatten(), nn.Linear(width * grid**2, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, num_classes)]
    return nn.Sequential(*layers)


def pool_head(channels: int, num_classes: int) -> nn.Sequential:
    """The usual last layers of a CNN: global average pool and linear."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


def _convolution(in_channels: int, channels: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]
