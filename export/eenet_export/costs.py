"""Costs of the exits that hold on every device: floating-point operations and parameters."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from eenet.costs import CostProfile
from eenet.models import MultiExitNetwork
from eenet_export.split import SegmentModule, WholeModule, trace_segments


def flops_profile(network: MultiExitNetwork, example: dict[str, Tensor]) -> CostProfile:
    """Operations per sample up to each exit, heads passed on the way included.

    Counted are convolutions and matrix products, a multiplication and an addition as two, as
    `torch.utils.flop_counter` does; the rest is small.

    Args:
        network: in evaluation mode.
        example: inputs ``{name: (N, ...)}``.
    """
    segments = [_flops(traced.module, traced.example) for traced in trace_segments(network, example)]
    static = None
    if network.standalone:
        static = _flops(WholeModule(network, early_exits=False).eval(), tuple(example.values()))
    return CostProfile("flops", tuple(itertools.accumulate(segments)), static)


def _flops(module: SegmentModule | WholeModule, example: tuple[Tensor, ...]) -> float:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(*example)
    return float(counter.get_total_flops() / len(example[0]))


def parameters_profile(network: MultiExitNetwork) -> CostProfile:
    """Parameters up to each exit, heads passed on the way included."""
    counts = map(float, network.parameters_to_exit())
    static = float(network.static_parameters()) if network.standalone else None
    return CostProfile("params", tuple(counts), static)
