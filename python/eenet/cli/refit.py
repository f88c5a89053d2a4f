"""``eenet-schedule refit``: other schedules for a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from eenet.cli.command_warnings import print_json
from eenet.cli.commands import COSTS, ArgumentParser, add_budgets, check_counts, given_budgets
from eenet.policies.grid import UNITS
from eenet.workflows.profile import PROVIDERS, ProfileOptions
from eenet.workflows.refit import RefitOptions, refit_bundle
from eenet.workflows.summary import budget_text, schedule_rows

REFIT = "fit the schedules of a bundle anew, for this device and other budgets"


def add_refit(parser: ArgumentParser) -> None:
    """Adds the options, and what to run."""
    options = ProfileOptions()
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder written by eenet-export")
    add_budgets(parser, what="mean cost per sample, the first one active", required=True, of_bundle=True)
    parser.add_argument(
        "--unit", choices=UNITS,
        help="of costs and budgets: ms, those of this device; flops and params, as counted at export (default: that of "
        "the bundle's schedules)",
    )  # fmt: skip
    costs = parser.add_mutually_exclusive_group()
    costs.add_argument("--costs", **COSTS, help="ms of leaving at each exit on this device: 0.83,1.69,2.46")
    costs.add_argument(
        "--measure", action="store_true", help="measure the costs in ms, also where the bundle has a profile"
    )
    parser.add_argument(
        "--provider", choices=PROVIDERS, default=options.provider, help="that will run it (default: cpu)"
    )
    parser.add_argument("--threads", type=int, default=options.threads, help="of the runtime")
    parser.add_argument("--repeats", type=int, default=options.repeats, help="timed runs of each exit")
    parser.add_argument("--out", type=Path, help="bundle to write (default: BUNDLE is replaced)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=_refit)


def _refit(arguments: argparse.Namespace) -> None:
    check_counts(arguments, "threads", "repeats")
    options = RefitOptions(
        budgets=tuple(given_budgets(arguments)),
        budget_ms=arguments.budget_ms is not None,
        unit=arguments.unit,
        costs=None if arguments.costs is None else tuple(arguments.costs),
        measure=arguments.measure,
        profile=ProfileOptions(arguments.threads, arguments.repeats, arguments.provider),
    )
    say = (lambda line: None) if arguments.json else (lambda line: print(line, flush=True))
    result = refit_bundle(arguments.bundle, arguments.out, options, say)
    if arguments.json:
        rows, profile = schedule_rows(result.schedules, result.calibration_set), result.profile.to_json()
        print_json({"bundle": str(result.bundle), "profile": profile, "active": result.active, "schedules": rows})
    else:
        print(f"wrote {result.bundle}, active {budget_text(result.schedules[result.active])}")
