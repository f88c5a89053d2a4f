"""``scheduler.safetensors``: what is written is what the runtime reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import eenet_rt
from eenet.policies import EENetScheduler, MaximumScheduler, Schedule, save_schedules
from eenet.predictions import Predictions


def test_schedules_come_back_from_their_file(tiny_predictions: Predictions, tmp_path: Path) -> None:
    fit_set, calibration_set = tiny_predictions.split(0.5, seed=0)
    schedules: list[Schedule] = []
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
        assert written.reference is not None
        for name in ("score_edges", "score_shares", "agreement"):
            assert np.array_equal(getattr(read, name), getattr(written.reference, name))
        expected = eenet_rt.replay(tiny_predictions.logits, written.exit_policy)
        seen = eenet_rt.replay(tiny_predictions.logits, read.exit_policy)
        assert np.array_equal(seen.exits, expected.exits)
        assert np.array_equal(seen.scores, expected.scores, equal_nan=True)


def test_equal_scorers_are_stored_once(tiny_predictions: Predictions, tmp_path: Path) -> None:
    fit_set, calibration_set = tiny_predictions.split(0.5, seed=0)
    sizes = []
    for count in (1, 20):
        budgets = np.linspace(1.2, 2.8, count)
        fitted = [MaximumScheduler().fit(fit_set, calibration_set, [1, 2, 3], b).schedule("ms") for b in budgets]
        save_schedules(tmp_path / "s.safetensors", fitted, network="", active=None)
        header = int.from_bytes((tmp_path / "s.safetensors").read_bytes()[:8], "little")
        sizes.append((tmp_path / "s.safetensors").stat().st_size - 8 - header)
    reference = fitted[0].reference
    assert reference is not None
    own = 3 * 8 + sum(array.nbytes for array in vars(reference).values())
    assert sizes[1] - sizes[0] == 19 * own
