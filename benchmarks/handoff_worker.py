"""Measures handoff.py's cuts in a process without PyTorch: ``handoff_worker.py FOLDER SAMPLES`` prints JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt

DTYPES = ("float32", "float16")
WARM_UP = 20


def never(policy: eenet_rt.ExitPolicy) -> eenet_rt.ExitPolicy:
    """The policy with thresholds that no score reaches: it scores everywhere and stops nowhere."""
    out_of_reach = np.full(policy.num_exits, 1e9)
    return eenet_rt.ExitPolicy(
        policy.num_classes, policy.scorers, out_of_reach, combiner=policy.combiner, clamp=policy.clamp
    )


def warm(call: Callable[[], eenet_rt.Result]) -> eenet_rt.Result:
    """The second of two calls: the first finds the caches full of another runtime's weights."""
    call()
    return call()


def time(head: eenet_rt.Runtime, whole: eenet_rt.Runtime, inputs: np.ndarray, samples: int) -> dict[str, Any]:
    """Head, rest and the whole network in turn."""
    assert whole.schedule is not None
    policy = never(whole.schedule.exit_policy)
    rows: dict[str, list[tuple[float, ...]]] = {dtype: [] for dtype in DTYPES}
    sizes = {}
    for i in range(WARM_UP + samples):
        x = inputs[i % len(inputs)]
        for dtype in DTYPES:
            first = warm(partial(head.infer, x, policy=policy, handoff_dtype=dtype))
            assert first.handoff is not None
            sizes[dtype] = len(first.handoff)
            rest = warm(partial(whole.resume, first.handoff, policy=policy))
            until = warm(partial(whole.infer, x, policy=policy, max_exit=first.exit))
            full = warm(partial(whole.infer, x, policy=policy))
            rows[dtype].append(tuple(r.latency_ms for r in (first, rest, until, full)))
    result = {}
    for dtype in DTYPES:
        first, rest, until, full = np.array(rows[dtype][WARM_UP:]).T
        added = first + rest - full
        result[dtype] = {
            "size_bytes": sizes[dtype],
            "head_ms": float(np.median(first)),
            "rest_ms": float(np.median(rest)),
            "one_machine_ms": float(np.median(full)),
            "hand_on_us": 1e3 * float(np.median(first - until)),
            "added_us": 1e3 * float(np.median(added)),
            "added_over_one_machine": float(np.median(added) / np.median(full)),
        }
    return result


def compare(
    head: eenet_rt.Runtime, whole: eenet_rt.Runtime, inputs: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Half precision against single precision, which is exact, under the active schedule."""
    exact, rounded = [], []
    handed_on = 0
    for x in inputs:
        results = [head.infer(x, handoff_dtype=dtype) for dtype in DTYPES]
        handed_on += not results[0].complete
        for answers, result in zip((exact, rounded), results, strict=True):
            end = result if result.handoff is None else whole.resume(result.handoff)
            answers.append((end.exit, end.label))
    (exits, found), (half_exits, half_found) = np.array(exact).T, np.array(rounded).T
    return {
        "samples": len(inputs),
        "handed_on": handed_on / len(inputs),
        "other_exit": float(np.mean(exits != half_exits)),
        "other_label": float(np.mean(found != half_found)),
        "accuracy_float32": float(np.mean(found == labels)),
        "accuracy_float16": float(np.mean(half_found == labels)),
    }


def main() -> None:
    folder, samples = Path(sys.argv[1]), int(sys.argv[2])
    whole = eenet_rt.load(folder / "exits.eenet")
    report = np.load(folder / "report.npz")
    cuts = []
    for cut in range(1, whole.num_exits):
        path = folder / f"head_{cut}.eenet"
        eenet_rt.slice_bundle(folder / "exits.eenet", 0, cut, path)
        head = eenet_rt.load(path)
        manifest = json.loads((path / "manifest.json").read_text())
        cuts.append(
            {
                "cut": cut,
                "live": {name: manifest["tensors"][name]["shape"][1:] for name in manifest["slice"]["live"]},
                **time(head, whole, np.load(folder / "inputs.npy"), samples),
                "half_precision": compare(head, whole, report["inputs"], report["labels"]),
            }
        )
    print(json.dumps({"cuts": cuts}))


if __name__ == "__main__":
    main()
