"""What all schedulers share: checking the inputs, feasibility, calibration."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.reference import reference_of
from eenet.errors import UserError, counted
from eenet.policies.calibration import Family, Floats, calibrate
from eenet.prediction_checks import check_alike
from eenet.predictions import Combiner, Predictions

_LEAST_COST, _MOST_COST = 1e-12, 1e18  # beyond, policies overflow float32


class Scheduler(ABC):
    """An estimator of exit policies.

    ``fit`` learns scorers on the fit set and thresholds on the calibration set. Neither may hold images that the
    network was trained on, and no figure is reported on either of them.

    Attributes:
        exit_policy_: the runtime's decision core with what was learned.
        thresholds_: float64 ``(K,)``.
        shares_: exit shares on the calibration set, ``(K,)``.
        mean_cost_: realised on the calibration set.
        margin_: held back of the budget, see `eenet.policies.calibration.budget_margin`.

    Args:
        combiner: what the answers of the exits are made of, from `fit_combiner` on the fit set; None: every exit
            answers alone.
    """

    policy: str
    exit_policy_: eenet_rt.ExitPolicy
    thresholds_: Floats
    shares_: Floats
    mean_cost_: float
    margin_: float

    def __init__(self, *, combiner: Combiner | None = None) -> None:
        self.combiner = combiner

    def fit(
        self, fit_set: Predictions, calibration_set: Predictions, costs: Sequence[float] | Floats, budget: float
    ) -> Scheduler:
        """Learns a policy.

        Args:
            fit_set: for scorers and planned shares.
            calibration_set: for thresholds; the other samples than those of the fit set.
            costs: K positive, non-decreasing costs of leaving at each exit.
            budget: mean cost per sample that must hold, in the unit of the costs; from ``costs[0]`` up. At
                ``costs[-1]`` or above every sample runs to the last exit.

        Raises:
            UserError: sets that differ in exits or answers or share samples, too few samples, costs of
                another length or order, infeasible budget.
        """
        return self._fit(self._learn, fit_set, calibration_set, costs, budget)

    def refit(
        self,
        fitted: eenet_rt.Schedule,
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Sequence[float] | Floats,
        budget: float,
    ) -> Scheduler:
        """As `fit`, without PyTorch: what only that can learn is taken from ``fitted``.

        ``fitted`` is a schedule of this policy and this network, for other costs or another budget.
        """
        return self._fit(partial(self._relearn, fitted), fit_set, calibration_set, costs, budget)

    def suits(self, predictions: Predictions) -> bool:
        """Whether exits of these predictions have what the policy reads."""
        return True

    def _fit(
        self,
        learn: Callable[[Predictions, Predictions, Floats, float], Family],
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Sequence[float] | Floats,
        budget: float,
    ) -> Scheduler:
        costs_ = check_costs(costs, fit_set.num_exits)
        _check_sets(fit_set, calibration_set)
        budget = check_budget(budget, costs_)
        family = learn(fit_set, calibration_set, costs_, budget)
        if budget >= costs_[-1]:
            policy, _ = family.at(family.high)
            self.exit_policy_ = policy.with_thresholds([math.inf] * len(costs_))
            self.shares_ = np.eye(len(costs_))[-1]
            self.mean_cost_, self.margin_ = float(costs_[-1]), 0.0
        else:
            found = calibrate(family, costs_, budget, len(calibration_set))
            self.exit_policy_, self.shares_ = found.exit_policy, found.shares
            self.mean_cost_, self.margin_ = found.mean_cost, found.margin
        self.thresholds_ = np.array(self.exit_policy_.thresholds)
        self._costs, self._budget = costs_, budget
        self._calibration_set = calibration_set
        return self

    @abstractmethod
    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats, budget: float) -> Family:
        """Policies to choose from; the budget decides."""

    def _relearn(
        self,
        fitted: eenet_rt.Schedule,
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Floats,
        budget: float,
    ) -> Family:
        """As `_learn`, without PyTorch. A policy that learns without it learns anew."""
        return self._learn(fit_set, calibration_set, costs, budget)

    def schedule(self, unit: str) -> eenet_rt.Schedule:
        """What was learned, as it goes into a bundle."""
        return eenet_rt.Schedule(
            policy=self.policy,
            budget=self._budget,
            unit=unit,
            costs=self._costs.tolist(),
            margin=self.margin_,
            calibration_samples=len(self._calibration_set),
            calibration_shares=self.shares_.tolist(),
            exit_policy=self.exit_policy_,
            **vars(reference_of(self.exit_policy_, self._calibration_set)),
        )


def check_costs(costs: Sequence[float] | Floats, num_exits: int) -> Floats:
    """Costs as an array.

    Raises:
        UserError: not K positive finite numbers that never decrease and rise from first to last.
    """
    array = np.asarray(costs, np.float64)
    if array.shape != (num_exits,):
        raise UserError(f"costs: got {array.size} numbers, expected {num_exits}, one an exit")
    if not np.isfinite(array).all() or array[0] <= 0 or (np.diff(array) < 0).any() or array[-1] <= array[0]:
        raise UserError(f"costs: got {array.tolist()}, expected positive numbers that rise from exit to exit")
    if array[0] < _LEAST_COST or array[-1] > _MOST_COST:
        raise UserError(
            f"costs: got {array.tolist()}, expected numbers from {_LEAST_COST:g} to {_MOST_COST:g}; choose another unit"
        )
    return array


def check_budget(budget: float, costs: Floats) -> float:
    """The budget.

    Raises:
        UserError: below the cost of the first exit, or not a number.
    """
    if not np.isfinite(budget) or budget < costs[0]:
        raise UserError(
            f"budget {budget:g} cannot be met: feasible are {costs[0]:.6g} (exit 0) to {costs[-1]:.6g} (full depth)"
        )
    return float(budget)


def _check_sets(fit_set: Predictions, calibration_set: Predictions) -> None:
    if len(fit_set) < fit_set.least_samples:
        raise UserError(
            f"fit set has {counted(len(fit_set), 'sample')} for {fit_set.shape_text}, expected at least "
            f"{fit_set.least_samples}"
        )
    check_alike(fit_set, calibration_set, "fit set", "calibration set")
    common: NDArray[np.int64] = np.intersect1d(fit_set.index, calibration_set.index)
    if len(common):
        raise UserError(
            f"fit set and calibration set share {counted(len(common), 'sample')}, sample {common[0]} among them"
        )
