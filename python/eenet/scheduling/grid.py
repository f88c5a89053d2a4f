"""Schedules of one policy for several budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eenet.predictions import Predictions
from eenet.scheduling.combining import fit_combiner
from eenet.scheduling.registry import create_scheduler
from eenet.scheduling.schedule_file import Schedule

FIT_SHARE = 0.5  # of the validation predictions; the others calibrate


def fit_schedules(
    policy: str,
    validation: Predictions,
    costs: Sequence[float],
    budgets: Sequence[float],
    *,
    unit: str,
    combine: bool = False,
    seed: int = 0,
) -> Iterator[Schedule]:
    """Fits budget after budget, each when it is asked for.

    Args:
        policy: a name of `eenet.scheduling.POLICIES`.
        validation: predictions on images that the network was not trained on; a seeded half fits, the other calibrates.
        costs: K costs.
        budgets: in the unit of the costs.
        unit: ``ms``, ``flops`` or ``params``.
        combine: combine the exits, see `fit_combiner`.
        seed: of the split and of what is random in the scheduler.

    Raises:
        UserError: as `create_scheduler` and `Scheduler.fit`.
    """
    fit_set, calibration_set = validation.split(FIT_SHARE, seed)
    combiner = fit_combiner(fit_set) if combine else None
    for budget in budgets:
        scheduler = create_scheduler(policy, seed, combiner)
        yield scheduler.fit(fit_set, calibration_set, costs, budget).schedule(unit)
