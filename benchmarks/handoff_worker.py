"""Measures handoff.py's cuts in a process without PyTorch: ``handoff_worker.py FOLDER SAMPLES`` prints JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt

DTYPES = ("float32", "float16")
BLOCK, WARM_UP = 20, 4


def never(policy: eenet_rt.ExitPolicy) -> eenet_rt.ExitPolicy:
    """The policy with thresholds that no score reaches: it scores everywhere and stops nowhere."""
    return policy.with_thresholds([1e9] * policy.num_exits)


def time(head: eenet_rt.Runtime, whole: eenet_rt.Runtime, inputs: np.ndarray, samples: int) -> dict[str, Any]:
    """Head, rest, and the whole network to the cut and to its end, in turns of a block of samples."""
    assert whole.schedule is not None
    policy = never(whole.schedule.exit_policy)
    result = {}
    for dtype in DTYPES:
        handoffs = [head.infer(x, policy=policy, handoff_dtype=dtype).handoff for x in inputs[:BLOCK]]
        cut = head.infer(inputs[0], policy=policy).exit
        contestants: dict[str, Callable[[int], eenet_rt.Result]] = {
            "head": lambda i, dtype=dtype: head.infer(inputs[i], policy=policy, handoff_dtype=dtype),
            "rest": lambda i, handoffs=handoffs: whole.resume(handoffs[i], policy=policy),
            "to_the_cut": lambda i, cut=cut: whole.infer(inputs[i], policy=policy, max_exit=cut),
            "one_machine": lambda i: whole.infer(inputs[i], policy=policy),
        }
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        for _ in range(samples // BLOCK):
            for name, call in contestants.items():
                # The first calls of a turn find the caches full of another contestant's weights.
                results = [call(i % BLOCK) for i in range(-WARM_UP, BLOCK)][WARM_UP:]
                rows[name] += [(r.latency_ms, 1e3 * (r.latency_ms - r.backend_ms)) for r in results]
        latency, outside = ({n: float(np.median([row[i] for row in rows[n]])) for n in rows} for i in (0, 1))
        hand_on = outside["head"] - outside["to_the_cut"]
        resume = outside["rest"] - (outside["one_machine"] - outside["to_the_cut"])
        result[dtype] = {
            "size_bytes": len(handoffs[0]),
            "latency_ms": latency,
            "hand_on_us": hand_on,
            "resume_us": resume,
            "added_over_one_machine": 1e-3 * (hand_on + resume) / latency["one_machine"],
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
