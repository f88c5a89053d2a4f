"""Budgets on streams that are not like the calibration samples, with and without switching (paper, Table 5).

Run: python benchmarks/streams.py [--model densenet121]

Streams, each with a horizon of its own length:

* the 10,000 test images ``as-is`` (shuffled by a seed), ``easy-to-hard`` and ``hard-to-easy``. How hard an image is is
  the cross-entropy of its label, mean over the exits: no policy decides by that, for none knows the label;
* the first 2,000 test images corrupted, see corruptions.py, five severities each.

Schedules for nine budgets are fitted on the validation predictions; the budgets nearest to 50, 65 and 80 % of full
cost are the targets. Each runs alone (``none``), and switched over the horizon with one schedule on either side
(``three``, as in the paper), with all of them (``all``), and with all of them and a surplus or debt worked off over a
window of 100 samples (``all, window``). ``spent`` is realised cost over budget.

What becomes of a target:

* kept: spent is within 1 % of 1;
* unreachable: it is not, and could not have been: the lowest schedule that may be used, on every sample of the stream,
  overspends by more than 1 %, or the highest underspends so;
* late: neither, but the lowest, or the highest, was in force to the end, for a hundredth of the stream at least. What
  was left was too hard, or too easy, for what the samples before had cost;
* missed: none of these.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

import eenet_rt
from common import COSTS_MS, MODELS, SHARED, TEST_FILES, write
from corruptions import CORRUPTIONS, SEVERITIES
from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.data import ImageSet, load_images
from eenet.policies.grid import fit_schedules
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.training import predict
from eenet.workflows.compare import default_budgets
from eenet.zoo import zoo_folder

POLICIES = {"entropy": "none", "eenet": "none", "learned-stopping": "exits"}
TARGETS = (0.5, 0.65, 0.8)
SWITCHING: dict[str, dict[str, int | None]] = {  # options of replay_stream beside the horizon
    "none": {"neighbours": 0},
    "three": {"neighbours": 1},
    "all": {"neighbours": None},
    "all, window": {"neighbours": None, "window": 100},
}
CORRUPTED = 2000
TOLERANCE = 0.01

Row = dict[str, Any]


def run(model: str) -> dict[str, Any]:
    zoo = zoo_folder(model)
    checkpoint = load_checkpoint(zoo / "weights.safetensors")
    validation = load_predictions(zoo / "validation.npz")
    images = load_images(SHARED / "data" / TEST_FILES[model])
    costs = COSTS_MS[model]
    budgets = default_budgets(costs)
    schedules = {
        policy: list(fit_schedules(policy, validation, costs, sorted(budgets), unit="ms", combine=combine))
        for policy, combine in POLICIES.items()
    }
    rows = []
    for name, stream in streams(checkpoint, images):
        for policy, fitted in schedules.items():
            ends = [mean_cost(stream, schedule) for schedule in fitted]
            for share in TARGETS:
                target = int(np.argmin(np.abs(np.array(budgets) - share * costs[-1])))
                row: Row = {"stream": name, "policy": policy, "target": share}
                for switching, options in SWITCHING.items():
                    row[switching] = one(stream, fitted, target, options, ends)
                rows.append(row)
    return {"costs_ms": list(costs), "budgets_ms": budgets, "rows": rows}


def streams(checkpoint: Checkpoint, images: ImageSet) -> Iterator[tuple[str, ClassPredictions]]:
    clean = predict(checkpoint.network, images, checkpoint.preprocessing)
    yield "as-is", clean[np.random.default_rng(0).permutation(len(clean))]
    order = np.argsort(hardness(clean), kind="stable")
    yield "easy-to-hard", clean[order]
    yield "hard-to-easy", clean[order[::-1]]
    few = images[:CORRUPTED]
    for name, corrupt in CORRUPTIONS.items():
        for severity in SEVERITIES:
            spoiled = ImageSet(corrupt(few.images, severity), few.labels, few.class_names)
            yield f"{name}-{severity}", predict(checkpoint.network, spoiled, checkpoint.preprocessing)


def hardness(predictions: ClassPredictions) -> np.ndarray:
    """Cross-entropy of the label, mean over the exits, ``(N,)``."""
    logits = predictions.logits.astype(np.float64)
    logits -= logits.max(axis=2, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    return -log_p[np.arange(len(predictions)), :, predictions.labels].mean(axis=1)


def mean_cost(stream: ClassPredictions, schedule: eenet_rt.Schedule) -> float:
    exits = stream.replay(schedule.exit_policy).exits
    return float(np.take(schedule.costs, exits).mean())


def one(
    stream: ClassPredictions,
    schedules: list[eenet_rt.Schedule],
    target: int,
    options: dict[str, int | None],
    alone: list[float],
) -> dict[str, Any]:
    """A stream under one way of switching.

    Args:
        stream: in its order.
        schedules: of one policy, by ascending budget.
        target: index of the target's schedule.
        options: of `SWITCHING`.
        alone: mean cost of each schedule on the whole stream.
    """
    budget = schedules[target].budget
    seen = eenet_rt.replay_stream(stream.logits, schedules, budget, horizon=len(stream), **options)
    spent = seen.mean_cost / budget
    neighbours = options["neighbours"]
    reach = len(schedules) if neighbours is None else neighbours
    low, high = max(target - reach, 0), min(target + reach, len(schedules) - 1)
    end, least = (low, alone[low] / budget) if spent > 1 else (high, alone[high] / budget)
    if abs(spent - 1) <= TOLERANCE:
        outcome = "kept"
    elif (spent > 1) == (least > 1) and abs(least - 1) > TOLERANCE:
        outcome = "unreachable"
    elif (seen.schedules[-len(stream) // 100 :] == end).all():
        outcome = "late"
    else:
        outcome = "missed"
    return {
        "spent": round(spent, 4),
        "accuracy": round(float((seen.labels == stream.labels).mean()), 4),
        "below": round(float((seen.schedules < target).mean()), 3),
        "above": round(float((seen.schedules > target).mean()), 3),
        "outcome": outcome,
    }


def family(stream: str) -> str:
    """A corrupted stream without its severity."""
    return stream.rstrip("-12345")


def outcomes(rows: list[Row]) -> dict[str, dict[str, dict[str, int]]]:
    """For each kind of stream and way of switching how many targets were kept, unreachable, late and missed."""
    kinds = dict.fromkeys(family(row["stream"]) for row in rows)
    return {
        kind: {
            switching: dict(Counter(row[switching]["outcome"] for row in rows if family(row["stream"]) == kind))
            for switching in SWITCHING
        }
        for kind in kinds
    }


def show(model: str, rows: list[Row]) -> None:
    """A line for each kind of stream, policy and target: the range of spent, and the mean accuracy."""
    print(f"\n{model}: spent (accuracy) with each way of switching: {'; '.join(SWITCHING)}")
    groups: dict[tuple[str, str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((family(row["stream"]), row["policy"], row["target"]), []).append(row)
    for (kind, policy, target), group in groups.items():
        cells = []
        for switching in SWITCHING:
            spent = [row[switching]["spent"] for row in group]
            accuracy = np.mean([row[switching]["accuracy"] for row in group])
            ends = f"{min(spent):.3f}" if len(spent) == 1 else f"{min(spent):.3f} to {max(spent):.3f}"
            cells.append(f"{ends:>14} ({100 * accuracy:.2f} %)")
        print(f"  {kind:<14} {policy:<16} {100 * target:.0f} %  " + "  ".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    arguments = parser.parse_args()
    models = {model: run(model) for model in arguments.model or MODELS}
    counts = outcomes([row for model in models.values() for row in model["rows"]])
    write("streams", {"tolerance": TOLERANCE, "outcomes": counts, "models": models})
    for model, result in models.items():
        show(model, result["rows"])
    for kind, ways in counts.items():
        print(f"{kind:<14} " + "  ".join(f"{way}: {dict(sorted(count.items()))}" for way, count in ways.items()))


if __name__ == "__main__":
    main()
