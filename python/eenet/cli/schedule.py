"""``eenet-schedule``: predictions, costs and budgets to schedules; what they do on other predictions; refitting."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.budgets import BUDGET_HELP, parse_budget, within_budget
from eenet.bundles.bundle import Bundle
from eenet.bundles.calibration import parse_calibration
from eenet.bundles.schedules import save_schedules
from eenet.cli.command_warnings import print_json
from eenet.cli.commands import (
    ArgumentParser,
    ExtendFlat,
    add_budgets,
    check_counts,
    check_seed,
    listed,
    run_command,
)
from eenet.cli.costs import add_costs, check_given, wanted_budgets, with_costs
from eenet.cli.option_types import number
from eenet.cli.output import say
from eenet.cli.policy_options import add_class_prior, add_settings, given_settings, weighted
from eenet.cli.refit import REFIT, add_refit
from eenet.errors import UserError, counted
from eenet.extras import require
from eenet.outputs import check_replaceable
from eenet.policies.grid import (
    COMBINE,
    DEFAULT_COMBINE,
    DEFAULT_POLICY,
    FIT_SHARE,
    combine_or_default,
    fit_schedules,
)
from eenet.policies.registry import POLICIES, policies_for, settings_of
from eenet.prediction_checks import (
    check_apart,
    check_network,
    check_report,
    check_size,
    check_unmarked,
    check_validation,
    sample_marks,
)
from eenet.predictions import Predictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.compare import (
    BEST_EXIT,
    ORACLE,
    ComparedPolicy,
    compare_policies,
    default_budgets,
    write_csv,
    write_figure,
)
from eenet.workflows.evaluate import check_spending, evaluate_exit_quality, evaluate_schedule
from eenet.workflows.guarantee import check_bound, fit_within_accuracy_drop
from eenet.workflows.summary import (
    budget_text,
    exit_accuracies,
    exits_line,
    quality_text,
    schedule_line,
    schedule_rows,
    warn_of_accuracy,
    warn_of_margins,
)
from eenet_rt._core import CALIBRATION, MANIFEST, SCHEDULES

_DELTA = 0.05
_NETWORK = "predictions"  # of schedules that were fitted on predictions whose network is not known


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), lambda arguments: arguments.run(arguments), argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "eenet-schedule", "Fit exit policies to budgets, evaluate and compare them, refit a bundle."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    fit = _command(commands, "fit", "fit one policy for one or more budgets")
    fit.add_argument("--predictions", type=Path, required=True, help="on images the network was not trained on, .npz")
    add_costs(fit)
    add_budgets(fit, what="mean cost per sample, the first one active", required=True).add_argument(
        "--max-accuracy-drop", type=number("percentage points, as 0.5"), metavar="POINTS",
        help="the cheapest schedule that loses at most this many percentage points of full depth's accuracy",
    )  # fmt: skip
    fit.add_argument("--delta", type=float, help=f"chance that --max-accuracy-drop may fail with (default: {_DELTA})")
    fit.add_argument(
        "--policy", choices=list(POLICIES), default=DEFAULT_POLICY, metavar="POLICY",
        help=f"one of {', '.join(POLICIES)} (default: {DEFAULT_POLICY})",
    )  # fmt: skip
    fit.add_argument(
        "--combine", choices=COMBINE,
        help=f"answer with each exit as it is, with a temperature each, or with all exits so far (default: "
        f"{DEFAULT_COMBINE}, with --max-accuracy-drop none, which is cheaper there)",
    )  # fmt: skip
    add_class_prior(fit)
    add_settings(fit)
    fit.add_argument("--seed", type=int, default=0, help="of the split into fit and calibration set")
    fit.add_argument("--out", type=Path, required=True, help="file of schedules, .safetensors")
    fit.add_argument("--json", action="store_true", help="print the result as JSON")
    fit.set_defaults(run=_fit)

    evaluation = _command(commands, "evaluate", "what schedules do on report data")
    evaluation.add_argument(
        "--predictions", type=Path, required=True,
        help="that nothing was fitted on, .npz",
    )  # fmt: skip
    evaluation.add_argument("--schedule", type=Path, required=True, help="what `fit` wrote, or a bundle")
    evaluation.add_argument(
        "--budget", type=listed(parse_budget), nargs="+", action=ExtendFlat, metavar="B",
        help=f"only the schedule with the largest budget up to {BUDGET_HELP}, for each (default: all)",
    )  # fmt: skip
    evaluation.add_argument("--json", action="store_true", help="print the result as JSON")
    evaluation.set_defaults(run=_evaluate)

    comparison = _command(commands, "compare", "policies side by side on report data (the paper's Table 1)")
    comparison.add_argument("--val", type=Path, required=True, help="predictions to fit and calibrate on, .npz")
    comparison.add_argument("--report", type=Path, required=True, help="predictions to report on, .npz")
    add_costs(comparison)
    add_budgets(
        comparison, what="mean cost per sample (default: nine, from 1.1 x the first exit's cost to 90 %% of full cost)"
    )
    names = [*POLICIES, BEST_EXIT, ORACLE]
    comparison.add_argument(
        "--policies", nargs="+", action="extend", choices=names, metavar="POLICY",
        help=f"some of {', '.join(names)} (default: all that suit)",
    )  # fmt: skip
    comparison.add_argument(
        "--combine", nargs="+", action="extend", choices=COMBINE,
        help="as for fit (default: none exits, as far as exits can be combined)",
    )  # fmt: skip
    add_class_prior(comparison)
    add_settings(comparison)
    comparison.add_argument("--repeats", type=int, default=5, help="seeded splits")
    comparison.add_argument("--out", type=Path, default=Path(), help="folder for comparison.csv and comparison.png")
    comparison.add_argument("--json", action="store_true", help="print the result as JSON")
    comparison.set_defaults(run=_compare)

    add_refit(_command(commands, "refit", REFIT))
    return parser


def _command(commands: argparse._SubParsersAction[ArgumentParser], name: str, description: str) -> ArgumentParser:
    return commands.add_parser(name, description=description, help=description)


def _fit(arguments: argparse.Namespace) -> None:
    check_seed(arguments)
    check_given(arguments)
    if arguments.max_accuracy_drop is not None:
        check_bound(arguments.max_accuracy_drop / 100, _delta(arguments))
    elif arguments.delta is not None:
        raise UserError("--delta: came without --max-accuracy-drop, which it belongs to")
    settings_of([arguments.policy], given_settings(arguments))
    check_replaceable(arguments.out, folder=False, inputs={"predictions": arguments.predictions})
    validation = weighted(load_predictions(arguments.predictions), arguments, arguments.predictions)
    validation = with_costs(validation, arguments, arguments.predictions)
    check_size(validation, str(arguments.predictions))
    fit_set, calibration_set = validation.split(FIT_SHARE, arguments.seed)
    check_validation(validation, [("fit", fit_set), ("calibration", calibration_set)], str(arguments.predictions))
    budgets, _ = wanted_budgets(arguments, calibration_set)
    if not arguments.json:
        print(exits_line(calibration_set), flush=True)
    if arguments.max_accuracy_drop is not None:
        _fit_guaranteed(arguments, validation, calibration_set)
        return
    schedules = []
    for schedule in fit_schedules(
        arguments.policy, validation, arguments.costs, sorted(set(budgets)),
        unit=arguments.unit, combine=combine_or_default(arguments.combine, validation), seed=arguments.seed,
        settings=given_settings(arguments),
    ):  # fmt: skip
        schedules.append(schedule)
        if not arguments.json:
            print(schedule_line(schedule, calibration_set), flush=True)
    warn_of_margins(schedules)
    warn_of_accuracy(schedules, calibration_set)
    active = [s.budget for s in schedules].index(budgets[0])
    _save(arguments.out, schedules, validation, active)
    _print_fitted(arguments, schedule_rows(schedules, calibration_set), active, calibration_set)


def _save(path: Path, schedules: Sequence[eenet_rt.Schedule], validation: Predictions, active: int) -> None:
    network = validation.network or _NETWORK
    save_schedules(
        path, schedules, network=network, active=active, fitted_on=sample_marks(validation),
        feature_spec=validation.feature_spec,
    )  # fmt: skip


def _delta(arguments: argparse.Namespace) -> float:
    return _DELTA if arguments.delta is None else float(arguments.delta)


def _fit_guaranteed(arguments: argparse.Namespace, validation: Predictions, calibration_set: Predictions) -> None:
    found = fit_within_accuracy_drop(
        arguments.policy, validation, arguments.costs, arguments.max_accuracy_drop / 100, _delta(arguments),
        unit=arguments.unit, combine=arguments.combine or "none", seed=arguments.seed,
        settings=given_settings(arguments),
    )  # fmt: skip
    schedule, points = found.schedule, "point" if arguments.max_accuracy_drop == 1 else "points"
    _save(arguments.out, [schedule], validation, 0)
    if not arguments.json:
        print(
            f"{schedule.policy}: loses at most {arguments.max_accuracy_drop:g} {points} with probability "
            f"{1 - _delta(arguments):g} ({100 * found.accuracy_drop:.2f} on {schedule.calibration_samples} samples), "
            f"costs at most {schedule.budget:.4g} of {schedule.costs[-1]:.4g} {schedule.unit}"
        )
    warn_of_accuracy([schedule], calibration_set)
    bound = {"accuracy_drop": found.accuracy_drop, "max_accuracy_drop": arguments.max_accuracy_drop / 100}
    row = schedule_rows([schedule], calibration_set)[0] | bound | {"delta": _delta(arguments)}
    _print_fitted(arguments, [row], 0, calibration_set)


def _print_fitted(
    arguments: argparse.Namespace, rows: Sequence[dict[str, object]], active: int, calibration_set: Predictions
) -> None:
    if not arguments.json:
        say(f"wrote {arguments.out}")
        return
    exits = exit_accuracies(calibration_set).tolist()
    result = {"schedules": rows, "active": active, "file": str(arguments.out)}
    what = calibration_set.quality_name
    print_json(result | {f"exit_{what}": exits, f"full_depth_{what}": exits[-1]})


def _evaluate(arguments: argparse.Namespace) -> None:
    predictions = load_predictions(arguments.predictions)
    file, networks, fitted = _read_schedules(arguments.schedule)
    if tuple(file.num_features) != predictions.num_features:
        raise UserError(
            f"{arguments.schedule}: for exits of {file.num_features} features, those of {arguments.predictions} have "
            f"{list(predictions.num_features)}: {predictions.shape_text}"
        )
    check_network(predictions, networks, str(arguments.predictions), f"that of {arguments.schedule}")
    if fitted:
        predictions = predictions.measured_as(fitted[0])
        check_apart(predictions, fitted, str(arguments.predictions), str(arguments.schedule))
    check_unmarked(predictions, file.fitted_on, str(arguments.predictions), str(arguments.schedule))
    chosen = file.schedules
    if arguments.budget:
        chosen = [file.schedules[within_budget(file.schedules, budget)] for budget in arguments.budget]
    check_report(predictions, str(arguments.predictions))
    results = [evaluate_schedule(predictions, s) for s in chosen]
    for schedule, result in zip(chosen, results, strict=True):
        check_spending(schedule, result, predictions, str(arguments.predictions))
    if arguments.json:
        print_json({"schedules": [_evaluated(s, predictions) for s in chosen]})
        return
    accuracies = exit_accuracies(predictions)
    samples = counted(len(predictions), "sample")
    say(f"{arguments.predictions}: {samples}, {predictions.quality_name} of full depth {100 * accuracies[-1]:.2f} %")
    for schedule, result in zip(chosen, results, strict=True):
        shares = " ".join(f"{100 * share:.1f}" for share in result.exit_shares)
        print(
            f"{schedule.policy}: {budget_text(schedule)}, spent {result.mean_cost:.4g}, "
            f"{quality_text(predictions, result, 2)}{_combined(schedule, predictions)}, exit shares {shares} %"
        )


def _combined(schedule: eenet_rt.Schedule, predictions: Predictions) -> str:
    """What full depth has under the schedule's combiner, which may be more than the last exit alone."""
    if schedule.exit_policy.combiner is None:
        return ""
    accuracy = evaluate_exit_quality(predictions, schedule.exit_policy).accuracy[-1]
    return f" (all exits combined: {100 * accuracy:.2f} %)"


