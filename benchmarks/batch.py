"""Throughput of ``infer_batch`` at several batch sizes, one thread.

Run: python benchmarks/batch.py [--model densenet121] [--samples 1280]

Against the same batches at full depth, and against what early exits can give at best: the sum over segments of what a
segment takes for the samples that reach it. Each contestant takes its turn with every batch.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from common import MODELS, ask_worker, machine, write
from latency import prepare


def measure(model: str, samples: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        prepare(model, Path(folder))
        return ask_worker("batch_worker.py", folder, str(samples))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--samples", type=int, default=1280, help="per batch size")
    arguments = parser.parse_args()
    before = machine()["load_average"]
    result = {model: measure(model, arguments.samples) for model in arguments.model or MODELS}
    write("batch", {"load_average_before": before, "models": result})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
