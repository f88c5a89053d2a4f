"""Predictions of a multi-exit network: the logits of every exit, and the labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.files import as_int64, open_npz, read_labels, replacing
from eenet.splits import stratified_mask
from eenet.tasks.classification import Combiner, answer_qualities

_MOST_LOGIT = 1e6  # beyond, float32 holds no tenths, and what policies are fitted by overflows
WEIGHTS_ID = "weights:"  # before the id of a checkpoint's weights; that of a bundle is its manifest's, as it is


@dataclass(frozen=True)
class Replayed:
    """What became of N samples under a policy.

    Attributes:
        exits: int64 ``(N,)``, that each left at.
        answers: int64 ``(N,)``, the classes answered there.
        qualities: ``(N,)``, how good those are.
        scores: float32 ``(N, K)``, NaN where none was computed.
    """

    exits: NDArray[np.int64]
    answers: NDArray[np.int64]
    qualities: NDArray[np.bool_]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Predictions:
    """What every exit says of every sample.

    Attributes:
        logits: float32, shape ``(N, K, C)``.
        labels: int64, shape ``(N,)``.
        index: int64, shape ``(N,)``: which sample of its data set each row is.
        class_names: C names.
        network: id of the network that said it: that of its weights (`eenet.checkpoint.Checkpoint.id`), or that of a
            bundle; None where nobody noted it.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    index: NDArray[np.int64]
    class_names: tuple[str, ...]
    network: str | None = None

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
        finite = np.isfinite(logits).all(axis=(1, 2))
        if not finite.all():
            raise UserError(f"logits: row {int(np.argmin(finite))} is not finite")
        low, high = float(logits.min()), float(logits.max())
        if max(-low, high) > _MOST_LOGIT:
            raise UserError(
                f"logits: got {low:g} to {high:g}, expected at most {_MOST_LOGIT:g} by size: are they logits?"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Predictions:
        return replace(self, logits=self.logits[rows], labels=self.labels[rows], index=self.index[rows])

    @property
    def num_exits(self) -> int:
        """K."""
        return int(self.logits.shape[1])

    @property
    def num_classes(self) -> int:
        """C."""
        return int(self.logits.shape[2])

    @property
    def num_features(self) -> tuple[int, ...]:
        """F_k of each exit: the inputs of its scorer before the scores of earlier exits."""
        return (eenet_rt.num_features(self.num_classes),) * self.num_exits

    @property
    def first_measures(self) -> tuple[int, ...]:
        """Where in the features of each exit the measures of confidence begin, which lie in [0, 1] and come last."""
        return (self.num_classes,) * self.num_exits

    def features(self, combiner: Combiner | None = None) -> list[NDArray[np.float32]]:
        """What scorers look at: an array ``(N, F_k)`` for every exit k, before the scores of earlier exits.

        Args:
            combiner: what answers are made of; None: every exit answers alone.
        """
        return eenet_rt.features(self.logits, combiner)

    def answers(self, combiner: Combiner | None = None) -> NDArray[np.int64]:
        """The class that each exit answers, shape ``(N, K)``."""
        return eenet_rt.answers(self.logits, combiner)

    def qualities(self, combiner: Combiner | None = None) -> NDArray[np.bool_]:
        """u(n, k): how good the answer of exit k to sample n is, shape ``(N, K)``."""
        return answer_qualities(self.answers(combiner), self.labels)

    def confidence(self, combiner: Combiner | None = None) -> NDArray[np.float32]:
        """How likely each exit takes its own answer to be right, shape ``(N, K)``."""
        columns = zip(self.features(combiner), self.first_measures, strict=True)
        return np.stack([features[:, first] for features, first in columns], axis=1)

    def scores(self, policy: eenet_rt.ExitPolicy) -> NDArray[np.float32]:
        """The score of every exit, nobody having left before it, shape ``(N, K)``.

        Raises:
            eenet_rt.InputError: the policy is for other exits or classes.
        """
        return eenet_rt.scores(self.logits, policy)

    def replay(self, policy: eenet_rt.ExitPolicy | None) -> Replayed:
        """Where each sample leaves, and what it is answered there, by the very code that the runtime runs.

        Args:
            policy: None: full depth, where the last exit answers alone.

        Raises:
            eenet_rt.InputError: the policy is for other exits or classes.
        """
        found = eenet_rt.replay(self.logits, policy)
        return Replayed(found.exits, found.labels, answer_qualities(found.labels, self.labels), found.scores)

    def split(self, share: float, seed: int) -> tuple[Predictions, Predictions]:
        """Two disjoint random parts, the first with ``share`` of the samples of every class."""
        first = self.split_mask(share, seed)
        return self[first], self[~first]

    def split_mask(self, share: float, seed: int) -> NDArray[np.bool_]:
        """Which samples `split` puts into the first part, bool ``(N,)``."""
        return stratified_mask(self.labels, round(share * len(self)), seed)

    def save(self, path: str | Path) -> None:
        """Writes an ``.npz`` file: ``logits``, ``labels``, ``index``, ``class_names`` and, if known, ``network``."""
        known: dict[str, Any] = {} if self.network is None else {"network": np.array([self.network])}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                logits=self.logits,
                labels=self.labels,
                index=self.index,
                class_names=np.array(self.class_names),
                **known,
            )

    @classmethod
    def load(cls, path: str | Path) -> Predictions:
        """Reads what `save` wrote; only logits and labels must be there. Logits may be any floats: they are rounded.

        Raises:
            UserError: the file cannot be read or does not hold what it should.
        """
        with open_npz(path) as file:
            if not {"logits", "labels"} <= file.keys:
                raise UserError(f"has {sorted(file.keys)}, expected logits and labels")
            logits, labels = file["logits"], read_labels(file["labels"])
            index = file["index"] if "index" in file.keys else np.arange(labels.size)
            names = file.names("class_names") if "class_names" in file.keys else []
            networks = file.names("network") if "network" in file.keys else []
            if len(networks) > 1:
                raise UserError(f"network: got {len(networks)} ids, expected one")
            if not np.issubdtype(index.dtype, np.integer):
                raise UserError(f"index: got {index.dtype}, expected integers")
            if np.issubdtype(logits.dtype, np.floating):
                with np.errstate(over="ignore"):  # what becomes infinite is refused below
                    logits = np.ascontiguousarray(logits, np.float32)
            if logits.ndim == 3 and not names:
                names = [str(c) for c in range(logits.shape[2])]
            network = networks[0] if networks else None
            return cls(logits, labels, as_int64(index, "index"), tuple(names), network)


def of_another_network(network: str | None, known: Iterable[str | None]) -> bool:
    """Whether an id contradicts known ones: none of them is equal, and one of them says the same of something else."""
    if network is None:
        return False
    alike = [other for other in known if other and other.startswith(WEIGHTS_ID) == network.startswith(WEIGHTS_ID)]
    return bool(alike) and network not in alike
