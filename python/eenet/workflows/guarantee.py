"""The cheapest schedule whose loss of accuracy against full depth is bounded with high probability.

Learn then Test (Angelopoulos et al., 2021, arXiv 2110.01052) with fixed-sequence testing: candidates are fitted
without the calibration set and tested on it from the dearest to the cheapest, each at level delta, up to the first
that fails; the last that passed is taken. The chance that any candidate passes wrongly is at most delta, whatever the
network, the policy and the number of samples. The test is the betting test of Waudby-Smith and Ramdas (2024, arXiv
2010.09686) for the mean of a bounded variable, which knows small variances.
"""

from __future__ import annotations

import logging
import math
import sys
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.reference import reference_of
from eenet.errors import ArgumentError
from eenet.policies.calibration import Floats, budget_margin, budget_range
from eenet.policies.confidence import confidence_policy
from eenet.policies.grid import FIT_SHARE, combiner_of
from eenet.policies.registry import Settings, check_policy, create_scheduler
from eenet.predictions import Predictions
from eenet.spending import Costs, mean_costs, spending

CANDIDATES = 40
_SCORERS_SHARE = 0.8  # of the fit set; the others set the candidates' thresholds
_MOST_COUNTED, _PLACES = 1_000_000, 1000
_LEAST_DELTA = 1e-6
_LARGEST_BET = 0.75  # share of the capital that one sample may cost

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Guaranteed:
    """A schedule, and what the calibration set says of it.

    Attributes:
        schedule: its budget is what it is expected to cost at most: mean cost on the calibration set plus margin.
        accuracy_drop: accuracy of full depth minus that of the schedule on the calibration set; what is guaranteed is
            its expectation.
        tested: candidates tested, the failed one included.
    """

    schedule: eenet_rt.Schedule
    accuracy_drop: float
    tested: int


def fit_within_accuracy_drop(
    policy: str,
    validation: Predictions,
    costs: Costs | None,
    max_accuracy_drop: float,
    delta: float,
    *,
    unit: str,
    combine: str = "none",
    seed: int = 0,
    settings: Settings | None = None,
) -> Guaranteed:
    """Fits the cheapest schedule of a policy with ``P(expected accuracy drop > max_accuracy_drop) <= delta``.

    The drop is against full depth, where the last exit answers alone. The probability is that of the calibration set;
    it holds for samples of the same distribution; where the predictions are weighted to a class prior, for samples
    whose classes come in its shares, those among the predictions being taken for known. Where no candidate passes, the
    schedule is full depth itself.

    Args:
        policy: a name of `eenet.policies.POLICIES`.
        validation: predictions on images that the network was not trained on; a seeded half fits candidates, the other
            half tests them.
        costs: K costs; None: those of each sample, which the predictions then have.
        max_accuracy_drop: a fraction, as 0.005 for half a point.
        delta: at least 1e-6 and below 1.
        unit: ``ms``, ``flops`` or ``params``.
        combine: see `eenet.policies.grid.fit_schedules`.
        seed: of the splits, of the order of the test and of what is random in the scheduler.
        settings: see `create_scheduler`.

    Raises:
        UserError: as `Scheduler.fit`, `check_bound`.
    """
    check_bound(max_accuracy_drop, delta)
    check_policy(policy, validation)
    validation.priced(costs)
    fit_set, calibration_set = validation.split(FIT_SHARE, seed)
    scorer_set, threshold_set = fit_set.split(_SCORERS_SHARE, seed)
    combiner = combiner_of(combine, scorer_set)
    scheduler = create_scheduler(policy, seed, combiner, settings)
    order = np.random.default_rng(seed).permutation(len(calibration_set))
    full_depth = calibration_set.replay(None).qualities.astype(np.float64)
    weights = calibration_set.weights
    # A weighted drop is bounded by the largest weight: as a share of that it is in [-1, 1], and so is its bound.
    weight = np.ones(len(order)) if weights is None else weights / weights.max()
    bound = max_accuracy_drop if weights is None else max_accuracy_drop / float(weights.max())

    own = calibration_set.priced(costs)
    best, best_drop, tested = _full_depth(mean_costs(own, weights), calibration_set, unit), 0.0, 0
    least, full = budget_range(threshold_set.priced(costs), threshold_set)
    for fitted in scheduler.fit_each(scorer_set, threshold_set, costs, np.linspace(full, least, CANDIDATES).tolist()):
        candidate = fitted.schedule(unit)
        replay = calibration_set.replay(candidate.exit_policy)
        drop = weight * (full_depth - replay.qualities)
        tested += 1
        if drop_p_value(drop[order], bound, delta) > delta:
            break
        best, best_drop = _priced(candidate, replay.exits, calibration_set, own), float(drop.mean() / weight.mean())
    if tested == 1:
        _log.warning(
            "no schedule of %s could be shown to lose at most %g points with probability %g on %d calibration samples, "
            "so the schedule is full depth; were not one answer lost, it would take some %.6g of them",
            policy, 100 * max_accuracy_drop, 1 - delta, len(calibration_set), least_samples(bound, delta),
        )  # fmt: skip
    return Guaranteed(best, best_drop, tested)