def _read_schedules(path: Path) -> tuple[eenet_rt.ScheduleFile, list[str | None], tuple[Predictions, ...]]:
    """Schedules, ids of the network that they are for, and what they were fitted on, as far as that is there."""
    if (path / MANIFEST).is_file():
        bundle = Bundle.open(path)
        fitted: tuple[Predictions, ...] = ()
        if CALIBRATION in bundle.files:
            fitted = parse_calibration(bundle.read(CALIBRATION), bundle.task, bundle.names, bundle.manifest)
        return eenet_rt.parse_schedules(bundle.read(SCHEDULES)), [bundle.weights, bundle.network], fitted
    try:
        file = eenet_rt.read_schedules(path)
        return file, [None if file.network == _NETWORK else file.network], ()
    except eenet_rt.ScheduleError as error:
        raise UserError(
            f"--schedule: {path}: expected a file that `eenet-schedule fit` wrote, or a bundle: {error}"
        ) from error


def _evaluated(schedule: eenet_rt.Schedule, predictions: Predictions) -> dict[str, object]:
    result = evaluate_schedule(predictions, schedule)
    quality = evaluate_exit_quality(predictions, schedule.exit_policy)
    return {
        "policy": schedule.policy,
        "budget": schedule.budget,
        "unit": schedule.unit,
        predictions.quality_name: result.accuracy,
        **result.figures,
        "mean_cost": result.mean_cost,
        "exit_shares": result.exit_shares.tolist(),
        f"exit_{predictions.quality_name}": _or_none(result.exit_accuracy),
        "all_samples": {
            predictions.quality_name: quality.accuracy.tolist(),
            "calibration_error": _or_none(quality.calibration_error),
            "failure_auroc": _or_none(quality.failure_auroc),
        },
    }


