"""Classification: an answer is a class, and its quality is whether that is the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.files import Archive, read_labels
from eenet.predictions import Combiner, Predictions, Replayed, Rows, as_float32, read_index, read_network
from eenet.weighting import checked_prior, class_weights

_MOST_LOGIT = 1e6  # beyond, float32 holds no tenths, and what policies are fitted by overflows


def right_answers(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which answers are right: shape ``(N,)``, or ``(N, K)`` with several of each sample."""
    right: NDArray[np.bool_] = answers == labels.reshape(-1, *[1] * (answers.ndim - 1))
    return right


def class_features(manifest: Mapping[str, Any], num_exits: int) -> list[int]:
    """F_k of each exit of a bundle."""
    return [eenet_rt.num_features(len(manifest["class_names"]))] * num_exits


@dataclass(frozen=True)
class ClassPredictions(Predictions):
    """What every exit says of every sample: logits of classes.

    Attributes:
        logits: float32, shape ``(N, K, C)``.
        labels: int64, shape ``(N,)``.
        index: int64, shape ``(N,)``: which sample of its data set each row is.
        class_names: C names.
        network: see `Predictions`.
        class_prior: C shares in which the classes are to be met, where those of the labels are others.
        costs: see `Predictions`.
    """

    task = "classification"
    feature_spec = 1
    names_key = "class_names"
    quality_name = "accuracy"
    exit_figure = "accuracy"
    bounded = True
    combines = True
    measures = ("maximum", "entropy", "vote", "margin")
    needed = ("logits", "labels")

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    index: NDArray[np.int64]
    class_names: tuple[str, ...]
    network: str | None = None
    class_prior: tuple[float, ...] | None = None
    costs: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        logits, labels = self.logits, self.labels
        if logits.dtype != np.float32 or logits.ndim != 3:
            raise UserError(f"logits: got {logits.dtype} of shape {logits.shape}, expected float32 (N, K, C)")
        samples, exits, classes = logits.shape
        if labels.shape != (samples,):
            raise UserError(
                f"logits and labels: got shapes {logits.shape} and {labels.shape}, expected (N, K, C), N samples, K "
                f"exits, C classes, and (N,)"
            )
        if samples == 0 or exits < 2 or classes < 2:
            raise UserError(f"logits: got shape {logits.shape}, expected N >= 1, K >= 2, C >= 2")
        for name, rows in (("labels", labels), ("index", self.index)):
            if rows.dtype != np.int64 or rows.shape != (samples,):
                raise UserError(f"{name}: got {rows.dtype} of shape {rows.shape}, expected int64 ({samples},)")
        if labels.min() < 0 or labels.max() >= classes:
            raise UserError(f"labels: got {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
        if len(self.class_names) != classes:
            raise UserError(f"class_names: got {len(self.class_names)}, expected {classes}")
        self._check_costs()
        finite = np.isfinite(logits).all(axis=(1, 2))
        if not finite.all():
            raise UserError(f"logits: row {int(np.argmin(finite))} is not finite")
        low, high = float(logits.min()), float(logits.max())
        if max(-low, high) > _MOST_LOGIT:
            raise UserError(
                f"logits: got {low:g} to {high:g}, expected at most {_MOST_LOGIT:g} by size: are they logits?"
            )

    def with_class_prior(self, prior: str | ArrayLike | None) -> ClassPredictions:
        """The same samples, weighted to class shares that are to be met.

        Args:
            prior: ``"uniform"``, or C shares in the order of the classes; None: no weights.

        Raises:
            UserError: no shares, or one of a class without samples.
        """
        shares = None if prior is None else checked_prior(prior, self.class_names, self.labels)
        return replace(self, class_prior=shares)

    @cached_property
    def weights(self) -> NDArray[np.float64] | None:
        return None if self.class_prior is None else class_weights(self.labels, self.class_prior)

    def __len__(self) -> int:
        return len(self.labels)

    def _selected(self, rows: Rows) -> dict[str, Any]:
        return {"logits": self.logits[rows], "labels": self.labels[rows]}

    @property
    def names(self) -> tuple[str, ...]:
        return self.class_names

    @property
    def outputs(self) -> NDArray[np.float32]:
        return self.logits

    @property
    def num_exits(self) -> int:
        return int(self.logits.shape[1])

    @property
    def num_classes(self) -> int:
        """C."""
        return int(self.logits.shape[2])

    @property
    def num_features(self) -> tuple[int, ...]:
        return (eenet_rt.num_features(self.num_classes),) * self.num_exits

    @property
    def names_text(self) -> str:
        return f"{self.num_classes} classes"

    @property
    def strata(self) -> NDArray[np.int64]:
        return self.labels

    @property
    def least_samples(self) -> int:
        return self.num_classes

    def arrays(self) -> dict[str, NDArray[Any]]:
        prior = {} if self.class_prior is None else {"class_prior": np.array(self.class_prior)}
        return {"logits": self.logits, "labels": self.labels, **prior}

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], names: Sequence[str], index: NDArray[np.int64], network: str | None
    ) -> ClassPredictions:
        predictions = cls(arrays["logits"], arrays["labels"], index, tuple(names), network)
        return predictions.with_class_prior(arrays.get("class_prior"))

    def settings(self) -> dict[str, float]:
        return {}

    @classmethod
    def outputs_of(cls, exits: Sequence[Sequence[NDArray[np.float32]]]) -> NDArray[np.float32]:
        return np.stack([each[0] for each in exits], axis=1)

    def rows(self) -> NDArray[np.float32]:
        return self.logits.reshape(len(self), -1)

    def _joined(self, other: ClassPredictions) -> dict[str, Any]:
        logits = np.concatenate([self.logits, other.logits])
        return {"logits": logits, "labels": np.concatenate([self.labels, other.labels])}

    def qualities_of(self, answers: NDArray[np.int64]) -> NDArray[np.bool_]:
        return right_answers(answers, self.labels)

    def alike(self, answers: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = answers == others
        return same

    def figures(self, answers: NDArray[np.int64]) -> dict[str, float]:
        return {}

    def exit_figures(self) -> list[float]:
        return [round(float(a), 4) for a in self.qualities().mean(axis=0)]

    def exits_text(self) -> str:
        return f"accuracy {' '.join(f'{100 * a:.2f}' for a in self.exit_figures())} %"

    def confidence(self, combiner: Combiner | None = None) -> NDArray[np.float32]:
        columns = zip(self.features(combiner), self.first_measures, strict=True)
        return np.stack([features[:, first] for features, first in columns], axis=1)

    def believed(self, features: Sequence[NDArray[np.float32]], combiner: Combiner | None) -> NDArray[np.float32]:
        answers = self.answers(combiner)
        probabilities: NDArray[np.float32] = features[-1][np.arange(len(answers))[:, None], answers]
        return probabilities

    def replay(self, policy: eenet_rt.ExitPolicy | None) -> Replayed:
        found = eenet_rt.replay(self.logits, policy)
        return Replayed(found.exits, found.labels, self.qualities_of(found.labels), found.scores)

    @classmethod
    def read(cls, file: Archive) -> ClassPredictions:
        logits, labels = as_float32(file["logits"]), read_labels(file["labels"])
        names = file.names("class_names") if "class_names" in file.keys else []
        network, index = read_network(file), read_index(file, labels.size)
        if logits.ndim == 3 and not names:
            names = [str(c) for c in range(logits.shape[2])]
        prior = file["class_prior"] if "class_prior" in file.keys else None
        return cls(logits, labels, index, tuple(names), network).with_class_prior(prior)


def of_classes(predictions: Predictions, name: str) -> ClassPredictions:
    """The predictions, if they are of classes.

    Raises:
        UserError: they are of something else.
    """
    if not isinstance(predictions, ClassPredictions):
        raise UserError(f"{name}: got predictions of {predictions.task}, expected classification")
    return predictions
