"""The state of a run in one file: enough to go on to the same weights, and to notice that it is another run's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eenet.bundles.bundle import reading
from eenet.errors import UserError, shorten
from eenet.models.code import code_files
from eenet.weights import mismatch, read_tensors, save_tensors

_VERSION = 3
_ENTRY = "eenet_training"
_MOST_LISTED = 6


@dataclass(frozen=True)
class Position:
    """How far a run is.

    Attributes:
        epoch: epochs that are finished.
        step: steps of the next one that are.
        loss: sum of the losses of those steps.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0


def code_identity(network: torch.nn.Module) -> str:
    """A hash of what a network is made of: its modules as they print, and its files of code that are not installed."""
    digest = hashlib.sha256(str(network).encode())
    for path in code_files(type(module).__module__ for module in network.modules()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def weights_identity(module: torch.nn.Module) -> str:
    """A hash of a network's weights."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()[:16]


def save_state(path: Path, run: Mapping[str, Any], position: Position, tensors: Mapping[str, Tensor]) -> None:
    """Writes the file, whole or not at all.

    Args:
        path: of the file.
        run: what must be the same for going on: text, numbers, and dictionaries of them.
        position: how far it is.
        tensors: what goes on from there.

    Raises:
        UserError: weights are not finite; the file stays as it was.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"epoch {position.epoch + 1}, step {position.step}: {name} is not finite")
    entry = {"version": _VERSION, "run": run, "position": asdict(position), "tensors": _digest(tensors, position)}
    save_tensors(path, tensors, {_ENTRY: json.dumps(entry)})


def load_state(
    path: Path, run: Mapping[str, Any], expected: Mapping[str, Tensor]
) -> tuple[Position, dict[str, Tensor]]:
    """Reads what `save_state` wrote.

    Args:
        path: of the file.
        run: of the run that is to go on.
        expected: tensors of the names and shapes that there must be.

    Raises:
        UserError: the file is damaged, of another version, or of a run with other settings, which are named.
    """
    tensors, metadata = read_tensors(path)
    with reading(path):
        entry = json.loads(metadata.get(_ENTRY, '{"version": 1}'))
        if entry["version"] != _VERSION:
            raise UserError(
                f"{path}: a state of version {entry['version']} came, {_VERSION} expected: it was written by another "
                "version of eenet-train; give another folder"
            )
        was, position, digest = dict(entry["run"]), Position(**entry["position"]), entry["tensors"]
    # Through JSON, so that tuples compare as the lists they were written as.
    different = _differences(was, json.loads(json.dumps(run)))
    if different:
        more = f"; and {len(different) - _MOST_LISTED} more" if len(different) > _MOST_LISTED else ""
        raise UserError(
            f"{path} is the state of another run: {'; '.join(different[:_MOST_LISTED])}{more}; give the same settings "
            "or another folder"
        )
    problem = mismatch(expected, tensors)
    if not problem and digest != _digest(tensors, position):
        problem = "its contents are not those that were written"
    if problem:
        raise UserError(f"{path}: damaged: {problem}")
    return position, tensors


def _digest(tensors: Mapping[str, Tensor], position: Position) -> str:
    digest = hashlib.sha256(repr(position).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(_bytes(tensors[name]))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found = []
    for key in {**now, **was}:
        old, new = was.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new)
        elif old != new:
            found.append(f"{key} {_short(old)} there, {_short(new)} here")
    return found


def _short(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return f"[{shorten(value, 4)}]"
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
