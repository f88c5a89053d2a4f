"""Networks that answer with numbers: every exit corrects what the exit before it said."""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor, nn

from eenet.models.network import MultiExitNetwork
from eenet.segments import SegmentSpec

_NO_DEVIATION = 1e-12  # relative to the size: what varies by less is a constant


class BoostedNetwork(MultiExitNetwork):
    """A regression whose core parts follow one another, and whose heads are boosted on residuals.

    Head k makes hidden features of what core part k gives, and of them a correction: ``v_k = v_{k-1} + c_k``. In
    training, ``v_{k-1}`` is taken as it is, so that each head learns what the earlier ones leave. Corrections are
    learned in deviations of the targets, which the last affine map of each head takes back to their unit.

    Args:
        num_targets: D.
        num_exits: K.
        input_shape: shape of the one input, ``inputs``, without the batch axis.
        hidden: H_k of each exit, the features that its correction is made of.
    """

    task = "regression"
    standalone = False

    target_mean: Tensor
    target_deviation: Tensor

    def __init__(self, num_targets: int, num_exits: int, input_shape: tuple[int, ...], hidden: tuple[int, ...]) -> None:
        last = num_exits - 1
        specs = []
        for k in range(num_exits):
            exit_outputs = (f"value_{k}", f"hidden_{k}")
            specs.append(
                SegmentSpec(
                    inputs=("inputs",) if k == 0 else (f"trunk_{k - 1}", f"value_{k - 1}"),
                    outputs=exit_outputs if k == last else (f"trunk_{k}", *exit_outputs),
                    exit=exit_outputs,
                )
            )
        super().__init__(num_targets, specs, {"inputs": input_shape})
        self.corrections = nn.ModuleList(nn.Linear(size, num_targets) for size in hidden)
        self.register_buffer("target_mean", torch.zeros(num_targets))
        self.register_buffer("target_deviation", torch.ones(num_targets))

    @abstractmethod
    def core_modules(self, k: int) -> tuple[nn.Module, ...]:
        """The modules of core part k, run one after the other."""

    @abstractmethod
    def hidden_module(self, k: int) -> nn.Module:
        """What head k makes its hidden features ``(batch, H_k)`` with, of the output of core part k."""

    def adapt(self, inputs: Tensor, answers: Tensor) -> None:
        mean, deviation = moments(answers)
        self.target_mean.copy_(mean)
        self.target_deviation.copy_(deviation)

    def segment_modules(self, k: int) -> tuple[nn.Module, ...]:
        return (*self.core_modules(k), self.hidden_module(k), self.corrections[k])

    def trunk_modules(self) -> tuple[nn.Module, ...]:
        return tuple(module for k in range(self.num_exits) for module in self.segment_modules(k))

    def run_core(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        x = tensors[0]
        for module in self.core_modules(k):
            x = module(x)
        return (x,)

    def run_segment(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        (x,) = self.run_core(k, *tensors)
        hidden = cast(Tensor, self.hidden_module(k)(x))
        earlier = self.target_mean if k == 0 else tensors[1].detach()
        value = earlier + self.target_deviation * self.corrections[k](hidden)
        return (value, hidden) if k == self.num_exits - 1 else (x, value, hidden)


def moments(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every number of samples ``(N, ...)``; a deviation of 1 where there is none."""
    samples = samples.double()
    mean, deviation = samples.mean(dim=0), samples.std(dim=0, correction=0)
    constant = deviation <= _NO_DEVIATION * mean.abs()
    return mean.float(), torch.where(constant, torch.ones_like(deviation), deviation).float()
