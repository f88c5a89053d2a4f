"""Predictions with the costs of each sample: files, parts of sets, and what is no cost."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eenet.bundles.calibration import parse_calibration, save_calibration
from eenet.errors import UserError
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions, task_named
from eenet.tasks.regression import ValuePredictions
from support.values import made_up

COSTS = [0.83, 1.69, 2.46]


def test_costs_go_with_their_samples(tmp_path: Path, tiny_predictions: ClassPredictions) -> None:
    some = tiny_predictions[:40].with_costs(np.arange(1, 121).reshape(40, 3))
    assert some.costs is not None
    assert some.costs.dtype == np.float64
    first, second = some.split(0.5, 0)
    assert first.costs is not None
    assert first.costs[:, 0].tolist() == [float(3 * i + 1) for i in np.flatnonzero(some.split_mask(0.5, 0))]
    both = first.joined(second)
    assert both.costs is not None
    assert len(both.costs) == 40
    assert first.joined(second.with_costs(None)).costs is None
    some.save(tmp_path / "p.npz")
    read = load_predictions(tmp_path / "p.npz")
    assert np.array_equal(read.costs, some.costs)
    mask = some.split_mask(0.5, 0)
    save_calibration(tmp_path / "c", some, mask)
    fit_set, _ = parse_calibration((tmp_path / "c").read_bytes(), task_named("classification"), some.class_names, {})
    assert np.array_equal(fit_set.costs, some.costs[mask])
    assert some.with_class_prior(np.bincount(some.labels, minlength=4) / 40).costs is some.costs


def test_values_have_costs_too(tmp_path: Path) -> None:
    values = made_up(60)
    priced = values.with_costs(np.arange(1, 181).reshape(60, 3))
    priced.save(tmp_path / "v.npz")
    read = load_predictions(tmp_path / "v.npz")
    assert isinstance(read, ValuePredictions)
    assert np.array_equal(read[5:9].joined(read[20:22]).costs, np.arange(1, 181).reshape(60, 3)[[5, 6, 7, 8, 20, 21]])


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (
            np.ones(3),
            r"costs: got float64 of shape \(3,\), expected float64 \(200, 3\), a row for each sample",
        ),
        (np.tile(COSTS, (199, 1)), r"got float64 of shape \(199, 3\), expected float64 \(200, 3\)"),
        (np.tile(COSTS[:2], (200, 1)), r"got float64 of shape \(200, 2\)"),
        (np.full((200, 3), "1"), r"got <U1 of shape \(200, 3\)"),
        (np.full((200, 3), 1e20) * [1, 2, 3], "costs: got 1e\\+20 to 3e\\+20, expected numbers from 1e-12 to 1e\\+18"),
    ],
)
def test_what_is_no_cost_of_each_sample(tiny_predictions: ClassPredictions, costs: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny_predictions.with_costs(costs)


@pytest.mark.parametrize("row", [[1, 3, 2], [0, 1, 2], [1, 1, 1], [1, math.nan, 3], [1, 2, math.inf], [-1, 2, 3]])
def test_what_is_no_row_of_costs(tiny_predictions: ClassPredictions, row: list[float]) -> None:
    costs = np.tile(COSTS, (200, 1))
    costs[17] = row
    with pytest.raises(
        UserError, match=r"costs: row 17 is \[.*\], expected positive numbers that rise from exit to exit"
    ):
        tiny_predictions.with_costs(costs)
    with pytest.raises(UserError, match="costs: row 17 is"):
        replace(tiny_predictions, costs=costs)
