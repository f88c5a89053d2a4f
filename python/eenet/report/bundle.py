"""What a report reads of a bundle (``docs/format.md``), with or without ONNX Runtime."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

import eenet_rt
from eenet.errors import UserError
from eenet.predictions import Predictions
from eenet.preprocessing import ImagePreprocessing

_MAX_MANIFEST = 16 << 20
_SCHEDULES, _CALIBRATION = "scheduler.safetensors", "calibration.safetensors"


@dataclass(frozen=True)
class CostTable:
    """Cost of leaving at each exit; see ``docs/format.md``, "profile".

    Attributes:
        costs: K of them.
        static: of the network without early exits, if known.
        device, provider, threads: what it was measured on; None where it holds everywhere or nothing is said.
    """

    unit: str
    costs: tuple[float, ...]
    static: float | None = None
    device: str | None = None
    provider: str | None = None
    threads: int | None = None

    @classmethod
    def from_json(cls, profile: dict[str, Any]) -> CostTable:
        """A profile of a manifest."""
        static, device = profile.get("static"), profile.get("device")
        unit, costs = str(profile["unit"]), tuple(float(cost) for cost in profile["costs"])
        table = cls(unit, costs, None if static is None else float(static))
        if device is None:
            return table
        return replace(table, device=str(device), provider=str(profile["provider"]), threads=int(profile["threads"]))


@dataclass(frozen=True)
class Bundle:
    """A bundle's description and schedules.

    Attributes:
        path: its folder.
        id: identity of the network.
        model: registry name.
        class_names: C names, as untrusted as the rest.
        parameters: K numbers of parameters up to each exit.
        cost_tables: measured or computed.
        preprocessing: from images to inputs.
        versions: of the tools that made it.
        schedules: by ascending budget.
        active: index of the schedule in force after loading; None is full depth.
        num_exits: K.
    """

    path: Path
    id: str
    model: str
    class_names: tuple[str, ...]
    parameters: tuple[int, ...]
    cost_tables: tuple[CostTable, ...]
    preprocessing: ImagePreprocessing
    versions: dict[str, str]
    schedules: list[eenet_rt.Schedule]
    active: int | None
    num_exits: int

    def cost_table(self, schedule: eenet_rt.Schedule) -> CostTable:
        """The one that a schedule was fitted for, or no more of it than the schedule says itself."""
        wanted = CostTable(schedule.unit, tuple(schedule.costs))
        same = (t for t in self.cost_tables if (t.unit, t.costs) == (wanted.unit, wanted.costs))
        return next(same, wanted)


def read_bundle(path: Path) -> Bundle:
    """Reads manifest and schedules.

    Raises:
        UserError: not a bundle, no schedules, or files that contradict each other.
    """
    manifest = _read_manifest(path)
    try:
        _check_file(path, manifest, _SCHEDULES)
        file = eenet_rt.read_schedules(path / _SCHEDULES)
        bundle = Bundle(
            path=path,
            id=str(manifest["id"]),
            model=str(manifest["model"]),
            class_names=tuple(str(name) for name in manifest["class_names"]),
            parameters=tuple(int(count) for count in manifest["parameters"]),
            cost_tables=tuple(CostTable.from_json(profile) for profile in manifest["profiles"]),
            preprocessing=ImagePreprocessing.from_json(manifest["preprocessing"]),
            versions={str(name): str(version) for name, version in manifest["versions"].items()},
            schedules=file.schedules,
            active=file.active,
            num_exits=file.num_exits,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path / 'manifest.json'}: {error!r}; expected what docs/format.md describes") from error
    if file.network != bundle.id:
        raise UserError(f"{path}: schedules were fitted for {file.network!r}, expected {bundle.id!r}")
    if (len(bundle.parameters), len(bundle.class_names)) != (file.num_exits, file.num_classes):
        raise UserError(
            f"{path}: schedules have {file.num_exits} exits and {file.num_classes} classes, the manifest "
            f"{len(bundle.parameters)} and {len(bundle.class_names)}"
        )
    return bundle


def has_calibration(bundle: Bundle) -> bool:
    """Whether `read_calibration` finds any."""
    return (bundle.path / _CALIBRATION).is_file()


def read_calibration(bundle: Bundle) -> Predictions:
    """The predictions that a bundle carries for fitting anew: none of them may be reported on.

    Raises:
        UserError: there are none, or they do not fit the bundle.
    """
    path = bundle.path / _CALIBRATION
    if not has_calibration(bundle):
        raise UserError(f"{bundle.path} holds no calibration.safetensors: give --validation")
    _check_file(bundle.path, _read_manifest(bundle.path), _CALIBRATION)
    try:
        tensors = safetensors.numpy.load_file(path)
        logits, labels = tensors["logits"], tensors["labels"]
        index = np.arange(len(labels), dtype=np.int64)
        predictions = Predictions(np.ascontiguousarray(logits), labels, index, bundle.class_names)
    except KeyError as error:
        raise UserError(f"{path}: has no tensor {error}, expected logits and labels") from error
    except (UserError, safetensors.SafetensorError) as error:
        raise UserError(f"{path}: {error}") from error
    check_shape(predictions, bundle, str(path))
    return predictions


def check_shape(predictions: Predictions, bundle: Bundle, name: str) -> None:
    """Predictions must have the exits and classes of the bundle.

    Raises:
        UserError: they do not.
    """
    came = (predictions.num_exits, predictions.num_classes)
    expected = (bundle.num_exits, len(bundle.class_names))
    if came != expected:
        raise UserError(
            f"{name}: got {came[0]} exits and {came[1]} classes, the bundle's {bundle.model} has {expected[0]} and "
            f"{expected[1]}"
        )


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / "manifest.json"
    if not file.is_file():
        raise UserError(f"{path}: is not a bundle, it has no manifest.json")
    if file.stat().st_size > _MAX_MANIFEST:
        raise UserError(f"{file}: {file.stat().st_size} bytes, expected at most {_MAX_MANIFEST}")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format_version") != 1:
        raise UserError(f"{file}: expected an object with format_version 1")
    return manifest


def _check_file(folder: Path, manifest: dict[str, Any], name: str) -> None:
    file = folder / name
    if not file.is_file():
        raise UserError(f"{folder}: has no {name}, so there is no schedule to report on")
    try:
        expected = manifest["files"][name]["sha256"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder / 'manifest.json'}: files: says nothing of {name}") from error
    if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
        raise UserError(f"{file}: its SHA-256 is not that of the manifest")
