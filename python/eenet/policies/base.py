"""What all schedulers share: checking the inputs, feasibility, calibration."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.reference import reference_of
from eenet.errors import ArgumentError, UserError, counted
from eenet.policies.calibration import Family, Floats, budget_range, calibrate
from eenet.prediction_checks import check_alike
from eenet.predictions import Combiner, Predictions
from eenet.spending import Costs, mean_costs

Families = Callable[[float], Family]  # of a budget


class Scheduler(ABC):
    """An estimator of exit policies, by scikit-learn's contract: the constructor stores its arguments, ``fit`` learns.

    ``fit`` learns scorers on the fit set and thresholds on the calibration set. Neither may hold images that the
    network was trained on, and no figure is reported on either of them.

    Attributes:
        policy: the name of `eenet.policies.POLICIES` that its settings make it.
        exit_policy_: the runtime's decision core with what was learned.
        thresholds_: float64 ``(K,)``.
        shares_: exit shares on the calibration set, ``(K,)``.
        mean_cost_: realised on the calibration set.
        margin_: held back of the budget, see `eenet.policies.calibration.budget_margin`.

    Args:
        combiner: what the answers of the exits are made of, from `fit_combiner` on the fit set; None: every exit
            answers alone.
    """

    exit_policy_: eenet_rt.ExitPolicy
    thresholds_: Floats
    shares_: Floats
    mean_cost_: float
    margin_: float

    def __init__(self, *, combiner: Combiner | None = None) -> None:
        self.combiner = combiner

    @property
    @abstractmethod
    def policy(self) -> str: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor, by name, as scikit-learn's ``clone`` asks for them."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Scheduler:
        """Replaces arguments of the constructor.

        Raises:
            UserError: it has no such argument.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ArgumentError(name, f"is no setting of {self.policy}, which has {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = {name: value for name, value in self.get_params().items() if value is not defaults[name].default}
        # A combiner is many numbers.
        shown = (f"{name}={'...' if isinstance(value, tuple) else repr(value)}" for name, value in changed.items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def check_settings(self) -> None:
        """Refuses arguments of the constructor that nothing can be fitted with; fitting begins with it.

        Raises:
            UserError: there is one.
        """
        return  # most have none that could be wrong

    def fit(self, fit_set: Predictions, calibration_set: Predictions, costs: Costs | None, budget: float) -> Scheduler:
        """Learns a policy.

        Args:
            fit_set: for scorers and planned shares.
            calibration_set: for thresholds; the other samples than those of the fit set.
            costs: K positive, non-decreasing costs of leaving at each exit; None: those of each sample, which both
                sets then have, see `Predictions.with_costs`. Shares are planned by their means.
            budget: mean cost per sample that must hold, in the unit of the costs; from that of exit 0 up, and its
                margin where samples have costs of their own. At the mean cost of the last exit or above every sample
                runs to it.

        Raises:
            UserError: sets that differ in exits or answers or share samples, too few samples, costs of
                another length or order, infeasible budget.
        """
        return next(self.fit_each(fit_set, calibration_set, costs, [budget]))

    def fit_each(
        self,
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Costs | None,
        budgets: Sequence[float],
    ) -> Iterator[Scheduler]:
        """As `fit` for budget after budget, each when it is asked for; what no budget changes is learned once.

        Yields:
            This scheduler, fitted for the next budget.
        """
        return self._fit_each(self._learn, fit_set, calibration_set, costs, budgets)

    def refit(
        self,
        fitted: eenet_rt.Schedule,
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Costs | None,
        budget: float,
    ) -> Scheduler:
        """As `fit`, without PyTorch: what only that can learn is taken from ``fitted``.

        ``fitted`` is a schedule of this policy and this network, for other costs or another budget.
        """
        return next(self._fit_each(partial(self._relearn, fitted), fit_set, calibration_set, costs, [budget]))

    def suits(self, predictions: Predictions) -> bool:
        """Whether exits of these predictions have what the policy reads."""
        return True

    def _fit_each(
        self,
        learn: Callable[[Predictions, Predictions, Floats], Families],
        fit_set: Predictions,
        calibration_set: Predictions,
        costs: Costs | None,
        budgets: Sequence[float],
    ) -> Iterator[Scheduler]:
        self.check_settings()
        if not self.suits(fit_set):
            raise UserError(f"policy {self.policy!r} is none for {fit_set.task}")
        fit_set.priced(costs, "fit set")
        _check_sets(fit_set, calibration_set)
        own = calibration_set.priced(costs, "calibration set")
        if costs is not None:  # in place of any that the samples have
            fit_set, calibration_set = fit_set.with_costs(None), calibration_set.with_costs(None)
        possible = budget_range(own, calibration_set)
        checked = [check_budget(budget, possible) for budget in budgets]
        families = learn(fit_set, calibration_set, mean_costs(own, calibration_set.weights))
        for budget in checked:
            self._calibrate(families(budget), calibration_set, own, budget)
            yield self

    def _calibrate(self, family: Family, calibration_set: Predictions, own: Floats, budget: float) -> None:
        costs = mean_costs(own, calibration_set.weights)
        if budget >= costs[-1]:
            policy, _ = family.at(family.high)
            self.exit_policy_ = policy.with_thresholds([math.inf] * len(costs))
            self.shares_ = np.eye(len(costs))[-1]
            self.mean_cost_, self.margin_ = float(costs[-1]), 0.0
        else:
            found = calibrate(family, calibration_set, own, budget)
            self.exit_policy_, self.shares_ = found.exit_policy, found.shares
            self.mean_cost_, self.margin_ = found.mean_cost, found.margin
        self.thresholds_ = np.array(self.exit_policy_.thresholds)
        self._costs, self._budget = costs, budget
        self._calibration_set = calibration_set

    @abstractmethod
    def _learn(self, fit_set: Predictions, calibration_set: Predictions, costs: Floats) -> Families:
        """For every budget, policies to choose from; the budget decides. ``costs`` are means where samples have own."""

    def _relearn(
        self, fitted: eenet_rt.Schedule, fit_set: Predictions, calibration_set: Predictions, costs: Floats
    ) -> Families:
        """As `_learn`, without PyTorch. A policy that learns without it learns anew."""
        return self._learn(fit_set, calibration_set, costs)

    def schedule(self, unit: str) -> eenet_rt.Schedule:
        """What was learned, as it goes into a bundle."""
        return eenet_rt.Schedule(
            policy=self.policy,
            budget=self._budget,
            unit=unit,
            costs=self._costs.tolist(),
            margin=self.margin_,
            calibration_samples=max(1, round(self._calibration_set.effective_size)),
            calibration_shares=self.shares_.tolist(),
            exit_policy=self.exit_policy_,
            **vars(reference_of(self.exit_policy_, self._calibration_set)),
        )


def check_budget(budget: float, possible: Sequence[float] | Floats) -> float:
    """The budget.

    Args:
        budget: to be checked.
        possible: from the first to the last of these.

    Raises:
        UserError: below the least, or not a number.
    """
    least, full = possible[0], possible[-1]
    if not np.isfinite(budget) or budget < least:
        raise UserError(
            f"budget {budget:g} cannot be met: feasible are {least:.6g} (exit 0) to {full:.6g} (full depth)"
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
