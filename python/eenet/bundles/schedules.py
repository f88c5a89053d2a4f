"""Writes ``scheduler.safetensors`` (``docs/spec/format.md``); ``eenet_rt.read_schedules`` reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.extras import extra
from eenet.files import replacing


def save_schedules(
    path: str | Path,
    schedules: Sequence[eenet_rt.Schedule],
    *,
    network: str,
    active: int | None,
    fitted_on: Sequence[str] = (),
    feature_spec: int = 1,
) -> None:
    """Writes schedules in the order of their budgets. Scorers and combiners that are equal to the bit are stored once.

    Args:
        path: of the file.
        schedules: at least one, all for the same network and unit.
        network: ``id`` of the bundle.
        active: index, in the order of budgets, of the schedule in force after loading; None is full depth.
        fitted_on: marks of the samples that they were fitted on, see `eenet.prediction_checks.sample_marks`; for a file
            that has no calibration predictions beside it.
        feature_spec: of the task, see `eenet.predictions.Predictions`.

    Raises:
        UserError: no schedules, or they differ in features or unit, or ``active`` is out of range; safetensors is not
            installed.
    """
    with extra("refit"):
        import safetensors.numpy
    if not schedules:
        raise UserError("schedules: got none, expected at least one")
    ordered = sorted(schedules, key=lambda schedule: schedule.budget)
    kinds = {(s.exit_policy.num_features, s.unit) for s in ordered}
    if len(kinds) > 1:
        raise UserError(f"schedules: differ in (features of each exit, unit): {sorted(kinds)}")
    if active is not None and not 0 <= active < len(ordered):
        raise UserError(f"active: got {active}, expected 0 to {len(ordered) - 1}")
    pool = _TensorPool()
    entries = []
    for i, schedule in enumerate(ordered):
        pool.tensors[f"schedule.{i}.thresholds"] = np.asarray(schedule.exit_policy.thresholds, np.float64)
        known = {f"schedule.{i}.{name}": tensor for name, tensor in _reference_tensors(schedule).items()}
        pool.tensors.update({name: tensor for name, tensor in known.items() if tensor is not None})
        entries.append(_entry(schedule, pool))
    description = {
        "format_version": 1,
        "feature_spec": feature_spec,
        "network": network,
        "num_features": list(ordered[0].exit_policy.num_features),
        "active": active,
        "schedules": entries,
    }
    if fitted_on:
        description["fitted_on"] = list(fitted_on)
    metadata = {"eenet": json.dumps(description, separators=(",", ":"))}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(pool.tensors, metadata))


def _reference_tensors(schedule: eenet_rt.Schedule) -> dict[str, NDArray[Any] | None]:
    """What a watch compares with; a file may lack it."""
    names = ("score_edges", "score_shares", "agreement")
    return {name: getattr(schedule, name) for name in names}


def _entry(schedule: eenet_rt.Schedule, pool: _TensorPool) -> dict[str, Any]:
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
