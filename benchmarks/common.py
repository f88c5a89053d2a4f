"""What all benchmarks share: the machine, the versions, the result file, medians."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import eenet_rt

RESULTS = Path(__file__).parent / "results"
SHARED = Path(os.environ.get("EENET_SHARED", Path(__file__).resolve().parents[2] / "shared"))
MODELS = ("densenet121", "resnet56")
TEST_FILES = {"densenet121": "cifar100_test.npz", "resnet56": "cifar10_test.npz"}

# Costs of the exits as eenet-export measured them on the idle machine of docs/results.md. Accuracy at a share of full
# cost hangs on their ratios, and a table that stays lets it be measured again on a machine that is busy.
COSTS_MS = {"densenet121": (1.91, 3.24, 4.62, 5.21), "resnet56": (0.99, 1.94, 2.88)}


def machine() -> dict[str, Any]:
    """The machine and the versions that figures hold for."""
    versions = {"python": platform.python_version()}
    for package in ("eenet", "onnxruntime", "torch", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    load = os.getloadavg()
    return {
        "device": eenet_rt.device_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load_average": [round(x, 2) for x in load],
        "versions": versions,
    }


def ask_worker(script: str, *arguments: str) -> dict[str, Any]:
    """What a script beside this one prints as JSON, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def summary(times_ms: ArrayLike) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = np.percentile(np.asarray(times_ms), [25, 50, 75])
    return {"median": float(median), "q25": float(low), "q75": float(high)}


def ratio(numerator_ms: ArrayLike, denominator_ms: ArrayLike) -> float:
    """Ratio of medians of one interleaved run."""
    return float(np.median(np.asarray(numerator_ms)) / np.median(np.asarray(denominator_ms)))


def write(name: str, result: dict[str, Any]) -> Path:
    """Writes ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
    print(f"wrote {path}")
    return path