def check_bound(max_accuracy_drop: float, delta: float) -> None:
    """Refuses bounds that `fit_within_accuracy_drop` cannot keep, or that mean nothing.

    Raises:
        UserError: a drop that is not above 0 and below 1, or a delta that is not at least 1e-6 and below 1.
    """
    if not 0 < max_accuracy_drop < 1:
        points = 100 * max_accuracy_drop
        raise ArgumentError("max_accuracy_drop", f"got {points:g} points, expected above 0, below 100")
    if not _LEAST_DELTA <= delta < 1:
        raise ArgumentError("delta", f"got {delta:g}, expected at least {_LEAST_DELTA:g} and below 1")


def least_samples(max_drop: float, delta: float) -> float:
    """Calibration samples below which no candidate can pass, not even one that never loses an answer.

    Exact up to a million; what is beyond, nobody has, and it is told to some digits.
    """
    # Without a loss bets depend on the place in the sequence alone, and the logarithm of the capital is the number of
    # samples times a mean over places.
    place = (np.arange(_PLACES) + 0.5) / _PLACES
    bets = np.minimum(np.sqrt(8 * math.log(1 / delta) * place), 2 * _LARGEST_BET / (1 - max_drop))
    estimate = math.log(1 / delta) / max(float(np.log1p(bets * max_drop / 2).mean()), sys.float_info.min)
    if estimate > _MOST_COUNTED:
        return estimate
    most = 2 * math.ceil(estimate)
    return bisect_left(range(most), True, lo=1, key=lambda n: drop_p_value(np.zeros(n), max_drop, delta) <= delta)


def drop_p_value(drops: Floats, max_drop: float, delta: float) -> float:
    """P-value of "the mean of the drops is above ``max_drop``", at its sharpest near ``delta``.

    A gambler bets sample after sample that the drop is smaller, a share of the capital that only earlier samples
    decide. Were the hypothesis true, the capital would be a supermartingale, and by Ville's inequality reach 1/p with
    a probability of at most p.

    Args:
        drops: in [-1, 1], in an order that has nothing to do with their values.
        max_drop: above -1 and below 1.
        delta: level at which the test will be read; bets are sized for it.
    """
    gain = (1 - drops) / 2
    mean = (1 - max_drop) / 2
    samples = np.arange(1, len(gain) + 1)
    # Estimates start at 1/2 and at the variance of a fair coin, and each knows the samples before it alone.
    means = (0.5 + np.cumsum(gain)) / (samples + 1)
    variances = (0.25 + np.cumsum((gain - means) ** 2)) / (samples + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    bets = np.minimum(np.sqrt(2 * math.log(1 / delta) / (before * len(gain))), _LARGEST_BET / mean)
    log_capital = np.cumsum(np.log1p(bets * (gain - mean)))
    return math.exp(-max(0.0, float(log_capital.max())))


def _full_depth(costs: Floats, calibration_set: Predictions, unit: str) -> eenet_rt.Schedule:
    exits = len(costs)
    first = [float(i == 0) for i in range(len(calibration_set.measures))]
    policy = confidence_policy(calibration_set.num_features, first)
    return eenet_rt.Schedule(
        policy="full-depth",
        budget=float(costs[-1]),
        unit=unit,
        costs=costs.tolist(),
        margin=0.0,
        calibration_samples=len(calibration_set),
        calibration_shares=np.eye(exits)[-1].tolist(),
        exit_policy=policy,
    )


def _priced(
    candidate: eenet_rt.Schedule, exits: NDArray[np.int64], calibration_set: Predictions, costs: Floats
) -> eenet_rt.Schedule:
    """The schedule with what the calibration set, which none of it was fitted on, says of it."""
    spent = spending(exits, costs, calibration_set.weights)
    margin = budget_margin(spent.deviation, len(exits), calibration_set.effective_size)
    if spent.shares[-1] == 1:
        margin = 0.0  # full depth costs full cost
    return candidate.replace(
        budget=spent.mean + margin,
        costs=mean_costs(costs, calibration_set.weights).tolist(),
        margin=margin,
        calibration_samples=max(1, round(calibration_set.effective_size)),
        calibration_shares=spent.shares.tolist(),
        **vars(reference_of(candidate.exit_policy, calibration_set)),
    )
