"""What a task is to code that knows none in particular."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from eenet.predictions import P

Parts = Sequence[tuple[str, P]]


@dataclass(frozen=True)
class Checks(Generic[P]):
    """What of predictions of a task is refused or warned of, beside what `eenet.prediction_checks` asks of any.

    Attributes:
        plausible: takes a set and the name of its file.
        fit: takes a set that policies are about to be fitted on, what it is split into, and the name of its file.
        apart: takes a set to report on, one that policies were fitted on, and the names of the two.
        comparable: rows of two sets by which a sample in both is told, and how many numbers of a row are free.
        source: takes a set, outputs of the network on other samples, the name of the set and what those samples are.
    """

    plausible: Callable[[P, str], None]
    fit: Callable[[P, Parts[P], str], None]
    apart: Callable[[P, P, str, str], None]
    comparable: Callable[[P, P], tuple[NDArray[np.float32], NDArray[np.float32], int]]
    source: Callable[[P, Any, str, str], None]


@dataclass(frozen=True)
class Task(Generic[P]):
    """A task.

    Attributes:
        predictions: the class of its predictions.
        checks: of them.
        settings: those of a manifest where no predictions are known, see `Predictions.settings`.
        num_features: takes a manifest and the number of exits; gives F_k of each.
    """

    predictions: type[P]
    checks: Checks[P]
    settings: Mapping[str, float]
    num_features: Callable[[Mapping[str, Any], int], list[int]]

    @property
    def name(self) -> str:
        """As manifests have it."""
        return self.predictions.task
