"""The files of a report, checked against each other."""

from __future__ import annotations

from eenet.budgets import Budget, within_budget
from eenet.data import ImageSet
from eenet.errors import Argument, ArgumentError
from eenet.prediction_checks import check_apart, check_predictions, check_report
from eenet.report.described import ReportBundle, check_shape, has_calibration, read_bundle, read_calibration
from eenet.report.inputs import Inputs, ReportSources
from eenet.report.panels import panel_of
from eenet.tasks.registry import load_predictions


def read_inputs(sources: ReportSources, seed: int) -> Inputs:
    """Reads and checks the files.

    Args:
        sources: the files.
        seed: of the split of the validation predictions, of fits and of the choice of examples.

    Raises:
        UserError: a file that is not what it should be or does not fit the others, or a schedule that is not there.
    """
    bundle = read_bundle(sources.bundle)
    chosen = _choose(bundle, sources.schedule, sources.budget)
    name = str(sources.samples)
    threads = bundle.profile(bundle.schedules[chosen]).threads or 1
    report, samples = panel_of(bundle.files.task.name).read(sources, bundle, threads)
    check_shape(report, bundle, name)
    calibration = []
    if sources.validation is None:
        validation, source = read_calibration(bundle), "the bundle's calibration file"
    else:
        calibration = [read_calibration(bundle)] if has_calibration(bundle) else []
        validation, source = load_predictions(sources.validation), sources.validation.name
        check_shape(validation, bundle, str(sources.validation))
    measure = calibration[0] if calibration else validation
    report, validation = report.measured_as(measure), validation.measured_as(measure)
    check_report(report, name)
    check_predictions(validation, str(sources.validation or source))
    repeated = check_apart(report, [validation, *calibration], name, source)
    called = {"predictions": sources.samples.name, "validation": source}
    if isinstance(samples, ImageSet):
        called["images"] = (sources.images or sources.samples).name
    return Inputs(bundle, chosen, report, validation, samples, called, repeated, seed)


def _choose(bundle: ReportBundle, schedule: int | None, budget: Budget | None) -> int:
    schedules = bundle.schedules
    if schedule is not None:
        if not 0 <= schedule < len(schedules):
            raise ArgumentError("schedule", f"got {schedule}, the bundle has schedules 0 to {len(schedules) - 1}")
        return schedule
    if budget is not None:
        return within_budget(schedules, budget)
    if bundle.active is None:
        raise ArgumentError("schedule", f"{bundle.files.folder} has none active, give one, or ", Argument("budget"))
    return bundle.active
