"""Regression: an answer is D numbers, and its quality falls from 1 to 0 with its distance from the target."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError, counted
from eenet.files import Archive
from eenet.predictions import Combiner, Predictions, Replayed, Rows, as_float32, read_index, read_network

_SCALE_QUANTILE = 0.95  # of the errors of full depth, which so have a quality of 0 in one of twenty
_LEAST_SAMPLES = 10
_HIDDEN = "hidden_"

Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)


def error_scale_of(values: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
    """The error that has a quality of 0: that which full depth exceeds for one of twenty samples.

    Args:
        values: what the last exit answers, ``(N, D)``, to samples that the network was not trained on.
        targets: what is right, ``(N, D)``.
    """
    scale = float(np.quantile(error_sizes(values, targets), _SCALE_QUANTILE))
    return scale if scale > 0 else 1.0  # of a network that is never wrong


def regression_features(manifest: Mapping[str, Any], num_exits: int) -> list[int]:
    """F_k of each exit of a bundle."""
    hidden = [manifest["tensors"][segment["exit"][1]]["shape"][-1] for segment in manifest["segments"]]
    return [int(size) + len(ValuePredictions.measures) for size in hidden]


@dataclass(frozen=True)
class ValuePredictions(Predictions):
    """What every exit says of every sample: values, and the hidden features of its head.

    Attributes:
        values: float32, shape ``(N, K, D)``.
        hidden: K arrays float32, shapes ``(N, H_k)``.
        targets: float32, shape ``(N, D)``, the right values.
        index: int64, shape ``(N,)``: which sample of its data set each row is.
        target_names: D names.
        error_scale: the error whose quality is 0, see `error_scale_of`; one of all predictions of a network.
        network: see `Predictions`.
        costs: see `Predictions`.
    """

    task = "regression"
    feature_spec = 3
    names_key = "target_names"
    quality_name = "quality"
    exit_figure = "mse"
    bounded = False
    combines = False
    measures = ("correction", "share")
    needed = ("values", "targets", f"{_HIDDEN}0")

    values: NDArray[np.float32]
    hidden: tuple[NDArray[np.float32], ...]
    targets: NDArray[np.float32]
    index: NDArray[np.int64]
    target_names: tuple[str, ...]
    error_scale: float
    network: str | None = None
    costs: Floats | None = None

    def __post_init__(self) -> None:
        values, targets = self.values, self.targets
        if values.dtype != np.float32 or values.ndim != 3:
            raise UserError(f"values: got {values.dtype} of shape {values.shape}, expected float32 (N, K, D)")
        samples, exits, numbers = values.shape
        if samples == 0 or exits < 2 or numbers < 1:
            raise UserError(f"values: got shape {values.shape}, expected N >= 1, K >= 2, D >= 1")
        if targets.dtype != np.float32 or targets.shape != (samples, numbers):
            raise UserError(
                f"targets: got {targets.dtype} of shape {targets.shape}, expected float32 ({samples}, {numbers}), as "
                "the values"
            )
        if len(self.hidden) != exits:
            raise UserError(f"hidden: got arrays of {len(self.hidden)} exits, expected {exits}, as the values")
        for k, array in enumerate(self.hidden):
            if array.dtype != np.float32 or array.ndim != 2 or len(array) != samples or array.shape[1] < 1:
                raise UserError(
                    f"{_HIDDEN}{k}: got {array.dtype} of shape {array.shape}, expected float32 ({samples}, H_{k})"
                )
        if self.index.dtype != np.int64 or self.index.shape != (samples,):
            raise UserError(f"index: got {self.index.dtype} of shape {self.index.shape}, expected int64 ({samples},)")
        if len(self.target_names) != numbers:
            raise UserError(f"target_names: got {len(self.target_names)}, expected {numbers}")
        if not (np.isfinite(self.error_scale) and self.error_scale > 0):
            raise UserError(f"error_scale: got {self.error_scale}, expected a positive number")
        self._check_costs()
        for name, numbers_of in self.arrays().items():
            finite = np.isfinite(numbers_of.reshape(len(numbers_of), -1)).all(axis=1) if numbers_of.ndim else [True]
            if not np.all(finite):
                raise UserError(f"{name}: row {int(np.argmin(finite))} is not finite")

    def __len__(self) -> int:
        return len(self.targets)

    def _selected(self, rows: Rows) -> dict[str, Any]:
        hidden = tuple(array[rows] for array in self.hidden)
        return {"values": self.values[rows], "hidden": hidden, "targets": self.targets[rows]}

    @property
    def names(self) -> tuple[str, ...]:
        return self.target_names

    @property
    def outputs(self) -> eenet_rt.RegressionOutputs:
        hidden = [np.ascontiguousarray(array) for array in self.hidden]
        return eenet_rt.RegressionOutputs(np.ascontiguousarray(self.values), hidden)

    @property
    def num_exits(self) -> int:
        return int(self.values.shape[1])

    @property
    def num_features(self) -> tuple[int, ...]:
        return tuple(array.shape[1] + len(self.measures) for array in self.hidden)

    @property
    def names_text(self) -> str:
        return counted(len(self.target_names), "target")

    @property
    def strata(self) -> NDArray[np.int64]:
        return np.zeros(len(self), np.int64)

    @property
    def least_samples(self) -> int:
        return _LEAST_SAMPLES

    def arrays(self) -> dict[str, NDArray[Any]]:
        hidden = {f"{_HIDDEN}{k}": array for k, array in enumerate(self.hidden)}
        return {"values": self.values, **hidden, "targets": self.targets, "error_scale": np.array(self.error_scale)}

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], names: Sequence[str], index: NDArray[np.int64], network: str | None
    ) -> ValuePredictions:
        values, targets = arrays["values"], arrays["targets"]
        exits = values.shape[1] if values.ndim == 3 else 1
        missing = [f"{_HIDDEN}{k}" for k in range(exits) if f"{_HIDDEN}{k}" not in arrays]
        if missing:
            raise UserError(f"has {sorted(arrays)}, expected {', '.join(missing)}, too, for {exits} exits")
        hidden = tuple(arrays[f"{_HIDDEN}{k}"] for k in range(exits))
        whole = cls(values, hidden, targets, index, tuple(names), 1.0, network)
        if "error_scale" in arrays:
            scale = arrays["error_scale"]
            if scale.shape not in ((), (1,)) or scale.dtype.kind not in "fiu":
                raise UserError(f"error_scale: got {scale.dtype} of shape {scale.shape}, expected a number")
            return replace(whole, error_scale=float(scale.reshape(())))
        found = error_scale_of(values[:, -1], targets)
        _log.warning(
            "no error_scale came with the values: it is %.4g, which full depth's error exceeds for one of twenty of "
            "these samples", found,
        )  # fmt: skip
        return replace(whole, error_scale=found)

    def settings(self) -> dict[str, float]:
        return {"error_scale": self.error_scale}

    @classmethod
    def outputs_of(cls, exits: Sequence[Sequence[NDArray[np.float32]]]) -> eenet_rt.RegressionOutputs:
        values = np.stack([each[0] for each in exits], axis=1)
        return eenet_rt.RegressionOutputs(values, [np.ascontiguousarray(each[1]) for each in exits])

    def rows(self) -> NDArray[np.float32]:
        return np.concatenate([self.values.reshape(len(self), -1), *self.hidden], axis=1)

    def _joined(self, other: ValuePredictions) -> dict[str, Any]:
        return {
            "values": np.concatenate([self.values, other.values]),
            "hidden": tuple(np.concatenate(pair) for pair in zip(self.hidden, other.hidden, strict=True)),
            "targets": np.concatenate([self.targets, other.targets]),
        }

    def measured_as(self, other: Predictions) -> ValuePredictions:
        return replace(self, error_scale=other.error_scale) if isinstance(other, ValuePredictions) else self

    def qualities_of(self, answers: NDArray[np.float32]) -> Floats:
        targets = self.targets if answers.ndim == 2 else self.targets[:, None]
        quality: Floats = 1 - np.minimum(1, error_sizes(answers, targets) / self.error_scale)
        return quality

    def alike(self, answers: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
        near: NDArray[np.bool_] = error_sizes(answers, others) <= self.error_scale / 2
        return near

    def figures(self, answers: NDArray[np.float32]) -> dict[str, float]:
        errors = answers.astype(np.float64) - self.targets
        return {"mse": float((errors**2).mean()), "mae": float(np.abs(errors).mean())}

    def exit_figures(self) -> list[float]:
        errors = self.values.astype(np.float64) - self.targets[:, None]
        return [float(f"{mse:.6g}") for mse in (errors**2).mean(axis=(0, 2))]

    def exits_text(self) -> str:
        return f"MSE {' '.join(f'{mse:.4g}' for mse in self.exit_figures())}"

    def confidence(self, combiner: Combiner | None = None) -> None:
        return None

    def believed(self, features: Sequence[NDArray[np.float32]], combiner: Combiner | None) -> Floats:
        return self.qualities_of(self.answers(combiner))

    def replay(self, policy: eenet_rt.ExitPolicy | None) -> Replayed:
        found = eenet_rt.replay(self.outputs, policy)
        return Replayed(found.exits, found.values, self.qualities_of(found.values), found.scores)

    @classmethod
    def read(cls, file: Archive) -> ValuePredictions:
        arrays = {key: file[key] for key in file.keys if key in ("values", "targets") or key.startswith(_HIDDEN)}
        arrays = {key: as_float32(array) for key, array in arrays.items()}
        if "error_scale" in file.keys:
            arrays["error_scale"] = file["error_scale"]
        if arrays["targets"].ndim == 1:
            arrays["targets"] = arrays["targets"][:, None]
        names = file.names("target_names") if "target_names" in file.keys else []
        if not names and arrays["targets"].ndim == 2:
            names = [f"target_{d}" for d in range(arrays["targets"].shape[1])]
        return cls.of_arrays(arrays, names, read_index(file, len(arrays["targets"])), read_network(file))


def error_sizes(values: NDArray[Any], others: NDArray[Any]) -> Floats:
    """How far values ``(..., D)`` are from others, in all targets together."""
    distances: Floats = np.linalg.norm(values.astype(np.float64) - others, axis=-1)
    return distances