def _or_none(values: NDArray[np.float64]) -> list[float | None]:
    """JSON knows no NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def _compare(arguments: argparse.Namespace) -> None:
    require("report", "matplotlib")
    table, figure = arguments.out / "comparison.csv", arguments.out / "comparison.png"
    for path in (table, figure):
        check_replaceable(path, folder=False, inputs={"val": arguments.val, "report": arguments.report})
    check_counts(arguments, "repeats")
    chosen = [policy for policy in arguments.policies or POLICIES if policy in POLICIES]
    settings_of(chosen, given_settings(arguments))
    check_given(arguments)
    validation = with_costs(
        weighted(load_predictions(arguments.val), arguments, arguments.val), arguments, arguments.val
    )
    report = with_costs(load_predictions(arguments.report).measured_as(validation), arguments, arguments.report)
    wanted, possible = wanted_budgets(arguments, validation)
    budgets = sorted(set(wanted)) or default_budgets(possible)
    check_validation(validation, (), str(arguments.val))
    check_report(report, str(arguments.report))
    check_apart(report, [validation], str(arguments.report), str(arguments.val))
    policies = [
        (policy, combine)
        for policy in arguments.policies or [*policies_for(validation), BEST_EXIT, ORACLE]
        for combine in arguments.combine or (("none", "exits") if validation.combines else ("none",))
    ]
    width = max(len(policy) + len(combine) for policy, combine in policies) + 2
    if not arguments.json:
        over = f"{counted(arguments.repeats, 'split')}, on {counted(len(report), 'sample')}"
        print(f"{report.quality_name} (%), mean and deviation over {over}")
        print(" " * width, *(f"{budget:>12.4g}" for budget in budgets), arguments.unit, " overspent")

    def show(one: ComparedPolicy) -> None:
        if not arguments.json:
            cells = zip(100 * one.accuracy.mean(axis=0), 100 * one.accuracy.std(axis=0), strict=True)
            row = (f"{mean:6.2f} ±{deviation:4.2f}" for mean, deviation in cells)
            overspent = f"{one.overspent(budgets)} of {one.mean_cost.size}"
            print(f"{one.name:<{width}}", *row, f"{overspent:>{len(arguments.unit) + 11}}", flush=True)

    compared = compare_policies(
        validation, report, arguments.costs, budgets, policies, repeats=arguments.repeats,
        settings=given_settings(arguments), say=show,
    )  # fmt: skip
    write_csv(table, compared, budgets, report.quality_name)
    write_figure(figure, compared, arguments.unit, report.quality_name)
    if arguments.json:
        rows = [_row(one, budgets, report.quality_name) for one in compared]
        print_json({"budgets": budgets, "policies": rows, "files": [str(table), str(figure)]})
    else:
        say(f"wrote {table} and {figure}")


def _row(one: ComparedPolicy, budgets: Sequence[float], quality: str) -> dict[str, object]:
    return {
        "policy": one.policy,
        "combine": one.combine,
        quality: one.accuracy.mean(axis=0).tolist(),
        f"{quality}_deviation": one.accuracy.std(axis=0).tolist(),
        **{name: values.mean(axis=0).tolist() for name, values in one.figures.items()},
        "spent": (one.mean_cost.mean(axis=0) / np.array(budgets)).tolist(),
        "overspent": one.overspent(budgets),
    }


if __name__ == "__main__":
    sys.exit(main())
