"""Time to fit schedules for ten budgets (docs/results.md, "Fit time").

Run: python benchmarks/fit_time.py [--classes 100 1000]

5,000 samples of a made-up network with four exits: the time depends on the sizes and next to nothing else, and no real
network of 1,000 classes is at hand. Processor time counts, of all threads, which other work on the machine hardly
changes; with OMP_NUM_THREADS=1 it is the time on an idle machine.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from common import write
from eenet.policies.grid import fit_schedules
from eenet.tasks.classification import ClassPredictions

SAMPLES, EXITS, BUDGETS = 5000, 4, 10
POLICIES = ("maximum", "maximum-tuned", "learned-stopping", "eenet")
COMBINE = ("none", "exits")


def made_up(classes: int) -> ClassPredictions:
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, SAMPLES)
    ease = random.normal(0, 1.5, SAMPLES)
    logits = random.normal(size=(SAMPLES, EXITS, classes)).astype(np.float32)
    for k in range(EXITS):
        logits[np.arange(SAMPLES), k, labels] += 3 + k + ease
    # Later exits repeat what earlier ones say.
    logits = np.cumsum(logits, axis=1) / np.sqrt(np.arange(1, EXITS + 1))[:, None]
    return ClassPredictions(logits.astype(np.float32), labels, np.arange(SAMPLES), tuple(map(str, range(classes))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[100, 1000])
    arguments = parser.parse_args()
    rows = []
    for classes in arguments.classes:
        data = made_up(classes)
        for policy in POLICIES:
            for combine in COMBINE:
                started = time.process_time()
                costs = [float(k + 1) for k in range(EXITS)]
                values = [float(b) for b in np.linspace(1.3, 3.7, BUDGETS)]
                list(fit_schedules(policy, data, costs, values, unit="ms", combine=combine))
                seconds = time.process_time() - started
                rows.append({"classes": classes, "policy": policy, "combine": combine, "s_per_10_budgets": seconds})
                print(rows[-1], flush=True)
    write("fit_time", {"samples": SAMPLES, "exits": EXITS, "rows": rows})


if __name__ == "__main__":
    main()
