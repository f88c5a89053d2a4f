"""Writes and reads ``calibration.safetensors`` (``docs/spec/format.md``): what schedules were fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet.extras import extra
from eenet.files import replacing
from eenet.predictions import P, Predictions
from eenet.tasks.task import Task


def save_calibration(path: str | Path, predictions: Predictions, in_fit_set: NDArray[np.bool_]) -> None:
    """Writes predictions and which of them are the fit set; the others are the calibration set.

    Args:
        path: of the file.
        predictions: both sets.
        in_fit_set: bool ``(N,)``.

    Raises:
        UserError: safetensors is not installed.
    """
    with extra("refit"):
        import safetensors.numpy
    arrays = {name: np.ascontiguousarray(array) for name, array in predictions.arrays().items()}
    tensors: dict[str, NDArray[Any]] = {**arrays, "fit": in_fit_set.astype(np.uint8)}
    if predictions.costs is not None:
        tensors["costs"] = np.ascontiguousarray(predictions.costs)
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(tensors))


def parse_calibration(data: bytes, task: Task[P], names: Sequence[str], manifest: Mapping[str, Any]) -> tuple[P, P]:
    """The fit set and the calibration set, as they were when the file was written.

    Args:
        data: contents of the file.
        task: of the bundle.
        names: of what is answered, as the bundle has them.
        manifest: of the bundle.

    Raises:
        UserError: the file does not hold what it should; safetensors is not installed.
    """
    with extra("refit"):
        import safetensors
        import safetensors.numpy
    try:
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"not a safetensors file of numbers: {error}") from error
    if not set(task.predictions.needed) <= tensors.keys():
        raise UserError(f"has {sorted(tensors)}, expected {', '.join(task.predictions.needed)} and fit")
    if "fit" not in tensors:
        raise UserError("has no tensor 'fit': it holds the calibration set alone, which is not enough to refit")
    fit = tensors["fit"]
    samples = min(len(tensors[name]) if tensors[name].ndim else 0 for name in task.predictions.needed)
    if fit.dtype != np.uint8 or fit.shape != (samples,) or (fit > 1).any():
        raise UserError(f"fit: got {fit.dtype} of shape {fit.shape}, expected uint8 ({samples},) of 0 and 1")
    both = task.predictions.of_arrays(tensors, names, np.arange(samples), None).with_costs(tensors.get("costs"))
    for name, value in both.settings().items():
        if manifest.get(name) != value:
            raise UserError(f"{name}: got {value}, expected {manifest.get(name)}, as the manifest")
    return both[fit == 1], both[fit == 0]
