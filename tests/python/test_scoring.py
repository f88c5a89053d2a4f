"""EENet's exit scoring functions: what they learn, and what they would say of samples that they have not seen."""

from __future__ import annotations

import numpy as np
import pytest

from eenet.policies.scoring import learn_scores, likelihoods


def samples(count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Features of two exits, the second of three columns a measure, and qualities that hang on the first column."""
    random = np.random.default_rng(0)
    features = [random.uniform(size=(count, 3)).astype(np.float32) for _ in range(2)]
    odds = [6 * x[:, 0] - 4 + 2 * x[:, 2] for x in features]
    right = np.stack([random.random(count) < likelihoods(z) for z in odds], axis=1)
    return features, right.astype(np.float64)


def test_scores_are_log_odds() -> None:
    features, right = samples(40_000)
    learned = learn_scores(features, [2, 2], right, np.ones(len(right)))
    (weight, bias), (second, _) = learned.scorers
    assert weight[0] == pytest.approx([6, 0, 2], abs=0.4)
    assert bias[0] == pytest.approx(-4, abs=0.4)
    assert second.shape == (1, 4)


def test_held_out_scores_are_those_of_a_fit_without_the_sample() -> None:
    features, right = samples(120)
    weights = np.ones(len(right))
    learned = learn_scores(features, [2, 2], right, weights)
    seen = features[0].astype(np.float64) @ learned.scorers[0][0][0] + learned.scorers[0][1]
    errors = []
    for n in range(0, 120, 12):
        weights[n] = 1e-9
        weight, bias = learn_scores(features, [2, 2], right, weights).scorers[0]
        weights[n] = 1
        errors.append((learned.held_out[n, 0] - features[0][n] @ weight[0] - bias[0], seen[n] - learned.held_out[n, 0]))
    error, change = np.abs(errors).mean(axis=0)
    assert error < 0.1 * change


def test_weighted_samples_count_as_often() -> None:
    features, right = samples(200)
    twice = np.arange(200) < 50
    rows = np.concatenate([np.arange(200), np.flatnonzero(twice)])
    weights = np.where(twice, 2.0, 1.0)
    weighted = learn_scores(features, [2, 2], right, weights)
    repeated = learn_scores([x[rows] for x in features], [2, 2], right[rows], np.ones(250))
    assert weighted.scorers[0][0] == pytest.approx(repeated.scorers[0][0], abs=1e-3)


def test_features_that_say_nothing_leave_the_measure_alone() -> None:
    """Many columns of noise: the penalty that wins is the one under which a score is the first measure."""
    random = np.random.default_rng(0)
    noise = random.uniform(size=(150, 60)).astype(np.float32)
    confidence = random.uniform(size=(150, 1)).astype(np.float32)
    right = (random.random(150) < confidence[:, 0]).astype(np.float64)[:, None]
    learned = learn_scores([np.concatenate([noise, confidence], axis=1)], [60], right, np.ones(len(right)))
    weight = learned.scorers[0][0][0]
    assert weight[-1] > 3
    assert np.abs(weight[:-1]).max() < 0.01
