"""Costs in operations: what is counted, and budgets of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import eenet_rt
from conftest import TrainedBundle
from eenet.checkpoint import Checkpoint
from eenet.data import ImageSet
from eenet.workflows.profile import ProfileOptions
from eenet_export.costs import flops_profile
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions


def test_operations_by_hand(trained_tiny: Checkpoint) -> None:
    """Every convolution and linear layer that runs up to an exit, counted from its shapes."""
    counted = []

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        if isinstance(module, torch.nn.Conv2d):
            per_output = module.weight[0].numel()
        elif isinstance(module, torch.nn.Linear):
            per_output = module.in_features
        else:
            return
        counted.append(2 * per_output * output[0].numel())

    network = trained_tiny.network
    hooks = [module.register_forward_hook(count) for module in network.modules()]
    example = {name: torch.zeros(1, *shape) for name, shape in network.input_shapes.items()}
    with torch.inference_mode():
        network(*example.values())
        everything = sum(counted)
        counted.clear()
        network.run_last(*example.values())
    for hook in hooks:
        hook.remove()
    profile = flops_profile(network, example)
    assert profile.costs[-1] == everything
    assert profile.static == sum(counted)
    assert 0 < profile.costs[0] < profile.costs[1] < profile.costs[2]


def test_budgets_in_operations(
    trained_tiny: Checkpoint, cifar10: ImageSet, tiny: TrainedBundle, tmp_path: Path
) -> None:
    options = ExportOptions(policy="maximum", unit="flops", profile=ProfileOptions(repeats=20))
    out = tmp_path / "x.eenet"
    result = export_bundle(trained_tiny, tiny.validation, cifar10.images[:10], out, options, lambda line: None)
    costs = flops_profile(trained_tiny.network, {"image": torch.zeros(1, 3, 32, 32)}).costs
    runtime = eenet_rt.load(out)
    assert result.costs == tuple(runtime.costs) == costs
    schedule = runtime.set_budget(0.7 * costs[-1])
    assert schedule is not None
    assert schedule.unit == "flops"
    left = eenet_rt.replay(tiny.report.logits, schedule.exit_policy).exits
    assert 0.9 * schedule.budget < np.take(costs, left).mean() < 1.05 * schedule.budget
    with pytest.raises(eenet_rt.BudgetError, match=rf"1 flops came, .* from {costs[0]:.0f} flops .* on"):
        eenet_rt.load(out, budget=1.0)
