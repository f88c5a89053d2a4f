"""Simulated exits = real exits, exactly: ``replay`` of the logits that ``infer`` saw."""

from __future__ import annotations

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from support.policies import PARTS, random_policy


def test_active_schedule(bundle: TrainedBundle) -> None:
    runtime = eenet_rt.load(str(bundle.path))
    inputs = bundle.inputs[:300]
    logits = np.stack([runtime.infer(x, forced_exit=runtime.num_exits - 1, return_outputs=True).logits for x in inputs])
    for schedule in runtime.schedules:
        runtime.set_budget(schedule.budget)
        results = [runtime.infer(x) for x in inputs]
        expected = eenet_rt.replay(logits, schedule.exit_policy)
        assert [r.exit for r in results] == expected.exits.tolist()
        assert [r.label for r in results] == expected.labels.tolist()
        for result, scores in zip(results, expected.scores, strict=True):
            passed = min(result.exit + 1, runtime.num_exits - 1)
            assert np.array_equal(np.asarray(result.scores, np.float32)[:passed], scores[:passed])
    assert len({r.exit for r in results}) > 1, "the test says nothing if all samples leave at one exit"


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_decision_core(tiny: TrainedBundle, part: str) -> None:
    runtime = eenet_rt.load(str(tiny.path))
    inputs = tiny.inputs[:400]
    logits = np.stack([runtime.infer(x, forced_exit=2, return_outputs=True).logits for x in inputs])
    policy = random_policy(part, logits)
    expected = eenet_rt.replay(logits, policy)
    results = [runtime.infer(x, policy=policy, return_outputs=True) for x in inputs]
    assert [r.exit for r in results] == expected.exits.tolist()
    assert [r.label for r in results] == expected.labels.tolist()
    assert len(np.unique(expected.exits)) >= 2
    for n, result in enumerate(results):
        assert result.logits is not None
        assert np.array_equal(result.logits, logits[n, : result.exit + 1])


def test_scores_without_stopping_are_those_on_the_way(tiny: TrainedBundle) -> None:
    for part in PARTS:
        policy = random_policy(part, tiny.report.logits)
        every = eenet_rt.scores(tiny.report.logits, policy)
        replay = eenet_rt.replay(tiny.report.logits, policy)
        for k in range(2):
            reached = replay.exits >= k
            assert np.array_equal(every[reached, k], replay.scores[reached, k])


def test_features_are_what_the_scorers_read(tiny: TrainedBundle) -> None:
    """A linear scorer that picks feature i of exit k scores with exactly that feature."""
    logits = tiny.report.logits[:200]
    classes, exits = 10, 3
    for k, features in enumerate(eenet_rt.features(logits)[: exits - 1]):
        assert features.shape == (200, classes + 4)
        for i in (0, classes - 1, classes, classes + 1, classes + 2, classes + 3):
            scorers = []
            for j in range(exits - 1):
                weight = np.zeros((1, classes + 4 + j), np.float32)
                weight[0, i] = 1
                scorers.append((weight, np.zeros(1, np.float32)))
            policy = eenet_rt.ExitPolicy([eenet_rt.num_features(classes)] * exits, scorers, np.zeros(exits))
            assert np.array_equal(eenet_rt.scores(logits, policy)[:, k], features[:, i])
