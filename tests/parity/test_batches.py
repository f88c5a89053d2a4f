"""``infer_batch`` = ``infer`` one by one, on real images and whatever leaves when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from support.policies import PARTS, random_policy

CLOSE = 1e-5  # what batch sizes may change in probabilities and scores
NEAR = 1e-4  # how near a threshold a score must be for a sample to leave elsewhere


def in_batches(runtime: eenet_rt.Runtime, inputs: np.ndarray, size: int, **options: object) -> list[np.ndarray]:
    """Exits, labels, probabilities and scores of all batches."""
    batches = [runtime.infer_batch(inputs[i : i + size], **options) for i in range(0, len(inputs), size)]
    names = ("exits", "labels", "probabilities", "scores")
    return [np.concatenate([getattr(batch, name) for batch in batches]) for name in names]


def check(
    runtime: eenet_rt.Runtime,
    inputs: np.ndarray,
    sizes: Sequence[int],
    policy: eenet_rt.ExitPolicy | None,
    k: int | None,
) -> np.ndarray:
    """Compares batches of every size with ``infer``; returns the exits."""
    one = [runtime.infer(x, policy=policy, forced_exit=k) for x in inputs]
    exits, labels = np.array([r.exit for r in one]), np.array([r.label for r in one])
    probabilities = np.stack([r.probabilities for r in one])
    scores = np.full((len(one), runtime.num_exits), np.nan, np.float32)
    for row, result in zip(scores, one, strict=True):
        row[: len(result.scores)] = result.scores
    near = np.zeros(len(one), bool)
    if policy is not None and k is None:
        near = (np.abs(scores - policy.thresholds)[:, :-1] <= NEAR).any(axis=1)
    for size in sizes:
        found = in_batches(runtime, inputs, size, policy=policy, forced_exit=k)
        same = (found[0] == exits) & (found[1] == labels)
        print(f"batches of {size}: {near.sum()} samples near a threshold, {(~same).sum()} answered otherwise")
        assert (same | near).all()
        assert np.abs(found[2] - probabilities)[same].max() < CLOSE
        assert np.allclose(found[3][same], scores[same], rtol=0, atol=CLOSE, equal_nan=True)
    return exits


def test_every_size_under_the_active_schedule(bundle: TrainedBundle) -> None:
    runtime = eenet_rt.load(str(bundle.path))
    assert runtime.schedule is not None
    exits = check(runtime, bundle.inputs[:400], (1, 7, 32, 400), runtime.schedule.exit_policy, None)
    assert len(np.unique(exits)) > 1, "the test says nothing if all samples leave at one exit"
    by_default = runtime.infer_batch(bundle.inputs[:32])
    assert np.abs(by_default.exits - exits[:32]).sum() <= 1


def test_full_depth(bundle: TrainedBundle) -> None:
    runtime = eenet_rt.load(str(bundle.path))
    exits = check(runtime, bundle.inputs[:32], (7, 32), None, None)
    assert exits.tolist() == [runtime.num_exits - 1] * 32


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_decision_core(tiny: TrainedBundle, part: str) -> None:
    runtime = eenet_rt.load(str(tiny.path))
    exits = check(runtime, tiny.inputs[:400], (7, 400), random_policy(part, tiny.report.logits), None)
    assert len(np.unique(exits)) > 1


@pytest.mark.parametrize("k", [0, 1, 2])
def test_forced_exit(tiny: TrainedBundle, k: int) -> None:
    runtime = eenet_rt.load(str(tiny.path))
    for policy in (None, random_policy("combined", tiny.report.logits)):
        assert check(runtime, tiny.inputs[:100], (32,), policy, k).tolist() == [k] * 100


def surest_leave(threshold: float) -> eenet_rt.ExitPolicy:
    """Samples whose highest probability reaches the threshold leave at exit 0, the others go to the end."""
    scorer = (np.eye(1, 14, 10, dtype=np.float32), np.zeros(1, np.float32))
    unused = (np.zeros((1, 15), np.float32), np.zeros(1, np.float32))
    return eenet_rt.ExitPolicy([eenet_rt.num_features(10)] * 3, [scorer, unused], np.array([threshold, np.inf, 0]))


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, 0), (2.0, 2)])
def test_all_leave_at_once(tiny: TrainedBundle, threshold: float, expected: int) -> None:
    runtime = eenet_rt.load(str(tiny.path))
    exits = check(runtime, tiny.inputs[:64], (64,), surest_leave(threshold), None)
    assert exits.tolist() == [expected] * 64


@pytest.mark.parametrize("place", [0, 17, 31])
def test_one_sample_survives(tiny: TrainedBundle, place: int) -> None:
    runtime, inputs = eenet_rt.load(str(tiny.path)), tiny.inputs[:32].copy()
    sure = runtime.infer_batch(inputs, policy=surest_leave(0.0)).scores[:, 0]
    lowest, next_lowest = np.sort(sure)[:2]
    inputs[[place, sure.argmin()]] = inputs[[sure.argmin(), place]]
    exits = check(runtime, inputs, (32,), surest_leave(float(lowest + next_lowest) / 2), None)
    assert exits.tolist() == [2 if n == place else 0 for n in range(32)]


def test_logits_are_those_of_the_exits_passed(tiny: TrainedBundle) -> None:
    runtime, inputs = eenet_rt.load(str(tiny.path)), tiny.inputs[:100]
    batch = runtime.infer_batch(inputs, return_outputs=True)
    assert batch.logits is not None
    assert batch.logits.shape == (100, 3, 10)
    for n, exit in enumerate(batch.exits):
        assert np.abs(batch.logits[n, : exit + 1] - tiny.report.logits[n, : exit + 1]).max() < 2e-5
        assert np.isnan(batch.logits[n, exit + 1 :]).all()
    assert len(np.unique(batch.exits)) > 1
