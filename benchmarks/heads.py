"""What exit heads cost: time up to each exit, heads and decisions included, over the network without early exits.

Run: python benchmarks/heads.py [--model resnet56] [--repeats 300]

Weights are random, for time does not hang on them. Each kind of head is measured in turn with the static network of the
same run, exit by exit; the runs of the kinds follow one another, and are repeated in several rounds.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch

from common import MODELS, write
from eenet.checkpoint import Checkpoint
from eenet.data import load_images
from eenet.models import create_model
from eenet.models.heads import HEADS
from eenet.preprocessing import ImagePreprocessing
from eenet.workflows.profile import ProfileOptions
from eenet.zoo import zoo_folder
from eenet_export.export import measure_costs

ROUNDS = 3


def measure(model: str, repeats: int) -> dict[str, Any]:
    """Medians over the rounds, for each kind of head."""
    images = load_images(zoo_folder(model) / "samples.npz")
    preprocessing = ImagePreprocessing.fit(images.images)
    shares: dict[str, list[list[float]]] = {kind: [] for kind in HEADS}
    static: list[float] = []
    for _ in range(ROUNDS):
        for kind in HEADS:
            torch.manual_seed(0)
            network = create_model(model, len(images.class_names), heads=kind).eval()
            checkpoint = Checkpoint(model, network, images.class_names, preprocessing)
            profile = measure_costs(checkpoint, images.images, ProfileOptions(repeats=repeats))
            assert profile.static is not None
            shares[kind].append([cost / profile.static for cost in profile.costs])
            static.append(profile.static)
            print(model, kind, " ".join(f"{share:.3f}" for share in shares[kind][-1]), f"{profile.static:.3f} ms")
    return {
        "static_ms": float(np.median(static)),
        "cost_over_static": {kind: np.median(rows, axis=0).round(4).tolist() for kind, rows in shares.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--repeats", type=int, default=300)
    arguments = parser.parse_args()
    write("heads", {"models": {m: measure(m, arguments.repeats) for m in arguments.model or MODELS}})


if __name__ == "__main__":
    main()
