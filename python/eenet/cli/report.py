"""``eenet-report``: a bundle and predictions to a page of measurements."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from eenet.budgets import BUDGET_HELP, parse_budget
from eenet.cli.command_warnings import print_json
from eenet.cli.commands import ArgumentParser, check_seed, run_command
from eenet.cli.option_types import output_file
from eenet.cli.output import say
from eenet.report import ReportSources, make_report
from eenet.report.page import figures_folder


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), _report, argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "eenet-report",
        "Report what a bundle does on samples that nothing was fitted on, as one HTML page with pictures.",
    )
    parser.add_argument("bundle", type=Path, help="folder written by eenet-export")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=Path,
        help="samples that nothing was fitted on: labelled images, a folder of class folders or .npz; or .npz of "
        "inputs and targets",
    )  # fmt: skip
    source.add_argument("--predictions", type=Path, help="or what the network said of such samples, .npz")
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
    parser.add_argument("--seed", type=int, default=0, help="of splits, fits and the choice of examples")
    parser.add_argument(
        "--out", type=output_file(".html"), required=True, help="report.html; pictures go to report_figures/ beside it"
    )
    parser.add_argument("--json", action="store_true", help="print the main figures as JSON")
    return parser


def _report(arguments: argparse.Namespace) -> None:
    check_seed(arguments)
    names = ("bundle", "data", "predictions", "images", "validation", "schedule", "budget")
    sources = ReportSources(**{name: getattr(arguments, name) for name in names})
    with tqdm(disable=None if arguments.ablation else True, leave=False) as bar:

        def progress(what: str, fits: int) -> None:
            bar.total = fits
            bar.set_description(f"fit {what}", refresh=False)
            bar.update()

        report = make_report(
            sources, arguments.out, ablation=arguments.ablation, seed=arguments.seed, progress=progress
        )
    if arguments.json:
        print_json(report.to_json())
        return
    verdict = report.verdict
    print("\n".join([verdict.headline.text, verdict.rule, " ".join(clause.text for clause in verdict.clauses)]))
    say(f"wrote {report.page} and {len(report.figures)} pictures in {figures_folder(report.page)}")


if __name__ == "__main__":
    sys.exit(main())
