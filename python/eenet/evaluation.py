"""What a policy does on report data, by the runtime's own decision core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.predictions import Predictions
from eenet.scheduling.base import check_costs


@dataclass(frozen=True)
class Evaluation:
    """Accuracy and cost of a policy.

    Attributes:
        accuracy: share of right answers.
        mean_cost: per sample, in the unit of the costs.
        exit_shares: K shares of samples that left at each exit.
        exit_accuracy: K accuracies among those; NaN where nobody left.
        exits: int64 ``(N,)``, where each sample left.
        labels: int64 ``(N,)``, the answers.
    """

    accuracy: float
    mean_cost: float
    exit_shares: NDArray[np.float64]
    exit_accuracy: NDArray[np.float64]
    exits: NDArray[np.int64]
    labels: NDArray[np.int64]


def evaluate(predictions: Predictions, policy: eenet_rt.ExitPolicy, costs: Sequence[float]) -> Evaluation:
    """Replays a policy on logged logits.

    Raises:
        UserError: costs of another length or order.
        eenet_rt.InputError: the policy is for other exits or classes.
    """
    table = check_costs(costs, predictions.num_exits)
    replay = eenet_rt.replay(predictions.logits, policy)
    return evaluate_exits(replay.exits, replay.labels, predictions.labels, table)


def evaluate_exits(
    exits: NDArray[np.int64], answers: NDArray[np.int64], labels: NDArray[np.int64], costs: NDArray[np.float64]
) -> Evaluation:
    """The same for exits and answers that are known, as those of a live runtime."""
    correct = answers == labels
    taken = np.bincount(exits, minlength=len(costs))
    right = np.bincount(exits[correct], minlength=len(costs))
    with np.errstate(invalid="ignore"):
        exit_accuracy = right / taken
    shares = taken / len(exits)
    return Evaluation(float(correct.mean()), float(shares @ costs), shares, exit_accuracy, exits, answers)
