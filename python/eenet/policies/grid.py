"""Schedules of one policy for several budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import eenet_rt
from eenet.errors import UserError
from eenet.policies.combining import fit_combiner, fit_temperatures
from eenet.policies.registry import Settings, check_policy, create_scheduler
from eenet.predictions import Combiner, Predictions
from eenet.spending import Costs

FIT_SHARE = 0.5  # of the validation predictions; the others calibrate
UNITS = ("ms", "flops", "params")
COMBINE = ("none", "temperature", "exits")

# The winner of benchmarks/schedulers.py; what commands take when they are not told.
DEFAULT_POLICY, DEFAULT_COMBINE = "learned-stopping", "exits"


def fit_schedules(
    policy: str,
    validation: Predictions,
    costs: Costs | None,
    budgets: Sequence[float],
    *,
    unit: str,
    combine: str = "none",
    seed: int = 0,
    settings: Settings | None = None,
) -> Iterator[eenet_rt.Schedule]:
    """Fits budget after budget, each when it is asked for.

    Args:
        policy: a name of `eenet.policies.POLICIES`.
        validation: predictions on images that the network was not trained on; a seeded half fits, the other calibrates.
        costs: K costs; None: those of each sample, which the predictions then have.
        budgets: in the unit of the costs.
        unit: ``ms``, ``flops`` or ``params``.
        combine: what the answers are made of: ``none``, each exit as it is; ``temperature``, see `fit_temperatures`;
            ``exits``, see `fit_combiner`.
        seed: of the split and of what is random in the scheduler.
        settings: see `create_scheduler`.

    Raises:
        UserError: as `create_scheduler` and `Scheduler.fit`, or ``combine`` is none of the three.
    """
    check_policy(policy, validation)
    fit_set, calibration_set = validation.split(FIT_SHARE, seed)
    combiner = combiner_of(combine, fit_set)
    scheduler = create_scheduler(policy, seed, combiner, settings)
    for fitted in scheduler.fit_each(fit_set, calibration_set, costs, budgets):
        yield fitted.schedule(unit)


def combine_or_default(combine: str | None, predictions: Predictions | type[Predictions]) -> str:
    """What answers are made of where nothing else is asked for: of combined exits, if there is such a thing.

    Raises:
        UserError: something is asked for, and there is no such thing.
    """
    if combine not in (None, "none") and not predictions.combines:
        raise UserError(f"combine: there is no combiner for {predictions.task}, expected none")
    return combine or (DEFAULT_COMBINE if predictions.combines else "none")


def combiner_of(combine: str, fit_set: Predictions) -> Combiner | None:
    """Fits what ``combine`` names, see `fit_schedules`.

    Raises:
        UserError: it names nothing.
    """
    if combine == "none":
        return None
    if combine == "temperature":
        return fit_temperatures(fit_set)
    if combine == "exits":
        return fit_combiner(fit_set)
    raise UserError(f"combine: got {combine!r}, expected one of {', '.join(COMBINE)}")
