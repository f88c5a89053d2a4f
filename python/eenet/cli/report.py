"""``eenet-report``: a bundle and predictions to a page of measurements."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eenet.budgets import BUDGET_HELP, parse_budget
from eenet.cli.command_warnings import print_json
from eenet.cli.commands import ArgumentParser, check_seed, output_file, run_command
from eenet.errors import UserError
from eenet.report.assignments import assignment_section, sample_groups
from eenet.report.costs import cost_section
from eenet.report.curves import ablation_section, curve_section
from eenet.report.fits import Ablation, SimplePolicy, fit_ablation, number_of_fits
from eenet.report.images import image_section
from eenet.report.inputs import Inputs, read_inputs
from eenet.report.page import Page, check_output, figures_folder, write_page
from eenet.report.provenance import provenance_section
from eenet.report.quality import quality_section
from eenet.report.scores import score_section
from eenet.report.style import require_libraries
from eenet.report.verdict import Verdict, verdict_section
from eenet.report.wall_time import WallTime, measure_wall_time
from eenet.workflows.profile import MachineLoad


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), _report, argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "eenet-report",
        "Report what a bundle does on images that nothing was fitted on, as one HTML page with pictures.",
    )
    parser.add_argument("bundle", type=Path, help="folder written by eenet-export")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=Path, help="labelled images that nothing was fitted on, a folder of class folders or .npz"
    )
    source.add_argument("--predictions", type=Path, help="or what the network said of such images, .npz")
    parser.add_argument("--images", type=Path, help="the images that --predictions are of, .npz, for examples")
    parser.add_argument(
        "--validation", type=Path,
        help="predictions to fit other policies on, for comparison (default: the bundle's calibration file)",
    )  # fmt: skip
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--schedule", type=int, metavar="I", help="report on schedule I (default: the active one)")
    choice.add_argument(
        "--budget", type=parse_budget, metavar="B", help=f"or on the one with the largest budget up to {BUDGET_HELP}"
    )
    parser.add_argument(
        "--ablation", action="store_true", help="also fit EENet and its parts for comparison, which takes minutes"
    )
    parser.add_argument("--seed", type=int, default=0, help="of splits, fits and the choice of example images")
    parser.add_argument(
        "--out", type=output_file(".html"), required=True, help="report.html; pictures go to report_figures/ beside it"
    )
    parser.add_argument("--json", action="store_true", help="print the main figures as JSON")
    return parser


def _report(arguments: argparse.Namespace) -> None:
    machine = MachineLoad.now()
    require_libraries()
    if arguments.data is not None and arguments.images is not None:
        raise UserError("--images: came with --data, which holds images")
    check_seed(arguments)
    options = ("data", "predictions", "images", "validation")
    check_output(arguments.out, {"BUNDLE": arguments.bundle, **{f"--{o}": getattr(arguments, o) for o in options}})
    inputs = read_inputs(arguments)
    simple = SimplePolicy(inputs)
    verdict = Verdict(inputs, simple.at_cost(inputs.outcome.mean_cost), measure_wall_time(inputs, machine))
    ablation = _ablation(inputs) if arguments.ablation else None
    files = write_page(_page(verdict, simple, ablation), arguments.out)
    if arguments.json:
        print_json(_as_json(verdict, ablation, arguments.out, files))
    else:
        print("\n".join([verdict.headline.text, " ".join(clause.text for clause in verdict.clauses)]))
        print(f"wrote {arguments.out} and {len(files)} pictures in {figures_folder(arguments.out)}")


def _ablation(inputs: Inputs) -> Ablation:
    with tqdm(total=number_of_fits(), disable=None, leave=False) as bar:

        def progress(what: str) -> None:
            bar.set_description(f"fit {what}", refresh=False)
            bar.update()

        return fit_ablation(inputs, progress)


def _page(verdict: Verdict, simple: SimplePolicy, ablation: Ablation | None) -> Page:
    inputs = verdict.inputs
    groups = sample_groups(inputs.outcome, verdict.simple, inputs.report.labels)
    sections = [verdict_section(verdict), assignment_section(inputs, verdict.simple, groups)]
    if inputs.images is not None:
        sections.append(image_section(inputs, inputs.images, verdict.simple, groups))
    sections += [score_section(inputs), curve_section(inputs, simple)]
    if ablation is not None:
        sections.append(ablation_section(inputs, ablation))
    sections += [cost_section(inputs), quality_section(inputs), provenance_section(inputs, ablation)]
    return Page(f"{inputs.bundle.model} with early exits", verdict.headline, verdict.clauses, sections)


def _as_json(verdict: Verdict, ablation: Ablation | None, out: Path, files: Sequence[str]) -> dict[str, Any]:
    inputs, wall = verdict.inputs, verdict.wall
    schedule, outcome, simple = inputs.schedule, inputs.outcome, verdict.simple
    groups = sample_groups(outcome, simple, inputs.report.labels)
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
        "simple_policy": {"accuracy": simple.accuracy, "mean_cost": simple.mean_cost},
        "verdict": {
            "headline": verdict.headline.text,
            "result": verdict.result,
            "samples_to_tell": verdict.samples_to_tell,
            "at_chance": verdict.at_chance,
            "points_over_full_depth": vars(verdict.to_full_depth),
            "points_over_simple_policy": vars(verdict.to_simple),
            "saved_of_full_depth": verdict.saved,
            "saved_of_static": verdict.saved_of_static,
            "keeps_budget": verdict.keeps_budget,
            "keeps_budget_on_the_clock": verdict.keeps_budget_on_the_clock,
            "worse": verdict.worse,
        },
        "groups": {group.letter: len(group.rows) for group in groups if group.letter},
        "ablation": None if ablation is None else _ablation_as_json(ablation),
        "wall_time": _wall_as_json(wall) if isinstance(wall, WallTime) else None,
    }


def _wall_as_json(wall: WallTime) -> dict[str, Any]:
    return vars(wall) | {"exits_ms": wall.exits_ms.tolist(), "full_ms": wall.full_ms, "machine": vars(wall.machine)}


def _ablation_as_json(ablation: Ablation) -> dict[str, Any]:
    return {
        "budgets": ablation.budgets.tolist(),
        "policies": {
            curve.policy: {"accuracy": curve.accuracy.tolist(), "mean_cost": curve.mean_cost.tolist()}
            for curve in ablation.curves
        },
        "alpha_cost": [vars(point) for point in ablation.sweep],
    }


if __name__ == "__main__":
    sys.exit(main())
