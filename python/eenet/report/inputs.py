"""Everything a report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt
from eenet.budgets import Budget
from eenet.data import ImageSet
from eenet.data.arrays import ArraySet
from eenet.errors import Argument, ArgumentError
from eenet.policies.calibration import Floats
from eenet.predictions import Predictions
from eenet.report.described import ReportBundle
from eenet.report.terms import Terms, terms_of
from eenet.workflows.evaluate import Evaluation, evaluate
from eenet.workflows.summary import exit_accuracies


@dataclass(frozen=True)
class ReportSources:
    """What is to be reported on, by its files.

    Attributes:
        bundle: folder of the bundle.
        data: samples that nothing was fitted on: labelled images, a folder of class folders or ``.npz``, or ``.npz`` of
            inputs and targets; either these, which the bundle then sees, or ``predictions``.
        predictions: what the network said of such samples, ``.npz``.
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
        samples: one for each row of ``report``; None where only predictions were given.
        sources: what each file is called, for the page: predictions, validation, images.
        repeated: rows of ``report`` that are, by their outputs, among samples that policies were fitted on.
        seed: of the split of ``validation``, of fits and of the choice of examples.
    """

    bundle: ReportBundle
    chosen: int
    report: Predictions
    validation: Predictions
    samples: ImageSet | ArraySet | None
    sources: dict[str, str]
    repeated: int
    seed: int

    @property
    def terms(self) -> Terms[Any]:
        """Words and more of the task."""
        return terms_of(self.report)

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
        """K mean qualities of the exits as they are, each on all report samples; the last is that of full depth."""
        return exit_accuracies(self.report)
