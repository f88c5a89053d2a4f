"""Writes and reads ``calibration.safetensors`` (``docs/spec/format.md``): what schedules were fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet.extras import extra
from eenet.files import replacing
from eenet.predictions import Predictions


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
    tensors: dict[str, NDArray[Any]] = {
        "logits": np.ascontiguousarray(predictions.logits),
        "labels": np.ascontiguousarray(predictions.labels),
        "fit": in_fit_set.astype(np.uint8),
    }
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(tensors))


def parse_calibration(data: bytes, class_names: Sequence[str]) -> tuple[Predictions, Predictions]:
    """The fit set and the calibration set, as they were when the file was written.

    Args:
        data: contents of the file.
        class_names: C names.

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
    if "logits" not in tensors or "labels" not in tensors:
        raise UserError(f"has {sorted(tensors)}, expected logits, labels and fit")
    if "fit" not in tensors:
        raise UserError("has no tensor 'fit': it holds the calibration set alone, which is not enough to refit")
    logits, labels, fit = tensors["logits"], tensors["labels"], tensors["fit"]
    if labels.ndim != 1 or fit.dtype != np.uint8 or fit.shape != labels.shape or (fit > 1).any():
        raise UserError(f"fit: got {fit.dtype} of shape {fit.shape}, expected uint8 {labels.shape} of 0 and 1")
    both = Predictions(logits, labels, np.arange(len(labels)), tuple(class_names))
    return both[fit == 1], both[fit == 0]
