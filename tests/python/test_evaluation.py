"""Figures of merit against tables worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import eenet_rt
from eenet.errors import UserError
from eenet.policies import MaximumScheduler, fit_temperatures
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.evaluate import (
    area_under_roc,
    evaluate,
    evaluate_exit_quality,
    evaluate_oracle,
    expected_calibration_error,
)
from eenet.zoo import zoo_folder


def answering(answers: list[list[int]], labels: list[int]) -> ClassPredictions:
    """ClassPredictions of two classes whose exits give these answers."""
    logits = np.eye(2, dtype=np.float32)[np.array(answers)]
    return ClassPredictions(logits, np.array(labels), np.arange(len(labels)), ("a", "b"))


def test_oracle_by_hand() -> None:
    # Right first at exit 0, 1, 2, nowhere, and at exit 1 (but not at exit 2).
    answers = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1]]
    predictions = answering(answers, [0, 0, 0, 0, 0])
    costs = [1.0, 2.0, 4.0]

    def exits(budget: float) -> list[int]:
        return evaluate_oracle(predictions, costs, budget).exits.tolist()

    assert exits(1.0) == [0, 0, 0, 0, 0]
    assert exits(1.2) == [0, 1, 0, 0, 0]
    assert exits(1.4) == [0, 1, 0, 0, 1]
    assert exits(1.9) == [0, 1, 0, 0, 1]
    assert exits(2.0) == [0, 1, 2, 0, 1]
    everything = evaluate_oracle(predictions, costs, 4.0)
    assert everything.accuracy == 0.8
    assert everything.mean_cost == 2.0
    with pytest.raises(UserError, match=r"budget 0\.5 cannot be met"):
        exits(0.5)


def test_no_policy_beats_the_oracle() -> None:
    validation = load_predictions(zoo_folder("resnet56") / "validation.npz")
    fit_set, calibration_set = validation.split(0.5, seed=0)
    costs = [0.83, 1.69, 2.46]
    for budget in (1.0, 1.5, 2.0):
        policy = MaximumScheduler().fit(fit_set, calibration_set, costs, budget).exit_policy_
        bound = evaluate_oracle(calibration_set, costs, budget)
        assert bound.accuracy > evaluate(calibration_set, policy, costs).accuracy
        assert bound.mean_cost <= budget


def test_calibration_error_by_hand() -> None:
    # Two bins: 0.95 twice, right once (gap 0.45 each), 0.5 twice, right once (no gap).
    confidence = np.array([0.95, 0.95, 0.5, 0.5])
    right = np.array([True, False, True, False])
    assert expected_calibration_error(confidence, right) == pytest.approx(0.9 / 4)
    assert expected_calibration_error(np.ones(3), np.ones(3, bool)) == 0


def test_area_under_roc_by_hand() -> None:
    right = np.array([True, False, True, False])
    assert area_under_roc(np.array([0.9, 0.1, 0.8, 0.2]), right) == 1
    assert area_under_roc(np.array([0.1, 0.9, 0.2, 0.8]), right) == 0
    assert area_under_roc(np.array([0.5, 0.5, 0.5, 0.5]), right) == 0.5
    assert area_under_roc(np.array([0.9, 0.9, 0.3, 0.1]), right) == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    assert math.isnan(area_under_roc(np.ones(2), np.ones(2, bool)))


def test_temperatures_calibrate_and_keep_the_answers() -> None:
    validation = load_predictions(zoo_folder("resnet56") / "validation.npz")
    # Overconfident exits: logits times 3, as of a network trained too long.
    sharp = ClassPredictions(3 * validation.logits, validation.labels, validation.index, validation.class_names)
    fit_set, report = sharp.split(0.5, seed=0)
    combiner = fit_temperatures(fit_set)
    assert np.count_nonzero(combiner[0]) == 3
    assert not combiner[1].any()
    assert np.array_equal(eenet_rt.answers(report.logits, combiner), eenet_rt.answers(report.logits))

    def quality(combine: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
        policy = MaximumScheduler(combiner=combine).fit(fit_set, report, [1, 2, 3], 2).exit_policy_
        return evaluate_exit_quality(report, policy).calibration_error

    assert np.all(quality(combiner) < 0.03)
    assert np.all(quality(None) > 0.03)


def test_exit_quality() -> None:
    validation = load_predictions(zoo_folder("resnet56") / "validation.npz")
    fit_set, report = validation.split(0.5, seed=0)
    policy = MaximumScheduler().fit(fit_set, report, [1, 2, 3], 2).exit_policy_
    quality = evaluate_exit_quality(report, policy)
    expected = (report.logits.argmax(axis=2) == report.labels[:, None]).mean(axis=0)
    assert quality.accuracy.tolist() == expected.tolist()
    assert quality.failure_auroc.shape == (2,)
    assert np.all(quality.failure_auroc > 0.8)
