"""Predictions of a multi-exit network: what every exit says of every sample, whatever the task is.

`eenet.tasks` has what they are for each task, and reads them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import eenet_rt
from eenet.errors import Argument, UserError
from eenet.files import Archive, as_int64, replacing
from eenet.spending import Costs, check_costs, check_sample_costs
from eenet.splits import stratified_mask
from eenet.weighting import effective_size

WEIGHTS_ID = "weights:"  # before the id of a checkpoint's weights; that of a bundle is its manifest's, as it is

Combiner = tuple[NDArray[np.float32], NDArray[np.float32]]
Qualities = NDArray[Any]  # bool where an answer is right or wrong, else float64 from 0 to 1
Rows = slice | NDArray[np.int64] | NDArray[np.bool_]
P = TypeVar("P", bound="Predictions")


@dataclass(frozen=True)
class Replayed:
    """What became of N samples under a policy.

    Attributes:
        exits: int64 ``(N,)``, that each left at.
        answers: ``(N, ...)``, what was answered there.
        qualities: ``(N,)``, how good those are.
        scores: float32 ``(N, K)``, NaN where none was computed.
    """

    exits: NDArray[np.int64]
    answers: NDArray[Any]
    qualities: Qualities
    scores: NDArray[np.float32]


class Predictions(ABC):
    """What every exit says of every sample, and what is right: all that policies, figures and checks need.

    A task has a frozen dataclass of it, with these attributes among its fields.

    Attributes:
        task: its name, as manifests have it.
        feature_spec: by which schedules name what exits are judged by.
        names_key: what files call the names of what it answers.
        quality_name: what the mean quality of answers is called.
        exit_figure: the figure by which networks of the task are compared.
        bounded: whether all features lie in [0, 1].
        combines: whether there are combiners for what exits answer.
        measures: names of the measures of confidence, which come last in the features of each exit.
        needed: arrays that a file must have.
        index: int64, shape ``(N,)``: which sample of its data set each row is.
        network: id of the network that said it: that of its weights (`eenet.checkpoint.Checkpoint.id`), or that of a
            bundle; None where nobody noted it.
        costs: float64 ``(N, K)``, what leaving at each exit costs for each sample, where that depends on the sample;
            None: it does not, or nobody said.
    """

    task: ClassVar[str]
    feature_spec: ClassVar[int]
    names_key: ClassVar[str]
    quality_name: ClassVar[str]
    exit_figure: ClassVar[str]
    bounded: ClassVar[bool]
    combines: ClassVar[bool]
    measures: ClassVar[tuple[str, ...]]
    needed: ClassVar[tuple[str, ...]]
    index: NDArray[np.int64]
    network: str | None
    costs: NDArray[np.float64] | None

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of what is answered."""

    @property
    @abstractmethod
    def outputs(self) -> Any:
        """What the exits put out, as `eenet_rt` takes it."""

    @property
    @abstractmethod
    def num_exits(self) -> int:
        """K."""

    @property
    @abstractmethod
    def num_features(self) -> tuple[int, ...]:
        """F_k of each exit: the inputs of its scorer before the scores of earlier exits."""

    @property
    @abstractmethod
    def names_text(self) -> str:
        """How much is answered, for messages: ``10 classes``."""

    @property
    def shape_text(self) -> str:
        """Exits and what they answer, for messages: ``3 exits, 10 classes``."""
        return f"{self.num_exits} exits, {self.names_text}"

    @property
    @abstractmethod
    def strata(self) -> NDArray[np.int64]:
        """Which samples are of one kind, int64 ``(N,)``: a split takes its share of each."""

    @property
    @abstractmethod
    def least_samples(self) -> int:
        """How many samples a policy needs to be fitted on."""

    @property
    def first_measures(self) -> tuple[int, ...]:
        """Where in the features of each exit the measures of confidence begin."""
        return tuple(features - len(self.measures) for features in self.num_features)

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the exits said and what is right, as files hold it."""

    @classmethod
    @abstractmethod
    def of_arrays(
        cls: type[P],
        arrays: Mapping[str, NDArray[Any]],
        names: Sequence[str],
        index: NDArray[np.int64],
        network: str | None,
    ) -> P:
        """Of what `arrays` gave.

        Raises:
            UserError: an array is missing or not what it should be.
        """

    @abstractmethod
    def settings(self) -> dict[str, float]:
        """What a manifest says of the task beside the names."""

    @classmethod
    @abstractmethod
    def outputs_of(cls, exits: Sequence[Sequence[NDArray[np.float32]]]) -> Any:
        """`outputs` of what every exit puts out, each tensor ``(N, ...)`` of each exit, in the manifest's order."""

    @abstractmethod
    def rows(self) -> NDArray[np.float32]:
        """What the exits said of each sample in one row, shape ``(N, any)``, by which samples are known again."""

    def joined(self: P, other: P) -> P:
        """These samples and those of another set of the same network; with costs where both have them."""
        known = None if self.costs is None or other.costs is None else np.concatenate([self.costs, other.costs])
        index = np.concatenate([self.index, other.index])
        return self._replaced(**self._joined(other), index=index, costs=known)

    @abstractmethod
    def _joined(self: P, other: P) -> dict[str, Any]:
        """Fields with one entry a sample, `index` and `costs` left out, of both sets."""

    @abstractmethod
    def qualities_of(self, answers: NDArray[Any]) -> Qualities:
        """How good answers are, ``(N,)``, or ``(N, K)`` with several of each sample."""

    @abstractmethod
    def alike(self, answers: NDArray[Any], others: NDArray[Any]) -> Qualities:
        """How far answers say the same, ``(N,)`` from 0 to 1: the quality of one were the other right."""

    @abstractmethod
    def figures(self, answers: NDArray[Any]) -> dict[str, float]:
        """What is told of answers ``(N, ...)`` beside their mean quality, by its name."""

    @abstractmethod
    def exit_figures(self) -> list[float]:
        """``exit_figure`` of each exit on all samples, rounded."""

    @abstractmethod
    def exits_text(self) -> str:
        """`exit_figures` for people."""

    @abstractmethod
    def confidence(self, combiner: Combiner | None = None) -> NDArray[np.float32] | None:
        """How likely each exit takes its own answer to be right, shape ``(N, K)``; None: exits do not say."""

    @abstractmethod
    def believed(self, features: Sequence[NDArray[np.float32]], combiner: Combiner | None) -> Qualities:
        """How good the last exit takes the answers of all exits to be, ``(N, K)``: a less noisy witness of qualities.

        Args:
            features: of every exit, under ``combiner``.
            combiner: what answers are made of.
        """

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """Of the samples, ``(N,)``, mean 1, wherever policies are fitted and calibrated; None: all weigh the same."""
        return None

    @property
    def effective_size(self) -> float:
        """Of how many samples of equal weight a mean over these is as certain."""
        return effective_size(self.weights, len(self))

    @abstractmethod
    def __len__(self) -> int:
        """N."""

    def __getitem__(self: P, rows: Rows) -> P:
        costs = None if self.costs is None else self.costs[rows]
        return self._replaced(**self._selected(rows), index=self.index[rows], costs=costs)

    def _replaced(self: P, **changes: Any) -> P:
        return replace(self, **changes)  # type: ignore[type-var] # every task has a dataclass of it

    @abstractmethod
    def _selected(self, rows: Rows) -> dict[str, Any]:
        """Fields with one entry a sample, `index` and `costs` left out, for some of the samples."""

    def of_network(self: P, network: str | None) -> P:
        """The same, with the id of the network that said it."""
        return self._replaced(network=network)

    def with_costs(self: P, costs: ArrayLike | None) -> P:
        """The same samples with what leaving at each exit costs for each, ``(N, K)``; None: without.

        Raises:
            UserError: other numbers than a row for each sample, positive and rising from exit to exit.
        """
        if costs is None and self.costs is None:
            return self
        array = None if costs is None else np.asarray(costs)
        if array is not None and array.dtype.kind in "fiu":
            array = np.ascontiguousarray(array, np.float64)
        return self._replaced(costs=array)

    def priced(self, costs: Costs | None, name: str = "predictions") -> NDArray[np.float64]:
        """What leaving at each exit costs: ``(K,)`` as given, or ``(N, K)`` of each sample where None is given.

        Args:
            costs: K costs, or None.
            name: of these predictions.

        Raises:
            UserError: other numbers than K that rise, or none and the samples have none.
        """
        if costs is not None:
            return check_costs(costs, self.num_exits)
        if self.costs is None:
            raise UserError(
                f"{name}: no costs of each sample came, nor ",
                Argument("costs"),
                f"; expected {self.num_exits} costs, one an exit, or an array costs ({len(self)}, {self.num_exits}) "
                "beside the outputs",
            )
        return self.costs

    def _check_costs(self) -> None:
        if self.costs is not None:
            check_sample_costs(self.costs, len(self), self.num_exits)

    def measured_as(self: P, other: Predictions) -> P:
        """The same, with qualities measured as those of another set of the same network are."""
        return self

    def features(self, combiner: Combiner | None = None) -> list[NDArray[np.float32]]:
        """What scorers look at: an array ``(N, F_k)`` for every exit k, before the scores of earlier exits.

        Args:
            combiner: what answers are made of; None: every exit answers alone.
        """
        return eenet_rt.features(self.outputs, combiner)

    def answers(self, combiner: Combiner | None = None) -> NDArray[Any]:
        """What each exit answers, shape ``(N, K, ...)``."""
        return eenet_rt.answers(self.outputs, combiner)

    def qualities(self, combiner: Combiner | None = None) -> Qualities:
        """u(n, k): how good the answer of exit k to sample n is, shape ``(N, K)``."""
        return self.qualities_of(self.answers(combiner))

    def scores(self, policy: eenet_rt.ExitPolicy) -> NDArray[np.float32]:
        """The score of every exit, nobody having left before it, shape ``(N, K)``.

        Raises:
            eenet_rt.InputError: the policy is for other exits or features.
        """
        return eenet_rt.scores(self.outputs, policy)

    @abstractmethod
    def replay(self, policy: eenet_rt.ExitPolicy | None) -> Replayed:
        """Where each sample leaves, and what it is answered there, by the very code that the runtime runs.

        Args:
            policy: None: full depth, where the last exit answers alone.

        Raises:
            eenet_rt.InputError: the policy is for other exits or features.
        """

    def split(self: P, share: float, seed: int) -> tuple[P, P]:
        """Two disjoint random parts, the first with ``share`` of the samples of every kind, see `strata`."""
        first = self.split_mask(share, seed)
        return self[first], self[~first]

    def split_mask(self, share: float, seed: int) -> NDArray[np.bool_]:
        """Which samples `split` puts into the first part, bool ``(N,)``."""
        return stratified_mask(self.strata, round(share * len(self)), seed)

    def save(self, path: str | Path) -> None:
        """Writes an ``.npz`` file: `arrays`, ``index``, the names and, if known, ``network`` and ``costs``."""
        known: dict[str, Any] = {} if self.network is None else {"network": np.array([self.network])}
        known = {**self.arrays(), "index": self.index, self.names_key: np.array(self.names), **known}
        if self.costs is not None:
            known["costs"] = self.costs
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **known)

    @classmethod
    @abstractmethod
    def read(cls: type[P], file: Archive) -> P:
        """Reads what `save` wrote, but for ``costs``; only what is ``needed`` must be there.

        Floats may be of any kind: they are rounded.

        Raises:
            UserError: the file does not hold what it should.
        """


