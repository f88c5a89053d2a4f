"""Puts a finished run of eenet-train, made with --test, into the zoo that ships with the package.

The validation images that ship are the last 5,000 training images, for which figures of policies were measured, and
not a stratified choice:

    eenet-train --model densenet121 --split tail --validation-size 5000 --data train.npz --test test.npz --out RUN
    python tools/build_zoo.py RUN
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions

ZOO = Path(__file__).resolve().parents[1] / "python" / "eenet" / "zoo"
# Logits are kept to a 256th: the file shrinks to a third, and no threshold is known better than that.
LOGIT_STEP = 2.0**-8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    run: Path = parser.parse_args().run
    checkpoint = load_checkpoint(run / "weights.safetensors")
    accuracy = {}
    for name in ("validation", "test"):
        predictions = load_predictions(run / f"{name}.npz")
        accuracy[name] = predictions.qualities().mean(axis=0).round(4).tolist()
    check_tail(load_predictions(run / "validation.npz"))
    folder = ZOO / checkpoint.model
    folder.mkdir(parents=True, exist_ok=True)
    training = {**checkpoint.training, "accuracy": accuracy}
    # CIFAR's images have the network's size; users' are brought to it.
    preprocessing = replace(checkpoint.preprocessing, resize=True)
    Checkpoint(checkpoint.model, checkpoint.network, checkpoint.class_names, preprocessing, training).save(
        folder / "weights.safetensors"
    )
    write_rounded(load_predictions(run / "validation.npz"), folder / "validation.npz")
    shutil.copyfile(run / "samples.npz", folder / "samples.npz")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB, accuracy per exit {json.dumps(accuracy)}")


def check_tail(validation: ClassPredictions) -> None:
    if (np.diff(validation.index) != 1).any():
        raise SystemExit("validation.npz: not the last images in order: train with --split tail")


def write_rounded(predictions: ClassPredictions, path: Path) -> None:
    rounded = (np.round(predictions.logits / LOGIT_STEP) * LOGIT_STEP).astype(np.float32)
    np.savez_compressed(
        path, logits=rounded, labels=predictions.labels, index=predictions.index, class_names=predictions.class_names
    )


if __name__ == "__main__":
    main()
