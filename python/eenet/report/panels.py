"""What reports on each task have of their own; all other sections know no task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eenet.data import ImageSet
from eenet.data.arrays import ArraySet
from eenet.predictions import Predictions
from eenet.report import classification, regression
from eenet.report.described import ReportBundle
from eenet.report.inputs import Inputs, ReportSources
from eenet.report.page import Section
from eenet.workflows.evaluate import Evaluation


@dataclass(frozen=True)
class Panel:
    """Of one task.

    Attributes:
        read: takes the files, what the bundle says and threads to run it with; gives predictions to report on, and the
            samples that they are of where there are any.
        exits: where samples leave, beside a simple policy at the same cost.
        answers: how good those of each exit are.
        figures: more of these, of types that JSON has.
    """

    read: Callable[[ReportSources, ReportBundle, int], tuple[Predictions, ImageSet | ArraySet | None]]
    exits: Callable[[Inputs, Evaluation], Sequence[Section]]
    answers: Callable[[Inputs], Sequence[Section]]
    figures: Callable[[Inputs, Evaluation], dict[str, Any]]


def panel_of(task: str) -> Panel:
    """That of a task, by its name."""
    return _PANELS[task]


_PANELS = {
    "classification": Panel(
        classification.read_classes, classification.exit_sections, classification.answer_sections,
        classification.group_sizes,
    ),
    "regression": Panel(
        regression.read_values, regression.exit_sections, regression.answer_sections, regression.target_errors
    ),
}  # fmt: skip
