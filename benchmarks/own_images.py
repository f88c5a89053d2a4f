"""From a folder of own images to a bundle and its verdict: seconds of the three commands, as a user would type them.

Run: python benchmarks/own_images.py [--images 2000] [--model resnet56] [--threads N]

The images are three classes of CIFAR-10's training images, written as PNG files into class folders, and 600 of its test
images to report on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from common import SHARED, write
from eenet.data import load_images

CLASSES = ("cat", "frog", "ship")
TEST_IMAGES = 600


def write_folder(source: str, count: int, folder: Path) -> None:
    images = load_images(SHARED / "data" / source)
    for k, name in enumerate(CLASSES):
        share = count // len(CLASSES) + (k < count % len(CLASSES))
        (folder / name).mkdir(parents=True)
        for row in np.flatnonzero(images.labels == images.class_names.index(name))[:share]:
            Image.fromarray(images.images[row]).save(folder / name / f"{row:05}.png")


def timed(*command: str | Path) -> dict[str, Any]:
    """Seconds on the clock and of the processor, and what the command printed as JSON."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    path = Path(sys.executable).with_name(str(command[0]))
    done = subprocess.run([path, *command[1:], "--json"], check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer = json.loads(done.stdout.splitlines()[-1])
    return {"s": time.perf_counter() - start, "processor_s": processor, "answer": answer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--model", default="resnet56")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of training")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder("cifar10_train_nl60.npz", arguments.images, folder / "photos")
        write_folder("cifar10_test.npz", TEST_IMAGES, folder / "photos_test")
        model, run = ("--model", arguments.model), folder / "run"
        train = timed(
            "eenet-train", *model, "--data", folder / "photos", "--out", run, "--threads", str(arguments.threads)
        )
        export = timed("eenet-export", *model, "--checkpoint", run / "weights.safetensors", "--out", folder)
        bundle = folder / f"{arguments.model}.eenet"
        report = timed(
            "eenet-report", bundle, "--data", folder / "photos_test", "--out", folder / "report.html"
        )  # fmt: skip
    steps = {"train": train, "export": export, "report": report}
    answers = {step: timing.pop("answer") for step, timing in steps.items()}
    total = sum(timing["s"] for timing in steps.values())
    verdict = {key: answers["report"][key] for key in ("accuracy", "full_depth_accuracy", "mean_cost", "full_cost")}
    settings = {"images": arguments.images, "model": arguments.model, "threads": arguments.threads}
    result = {
        **settings,
        "steps": steps,
        "total_s": total,
        "validation": answers["train"]["accuracy"]["validation"],
        **verdict,
    }
    print(json.dumps(result, indent=1))
    write("own_images", result)


if __name__ == "__main__":
    main()
