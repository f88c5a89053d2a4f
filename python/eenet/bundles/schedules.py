"""Writes ``scheduler.safetensors`` (``docs/spec/format.md``); ``eenet_rt.read_schedules`` reads it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.reference import Reference
from eenet.errors import UserError
from eenet.extras import extra
from eenet.files import replacing
from eenet_rt._core import SCHEDULES


@dataclass(frozen=True)
class Schedule:
    """An exit policy fitted for one budget; see ``docs/spec/format.md`` for the fields.

    A schedule without a ``reference`` can be watched by its exit shares alone.
    """

    policy: str
    budget: float
    unit: str
    costs: tuple[float, ...]
    margin: float
    calibration_samples: int
    calibration_shares: tuple[float, ...]
    exit_policy: eenet_rt.ExitPolicy
    reference: Reference | None = None


def save_schedules(
    path: str | Path,
    schedules: Sequence[Schedule],
    *,
    network: str,
    active: int | None,
    fitted_on: Sequence[str] = (),
) -> None:
    """Writes schedules in the order of their budgets. Scorers and combiners that are equal to the bit are stored once.

    Args:
        path: of the file.
        schedules: at least one, all for the same network and unit.
        network: ``id`` of the bundle.
        active: index, in the order of budgets, of the schedule in force after loading; None is full depth.
        fitted_on: marks of the samples that they were fitted on, see `eenet.prediction_checks.sample_marks`; for a file
            that has no calibration predictions beside it.

    Raises:
        UserError: no schedules, or they differ in exits, classes or unit, or ``active`` is out of range; safetensors is
            not installed.
    """
    with extra("refit"):
        import safetensors.numpy
    if not schedules:
        raise UserError("schedules: got none, expected at least one")
    ordered = sorted(schedules, key=lambda schedule: schedule.budget)
    shapes = {(len(s.costs), s.exit_policy.num_classes, s.unit) for s in ordered}
    if len(shapes) > 1:
        raise UserError(f"schedules: differ in (exits, classes, unit): {sorted(shapes)}")
    if active is not None and not 0 <= active < len(ordered):
        raise UserError(f"active: got {active}, expected 0 to {len(ordered) - 1}")
    pool = _TensorPool()
    entries = []
    for i, schedule in enumerate(ordered):
        pool.tensors[f"schedule.{i}.thresholds"] = np.asarray(schedule.exit_policy.thresholds, np.float64)
        if schedule.reference is not None:
            pool.tensors.update(_reference_tensors(f"schedule.{i}", schedule.reference))
        entries.append(_entry(schedule, pool))
    exits, classes, _ = shapes.pop()
    description = {
        "format_version": 1,
        "feature_spec": 1,
        "network": network,
        "num_exits": exits,
        "num_classes": classes,
        "active": active,
        "schedules": entries,
    }
    if fitted_on:
        description["fitted_on"] = list(fitted_on)
    metadata = {"eenet": json.dumps(description, separators=(",", ":"))}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(pool.tensors, metadata))


def runtime_schedules(schedules: Sequence[Schedule]) -> list[eenet_rt.Schedule]:
    """The schedules as the runtime has them, in the order of their budgets: written to a file and read back.

    Raises:
        UserError: as `save_schedules`.
        eenet_rt.ScheduleError: two of the same budget, or whatever else the runtime does not take.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / SCHEDULES
        save_schedules(path, schedules, network="none", active=None)
        return eenet_rt.read_schedules(path).schedules


def _reference_tensors(prefix: str, reference: Reference) -> dict[str, NDArray[Any]]:
    return {
        f"{prefix}.score_edges": reference.score_edges,
        f"{prefix}.score_shares": reference.score_shares,
        f"{prefix}.agreement": reference.agreement,
    }


def _entry(schedule: Schedule, pool: _TensorPool) -> dict[str, Any]:
    policy = schedule.exit_policy
    scorer: dict[str, NDArray[Any]] = {}
    for k, tensors in enumerate(policy.scorers):
        for name, tensor in zip(("weight", "bias", "out_weight", "out_bias"), tensors, strict=False):
            scorer[f"{k}.{name}"] = tensor
    combiner = None
    if policy.combiner is not None:
        weight, bias = policy.combiner
        combiner = pool.add("combiner", {"weight": weight, "bias": bias})
    return {
        "policy": schedule.policy,
        "budget": schedule.budget,
        "unit": schedule.unit,
        "costs": list(schedule.costs),
        "margin": schedule.margin,
        "calibration_samples": schedule.calibration_samples,
        "calibration_shares": list(schedule.calibration_shares),
        "combiner": combiner,
        "scorer": pool.add("scorer", scorer),
        "clamp": policy.clamp,
    }


class _TensorPool:
    """Groups of tensors under prefixes; an equal group gets the prefix that it has already."""

    def __init__(self) -> None:
        self.tensors: dict[str, NDArray[Any]] = {}
        self._prefixes: dict[tuple[Any, ...], str] = {}

    def add(self, kind: str, group: dict[str, NDArray[Any]]) -> str:
        key = (kind, *((name, tensor.shape, tensor.tobytes()) for name, tensor in group.items()))
        if key not in self._prefixes:
            prefix = f"{kind}.{len(self._prefixes)}"
            self._prefixes[key] = prefix
            self.tensors.update({f"{prefix}.{name}": np.ascontiguousarray(t) for name, t in group.items()})
        return self._prefixes[key]
