"""Budgets, deadlines and exits that change while a runtime runs, and what it says about its decisions."""

from __future__ import annotations

import itertools
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.policies.confidence import confidence_policy
from eenet.workflows.refit import RefitOptions, refit_bundle
from support.golden import GOLDEN, INPUTS


@pytest.fixture
def runtime(tiny: TrainedBundle) -> eenet_rt.Runtime:
    return eenet_rt.load(str(tiny.path))


@pytest.fixture
def never(runtime: eenet_rt.Runtime) -> eenet_rt.ExitPolicy:
    """Scores every exit and lets only the last one answer."""
    num_features = [eenet_rt.num_features(runtime.num_classes)] * runtime.num_exits
    policy = confidence_policy(num_features, (1.0, 0.0, 0.0, 0.0))
    return eenet_rt.ExitPolicy(policy.num_features, policy.scorers, [2.0] * runtime.num_exits)


# --- controller ---


@pytest.mark.parametrize(
    "options",
    [{"horizon": 600}, {"window": 50, "neighbours": None}, {"horizon": 300, "window": 20, "neighbours": 2}],
)
def test_controller_takes_the_exits_of_a_replayed_stream(
    runtime: eenet_rt.Runtime, tiny: TrainedBundle, options: dict[str, int]
) -> None:
    target = runtime.budgets[2]
    chosen = runtime.set_budget(target, **options)
    results = [runtime.infer(x, return_outputs=True) for x in tiny.inputs[:600]]
    full = [runtime.infer(x, policy=None, return_outputs=True).logits for x in tiny.inputs[:600]]
    replayed = eenet_rt.replay_stream(np.stack(full), runtime.schedules, target, costs=runtime.costs, **options)
    assert chosen.budget == runtime.schedules[2].budget
    assert [r.exit for r in results] == replayed.exits.tolist()
    assert [r.label for r in results] == replayed.labels.tolist()
    assert [r.schedule for r in results] == replayed.schedules.tolist()
    assert len(set(replayed.schedules.tolist())) > 1
    spent = [runtime.costs[r.exit] for r in results]
    assert runtime.surplus == pytest.approx(600 * target - sum(spent), abs=1e-5)
    assert replayed.mean_cost == pytest.approx(np.mean(spent))


def test_one_schedule_leaves_nothing_to_switch_to(spare: Path, runtime: eenet_rt.Runtime) -> None:
    refit_bundle(spare, None, RefitOptions(budgets=("80%",), unit="flops"), lambda line: None)
    single = eenet_rt.load(spare)
    with pytest.warns(eenet_rt.BudgetWarning, match="the bundle has one schedule: there is none to switch to"):
        single.set_budget("80%", window=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error", eenet_rt.BudgetWarning)
        single.set_budget("80%")
        runtime.set_budget("80%", window=100)


def test_batches_are_booked(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    target = runtime.budgets[2]
    runtime.set_budget(target, window=100)
    batch = runtime.infer_batch(tiny.inputs[:40])
    spent = sum(runtime.costs[exit] for exit in batch.exits)
    assert runtime.surplus == pytest.approx(40 * target - spent, abs=1e-5)
    assert batch.schedule == 2


def test_a_fixed_budget_ends_the_controller(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    assert runtime.surplus is None
    runtime.set_budget(runtime.budgets[1], window=10)
    assert runtime.surplus == 0
    runtime.set_budget(runtime.budgets[1])
    assert runtime.surplus is None
    assert {runtime.infer(x).schedule for x in tiny.inputs[:50]} == {1}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"horizon": 0}, eenet_rt.InputError, "horizon: 0 came, at least 1 expected"),
        ({"window": -3}, eenet_rt.InputError, "window: -3 came, at least 1 expected"),
        ({"window": 5, "neighbours": -1}, eenet_rt.InputError, "neighbours: -1 came, at least 0 expected"),
        ({"budget": 1e-6, "window": 5}, eenet_rt.BudgetError, "budget: 1e-06 ms came"),
        ({"budget": 1e6, "window": 5}, eenet_rt.BudgetError, "at most .* the cost of full depth"),
        ({"budget": 1e-6}, eenet_rt.BudgetError, "budget: 1e-06 ms came"),
        ({"budget": float("nan")}, eenet_rt.BudgetError, "budget: nan ms came"),
    ],
)
def test_bad_budgets_change_nothing(
    runtime: eenet_rt.Runtime, options: dict[str, float], error: type[Exception], words: str
) -> None:
    runtime.set_budget(runtime.budgets[1])
    before = runtime.schedule.budget
    with pytest.raises(error, match=words):
        runtime.set_budget(**{"budget": runtime.budgets[2], **options})
    assert runtime.schedule.budget == before


