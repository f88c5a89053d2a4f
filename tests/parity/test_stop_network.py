"""A stop network trained elsewhere, as that of MAML-stop, is a policy: the runtime stops where PyTorch does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import eenet_rt
from eenet.policies import save_schedules
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.zoo import zoo_folder

COSTS = (0.83, 1.69, 2.46)


@pytest.fixture(scope="module")
def predictions() -> ClassPredictions:
    return load_predictions(zoo_folder("resnet56") / "validation.npz")[:1500]


@pytest.mark.parametrize("hidden", [0, 16])
def test_stop_network_is_a_policy(predictions: ClassPredictions, hidden: int, tmp_path: Path) -> None:
    """It stops where the sigmoid of its output reaches one half, which is a threshold of 0 on the output."""
    torch.manual_seed(0)
    features = [torch.from_numpy(x) for x in eenet_rt.features(predictions.logits)]
    inputs = features[0].shape[1]
    networks = [
        nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1)) if hidden else nn.Linear(inputs, 1)
        for _ in COSTS[:-1]
    ]
    scorers, exits = [], np.full(len(predictions), len(COSTS) - 1)
    for k in reversed(range(len(networks))):
        with torch.inference_mode():
            output = networks[k](features[k])[:, 0]
            # Centred, so that some samples stop and some do not.
            last = networks[k][-1] if hidden else networks[k]
            last.bias -= output.median()
            stops = torch.sigmoid(networks[k](features[k])[:, 0]) >= 0.5
        exits[stops.numpy()] = k
        weight, *rest = (p.detach().numpy() for p in networks[k].parameters())
        # Scores of earlier exits are inputs of the decision core, and no inputs of the stop network.
        scorers.insert(0, (np.pad(weight, ((0, 0), (0, k))), *rest))
    shares = np.bincount(exits, minlength=len(COSTS)) / len(exits)
    assert (shares > 0.1).all()
    policy = eenet_rt.ExitPolicy(predictions.num_features, scorers, [0.0] * len(COSTS))
    schedule = eenet_rt.Schedule(
        policy="maml-stop", budget=float(shares @ COSTS), unit="ms", costs=COSTS, margin=0.0,
        calibration_samples=len(exits), calibration_shares=shares, exit_policy=policy,
    )  # fmt: skip
    save_schedules(tmp_path / "s.safetensors", [schedule], network="none", active=None)
    (loaded,) = eenet_rt.read_schedules(tmp_path / "s.safetensors").schedules
    left = eenet_rt.replay(predictions.logits, loaded.exit_policy).exits
    assert loaded.policy == "maml-stop"
    # PyTorch sums in float32: samples whose output is all but 0 may go either way.
    assert (left != exits).mean() < 0.005
