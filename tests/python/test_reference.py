"""What schedules keep of their calibration set: bins of scores, agreement with the last exit."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from eenet.bundles.reference import BINS, reference_of, score_edges
from eenet.errors import UserError
from eenet.policies.calibration import check_schedule
from eenet.policies.confidence import confidence_policy
from eenet.policies.grid import fit_schedules
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.zoo import zoo_folder
from support import golden
from support.policies import PARTS, random_policy


def parts(scores: list[float], bins: int) -> list[int]:
    """How many scores are in each bin."""
    array = np.array(scores, np.float32)
    edges = score_edges(array, bins)
    return np.bincount(np.searchsorted(edges, array, side="right"), minlength=len(edges) + 1).tolist()


def test_edges_are_quantiles() -> None:
    assert score_edges(np.array([3, 0, 2, 1], np.float32), 2).tolist() == [1.5]
    assert parts(list(range(100)), 10) == [10] * 10


def test_ties_stay_in_one_bin() -> None:
    assert parts([0.0] * 7 + [0.5, 0.75, 1.0], 4) == [7, 3]
    assert parts([1.0] * 9 + [0.5], 10) == [1, 9]
    assert parts([0.5] * 5, 10) == [5]
    assert score_edges(np.zeros(0, np.float32), 10).tolist() == []


def test_neighbouring_numbers_are_told_apart() -> None:
    one = np.float32(1)
    below = np.nextafter(one, np.float32(0))
    assert sum(parts([below, one], 2)) == 2


@pytest.mark.parametrize("part", PARTS)
def test_reference_is_that_of_the_definition(part: str) -> None:
    predictions = load_predictions(zoo_folder("resnet56") / "validation.npz")[:1000]
    policy = random_policy(part, predictions.logits)
    reference = reference_of(policy, predictions)
    replayed = eenet_rt.replay(predictions.logits, policy)
    final = eenet_rt.answers(predictions.logits, policy.combiner)[:, -1]
    for k in range(2):
        reached = replayed.exits >= k
        scores = replayed.scores[reached, k]
        edges, shares = reference.score_edges[k], reference.score_shares[k]
        if np.isinf(policy.thresholds[k]):
            assert np.isinf(edges).all()
            assert not shares.any()
            continue
        borders = [-np.inf, *edges, np.inf]
        counts = [((scores >= low) & (scores < high)).sum() for low, high in itertools.pairwise(borders)]
        assert np.array_equal(shares, np.array(counts) / reached.sum())
        assert (abs(shares[shares > 0] - 1 / BINS) < 0.02).all() or policy.clamp
        left = replayed.exits == k
        assert reference.agreement[k] == (replayed.labels == final)[left].mean()
    assert reference.agreement[2] == 1


def said(logits: np.ndarray) -> ClassPredictions:
    samples = len(logits)
    return ClassPredictions(logits, np.zeros(samples, np.int64), np.arange(samples), ("a", "b", "c"))


def test_exits_that_nobody_reaches_or_takes() -> None:
    logits = golden.logits()
    scorers = confidence_policy([7] * 2, (1, 0, 0, 0)).scorers
    everybody = reference_of(eenet_rt.ExitPolicy([7, 7], scorers, [-np.inf, 0]), said(logits))
    assert everybody.agreement.tolist() == [0.25, 1]
    nobody = reference_of(eenet_rt.ExitPolicy([7, 7], scorers, [2.0, 0]), said(logits))
    assert nobody.agreement.tolist() == [1, 1]
    assert nobody.score_shares.sum() == 1
    # Of an exit that no sample reaches, nothing is said, though its threshold is one.
    three = np.concatenate([logits, logits[:, 1:]], axis=1)
    policy = eenet_rt.ExitPolicy([7, 7, 7], confidence_policy([7] * 3, (1, 0, 0, 0)).scorers, [-np.inf, 0.5, 0])
    first, second = reference_of(policy, said(three)).score_shares.sum(axis=1)
    assert (first, second) == (1, 0)


@pytest.fixture(scope="module")
def fitted() -> tuple[eenet_rt.Schedule, ClassPredictions]:
    validation = load_predictions(zoo_folder("resnet56") / "validation.npz")
    schedule = next(fit_schedules("maximum", validation, [0.83, 1.69, 2.46], [1.6], unit="ms"))
    return schedule, validation.split(0.5, seed=0)[1]


def test_schedules_are_checked_against_it(fitted: tuple[eenet_rt.Schedule, ClassPredictions]) -> None:
    schedule, calibration_set = fitted
    check_schedule(schedule, calibration_set)
    for name in ("score_edges", "score_shares", "agreement"):
        other = getattr(schedule, name)[::-1].copy()
        if name == "agreement":
            other[:] = 1
        spoiled = schedule.replace(**{name: other})
        with pytest.raises(UserError, match=f"has a {name} of another calibration set"):
            check_schedule(spoiled, calibration_set)


def test_files_without_it_are_read(fitted: tuple[eenet_rt.Schedule, ClassPredictions]) -> None:
    schedule, calibration_set = fitted
    bare = schedule.replace(score_edges=None, score_shares=None, agreement=None)
    assert (bare.score_edges, bare.score_shares, bare.agreement) == (None, None, None)
    check_schedule(bare, calibration_set)


def test_golden_bytes_have_none() -> None:
    file = eenet_rt.read_schedules(Path(golden.GOLDEN) / "scheduler.safetensors")
    assert [schedule.score_edges for schedule in file.schedules] == [None, None]
