"""Everything a report is made of, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import eenet_rt
from eenet.budgets import Budget, within_budget
from eenet.data import ImageSet, load_images
from eenet.errors import Argument, ArgumentError, UserError, counted
from eenet.policies.calibration import Floats
from eenet.prediction_checks import check_apart, check_predictions, check_report
from eenet.report.described import (
    ReportBundle,
    check_shape,
    has_calibration,
    read_bundle,
    read_calibration,
)
from eenet.tasks.classification import ClassPredictions, of_classes
from eenet.tasks.registry import load_predictions
from eenet.workflows.evaluate import Evaluation, evaluate
from eenet.workflows.predict import bundle_images, predict_images
from eenet.workflows.summary import exit_accuracies


@dataclass(frozen=True)
class ReportSources:
    """What is to be reported on, by its files.

    Attributes:
        bundle: folder of the bundle.
        data: labelled images that nothing was fitted on, a folder of class folders or ``.npz``; either these, which the
            bundle then sees, or ``predictions``.
        predictions: what the network said of such images, ``.npz``.
        images: the images that ``predictions`` are of, ``.npz``, for examples.
        validation: predictions to fit other policies on, for comparison; None: the bundle's calibration file.
        schedule: index of the schedule that is reported on; None: the active one.
        budget: or the one with the largest budget up to this.
    """

    bundle: Path
    data: Path | None = None
    predictions: Path | None = None
    images: Path | None = None
    validation: Path | None = None
    schedule: int | None = None
    budget: Budget | None = None

    def __post_init__(self) -> None:
        if (self.data is None) == (self.predictions is None):
            raise ArgumentError("data", "expected either this or ", Argument("predictions"))
        if self.data is not None and self.images is not None:
            raise ArgumentError("images", "came with ", Argument("data"), ", which holds images")
        if self.schedule is not None and self.budget is not None:
            raise ArgumentError("schedule", "came with ", Argument("budget"), ", expected one of them")

    @property
    def samples(self) -> Path:
        """The file or folder of the samples that are reported on."""
        path = self.data or self.predictions
        assert path is not None  # by __post_init__
        return path


@dataclass(frozen=True)
class Inputs:
    """What is reported on.

    Attributes:
        bundle: the bundle.
        chosen: index of the schedule.
        report: predictions that nothing was fitted on.
        validation: predictions that other policies are fitted on, for comparison.
        images: one for each row of ``report``; None where only predictions were given.
        sources: what each file is called, for the page: predictions, validation, images.
        repeated: rows of ``report`` that are, by their logits, among samples that policies were fitted on.
        seed: of the split of ``validation``, of fits and of the choice of images.
    """

    bundle: ReportBundle
    chosen: int
    report: ClassPredictions
    validation: ClassPredictions
    images: ImageSet | None
    sources: dict[str, str]
    repeated: int
    seed: int

    @property
    def schedule(self) -> eenet_rt.Schedule:
        """The schedule that is reported on."""
        return self.bundle.schedules[self.chosen]

    @property
    def policy(self) -> eenet_rt.ExitPolicy:
        """Its exit policy."""
        return self.schedule.exit_policy

    @property
    def costs(self) -> Floats:
        """K costs, of the schedule."""
        return np.array(self.schedule.costs)

    @property
    def unit(self) -> str:
        """Of the costs."""
        return self.schedule.unit

    @property
    def static_cost(self) -> float | None:
        """Cost of the network without early exits."""
        return self.bundle.profile(self.schedule).static

    @cached_property
    def outcome(self) -> Evaluation:
        """What the schedule does on the report set."""
        return evaluate(self.report, self.policy, self.schedule.costs)

    @cached_property
    def exit_accuracy(self) -> Floats:
        """K accuracies of the exits as they are, each on all report samples; the last is that of full depth."""
        return exit_accuracies(self.report)


def read_inputs(sources: ReportSources, seed: int) -> Inputs:
    """Reads and checks the files.

    Args:
        sources: the files.
        seed: of the split of the validation predictions, of fits and of the choice of images.

    Raises:
        UserError: a file that is not what it should be or does not fit the others, or a schedule that is not there.
    """
    bundle = read_bundle(sources.bundle)
    if bundle.files.task.predictions is not ClassPredictions:
        raise UserError(
            f"{sources.bundle}: is of the task {bundle.files.task.name}, expected {ClassPredictions.task}, which alone "
            "has reports"
        )
    chosen = _choose(bundle, sources.schedule, sources.budget)
    name = str(sources.samples)
    report, images = _read_report(sources, bundle, chosen)
    check_shape(report, bundle, name)
    calibration = []
    if sources.validation is None:
        validation, source = read_calibration(bundle), "the bundle's calibration file"
    else:
        calibration = [read_calibration(bundle)] if has_calibration(bundle) else []
        validation, source = (
            of_classes(load_predictions(sources.validation), str(sources.validation)),
            sources.validation.name,
        )
        check_shape(validation, bundle, str(sources.validation))
    check_report(report, name)
    check_predictions(validation, str(sources.validation or source))
    repeated = check_apart(report, [validation, *calibration], name, source)
    called = {"predictions": sources.samples.name, "validation": source}
    if images is not None:
        called["images"] = (sources.images or sources.samples).name
    return Inputs(bundle, chosen, report, validation, images, called, repeated, seed)


def _read_report(sources: ReportSources, bundle: ReportBundle, chosen: int) -> tuple[ClassPredictions, ImageSet | None]:
    """Predictions to report on and the images that they are of: given, or by the bundle itself."""
    if sources.predictions is None:
        images = bundle_images(sources.bundle, sources.samples)
        threads = bundle.profile(bundle.schedules[chosen]).threads or 1
        return predict_images(sources.bundle, images, threads=threads), images
    report = of_classes(load_predictions(sources.predictions), str(sources.predictions))
    if sources.images is None:
        return report, None
    check_shape(report, bundle, str(sources.predictions))
    return report, _matching_images(sources.images, report, bundle)


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


def _matching_images(path: Path, report: ClassPredictions, bundle: ReportBundle) -> ImageSet:
    if bundle.preprocessing is None:
        raise ArgumentError(
            "images",
            f"{bundle.files.folder} declares no preprocessing of images, give ",
            Argument("predictions"),
            " alone",
        )
    images = load_images(path)
    low, high = int(report.index.min()), int(report.index.max())
    if low < 0 or high >= len(images):
        raise UserError(f"{path}: has {counted(len(images), 'image')}, the predictions are of images {low} to {high}")
    matched = images[report.index]
    differ = matched.labels != report.labels
    if differ.any():
        row = int(np.argmax(differ))
        raise UserError(
            f"{path}: {int(differ.sum())} of {len(report)} labels differ from those of the predictions, that of image "
            f"{report.index[row]} is {matched.labels[row]}, expected {report.labels[row]}"
        )
    bundle.preprocessing(matched.images[:1])  # refuses another size
    return matched
