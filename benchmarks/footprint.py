"""Memory and load time of a bundle against the whole network in one session, and memory after a million calls.

Run: python benchmarks/footprint.py [--model densenet121] [--repeats 9]

1. Resident memory after 50 samples, and time until the network is loaded and until the first answer, each contestant
   in fresh processes that take turns: the bundle, the whole network with its heads as a bundle of one segment, and the
   latter's ONNX file in a session of the onnxruntime package. Both count from a process that has imported numpy and
   read the inputs, so that the import of the runtime is in them.
2. Resident memory over a million calls of ``infer`` on the tiny bundle of tests/golden, and over 50,000 on resnet56,
   with controller, deadlines and explanations in turn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import MODELS, ask_worker, machine, summary, write
from latency import prepare

WORKER = "footprint_worker.py"
CONTESTANTS = ("bundle", "one_session", "onnxruntime_package")
GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "tiny.eenet"


def measure(model: str, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        prepare(model, Path(folder))
        rows = [{name: ask_worker(WORKER, name, folder) for name in CONTESTANTS} for _ in range(repeats)]
        calls = ask_worker(WORKER, "calls", f"{folder}/exits.eenet", "50000") if model == "resnet56" else None
    result: dict[str, Any] = {}
    for name in CONTESTANTS:
        result[name] = {key: summary([row[name][key] for row in rows]) for key in rows[0][name]}
    for other in CONTESTANTS[1:]:
        for key in rows[0]["bundle"]:
            result[f"{key}_over_{other}"] = float(np.median([row["bundle"][key] / row[other][key] for row in rows]))
    if calls is not None:
        result["calls"] = calls
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    before = machine()["load_average"]
    models = {model: measure(model, arguments.repeats) for model in arguments.model or MODELS}
    calls = ask_worker(WORKER, "calls", str(GOLDEN), "1000000")
    write("footprint", {"load_average_before": before, "models": models, "million_calls": calls})
    print(json.dumps({"models": models, "million_calls": calls}, indent=1))


if __name__ == "__main__":
    main()
