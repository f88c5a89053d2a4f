"""Fails unless an eenet-run for another machine answers as that of this one does on sample images of a shipped network.

Run: python tools/compare_eenet_run.py NAME.eenet --native eenet-run --other "qemu_aarch64.sh eenet-run --ort-lib PATH"
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt._libraries
from eenet.data import load_images
from eenet.preprocessing import ImagePreprocessing
from eenet.zoo import zoo_folder

SAMPLES = 16
BOUND = 1e-3  # of logits, as eenet-export has it; on one kind of processor 2e-5 is seen


def run(command: list[str], bundle: str, array: str) -> list[dict[str, Any]]:
    environment = os.environ | {"EENET_ORT_LIB": eenet_rt._libraries.find_libraries()[0]["onnxruntime"][0]}
    command = [*command, bundle, array, "--json", "--outputs"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return list(json.loads(done.stdout)["samples"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--native", required=True, help="command of this machine")
    parser.add_argument("--other", required=True, help="command to compare it with")
    arguments = parser.parse_args()
    manifest = json.loads(Path(arguments.bundle, "manifest.json").read_text())
    images = load_images(zoo_folder(manifest["model"]) / "samples.npz").images[:SAMPLES]
    with tempfile.TemporaryDirectory() as folder:
        array = str(Path(folder) / "x.npy")
        np.save(array, ImagePreprocessing.from_json(manifest["preprocessing"])(images))
        native = run(arguments.native.split(), arguments.bundle, array)
        other = run(arguments.other.split(), arguments.bundle, array)

    differ = [i for i in range(SAMPLES) if any(native[i][key] != other[i][key] for key in ("label", "exit"))]
    alike = [i for i in range(SAMPLES) if i not in differ]
    off = max(float(np.abs(np.subtract(native[i]["outputs"], other[i]["outputs"])).max()) for i in alike)
    exits = np.bincount([sample["exit"] for sample in native], minlength=len(manifest["segments"]))
    print(f"{SAMPLES} images, exits {exits.tolist()}: {len(differ)} differ in label or exit, logits by up to {off:.1e}")
    return int(bool(differ) or off > BOUND)


if __name__ == "__main__":
    sys.exit(main())
