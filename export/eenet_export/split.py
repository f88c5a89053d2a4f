"""A multi-exit network as K modules that can be exported one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eenet.errors import UserError
from eenet.models import MultiExitNetwork, SegmentSpec
from eenet.models.code import blaming
from eenet.models.network import dtype_name


class SegmentModule(nn.Module):
    """Segment k of a network: tensors of ``spec.inputs`` to those of ``spec.outputs``."""

    def __init__(self, network: MultiExitNetwork, k: int) -> None:
        super().__init__()
        self.network = network
        self.k = k
        self.spec: SegmentSpec = network.segments[k]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return self.network.run_segment(self.k, *tensors)


class WholeModule(nn.Module):
    """The whole network as one segment: with its early exits, or without them ("static")."""

    def __init__(self, network: MultiExitNetwork, *, early_exits: bool) -> None:
        super().__init__()
        self.network = network
        self.early_exits = early_exits
        exits = network.segments if early_exits else network.segments[-1:]
        outputs = tuple(name for spec in exits for name in spec.exit_outputs)
        self.spec = SegmentSpec(tuple(network.input_shapes), outputs, exits[-1].exit)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        found = self.network.run_outputs(inputs, early_exits=self.early_exits)
        return tuple(tensor for outputs in found for tensor in outputs)


@dataclass(frozen=True)
class TracedSegment:
    """A segment with example tensors.

    Attributes:
        module: what to export.
        example: input tensors with a batch axis, in the order of ``module.spec.inputs``.
        outputs: what the module makes of them.
    """

    module: SegmentModule | WholeModule
    example: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def trace_segments(network: MultiExitNetwork, inputs: Mapping[str, Tensor]) -> Iterator[TracedSegment]:
    """Runs the segments one after the other on example inputs, ``{name: (batch, ...)}``, and yields each of them."""
    board = dict(inputs)
    for k, spec in enumerate(network.segments):
        module = SegmentModule(network, k).eval()
        traced = trace(module, tuple(board[name] for name in spec.inputs))
        board.update(zip(spec.outputs, traced.outputs, strict=True))
        yield traced


def trace(module: SegmentModule | WholeModule, example: tuple[Tensor, ...]) -> TracedSegment:
    """A module with what it makes of example tensors.

    Raises:
        UserError: logits of another dtype than float32.
    """
    with torch.inference_mode(), blaming(module.network.name or type(module.network).__name__):
        outputs = module(*example)
    exits = [spec.exit for spec in module.network.segments]
    for name, tensor in zip(module.spec.outputs, outputs, strict=True):
        # The decision core counts in float32; whoever rounds logits is to say so.
        if name in exits and tensor.dtype != torch.float32:
            raise UserError(
                f"exit {exits.index(name)}: its head writes {dtype_name(tensor.dtype)} logits {name!r}, expected "
                "float32: let it end with .float()"
            )
    return TracedSegment(module, example, outputs)
