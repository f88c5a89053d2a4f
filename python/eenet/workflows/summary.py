"""What is said of fitted schedules: where the calibration set leaves, and how good the answers are."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

import eenet_rt
from eenet.policies.calibration import Floats
from eenet.predictions import Predictions
from eenet.weighting import weighted_mean
from eenet.workflows.evaluate import Evaluation, evaluate_schedule

_LARGE_MARGIN = 0.05  # of a budget
_SMALL_LOSS = 0.005  # of accuracy
_SIGNIFICANT = 4.0  # deviations beyond which a difference is none of chance

_log = logging.getLogger(__name__)


def exit_accuracies(predictions: Predictions) -> Floats:
    """K mean qualities of the exits as they are, each on all samples; the last is that of full depth.

    Samples weigh what they do in the predictions.
    """
    return weighted_mean(predictions.qualities(), predictions.weights)


def exits_line(calibration_set: Predictions) -> str:
    """A line for people: quality of each exit and of full depth."""
    what = calibration_set.quality_name
    qualities = [f"{100 * a:.1f}" for a in exit_accuracies(calibration_set)]
    figures = "" if calibration_set.exit_figure == what else f"; {calibration_set.exits_text()}"
    return (
        f"{what} of the exits, each on all {len(calibration_set)} calibration samples: {' '.join(qualities)} %, "
        f"so full depth has {qualities[-1]} %{figures}"
    )


def quality_text(predictions: Predictions, result: Evaluation, digits: int = 1) -> str:
    """For people: mean quality of answers, and what else is told of them."""
    figures = "".join(f", {name.upper()} {value:.4g}" for name, value in result.figures.items())
    return f"{predictions.quality_name} {100 * result.accuracy:.{digits}f} %{figures}"


def budget_text(schedule: eenet_rt.Schedule) -> str:
    """A budget with its unit and as a share of full cost."""
    share = 100 * schedule.budget / schedule.costs[-1]
    return f"budget {schedule.budget:.4g} {schedule.unit} ({share:.4g}%)"


def schedule_line(schedule: eenet_rt.Schedule, calibration_set: Predictions) -> str:
    """A line for people: what the budget is, where the calibration set leaves and how often it is right."""
    shares = " ".join(f"{100 * share:.1f}" for share in schedule.calibration_shares)
    quality = quality_text(calibration_set, evaluate_schedule(calibration_set, schedule))
    full = "" if schedule.budget < schedule.costs[-1] else ", which is full depth"
    if full and schedule.exit_policy.combiner is not None and schedule.exit_policy.combiner[0][-1, :-1].any():
        full += " with all exits combined"  # and so no accuracy of the last one alone
    return f"{schedule.policy}: {budget_text(schedule)}{full}, calibration samples: {quality}, exit shares {shares} %"


def worth_lines(
    schedules: Sequence[eenet_rt.Schedule], calibration_set: Predictions, static: float | None
) -> list[str]:
    """Lines for people: what the schedules save against the network without exits, and lose for it.

    Args:
        schedules: with costs in one unit.
        calibration_set: what thresholds were set on; cost and accuracy of each schedule are those on it.
        static: cost of the network without exits, whose accuracy is that of full depth; None: there is nothing to say.
    """
    if static is None:
        return []
    full, found = float(exit_accuracies(calibration_set)[-1]), []
    for schedule in schedules:
        done = evaluate_schedule(calibration_set, schedule)
        found.append((1 - done.mean_cost / static, full - done.accuracy, schedule))
    listed = ", ".join(f"{100 * s.budget / s.costs[-1]:.3g}% {_worth(saved, loss)}" for saved, loss, s in found)
    unit = schedules[0].unit
    line = f"against the network without exits ({static:.4g} {unit}, {100 * full:.1f} %), budgets: {listed}"
    # Beside rounding: half a point of so many samples is a number of them.
    saving = [(saved, s) for saved, loss, s in found if saved > 0 and loss <= _SMALL_LOSS + 1e-9]
    points = f"at a loss of at most {100 * _SMALL_LOSS:g} points"
    if not saving:
        what = "time" if unit == "ms" else unit
        return [line, f"none saves {what} {points}: there, the network without exits is the better choice"]
    saved, best = max(saving, key=lambda one: one[0])
    return [line, f"{points}, {budget_text(best)} saves {100 * saved:.1f} %"]


def _worth(saved: float, loss: float) -> str:
    cost = f"saves {100 * saved:.1f} %" if saved >= 0 else f"costs {-100 * saved:.1f} % more"
    return f"{cost} and {'loses' if loss >= 0 else 'gains'} {abs(100 * loss):.1f} points"


def warn_of_accuracy(schedules: Sequence[eenet_rt.Schedule], calibration_set: Predictions) -> None:
    """Says which schedules an exit by itself, which costs no more than the budget, would do better than."""
    quality, name = exit_accuracies(calibration_set), calibration_set.quality_name
    for schedule in schedules:
        affordable = sum(cost <= schedule.budget - schedule.margin for cost in schedule.costs[1:]) + 1
        exit_ = int(quality[:affordable].argmax())
        by_schedule = evaluate_schedule(calibration_set, schedule).accuracy
        difference = float(quality[exit_]) - by_schedule
        samples = calibration_set.effective_size
        # By the deviation of one share: that of a difference on the same samples is mostly smaller.
        if difference <= _SIGNIFICANT * math.sqrt(max(by_schedule * (1 - by_schedule), 0.01) / samples):
            continue
        _log.warning(
            "%s: %s %.1f %% on the calibration samples, that of exit %d alone, within the same budget, %.1f %%: the "
            "schedule is worse than none; are these outputs of the usual scale?",
            budget_text(schedule), name, 100 * by_schedule, exit_, 100 * float(quality[exit_]),
        )  # fmt: skip


def schedule_rows(schedules: Sequence[eenet_rt.Schedule], calibration_set: Predictions) -> list[dict[str, object]]:
    """What JSON says of schedules, in their order."""
    return [
        {
            "policy": s.policy,
            "budget": s.budget,
            "unit": s.unit,
            "margin": s.margin,
            "calibration_samples": s.calibration_samples,
            "calibration_shares": list(s.calibration_shares),
            calibration_set.quality_name: done.accuracy,
            **done.figures,
            "mean_cost": done.mean_cost,
        }
        for s in schedules
        for done in [evaluate_schedule(calibration_set, s)]
    ]


def warn_of_margins(schedules: Sequence[eenet_rt.Schedule]) -> None:
    """Says how much of the budgets few calibration samples cost, and how many would do."""
    worst = max(schedules, key=lambda schedule: schedule.margin / schedule.budget)
    share = worst.margin / worst.budget
    if round(share, 3) <= _LARGE_MARGIN:  # as it is said below
        return
    needed = 2 * math.ceil(worst.calibration_samples * (share / _LARGE_MARGIN) ** 2)
    rounded = int(np.ceil(needed / 10 ** (len(str(needed)) - 2))) * 10 ** (len(str(needed)) - 2)
    _log.warning(
        "%d calibration samples are few: of a budget of %.4g %s, %.1f %% is held back as a margin, lest other samples "
        "overspend it; some %d validation samples in all would make that %.0f %%",
        worst.calibration_samples, worst.budget, worst.unit, 100 * share, rounded, 100 * _LARGE_MARGIN,
    )  # fmt: skip
