"""What a report reads of a bundle (``docs/spec/format.md``), with or without ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import eenet_rt
from eenet.bundles.bundle import Bundle, reading
from eenet.bundles.calibration import parse_calibration
from eenet.costs import CostProfile
from eenet.errors import Argument, UserError
from eenet.prediction_checks import check_network
from eenet.predictions import Predictions
from eenet.preprocessing import ImagePreprocessing
from eenet_rt._core import CALIBRATION, MANIFEST, SCHEDULES


@dataclass(frozen=True)
class ReportBundle:
    """A bundle's description and schedules.

    Attributes:
        files: folder and manifest; class names are as untrusted as the rest.
        model: registry name.
        parameters: K numbers of parameters up to each exit.
        profiles: costs of leaving at each exit, measured or computed.
        preprocessing: from images to inputs; None where the bundle declares none of images.
        versions: of the tools that made it.
        schedules: by ascending budget.
        active: index of the schedule in force after loading; None is full depth.
    """

    files: Bundle
    model: str
    parameters: tuple[int, ...]
    profiles: tuple[CostProfile, ...]
    preprocessing: ImagePreprocessing | None
    versions: dict[str, str]
    schedules: list[eenet_rt.Schedule]
    active: int | None

    @property
    def class_names(self) -> tuple[str, ...]:
        """C names."""
        return self.files.names

    @property
    def num_exits(self) -> int:
        """K."""
        return self.files.num_exits

    def profile(self, schedule: eenet_rt.Schedule) -> CostProfile:
        """The one that a schedule was fitted for, or no more of it than the schedule says itself."""
        wanted = CostProfile(schedule.unit, tuple(schedule.costs))
        same = (p for p in self.profiles if (p.unit, p.costs) == (wanted.unit, wanted.costs))
        return next(same, wanted)


def read_bundle(path: Path) -> ReportBundle:
    """Reads manifest and schedules.

    Raises:
        UserError: not a bundle, no schedules, or files that contradict each other.
    """
    files = Bundle.open(path)
    schedules = eenet_rt.parse_schedules(files.read(SCHEDULES))
    with reading(path / MANIFEST):
        bundle = ReportBundle(
            files=files,
            model=str(files.manifest["model"]),
            parameters=tuple(int(count) for count in files.manifest["parameters"]),
            profiles=tuple(CostProfile.from_json(entry) for entry in files.profiles),
            preprocessing=_preprocessing(files.manifest["preprocessing"]),
            versions={str(name): str(version) for name, version in files.manifest["versions"].items()},
            schedules=schedules.schedules,
            active=schedules.active,
        )
    if schedules.network != files.network:
        raise UserError(f"{path}: schedules were fitted for {schedules.network!r}, expected {files.network!r}")
    if schedules.num_features != files.num_features or len(bundle.parameters) != files.num_exits:
        raise UserError(
            f"{path}: exits of schedules have {schedules.num_features} features, the manifest's {files.num_features}, "
            f"and {len(bundle.parameters)} numbers of parameters"
        )
    return bundle


def _preprocessing(declared: dict[str, Any]) -> ImagePreprocessing | None:
    return ImagePreprocessing.from_json(declared) if declared.get("kind") == "image" else None


def has_calibration(bundle: ReportBundle) -> bool:
    """Whether `read_calibration` finds any."""
    return CALIBRATION in bundle.files.files


def read_calibration(bundle: ReportBundle) -> Predictions:
    """The predictions that a bundle's schedules were fitted and calibrated on: none of them may be reported on.

    Raises:
        UserError: there are none, or they do not fit the bundle.
    """
    folder = bundle.files.folder
    if not has_calibration(bundle):
        raise UserError(f"{folder} holds no {CALIBRATION}: give ", Argument("validation"))
    data = bundle.files.read(CALIBRATION)
    try:
        fit_set, calibration_set = parse_calibration(data, bundle.files.task, bundle.files.names, bundle.files.manifest)
    except UserError as error:
        raise UserError(f"{folder / CALIBRATION}: {error}; ", Argument("validation"), " can take its place") from error
    both: Predictions = fit_set.joined(calibration_set)
    predictions = both[np.argsort(both.index)]
    check_shape(predictions, bundle, str(folder / CALIBRATION))
    return predictions


def check_shape(predictions: Predictions, bundle: ReportBundle, name: str) -> None:
    """Predictions must have the task, exits and classes of the bundle, and its network's id if they have any.

    Raises:
        UserError: they do not.
    """
    if predictions.task != bundle.files.task.name:
        raise UserError(f"{name}: got predictions of {predictions.task}, expected {bundle.files.task.name}")
    features, expected = list(predictions.num_features), bundle.files.num_features
    names = (len(predictions.names), len(bundle.files.names))
    if len(features) == len(expected) and names[0] == names[1] and features != expected:
        raise UserError(f"{name}: exits have {features} features, those of the bundle's {bundle.model} {expected}")
    if len(features) != len(expected) or names[0] != names[1]:
        raise UserError(
            f"{name}: got {predictions.shape_text}, the bundle's {bundle.model} has {bundle.num_exits} and "
            f"{len(bundle.files.names)}"
        )
    check_network(predictions, [bundle.files.weights, bundle.files.network], name, str(bundle.files.folder))
