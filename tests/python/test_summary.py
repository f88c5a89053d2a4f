"""What is said of schedules when they have been fitted, by hand-made numbers."""

from __future__ import annotations

import numpy as np
import pytest

import eenet_rt
from eenet.policies.confidence import confidence_policy
from eenet.tasks.classification import ClassPredictions
from eenet.workflows.summary import worth_lines

RIGHT_AT_FIRST = 700  # of 1000 samples; the last exit knows 800


def predictions(right_at_first: int = RIGHT_AT_FIRST) -> ClassPredictions:
    rows = np.arange(1000)
    logits = np.zeros((1000, 2, 2), np.float32)
    logits[rows, 0, (rows >= right_at_first).astype(int)] = 1
    logits[rows, 1, (rows >= 800).astype(int)] = 1
    return ClassPredictions(logits, np.zeros(1000, np.int64), rows, ("yes", "no"))


def schedule(threshold: float, budget: float, unit: str = "ms") -> eenet_rt.Schedule:
    """Everybody leaves at the first exit, or nobody does."""
    policy = confidence_policy([6, 6], (1.0, 0.0, 0.0, 0.0)).with_thresholds([threshold, 0])
    return eenet_rt.Schedule(
        policy="maximum", budget=budget, unit=unit, costs=[1, 4], margin=0, calibration_samples=1000,
        calibration_shares=[1, 0], exit_policy=policy,
    )  # fmt: skip


def test_what_exits_save_and_lose() -> None:
    both = [schedule(-np.inf, 2), schedule(np.inf, 4)]
    assert worth_lines(both, predictions(), 2.5) == [
        "against the network without exits (2.5 ms, 80.0 %), budgets: 50% saves 60.0 % and loses 10.0 points, "
        "100% costs 60.0 % more and loses 0.0 points",
        "none saves time at a loss of at most 0.5 points: there, the network without exits is the better choice",
    ]
    assert worth_lines([schedule(-np.inf, 2, "flops")], predictions(), 1.0)[1].startswith("none saves flops at a loss")
    assert worth_lines(both, predictions(), None) == []


@pytest.mark.parametrize(("right_at_first", "found"), [(795, True), (794, False), (810, True)])
def test_half_a_point_may_be_lost(right_at_first: int, found: bool) -> None:
    lines = worth_lines([schedule(-np.inf, 2), schedule(-np.inf, 3)], predictions(right_at_first), 2.5)
    assert ("gains 1.0 points" in lines[0]) == (right_at_first == 810)
    said = "at a loss of at most 0.5 points, budget 2 ms (50%) saves 60.0 %"
    assert (lines[1] == said) == found
