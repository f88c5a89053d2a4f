"""``eenet-report``: a bundle and predictions to a page of measurements."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eenet.budgets import BUDGET_HELP, parse_budget
from eenet.commands import ArgumentParser, run_command
from eenet.report.assignments import assignment_section, sample_groups
from eenet.report.costs import cost_section
from eenet.report.curves import curve_section
from eenet.report.fits import Fits, fit_all, number_of_fits
from eenet.report.images import image_section
from eenet.report.inputs import Inputs, read_inputs
from eenet.report.page import Page, check_output, figures_folder, write_page
from eenet.report.provenance import provenance_section
from eenet.report.quality import quality_section
from eenet.report.scores import score_section
from eenet.report.style import require_libraries
from eenet.report.verdict import WallTime, measure_wall_time, verdict_section, verdict_sentence


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), _report, argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "eenet-report",
        "Report what a bundle does on images that nothing was fitted on, as one HTML page with pictures.",
    )
    parser.add_argument("bundle", type=Path, help="folder written by eenet-export")
    parser.add_argument("--predictions", type=Path, required=True, help="that nothing was fitted on, .npz")
    parser.add_argument("--images", type=Path, help="the images that the predictions are of, .npz, for examples")
    parser.add_argument(
        "--validation", type=Path,
        help="predictions to fit other policies on, for comparison (default: the bundle's calibration file)",
    )  # fmt: skip
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--schedule", type=int, metavar="I", help="report on schedule I (default: the active one)")
    choice.add_argument(
        "--budget", type=parse_budget, metavar="B", help=f"or on the one with the largest budget up to {BUDGET_HELP}"
    )
    parser.add_argument("--seed", type=int, default=0, help="of splits, fits and the choice of example images")
    parser.add_argument("--out", type=Path, required=True, help="report.html; pictures go to report_figures/ beside it")
    parser.add_argument("--json", action="store_true", help="print the main figures as JSON")
    return parser


def _report(arguments: argparse.Namespace) -> None:
    require_libraries()
    inputs = read_inputs(arguments)
    check_output(arguments.out)
    wall = measure_wall_time(inputs)
    with tqdm(total=number_of_fits(), disable=None, leave=False) as bar:

        def progress(what: str) -> None:
            bar.set_description(f"fit {what}", refresh=False)
            bar.update()

        fits = fit_all(inputs, progress)
    files = write_page(_page(inputs, fits, wall), arguments.out)
    if arguments.json:
        print(json.dumps(_as_json(inputs, fits, wall, arguments.out, files)))
    else:
        print(verdict_sentence(inputs))
        print(f"wrote {arguments.out} and {len(files)} pictures in {figures_folder(arguments.out)}")


def _page(inputs: Inputs, fits: Fits, wall: WallTime | str) -> Page:
    groups = sample_groups(inputs.outcome, fits.rival, inputs.report.labels)
    sections = [
        verdict_section(inputs, wall),
        assignment_section(inputs, fits.rival, groups),
        score_section(inputs),
        curve_section(inputs, fits),
        cost_section(inputs),
        quality_section(inputs),
        provenance_section(inputs, fits),
    ]
    if inputs.images is not None:
        sections.insert(2, image_section(inputs, inputs.images, fits.rival, groups))
    return Page(f"{inputs.bundle.model} with early exits", verdict_sentence(inputs), sections)


def _as_json(inputs: Inputs, fits: Fits, wall: WallTime | str, out: Path, files: Sequence[str]) -> dict[str, Any]:
    schedule, outcome = inputs.schedule, inputs.outcome
    groups = sample_groups(outcome, fits.rival, inputs.report.labels)
    return {
        "page": str(out),
        "figures": list(files),
        "bundle": inputs.bundle.files.id,
        "model": inputs.bundle.model,
        "schedule": inputs.chosen,
        "policy": schedule.policy,
        "budget": schedule.budget,
        "unit": schedule.unit,
        "samples": len(inputs.report),
        "accuracy": outcome.accuracy,
        "full_depth_accuracy": float(inputs.exit_accuracy[-1]),
        "mean_cost": outcome.mean_cost,
        "full_cost": float(inputs.costs[-1]),
        "static_cost": inputs.static_cost,
        "exit_shares": outcome.exit_shares.tolist(),
        "rival": {"accuracy": fits.rival.accuracy, "mean_cost": fits.rival.mean_cost},
        "groups": {group.letter: len(group.rows) for group in groups if group.letter},
        "ablation": {
            curve.policy: {"accuracy": curve.accuracy.tolist(), "mean_cost": curve.mean_cost.tolist()}
            for curve in fits.curves
        },
        "budgets": fits.budgets.tolist(),
        "alpha_cost": [vars(point) for point in fits.sweep],
        "wall_time": vars(wall) if isinstance(wall, WallTime) else None,
    }


if __name__ == "__main__":
    sys.exit(main())
