"""A regression that is learned in seconds, and predictions of values that are made up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eenet.cli.train import main as train
from eenet.tasks.regression import ValuePredictions
from eenet_export.cli import main as export


def table(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of four numbers in units of their own, and two targets far from zero."""
    random = np.random.default_rng(seed)
    x = random.normal([0, 50, -3, 1000], [1, 10, 0.1, 300], (samples, 4))
    z = (x - [0, 50, -3, 1000]) / [1, 10, 0.1, 300]
    y = np.stack([500 + 100 * np.sin(2 * z[:, 0]) + 50 * z[:, 1] * z[:, 2], -8 + 2 * np.abs(z[:, 3])], axis=1)
    return x.astype(np.float32), y.astype(np.float32)


def write_table(path: Path, samples: int, seed: int = 0) -> Path:
    inputs, targets = table(samples, seed)
    np.savez(path, inputs=inputs, targets=targets, target_names=np.array(["height", "depth"]))
    return path


def made_up(samples: int = 600, exits: int = 3, seed: int = 0) -> ValuePredictions:
    """Exits that come nearer and nearer; for some samples, which hidden features tell, the first does already."""
    random = np.random.default_rng(seed)
    targets = random.normal(100, 20, (samples, 1))
    hard = np.where(random.random((samples, 1)) < 0.6, 0.05, 1)
    noise = [10 * hard / (k + 1) * random.normal(size=(samples, 1)) for k in range(exits)]
    values = targets[:, None] + np.stack(noise, axis=1)
    signs = [7 * hard + random.normal(size=(samples, 1)) for _ in range(exits)]
    hidden = tuple(
        np.concatenate([sign, random.normal(0, 30, (samples, k + 1))], axis=1).astype(np.float32)
        for k, sign in enumerate(signs)
    )
    return ValuePredictions(
        values.astype(np.float32), hidden, targets.astype(np.float32), np.arange(samples), ("weight",), 12.0
    )


@dataclass(frozen=True)
class Trained:
    """What `eenet-train` and `eenet-export` made of a table."""

    run: Path
    bundle: Path
    test: Path


def train_table(folder: Path) -> Trained:
    """Trains on a table of 900 rows, 300 of them for validation, and exports."""
    data, test = write_table(folder / "data.npz", 900), write_table(folder / "test.npz", 300, seed=1)
    arguments = ["--model", "tabular", "--data", str(data), "--test", str(test), "--out", str(folder / "run")]
    settings = ["--epochs", "20", "--learning-rate", "0.05", "--validation-size", "300", "--threads", "1"]
    assert train([*arguments, *settings]) == 0
    arguments = ["--model", "tabular", "--checkpoint", str(folder / "run" / "weights.safetensors")]
    settings = ["--unit", "flops", "--budget", "50%", "80%", "--repeats", "10", "--out", str(folder)]
    assert export([*arguments, *settings]) == 0
    return Trained(folder / "run", folder / "tabular.eenet", test)