def read_index(file: Archive, samples: int) -> NDArray[np.int64]:
    """Which sample each row is; without an entry, they are in order.

    Raises:
        UserError: it holds no integers.
    """
    index = file["index"] if "index" in file.keys else np.arange(samples)
    if not np.issubdtype(index.dtype, np.integer):
        raise UserError(f"index: got {index.dtype}, expected integers")
    return as_int64(index, "index")


def read_network(file: Archive) -> str | None:
    """Id of the network.

    Raises:
        UserError: there are several.
    """
    networks = file.names("network") if "network" in file.keys else []
    if len(networks) > 1:
        raise UserError(f"network: got {len(networks)} ids, expected one")
    return networks[0] if networks else None


def as_float32(floats: NDArray[Any]) -> NDArray[Any]:
    """Floats of any kind, rounded; what is none comes back as it is, to be refused by its name."""
    if not np.issubdtype(floats.dtype, np.floating):
        return floats
    with np.errstate(over="ignore"):  # what becomes infinite is refused, too
        return np.ascontiguousarray(floats, np.float32)


def of_another_network(network: str | None, known: Iterable[str | None]) -> bool:
    """Whether an id contradicts known ones: none of them is equal, and one of them says the same of something else."""
    if network is None:
        return False
    alike = [other for other in known if other and other.startswith(WEIGHTS_ID) == network.startswith(WEIGHTS_ID)]
    return bool(alike) and network not in alike
