"""Size and time of hand-offs for every cut, and what half precision does to exits and labels.

Run: python benchmarks/handoff.py [--model densenet121] [--samples 400] [--images 4000]

``hand_on_us`` and ``resume_us`` are what head and rest take outside the inference library more than the whole network
on one machine does for the same segments. No exit accepts, so that all samples travel; nothing lies between the two.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import MODELS, SHARED, TEST_FILES, ask_worker, machine, write
from eenet.checkpoint import load_checkpoint
from eenet.data import load_images
from eenet.zoo import zoo_folder
from latency import prepare


def measure(model: str, samples: int, images: int) -> dict[str, Any]:
    checkpoint = load_checkpoint(zoo_folder(model) / "weights.safetensors")
    report = load_images(SHARED / "data" / TEST_FILES[model])[:images]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(model, folder)
        np.savez(folder / "report.npz", inputs=checkpoint.preprocessing(report.images), labels=report.labels)
        return ask_worker("handoff_worker.py", scratch, str(samples))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--samples", type=int, default=400, help="that times are medians of")
    parser.add_argument("--images", type=int, default=4000, help="whose exits and labels are compared")
    arguments = parser.parse_args()
    before = machine()["load_average"]
    models = arguments.model or MODELS
    result = {model: measure(model, arguments.samples, arguments.images) for model in models}
    write("handoff", {"load_average_before": before, "models": result})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
