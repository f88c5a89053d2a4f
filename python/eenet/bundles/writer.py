"""Writes bundles (``docs/spec/format.md``, format version 1)."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.bundle import file_entry, save_manifest
from eenet.bundles.calibration import save_calibration
from eenet.bundles.schedules import save_schedules
from eenet.costs import CostProfile
from eenet.predictions import Predictions
from eenet.segments import BATCH, SegmentSpec
from eenet.tasks.registry import task_named
from eenet_rt._core import CALIBRATION, FORMAT_VERSION, MANIFEST, SCHEDULES


@dataclass(frozen=True)
class Tensor:
    """A tensor of the blackboard: its dtype, and its shape after the batch axis, of sizes and names of symbols."""

    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Segment:
    """A segment's place on the blackboard and its serialised ONNX model."""

    spec: SegmentSpec
    onnx: bytes


@dataclass(frozen=True)
class BundleContent:
    """What a manifest says, but for hashes and profiles.

    Attributes:
        names: of what is answered: C class names, or the like.
        task: what is answered.
        settings: what else is said of the task, see `eenet.predictions.Predictions.settings`; None: what is said where
            no predictions are known.
        max_batch: the largest batch.
        precision: what segments compute in, part of the key of measured costs.
        symbols: the largest size of every other symbol.
        weights: id of those that it comes from.
    """

    model: str
    names: tuple[str, ...]
    preprocessing: dict[str, Any]
    tensors: dict[str, Tensor]
    inputs: tuple[str, ...]
    segments: tuple[Segment, ...]
    parameters: tuple[int, ...]
    max_batch: int
    precision: str = "float32"
    symbols: dict[str, int] = field(default_factory=dict)
    weights: str | None = None
    task: str = "classification"
    settings: Mapping[str, float] | None = None

    @property
    def id(self) -> str:
        """Identity of the network: a hash over the hashes of its segments."""
        digests = [hashlib.sha256(segment.onnx).hexdigest() for segment in self.segments]
        return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def write_bundle(
    folder: Path,
    content: BundleContent,
    *,
    profiles: Sequence[CostProfile] = (),
    schedules: Sequence[eenet_rt.Schedule] = (),
    active: int | None = None,
    calibration: tuple[Predictions, NDArray[np.bool_]] | None = None,
) -> None:
    """Writes a bundle into a new folder; `eenet_rt.load` says whether it is one.

    Args:
        folder: is made.
        content: segments, and what the manifest says of them.
        profiles: what the exits cost.
        schedules: of one unit, for the K exits; without any, only full depth runs.
        active: index, in the order of budgets, of the schedule in force after loading; None is full depth.
        calibration: predictions that the schedules were fitted on, and which of them are the fit set, bool ``(N,)``.

    Raises:
        UserError: schedules that do not belong together.
    """
    folder.mkdir()
    for k, segment in enumerate(content.segments):
        (folder / _segment_file(k)).write_bytes(segment.onnx)
    complete_bundle(folder, content, profiles=profiles, schedules=schedules, active=active, calibration=calibration)


def complete_bundle(
    folder: Path,
    content: BundleContent,
    *,
    profiles: Sequence[CostProfile],
    schedules: Sequence[eenet_rt.Schedule],
    active: int | None,
    calibration: tuple[Predictions, NDArray[np.bool_]] | None,
) -> None:
    """Adds to a bundle that was written of ``content`` alone what came to be known of it; see `write_bundle`."""
    if schedules:
        spec = task_named(content.task).predictions.feature_spec
        save_schedules(folder / SCHEDULES, schedules, network=content.id, active=active, feature_spec=spec)
    if calibration is not None:
        save_calibration(folder / CALIBRATION, *calibration)
    save_manifest(folder, _manifest(folder, content, profiles))


def _manifest(folder: Path, content: BundleContent, profiles: Sequence[CostProfile]) -> dict[str, Any]:
    """With size and hash of every file in the folder."""
    task = task_named(content.task)
    paths = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    return {
        "format_version": FORMAT_VERSION,
        "id": content.id,
        "parent": None,
        **({} if content.weights is None else {"weights": content.weights}),
        "model": content.model,
        "task": content.task,
        "precision": content.precision,
        task.predictions.names_key: list(content.names),
        **(task.settings if content.settings is None else content.settings),
        "preprocessing": content.preprocessing,
        "symbols": {name: {"max": most} for name, most in {BATCH: content.max_batch, **content.symbols}.items()},
        "tensors": {
            name: {"dtype": tensor.dtype, "shape": [BATCH, *tensor.shape]} for name, tensor in content.tensors.items()
        },
        "inputs": list(content.inputs),
        "segments": [
            {
                "files": {"onnx": _segment_file(k)},
                "inputs": list(segment.spec.inputs),
                "outputs": list(segment.spec.outputs),
                "exit": list(segment.spec.exit_outputs),
            }
            for k, segment in enumerate(content.segments)
        ],
        "parameters": list(content.parameters),
        "profiles": [profile.to_json() for profile in profiles],
        "files": {path.name: file_entry(path.read_bytes()) for path in paths},
        "versions": _versions(),
    }


def _segment_file(k: int) -> str:
    return f"segment_{k}.onnx"


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("eenet", "torch", "onnx", "onnxscript"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
