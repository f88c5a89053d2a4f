"""A network over several machines = the network on one: same exits, and the same logits to the bit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from support import handoffs, masked
from support.policies import PARTS, random_policy

CLOSE = 1e-5  # what batch sizes may change in probabilities and scores
NEAR = 1e-4  # how near a threshold a score must be for a sample to leave elsewhere

Part = Callable[[int, int], eenet_rt.Runtime]


def parts_of(bundle: Path, num_exits: int, folder: Path) -> Part:
    """Loads parts of a bundle, each once; all exits are the bundle itself."""
    loaded: dict[tuple[int, int], eenet_rt.Runtime] = {}

    def part(begin: int, end: int) -> eenet_rt.Runtime:
        if (begin, end) not in loaded:
            path = bundle
            if end - begin < num_exits:
                path = folder / f"{begin}-{end}.eenet"
                eenet_rt.slice_bundle(bundle, begin, end, path)
            loaded[begin, end] = eenet_rt.load(path)
        return loaded[begin, end]

    return part


def all_tiers(num_exits: int) -> list[list[tuple[int, int]]]:
    """Every cut in two, the rest being a slice or the whole bundle, and in three."""
    tiers = []
    for cut in range(1, num_exits):
        tiers += [[(0, cut), (0, num_exits)], [(0, cut), (cut, num_exits)]]
    for first, second in itertools.combinations(range(1, num_exits), 2):
        tiers.append([(0, first), (first, second), (second, num_exits)])
    return tiers


def over(tiers: Sequence[eenet_rt.Runtime], x: object, **options: object) -> eenet_rt.Result:
    """One machine after the other, until one completes the sample."""
    result = tiers[0].infer(x, **options)
    for tier in tiers[1:]:
        if result.complete:
            break
        assert (result.exit, result.stopped_by) == (tiers[0].exits[-1], "handed_on") or tier is not tiers[1]
        result = tier.resume(result.handoff, **options)
    assert result.complete
    assert result.handoff is None
    return result


def same(result: eenet_rt.Result, expected: eenet_rt.Result) -> bool:
    return (
        (result.exit, result.label, result.stopped_by) == (expected.exit, expected.label, expected.stopped_by)
        and np.array_equal(result.probabilities, expected.probabilities)
        and result.scores == expected.scores
        and np.array_equal(result.logits, expected.logits)
    )


def check(part: Part, num_exits: int, inputs: Sequence[object], **options: object) -> list[int]:
    """Compares all tiers with the whole network on one machine; returns the exits."""
    expected = [part(0, num_exits).infer(x, return_outputs=True, **options) for x in inputs]
    for ranges in all_tiers(num_exits):
        tiers = [part(*each) for each in ranges]
        for x, result in zip(inputs, expected, strict=True):
            assert same(over(tiers, x, return_outputs=True, **options), result), ranges
    return [result.exit for result in expected]


def test_every_cut_and_schedule(bundle: TrainedBundle, tmp_path: Path) -> None:
    whole = eenet_rt.load(bundle.path)
    part, inputs = parts_of(bundle.path, whole.num_exits, tmp_path), bundle.inputs[:25]
    exits = check(part, whole.num_exits, inputs, policy=None)
    assert set(exits) == {whole.num_exits - 1}
    for budget in (whole.budgets[0], whole.budgets[-1]):
        # Of the machine that begins alone: what is in force on the others has no say.
        whole.set_budget(budget)
        expected = [whole.infer(x, return_outputs=True) for x in inputs]
        exits += [result.exit for result in expected]
        for ranges in all_tiers(whole.num_exits):
            tiers = [part(*each) for each in ranges]
            tiers[0].set_budget(budget)
            for x, result in zip(inputs, expected, strict=True):
                assert same(over(tiers, x, return_outputs=True), result), ranges
    assert set(exits) == set(range(whole.num_exits)), "the test says nothing if no sample leaves at some exit"


@pytest.mark.parametrize("kind", PARTS)
def test_every_part_of_the_decision_core(tiny: TrainedBundle, tmp_path: Path, kind: str) -> None:
    policy = random_policy(kind, tiny.report.logits)
    exits = check(parts_of(tiny.path, 3, tmp_path), 3, tiny.inputs[:100], policy=policy)
    assert len(set(exits)) > 1


def test_what_travels(bundle: TrainedBundle, tmp_path: Path) -> None:
    """By a reader that knows the documentation alone."""
    whole = eenet_rt.load(bundle.path)
    policy = whole.schedule.exit_policy
    for cut in range(1, whole.num_exits):
        head = parts_of(bundle.path, whole.num_exits, tmp_path)(0, cut)
        for x in bundle.inputs[:20]:
            result = head.infer(x, return_outputs=True)
            if result.complete:
                continue
            handoff = handoffs.read(result.handoff)
            assert (handoff.network, handoff.num_exits, handoff.next_exit) == (whole.id, whole.num_exits, cut)
            assert handoff.digest == handoffs.digest(policy)
            assert np.array_equal(handoff.thresholds, policy.thresholds)
            assert np.array_equal(handoff.logits, result.logits)
            assert tuple(handoff.scores) == result.scores
            assert handoff.labels[-1] == result.label
            half = handoffs.read(head.infer(x, handoff_dtype="float16").handoff)
            for name, tensor in handoff.tensors.items():
                assert half.tensors[name].tobytes() == tensor.astype(np.float16).tobytes()


def test_batches(bundle: TrainedBundle, tmp_path: Path) -> None:
    whole, inputs = eenet_rt.load(bundle.path), bundle.inputs[:40]
    policy, part = whole.schedule.exit_policy, parts_of(bundle.path, whole.num_exits, tmp_path)
    expected = whole.infer_batch(inputs)
    for cut in range(1, whole.num_exits):
        head = part(0, cut).infer_batch(inputs)
        assert np.array_equal(head.complete, expected.exits < cut)
        assert np.array_equal(head.scores[:, :cut], expected.scores[:, :cut], equal_nan=True)
        for n in range(len(inputs)):
            assert (head.handoffs[n] is None) == head.complete[n] == head[n].complete
            result = head[n] if head.complete[n] else whole.resume(head.handoffs[n])
            if (np.abs(expected.scores[n, :-1] - policy.thresholds[:-1]) > NEAR).all():
                assert (result.exit, result.label) == (expected.exits[n], expected.labels[n])
                assert np.abs(result.probabilities - expected.probabilities[n]).max() < CLOSE


@pytest.fixture(scope="module")
def masked_part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    folder = tmp_path_factory.mktemp("masked")
    return parts_of(masked.write(folder / "masked.eenet"), 3, folder)


@pytest.mark.parametrize("tokens", [1, 4, masked.MAX_TOKENS])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_blackboard_of_every_kind(masked_part: Part, tokens: int, dtype: str) -> None:
    """Inputs that the last exit alone reads, whole numbers, a length of its own for each sample. All numbers are small
    multiples of 1/16, which half precision holds exactly."""
    inputs = masked.inputs(30, tokens)
    samples = [{name: array[n] for name, array in inputs.items()} for n in range(30)]
    check(masked_part, 3, samples, policy=None, handoff_dtype=dtype)
    policy = random_policy("combined", masked.logits(**inputs))
    exits = check(masked_part, 3, samples, policy=policy, handoff_dtype=dtype)
    assert len(set(exits)) > 1
    tensors = handoffs.read(masked_part(0, 2).infer(samples[0], policy=None).handoff).tensors
    assert {name: (t.dtype.name, t.shape) for name, t in tensors.items()} == {
        "hidden": ("float32", (tokens, 3)),
        "mask": ("int64", (tokens,)),
        "trunk": ("float32", (3,)),
        "x": ("float32", (tokens, 3)),
    }
    assert np.array_equal(tensors["mask"], samples[0]["mask"])
    batch = masked_part(0, 2).infer_batch(inputs, policy=None)
    one = masked_part(0, 2).infer(samples[17], policy=None)
    assert batch.handoffs[17] == one.handoff
