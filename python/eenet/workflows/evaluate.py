"""What a policy does on report data, by the runtime's own decision core."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.policies.base import check_budget, check_costs
from eenet.predictions import Predictions
from eenet.tasks.classification import Combiner

CALIBRATION_BINS = 15
_SIGNIFICANT = 3.0  # deviations by which a mean cost is above what its sample explains

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """Accuracy and cost of a policy.

    Attributes:
        accuracy: share of right answers.
        mean_cost: per sample, in the unit of the costs.
        exit_shares: K shares of samples that left at each exit.
        exit_accuracy: K accuracies among those; NaN where nobody left.
        exits: int64 ``(N,)``, where each sample left.
        answers: int64 ``(N,)``, those of the exits taken.
        qualities: bool ``(N,)``, whether they are right.
    """

    accuracy: float
    mean_cost: float
    exit_shares: NDArray[np.float64]
    exit_accuracy: NDArray[np.float64]
    exits: NDArray[np.int64]
    answers: NDArray[np.int64]
    qualities: NDArray[np.bool_]


def evaluate(predictions: Predictions, policy: eenet_rt.ExitPolicy, costs: Sequence[float]) -> Evaluation:
    """Replays a policy on logged logits.

    Raises:
        UserError: costs of another length or order.
        eenet_rt.InputError: the policy is for other exits or classes.
    """
    table = check_costs(costs, predictions.num_exits)
    replay = predictions.replay(policy)
    return evaluate_exits(replay.exits, replay.answers, replay.qualities, table)


def evaluate_exits(
    exits: NDArray[np.int64], answers: NDArray[np.int64], qualities: NDArray[np.bool_], costs: NDArray[np.float64]
) -> Evaluation:
    """The same for exits and answers that are known, as those of a live runtime."""
    taken = np.bincount(exits, minlength=len(costs))
    with np.errstate(invalid="ignore"):
        exit_accuracy = np.bincount(exits, weights=qualities, minlength=len(costs)) / taken
    shares = taken / len(exits)
    return Evaluation(float(qualities.mean()), float(shares @ costs), shares, exit_accuracy, exits, answers, qualities)


def check_spending(schedule: eenet_rt.Schedule, result: Evaluation, name: str) -> None:
    """Warns where a schedule overspends, and where so much that the samples are none like its calibration set.

    Args:
        schedule: the schedule.
        result: what it does on some samples.
        name: of these.
    """
    costs, budget = np.array(schedule.costs), schedule.budget
    if result.mean_cost <= budget:
        return
    variance = float(result.exit_shares @ (costs - result.mean_cost) ** 2)
    calibration = np.array(schedule.calibration_shares)
    expected = float(calibration @ costs)
    of_calibration = float(calibration @ (costs - expected) ** 2) / schedule.calibration_samples
    noise = math.sqrt(variance / len(result.exits) + of_calibration)
    other = ""
    if result.mean_cost - expected > _SIGNIFICANT * noise:
        other = "; that is no chance: these samples, or their network, are not those that it was calibrated on"
    _log.warning(
        "%s: budget %.4g %s is overspent: %.4g, %.1f %% too much, on %d samples%s",
        name, budget, schedule.unit, result.mean_cost, 100 * (result.mean_cost / budget - 1), len(result.exits), other,
    )  # fmt: skip


def evaluate_oracle(
    predictions: Predictions, costs: Sequence[float], budget: float, combiner: Combiner | None = None
) -> Evaluation:
    """The best that any policy could do: an oracle knows which exits are right, and buys right answers cheapest first.

    A sample leaves at its first right exit if the budget reaches, otherwise, and where every exit is wrong, at exit 0.

    Raises:
        UserError: costs of another length or order, a budget below the first of them.
    """
    table = check_costs(costs, predictions.num_exits)
    allowed = (check_budget(budget, table) - table[0]) * len(predictions)
    answers, right = predictions.answers(combiner), predictions.qualities(combiner)
    first = np.where(right.any(axis=1), right.argmax(axis=1), 0)
    extra = table[first] - table[0]
    cheapest = np.argsort(extra, kind="stable")
    # Rounding must not cost a sample that is paid for exactly.
    bought = cheapest[np.cumsum(extra[cheapest]) <= allowed * (1 + 1e-12)]
    exits = np.zeros(len(predictions), np.int64)
    exits[bought] = first[bought]
    rows = np.arange(len(exits))
    return evaluate_exits(exits, answers[rows, exits], right[rows, exits], table)


@dataclass(frozen=True)
class ExitQuality:
    """How far the exits of a policy know what they know, each on all samples.

    Attributes:
        accuracy: K shares of right answers.
        calibration_error: K expected calibration errors of the answer's probability, 15 equal bins (Guo et al., 2017).
        failure_auroc: area under the ROC curve of the score as a sign of a right answer, for every exit but the last;
            0.5 is chance, NaN where all answers are right or all are wrong.
    """

    accuracy: NDArray[np.float64]
    calibration_error: NDArray[np.float64]
    failure_auroc: NDArray[np.float64]


def evaluate_exit_quality(predictions: Predictions, policy: eenet_rt.ExitPolicy) -> ExitQuality:
    """Accuracy, calibration and ranking of every exit, nobody having left before it.

    Raises:
        eenet_rt.InputError: the policy is for other exits or classes.
    """
    right = predictions.qualities(policy.combiner)
    scores = predictions.scores(policy)
    confidence = predictions.confidence(policy.combiner)
    return ExitQuality(
        right.mean(axis=0),
        np.array([expected_calibration_error(p, r) for p, r in zip(confidence.T, right.T, strict=True)]),
        np.array([area_under_roc(s, r) for s, r in zip(scores.T[:-1], right.T[:-1], strict=True)]),
    )


def expected_calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Mean distance between confidence and accuracy over 15 equal bins of confidence, weighted by their samples."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def area_under_roc(score: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Probability that a right answer scores above a wrong one, ties counting one half (Mann-Whitney)."""
    positives = int(right.sum())
    negatives = len(right) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * negatives))