def test_budgets_change_while_samples_run(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    """Each sample leaves where one of the schedules lets it, whatever happens beside it; bad budgets change nothing."""
    inputs, schedules = tiny.inputs[:60], runtime.schedules
    allowed = [{(r.schedule, r.exit, r.label) for r in map(runtime.infer, [x])} for x in inputs]
    for budget in runtime.budgets:
        runtime.set_budget(budget)
        for x, seen in zip(inputs, allowed, strict=True):
            r = runtime.infer(x)
            seen.add((r.schedule, r.exit, r.label))
    done, wrong = threading.Event(), []

    def work() -> None:
        while not done.is_set():
            for i, x in enumerate(inputs):
                r = runtime.infer(x)
                if (r.schedule, r.exit, r.label) not in allowed[i]:
                    wrong.append((i, r.schedule, r.exit, r.label))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    until = time.monotonic() + 2
    for i in itertools.count():
        budget = runtime.budgets[i % len(schedules)]
        runtime.set_budget(budget, window=10 if i % 3 == 0 else None)
        with pytest.raises(eenet_rt.BudgetError):
            runtime.set_budget(1e-9)
        if time.monotonic() > until:
            break
    done.set()
    for worker in workers:
        worker.join()
    assert wrong == []


# --- deadlines and exits ---


def test_a_generous_deadline_changes_nothing(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    for x in tiny.inputs[:50]:
        result = runtime.infer(x, deadline_ms=1e4)
        assert (result.exit, result.stopped_by) == (runtime.infer(x).exit, "policy")


def test_a_segment_that_would_miss_the_deadline_is_not_begun(tiny: TrainedBundle, never: eenet_rt.ExitPolicy) -> None:
    runtime, stopped, looks, start = eenet_rt.load(tiny.path), [], 0, time.monotonic()
    for i, x in enumerate(tiny.inputs[:300]):
        p95 = runtime.segment_p95_ms  # what the next call goes by: it changes after calls only
        deadline = p95[0] * 1.001 if i % 2 else 2 * sum(p95)
        r = runtime.infer(x, policy=never, deadline_ms=deadline, return_outputs=True)
        for k in range(r.exit):
            # No more than what had passed when segment k + 1 was begun.
            looks += sum(r.segment_ms[:k]) + p95[k + 1] > deadline
        if r.stopped_by == "deadline":
            # No less than what had passed when the next segment was not.
            assert r.latency_ms + p95[r.exit + 1] > deadline
            assert np.array_equal(r.logits, runtime.infer(x, forced_exit=r.exit, return_outputs=True).logits)
            assert len(r.scores) == r.exit + 1
        stopped.append(r.stopped_by)
    # Of each of two segments one in a quarter of a second, to see whether it still takes as long.
    assert looks <= 2 * (time.monotonic() - start) / 0.25
    # Time for the first segment alone, most often, and time for all of them.
    assert {"deadline", "policy"} == set(stopped)


def test_a_deadline_leaves_the_best_answer_so_far(
    runtime: eenet_rt.Runtime, tiny: TrainedBundle, never: eenet_rt.ExitPolicy
) -> None:
    x = tiny.inputs[0]
    deepest = runtime.infer(x, policy=never)
    assert (deepest.exit, deepest.stopped_by) == (2, "policy")
    for exit in range(3):
        result = runtime.infer(x, policy=never, max_exit=exit)
        assert (result.exit, result.stopped_by) == (exit, "policy" if exit == 2 else "max_exit")
        assert result.label == runtime.infer(x, forced_exit=exit, policy=None).label
        assert result.scores == deepest.scores[: exit + 1]


def test_stops_are_counted(runtime: eenet_rt.Runtime, tiny: TrainedBundle, never: eenet_rt.ExitPolicy) -> None:
    runtime.infer(tiny.inputs[0], policy=never, max_exit=0)
    runtime.infer(tiny.inputs[0], policy=never)
    runtime.infer(tiny.inputs[0], forced_exit=0)
    assert runtime.stats().stops == {"policy": 1, "max_exit": 1, "deadline": 0, "handed_on": 0}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"deadline_ms": 0}, eenet_rt.InputError, "deadline_ms: 0 came, above 0 expected"),
        ({"deadline_ms": -1.5}, eenet_rt.InputError, "deadline_ms: -1.5 came, above 0 expected"),
        ({"deadline_ms": float("nan")}, eenet_rt.InputError, "deadline_ms: nan came"),
        ({"deadline_ms": 1e-7}, eenet_rt.BudgetError, "deadline_ms: 1e-07 came, at least .* the first exit"),
        ({"max_exit": 3}, eenet_rt.InputError, "max_exit: 3 came, 0 to 2 expected"),
        ({"max_exit": -1}, eenet_rt.InputError, "max_exit: -1 came, an exit from 0 on expected"),
        ({"max_exit": 1, "forced_exit": 1}, eenet_rt.InputError, "forced_exit: max_exit came with it"),
        ({"deadline_ms": 5, "forced_exit": 1}, eenet_rt.InputError, "forced_exit: deadline_ms came with it"),
    ],
)
def test_bad_limits(
    runtime: eenet_rt.Runtime, tiny: TrainedBundle, options: dict[str, float], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        runtime.infer(tiny.inputs[0], **options)
    assert runtime.stats().count == 0


def test_max_exit_of_a_batch(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    inputs = tiny.inputs[:100]
    free, limited = runtime.infer_batch(inputs), runtime.infer_batch(inputs, max_exit=1)
    assert np.array_equal(limited.exits, np.minimum(free.exits, 1))
    assert limited.stopped_by == ["max_exit" if exit == 2 else "policy" for exit in free.exits]
    assert [r.stopped_by for r in limited] == limited.stopped_by


# --- explanations and times ---


def test_explanations_add_up(bundle: TrainedBundle) -> None:
    runtime = eenet_rt.load(bundle.path)
    clamped = runtime.schedule.exit_policy.clamp
    names = {f"p({name})" for name in runtime.class_names}
    seen = set()
    for x in bundle.inputs[:40]:
        result = runtime.infer(x, explain=True)
        assert [e.exit for e in result.explanations] == list(range(result.exit + 1))
        for e, score in zip(result.explanations, result.scores, strict=True):
            assert e.score == score
            assert e.accepted == (e.exit == result.exit)
            if e.exit == runtime.num_exits - 1:
                assert e.contributions == []
                continue
            total = sum(value for _, value in e.contributions) + e.others + e.bias
            assert (min(max(total, 0), 1) if clamped else total) == pytest.approx(e.score, abs=1e-5)
            assert e.accepted == (e.score >= e.threshold)
            sizes = [abs(value) for _, value in e.contributions]
            assert sizes == sorted(sizes, reverse=True)
            seen |= {name for name, _ in e.contributions}
        assert [e.time_ms for e in result.explanations] == result.segment_ms
        assert result.explanations[-1].label == result.label
    assert seen <= names | {"maximum", "certainty", "vote", "margin"} | {
        f"score of exit {k}" for k in range(runtime.num_exits)
    }
    assert seen & names


def test_explanations_of_a_batch(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    batch = runtime.infer_batch(tiny.inputs[:20], explain=True)
    for sample in batch:
        assert [e.exit for e in sample.explanations] == list(range(sample.exit + 1))
    assert runtime.infer(tiny.inputs[0]).explanations == []
    assert runtime.infer(tiny.inputs[0], policy=None, explain=True).explanations == []


def test_times_of_segments(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    runtime.reset_stats()
    results = [runtime.infer(x) for x in tiny.inputs[:200]]
    segments = runtime.stats().segments
    assert [s.count for s in segments] == [sum(r.exit >= k for r in results) for k in range(3)]
    for k, segment in enumerate(segments):
        times = [r.segment_ms[k] for r in results if r.exit >= k]
        assert segment.mean_ms == pytest.approx(np.mean(times), rel=0.01, abs=1e-6)
        assert segment.p50_ms == pytest.approx(np.median(times), rel=0.05)
    for result in results:
        assert len(result.segment_ms) == result.exit + 1
        assert sum(result.segment_ms) <= result.latency_ms
        assert result.backend_ms <= sum(result.segment_ms)


def test_calls_may_say_what_their_samples_cost() -> None:
    runtime = eenet_rt.load(GOLDEN)
    full = runtime.infer(INPUTS[0], policy=None, costs=[12, 20])
    assert (full.exit, runtime.stats().mean_cost) == (1, 20)
    batch = runtime.infer_batch(INPUTS, policy=None, costs=np.array([[1.0, 2.0 + i] for i in range(len(INPUTS))]))
    assert batch.exits.tolist() == [1] * len(INPUTS)
    booked = 20 + sum(2.0 + i for i in range(len(INPUTS)))
    assert runtime.stats().mean_cost == pytest.approx(booked / (1 + len(INPUTS)))
    for wrong, message in (([1.0], "costs: 1 numbers came, 2 expected"), ([2.0, 1.0], "costs: .* non-decreasing")):
        with pytest.raises(eenet_rt.InputError, match=message):
            runtime.infer(INPUTS[0], costs=wrong)
    with pytest.raises(eenet_rt.InputError, match="costs: 6 numbers came, 2 expected of each of 4 samples"):
        runtime.infer_batch(INPUTS, costs=np.ones((3, 2)))
    assert runtime.stats().count == 1 + len(INPUTS)
