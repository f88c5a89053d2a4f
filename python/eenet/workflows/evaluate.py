"""What a policy does on report data, by the runtime's own decision core."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.policies.base import check_budget
from eenet.predictions import Combiner, Predictions, Qualities
from eenet.spending import Costs, at_exits, mean_costs, spending
from eenet.weighting import weighted_mean

CALIBRATION_BINS = 15
_SIGNIFICANT = 3.0  # deviations by which a mean cost is above what its sample explains

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """Accuracy and cost of a policy.

    Attributes:
        accuracy: mean quality of the answers: the share of right ones, where they are right or wrong.
        figures: what else is told of the answers, see `Predictions.figures`.
        mean_cost: per sample, in the unit of the costs.
        cost_variance: of one sample.
        exit_shares: K shares of samples that left at each exit.
        exit_accuracy: K accuracies among those; NaN where nobody left.
        exits: int64 ``(N,)``, where each sample left.
        answers: ``(N, ...)``, those of the exits taken.
        qualities: ``(N,)``, how good they are.
    """

    accuracy: float
    mean_cost: float
    cost_variance: float
    exit_shares: NDArray[np.float64]
    exit_accuracy: NDArray[np.float64]
    exits: NDArray[np.int64]
    answers: NDArray[Any]
    qualities: Qualities
    figures: Mapping[str, float] = field(default_factory=dict)


def evaluate(predictions: Predictions, policy: eenet_rt.ExitPolicy, costs: Costs | None) -> Evaluation:
    """Replays a policy on logged logits; samples weigh what they do in the predictions.

    Args:
        predictions: of the samples.
        policy: what decides where they leave.
        costs: K costs; None: those of each sample, which the predictions then have.

    Raises:
        UserError: costs of another length or order.
        eenet_rt.InputError: the policy is for other exits or classes.
    """
    own = predictions.priced(costs)
    replay = predictions.replay(policy)
    result = evaluate_exits(replay.exits, replay.answers, replay.qualities, own, predictions.weights)
    return replace(result, figures=predictions.figures(replay.answers))


def evaluate_schedule(predictions: Predictions, schedule: eenet_rt.Schedule) -> Evaluation:
    """As `evaluate`, by the costs of each sample where the predictions have them, else by those of the schedule."""
    costs = schedule.costs if predictions.costs is None else None
    return evaluate(predictions, schedule.exit_policy, costs)


def evaluate_exits(
    exits: NDArray[np.int64],
    answers: NDArray[Any],
    qualities: Qualities,
    costs: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> Evaluation:
    """The same for exits and answers that are known, as those of a live runtime; costs ``(K,)`` or ``(N, K)``."""
    good = qualities if weights is None else weights * qualities
    num_exits = costs.shape[-1]
    with np.errstate(invalid="ignore"):
        exit_accuracy = np.bincount(exits, good, num_exits) / np.bincount(exits, weights, num_exits)
    spent = spending(exits, costs, weights)
    accuracy = float(weighted_mean(qualities, weights))
    return Evaluation(accuracy, spent.mean, spent.variance, spent.shares, exit_accuracy, exits, answers, qualities)


def check_spending(schedule: eenet_rt.Schedule, result: Evaluation, predictions: Predictions, name: str) -> None:
    """Warns where a schedule overspends, and where so much that the samples are none like its calibration set.

    Args:
        schedule: the schedule.
        result: what it does on some samples, by `evaluate_schedule`.
        predictions: of these.
        name: of these.
    """
    costs, budget = np.array(schedule.costs), schedule.budget
    if result.mean_cost <= budget:
        return
    calibration = np.array(schedule.calibration_shares)
    expected = float(calibration @ costs)
    variance = float(calibration @ (costs - expected) ** 2)
    if predictions.costs is not None:
        # What the calibration samples cost, each for itself, is not stored: they left room for the margin, and vary
        # as these do.
        expected, variance = budget - schedule.margin, result.cost_variance
    noise = math.sqrt(result.cost_variance / len(result.exits) + variance / schedule.calibration_samples)
    other = ""
    if result.mean_cost - expected > _SIGNIFICANT * noise:
        other = "; that is no chance: these samples, or their network, are not those that it was calibrated on"
    _log.warning(
        "%s: budget %.4g %s is overspent: %.4g, %.1f %% too much, on %d samples%s",
        name, budget, schedule.unit, result.mean_cost, 100 * (result.mean_cost / budget - 1), len(result.exits), other,
    )  # fmt: skip


def evaluate_oracle(
    predictions: Predictions, costs: Costs | None, budget: float, combiner: Combiner | None = None
) -> Evaluation:
    """The best that any policy could do: an oracle knows how good every exit's answer is, and buys the best ones.

    Where answers are right or wrong, a sample leaves at its first right exit if the budget reaches, otherwise, and
    where every exit is wrong, at exit 0. Else it leaves where quality less a price of cost is highest, and the budget
    sets the price.

    Raises:
        UserError: costs of another length or order, a budget below the first of them.
    """
    own = predictions.priced(costs)
    budget = check_budget(budget, mean_costs(own))
    answers, qualities = predictions.answers(combiner), predictions.qualities(combiner)
    bought = _bought_right if qualities.dtype == np.bool_ else _bought_best
    exits, rows = bought(qualities, own, budget), np.arange(len(predictions))
    taken = answers[rows, exits]
    result = evaluate_exits(exits, taken, qualities[rows, exits], own)
    return replace(result, figures=predictions.figures(taken))


def _bought_right(right: NDArray[np.bool_], costs: NDArray[np.float64], budget: float) -> NDArray[np.int64]:
    first = np.where(right.any(axis=1), right.argmax(axis=1), 0)
    extra = at_exits(costs, first) - costs[..., 0]
    allowed = (budget - mean_costs(costs)[0]) * len(right)
    cheapest = np.argsort(extra, kind="stable")
    # Rounding must not cost a sample that is paid for exactly.
    bought = cheapest[np.cumsum(extra[cheapest]) <= allowed * (1 + 1e-12)]
    exits = np.zeros(len(right), np.int64)
    exits[bought] = first[bought]
    return exits


def _bought_best(qualities: NDArray[np.float64], costs: NDArray[np.float64], budget: float) -> NDArray[np.int64]:
    steps = np.diff(costs)
    low, high = 0.0, 2 / float(steps[steps > 0].min())  # at such a price nothing is worth a step
    for _ in range(60):
        price = (low + high) / 2
        dear = at_exits(costs, (qualities - price * costs).argmax(axis=1)).mean() > budget
        low, high = (price, high) if dear else (low, price)
    exits: NDArray[np.int64] = (qualities - high * costs).argmax(axis=1)
    return exits


def evaluate_best_exit(
    validation: Predictions,
    report: Predictions,
    costs: Costs | None,
    budget: float,
    combiner: Combiner | None = None,
) -> Evaluation:
    """All samples at one exit: of those within the budget, the one that is best on the validation set.

    Raises:
        UserError: costs of another length or order, a budget below the first of them.
    """
    own, table = report.priced(costs), mean_costs(validation.priced(costs), validation.weights)
    affordable = int((table <= check_budget(budget, table)).sum())
    exit_ = int(validation.qualities(combiner)[:, :affordable].mean(axis=0).argmax())
    taken, qualities = report.answers(combiner)[:, exit_], report.qualities(combiner)[:, exit_]
    result = evaluate_exits(np.full(len(report), exit_), taken, qualities, own)
    return replace(result, figures=report.figures(taken))


@dataclass(frozen=True)
class ExitQuality:
    """How far the exits of a policy know what they know, each on all samples.

    Attributes:
        accuracy: K mean qualities.
        calibration_error: K expected calibration errors of the answer's probability, 15 equal bins (Guo et al., 2017);
            NaN where answers have none.
        failure_auroc: area under the ROC curve of the score as a sign of a right answer, or, where they are not right
            or wrong, of one better than the median, for every exit but the last; 0.5 is chance, NaN where there is but
            one kind of answers.
    """

    accuracy: NDArray[np.float64]
    calibration_error: NDArray[np.float64]
    failure_auroc: NDArray[np.float64]


def evaluate_exit_quality(predictions: Predictions, policy: eenet_rt.ExitPolicy) -> ExitQuality:
    """Accuracy, calibration and ranking of every exit, nobody having left before it.

    Raises:
        eenet_rt.InputError: the policy is for other exits or classes.
    """
    qualities = predictions.qualities(policy.combiner)
    scores = predictions.scores(policy)
    confidence = predictions.confidence(policy.combiner)
    errors = np.full(qualities.shape[1], np.nan)
    if confidence is not None:
        errors = np.array([expected_calibration_error(p, r) for p, r in zip(confidence.T, qualities.T, strict=True)])
    good = qualities if qualities.dtype == np.bool_ else qualities > np.median(qualities, axis=0)
    ranking = [area_under_roc(s, g) for s, g in zip(scores.T[:-1], good.T[:-1], strict=True)]
    return ExitQuality(qualities.mean(axis=0), errors, np.array(ranking))


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
