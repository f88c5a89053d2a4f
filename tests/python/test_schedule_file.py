"""``scheduler.safetensors``: what is written is what the runtime reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eenet_rt
from eenet.policies import EENetScheduler, MaximumScheduler, save_schedules
from eenet.tasks.classification import ClassPredictions


def test_schedules_come_back_from_their_file(tiny_predictions: ClassPredictions, tmp_path: Path) -> None:
    fit_set, calibration_set = tiny_predictions.split(0.5, seed=0)
    schedules: list[eenet_rt.Schedule] = []
    for budget in (2.0, 1.5):
        schedules.append(MaximumScheduler().fit(fit_set, calibration_set, [1, 2, 3], budget).schedule("flops"))
    schedules.append(EENetScheduler(steps=20).fit(fit_set, calibration_set, [1, 2, 3], 1.8).schedule("flops"))
    path = tmp_path / "scheduler.safetensors"
    save_schedules(path, schedules, network="n" * 64, active=1)
    file = eenet_rt.read_schedules(str(path))
    assert (file.network, file.active) == ("n" * 64, 1)
    assert [s.budget for s in file.schedules] == [1.5, 1.8, 2.0]
    assert [s.policy for s in file.schedules] == ["maximum", "eenet", "maximum"]
    for read in file.schedules:
        written = next(s for s in schedules if s.budget == read.budget)
        assert list(read.costs) == [1, 2, 3]
        assert read.unit == "flops"
        assert read.margin == written.margin
        assert read.calibration_samples == 100
        assert list(read.calibration_shares) == list(written.calibration_shares)
        for name in ("score_edges", "score_shares", "agreement"):
            assert np.array_equal(getattr(read, name), getattr(written, name))
        expected = eenet_rt.replay(tiny_predictions.logits, written.exit_policy)
        seen = eenet_rt.replay(tiny_predictions.logits, read.exit_policy)
        assert np.array_equal(seen.exits, expected.exits)
        assert np.array_equal(seen.scores, expected.scores, equal_nan=True)


def put_together(**changes: Any) -> eenet_rt.Schedule:
    scorers = [(np.zeros((1, eenet_rt.num_features(2) + k), np.float32), np.zeros(1, np.float32)) for k in range(2)]
    values = {
        "policy": "maximum", "budget": 1.5, "unit": "ms", "costs": [1, 2, 3], "margin": 0.1, "calibration_samples": 10,
        "calibration_shares": [0.5, 0.5, 0], "exit_policy": eenet_rt.ExitPolicy([6] * 3, scorers, [0.5, 0.5, 0]),
        "score_edges": np.array([[0.5], [0.5]], np.float32), "score_shares": np.full((2, 2), 0.5),
        "agreement": [0.5, 0.75, 1],
    }  # fmt: skip
    return eenet_rt.Schedule(**{**values, **changes})


def test_shares_may_be_none_and_all() -> None:
    schedule = put_together(agreement=[0, 1, 1], score_shares=np.array([[0, 1], [1, 0]], np.float64))
    assert schedule.agreement.tolist() == [0, 1, 1]
    assert schedule.score_shares.tolist() == [[0, 1], [1, 0]]


def test_schedules_are_put_together() -> None:
    schedule = put_together()
    assert (schedule.budget, schedule.share, schedule.costs) == (1.5, 0.5, [1, 2, 3])
    assert np.array_equal(schedule.agreement, [0.5, 0.75, 1])
    other = schedule.replace(budget=2, exit_policy=schedule.exit_policy.with_thresholds([0.25, np.inf, 0]))
    assert (other.budget, other.thresholds.tolist()) == (2, [0.25, np.inf, 0])
    assert (schedule.budget, schedule.thresholds.tolist()) == (1.5, [0.5, 0.5, 0])
    assert np.array_equal(other.score_edges, schedule.score_edges)
    for before, after in zip(schedule.exit_policy.scorers, other.exit_policy.scorers, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": ""}, "schedule: policy: '' came, a name of 1 to 256 bytes"),
        ({"budget": 0}, "schedule: budget: 0 came, a positive budget expected"),
        ({"budget": np.inf}, "schedule: budget: inf came, a positive budget"),
        ({"unit": "s"}, "schedule: unit: 's' came"),
        ({"costs": [1, 2]}, "schedule: costs: "),
        ({"margin": -1}, "schedule: margin: -1 came, a number >= 0"),
        ({"margin": np.nan}, "schedule: margin: nan came, a number >= 0"),
        ({"calibration_samples": 0}, "schedule: calibration_samples: 0 came, at least 1"),
        ({"calibration_shares": [0.5, 0.5]}, r"schedule: calibration_shares: \[0.5, 0.5\] came, 3 shares"),
        ({"score_edges": np.array([[0.5, 1], [0.5, 1]], np.float32)}, "schedule: score_edges, score_shares: 4 and 4 "),
        ({"score_edges": np.array([[0.5], [np.nan]], np.float32)}, r"schedule: score_edges\[1\]: non-decreasing"),
        ({"score_shares": np.array([[0.5, 0.5], [0.5, 0.75]])}, r"schedule: score_shares\[1\]: shares"),
        ({"agreement": [1, 1]}, "schedule: agreement: 2 numbers came, 3 expected"),
        (
            {"agreement": [1, 1, 0.5]},
            r"schedule: agreement: \[1, 1, 0.5\] came, shares between 0 and 1, the last one 1",
        ),
    ],
)
def test_what_no_schedule_may_hold(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(eenet_rt.ScheduleError, match=f"^{words}"):
        put_together(**changes)


def test_arrays_of_a_schedule_come_together_and_are_not_converted() -> None:
    with pytest.raises(eenet_rt.InputError, match="score_edges, score_shares: both expected"):
        put_together(score_edges=None)
    with pytest.raises(eenet_rt.InputError, match="score_edges: float64 came, float32 expected"):
        put_together(score_edges=np.array([[0.5], [0.5]]))
    with pytest.raises(eenet_rt.InputError, match="score_shares: float32, 2 dimensions came, float64"):
        put_together(score_shares=np.full((2, 2), 0.5, np.float32))
    with pytest.raises(TypeError, match="exit_policy"):
        put_together(exit_policy=None)
    with pytest.raises(eenet_rt.ScheduleError, match="2 came"):
        put_together().exit_policy.with_thresholds([0.5, 0.5])
    with pytest.raises(TypeError, match="budgets"):
        put_together().replace(budgets=2)


def test_equal_scorers_are_stored_once(tiny_predictions: ClassPredictions, tmp_path: Path) -> None:
    fit_set, calibration_set = tiny_predictions.split(0.5, seed=0)
    sizes = []
    for count in (1, 20):
        budgets = np.linspace(1.2, 2.8, count)
        fitted = [MaximumScheduler().fit(fit_set, calibration_set, [1, 2, 3], b).schedule("ms") for b in budgets]
        save_schedules(tmp_path / "s.safetensors", fitted, network="", active=None)
        header = int.from_bytes((tmp_path / "s.safetensors").read_bytes()[:8], "little")
        sizes.append((tmp_path / "s.safetensors").stat().st_size - 8 - header)
    own = 3 * 8 + sum(getattr(fitted[0], name).nbytes for name in ("score_edges", "score_shares", "agreement"))
    assert sizes[1] - sizes[0] == 19 * own
