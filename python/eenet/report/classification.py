"""What a report on answers that are classes has of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from eenet.data import ImageSet, load_images
from eenet.errors import Argument, ArgumentError, UserError, counted
from eenet.report.assignments import assignment_section, sample_groups
from eenet.report.described import ReportBundle, check_shape
from eenet.report.images import image_section
from eenet.report.inputs import Inputs, ReportSources
from eenet.report.page import Section
from eenet.report.quality import quality_section
from eenet.report.scores import score_section
from eenet.tasks.classification import ClassPredictions, of_classes
from eenet.tasks.registry import load_predictions
from eenet.workflows.evaluate import Evaluation
from eenet.workflows.predict import bundle_images, predict_images


def read_classes(
    sources: ReportSources, bundle: ReportBundle, threads: int
) -> tuple[ClassPredictions, ImageSet | None]:
    """Predictions to report on and the images that they are of: given, or by the bundle itself.

    Raises:
        UserError: files that are not what they should be, or do not fit each other.
    """
    if sources.predictions is None:
        images = bundle_images(sources.bundle, sources.samples)
        return predict_images(sources.bundle, images, threads=threads), images
    report = of_classes(load_predictions(sources.predictions), str(sources.predictions))
    if sources.images is None:
        return report, None
    check_shape(report, bundle, str(sources.predictions))
    return report, _matching_images(sources.images, report, bundle)


def exit_sections(inputs: Inputs, rival: Evaluation) -> list[Section]:
    """Where samples leave, and why."""
    groups = sample_groups(inputs.outcome, rival)
    sections = [assignment_section(inputs, rival, groups)]
    if isinstance(inputs.samples, ImageSet):
        sections.append(image_section(inputs, inputs.samples, rival, groups))
    return [*sections, score_section(inputs)]


def answer_sections(inputs: Inputs) -> list[Section]:
    """How far exits know what they know."""
    return [quality_section(inputs)]


def group_sizes(inputs: Inputs, rival: Evaluation) -> dict[str, Any]:
    """The groups of the paper, of types that JSON has."""
    groups = sample_groups(inputs.outcome, rival)
    return {"groups": {group.letter: len(group.rows) for group in groups if group.letter}}


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
