"""Makes a checkpoint of the plain ResNet56 of akamaster/pytorch_resnet_cifar10, to be a teacher in training.

It has seen all 50,000 training images of CIFAR-10, so nothing can be calibrated on it.

Run: python tools/convert_teacher.py ../shared/weights/resnet56_cifar10_akamaster.npz runs/teacher.safetensors
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import torch

from eenet.checkpoint import Checkpoint
from eenet.models import create_model
from eenet.preprocessing import ImagePreprocessing

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# That repository normalises with the figures of ImageNet.
PREPROCESSING = ImagePreprocessing((32, 32), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    with np.load(arguments.weights, allow_pickle=False) as archive:
        state = {renamed(name): torch.from_numpy(archive[name]) for name in archive.files}
    network = create_model("resnet56", len(CLASSES), exits=[], shortcut="pad")
    missing = network.load_state_dict(state, strict=False).missing_keys
    if any(not name.endswith("num_batches_tracked") for name in missing):
        raise SystemExit(f"{arguments.weights} lacks {', '.join(missing)}")
    Checkpoint("resnet56", network, CLASSES, PREPROCESSING, {"source": "akamaster/pytorch_resnet_cifar10"}).save(
        arguments.out
    )


def renamed(name: str) -> str:
    name = re.sub(r"^conv1\.", "stem.0.", name)
    name = re.sub(r"^bn1\.", "stem.1.", name)
    name = re.sub(r"^layer(\d)\.", lambda match: f"stages.{int(match[1]) - 1}.", name)
    return re.sub(r"^linear\.", "classifier.2.", name)


if __name__ == "__main__":
    main()
