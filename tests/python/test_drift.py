"""Watching real images for drift: alarms, audits, adapted thresholds, callbacks."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import eenet_rt
from conftest import TrainedBundle, refitted
from eenet_export.costs import flops_profile

Images = np.ndarray


def negative(images: Images) -> Images:
    return 255 - images


def faded(images: Images) -> Images:
    return np.rint(images.mean(axis=(1, 2), keepdims=True) * 0.7 + 0.3 * images).astype(np.uint8)


@pytest.fixture(scope="module")
def counted(tiny: TrainedBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network with budgets in operations: measured on a busy machine, schedules would differ each time."""
    costs = flops_profile(tiny.checkpoint.network, {"image": torch.zeros(1, 3, 32, 32)}).costs
    budgets = [share * costs[-1] for share in (0.5, 0.6, 0.7, 0.9)]
    return refitted(tiny, tmp_path_factory.mktemp("counted") / "tiny.eenet", "eenet", costs, budgets, "flops")


@pytest.fixture
def runtime(counted: Path) -> eenet_rt.Runtime:
    """The tiny network with a schedule from the middle, which has every exit in use."""
    runtime = eenet_rt.load(str(counted))
    runtime.set_budget(runtime.budgets[len(runtime.budgets) // 2])
    return runtime


class Streams:
    """Preprocessed images, as they are and spoiled."""

    def __init__(self, tiny: TrainedBundle) -> None:
        images = tiny.report_images.images
        preprocess = tiny.checkpoint.preprocessing
        self.clean = preprocess(images)
        self.negative = preprocess(negative(images))
        self.faded = preprocess(faded(images))


@pytest.fixture(scope="module")
def streams(tiny: TrainedBundle) -> Streams:
    return Streams(tiny)


@pytest.fixture
def alarms(runtime: eenet_rt.Runtime) -> list[eenet_rt.Alarm]:
    """Alarms of a watch with default options, as they come."""
    seen: list[eenet_rt.Alarm] = []
    runtime.watch(on_alarm=seen.append)
    return seen


def run(runtime: eenet_rt.Runtime, stream: Images) -> np.ndarray:
    """The exits taken."""
    return np.array([runtime.infer(x).exit for x in stream])


def mean_cost(runtime: eenet_rt.Runtime, exits: np.ndarray) -> float:
    assert runtime.costs is not None
    return float(np.take(runtime.costs, exits).mean())


def planned_cost(runtime: eenet_rt.Runtime) -> float:
    assert runtime.schedule is not None
    assert runtime.costs is not None
    return float(np.dot(runtime.schedule.calibration_shares, runtime.costs))


# --- alarms ---


def test_images_as_they_are_raise_no_alarm(
    runtime: eenet_rt.Runtime, alarms: list[eenet_rt.Alarm], streams: Streams
) -> None:
    exits = run(runtime, streams.clean)
    health = runtime.health()
    assert alarms == []
    assert (health.status, health.samples, health.alarms) == ("healthy", len(exits), [])
    assert health.evidence < 1e6
    latest = exits[-(len(exits) % 64) - 512 :][:512]
    assert np.allclose(health.exit_shares, np.bincount(latest, minlength=3) / 512)
    assert health.expected_exit_shares == pytest.approx(list(runtime.schedule.calibration_shares))
    assert health.mean_cost == pytest.approx(mean_cost(runtime, latest))
    assert health.expected_mean_cost == pytest.approx(planned_cost(runtime))
    assert health.audits == 0
    assert health.agreement == [None, None]


@pytest.mark.parametrize("kind", ["negative", "faded"])
def test_spoiled_images_raise_one_soon(
    runtime: eenet_rt.Runtime, alarms: list[eenet_rt.Alarm], streams: Streams, kind: str
) -> None:
    run(runtime, streams.clean[:1024])
    assert alarms == []
    run(runtime, getattr(streams, kind)[:640])
    assert len(alarms) >= 1
    alarm = alarms[0]
    assert 1024 < alarm.sample <= 1024 + 640
    assert alarm.evidence >= 1e6
    low, high = alarm.expected_range
    assert low <= alarm.expected <= high
    assert alarm.seen != pytest.approx(alarm.expected, rel=0.2)
    assert alarm.watched in ("exits", "scores")
    assert (alarm.scores is not None) == (alarm.watched == "scores")
    assert str(alarm).startswith(f"drift after {alarm.sample} samples: schedule {alarm.schedule}, exit {alarm.exit}: ")
    assert repr(alarm).startswith(f"Alarm(watched='{alarm.watched}', ")
    assert runtime.health().status == "drifted"
    assert [a.sample for a in runtime.health().alarms] == [a.sample for a in alarms]
    # What was reported is not again, while it lasts.
    reported = len(alarms)
    run(runtime, getattr(streams, kind)[640:])
    assert len(alarms) - reported <= 3 - reported
    runtime.unwatch()
    assert runtime.health().status == "unwatched"
    assert repr(runtime.health()).startswith("Health(status='unwatched', samples=0")


def test_batches_raise_it_too(runtime: eenet_rt.Runtime, alarms: list[eenet_rt.Alarm], streams: Streams) -> None:
    for start in range(0, 1024, 50):
        runtime.infer_batch(streams.clean[start : start + 50])
    assert alarms == []
    for start in range(0, 1024, 50):
        runtime.infer_batch(streams.negative[start : start + 50])
    assert len(alarms) >= 1


def test_schedules_of_a_controller_are_watched_each(
    runtime: eenet_rt.Runtime, alarms: list[eenet_rt.Alarm], streams: Streams
) -> None:
    runtime.set_budget(planned_cost(runtime), window=100)
    run(runtime, streams.clean)
    assert alarms == []
    run(runtime, streams.negative)
    assert len(alarms) >= 1


def test_an_alarm_is_a_line_in_the_log(
    runtime: eenet_rt.Runtime, streams: Streams, caplog: pytest.LogCaptureFixture
) -> None:
    runtime.watch()
    with caplog.at_level(logging.WARNING, "eenet_rt"):
        run(runtime, streams.negative)
    alarm = runtime.health().alarms[0]
    assert caplog.records[0].name == "eenet_rt"
    assert caplog.records[0].getMessage() == str(alarm)


# --- audits ---


def test_audits_find_the_agreement_that_a_replay_finds(runtime: eenet_rt.Runtime, streams: Streams) -> None:
    assert runtime.schedule is not None
    inputs = streams.clean[:500]
    last = runtime.num_exits - 1
    logits = np.stack([runtime.infer(x, forced_exit=last, return_outputs=True).logits for x in inputs])
    policy = runtime.schedule.exit_policy
    replayed = eenet_rt.replay(logits, policy)
    final = eenet_rt.answers(logits, policy.combiner)[:, last]
    runtime.watch(audit_share=1.0)
    results = [runtime.infer(x) for x in inputs]
    assert [r.exit for r in results] == replayed.exits.tolist()
    assert [r.label for r in results] == replayed.labels.tolist()
    assert [r.audit_label for r in results] == [
        None if k == last else label for k, label in zip(replayed.exits, final, strict=True)
    ]
    health = runtime.health()
    assert health.audits == (replayed.exits < last).sum()
    extra = np.array(runtime.costs)[last] - np.take(runtime.costs, replayed.exits)
    assert health.mean_audit_cost == pytest.approx(extra.mean())
    for k in range(last):
        left = replayed.exits == k
        assert health.agreement[k] == (replayed.labels == final)[left].mean()
        assert health.expected_agreement[k] == pytest.approx(runtime.schedule.agreement[k])
        assert health.agreement[k] == pytest.approx(health.expected_agreement[k], abs=0.15)
    assert runtime.stats().exits == np.bincount(replayed.exits, minlength=last + 1).tolist()


def test_audits_are_a_seeded_share(runtime: eenet_rt.Runtime, streams: Streams) -> None:
    def audited(seed: int) -> list[bool]:
        runtime.watch(audit_share=0.25, seed=seed)
        return [runtime.infer(x).audit_label is not None for x in streams.clean[:600]]

    first = audited(1)
    early = int((run(runtime, streams.clean[:600]) < 2).sum())
    assert first == audited(1)
    assert first != audited(2)
    assert sum(first) == pytest.approx(0.25 * early, abs=4 * np.sqrt(0.25 * 0.75 * early))


def test_an_audited_batch_answers_as_before(runtime: eenet_rt.Runtime, streams: Streams) -> None:
    before = runtime.infer_batch(streams.clean[:64])
    runtime.watch(audit_share=0.5)
    after = runtime.infer_batch(streams.clean[:64])
    assert np.array_equal(after.exits, before.exits)
    assert np.array_equal(after.labels, before.labels)
    assert sum(r.audit_label is not None for r in after) == runtime.health().audits > 0


# --- adapting ---


@pytest.mark.parametrize("kind", ["negative", "faded"])
def test_adapted_thresholds_bring_the_cost_back(runtime: eenet_rt.Runtime, streams: Streams, kind: str) -> None:
    drifted = getattr(streams, kind)
    plan = planned_cost(runtime)
    off = abs(mean_cost(runtime, run(runtime, drifted)) / plan - 1)
    assert off > 0.05
    runtime.watch(adapt=True, on_alarm=lambda alarm: None)
    run(runtime, streams.clean)
    assert runtime.health().adaptations == 0
    run(runtime, drifted)
    assert runtime.infer(drifted[0]).adapted
    assert runtime.infer_batch(drifted[:2]).adapted
    health = runtime.health()
    assert (health.status, health.rollbacks) == ("adapted", 0)
    assert health.thresholds is not None
    assert health.thresholds != runtime.schedule.thresholds.tolist()
    realised = mean_cost(runtime, run(runtime, drifted))
    assert realised == pytest.approx(plan, rel=0.04)
    # Clean images again: the schedule's own thresholds come back when 2,048 samples speak for it.
    run(runtime, np.concatenate([streams.clean, streams.clean]))
    health = runtime.health()
    assert (health.rollbacks, health.thresholds) == (1, None)
    assert not runtime.infer(streams.clean[0]).adapted
    assert mean_cost(runtime, run(runtime, streams.clean)) == pytest.approx(plan, rel=0.04)


def test_thresholds_are_reset_on_demand(runtime: eenet_rt.Runtime, streams: Streams) -> None:
    runtime.watch(adapt=True, on_alarm=lambda alarm: None)
    run(runtime, streams.negative)
    assert runtime.health().thresholds is not None
    runtime.reset_thresholds()
    assert runtime.health().thresholds is None
    assert not runtime.infer(streams.negative[0]).adapted


def test_adapting_needs_a_fixed_schedule(runtime: eenet_rt.Runtime) -> None:
    budget = planned_cost(runtime)
    runtime.watch(adapt=True)
    with pytest.raises(eenet_rt.ConfigurationError, match="a controller came while a watch adapts"):
        runtime.set_budget(budget, window=50)
    runtime.unwatch()
    runtime.set_budget(budget, window=50)
    with pytest.raises(eenet_rt.ConfigurationError, match="adapt: a controller is in force"):
        runtime.watch(adapt=True)
    with pytest.warns(eenet_rt.BudgetWarning):
        runtime.set_budget(10 * runtime.costs[-1])
    with pytest.raises(eenet_rt.ConfigurationError, match="adapt: full depth is in force"):
        runtime.watch(adapt=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"false_alarm_interval": 0.5}, "false_alarm_interval: 0.5 came, at least 1 sample expected"),
        ({"false_alarm_interval": float("nan")}, "false_alarm_interval: "),
        ({"audit_share": 1.5}, "audit_share: 1.5 came, 0 to 1 expected"),
        ({"audit_share": -0.1}, "audit_share: -0.1 came"),
    ],
)
def test_bad_options(runtime: eenet_rt.Runtime, options: dict[str, Any], message: str) -> None:
    with pytest.raises(eenet_rt.InputError, match=message):
        runtime.watch(**options)
    assert runtime.health().status == "unwatched"


# --- callbacks ---


def test_a_callback_may_call_the_runtime(runtime: eenet_rt.Runtime, streams: Streams) -> None:
    seen: list[str] = []

    def on_alarm(alarm: eenet_rt.Alarm) -> None:
        seen.append(runtime.health().status)
        runtime.set_budget(runtime.budgets[0])
        runtime.infer(streams.clean[0])
        runtime.unwatch()

    runtime.watch(on_alarm=on_alarm)
    run(runtime, streams.negative)
    assert seen == ["drifted"]
    assert runtime.schedule.budget == runtime.budgets[0]


def test_what_a_callback_raises_stays_out_of_infer(
    runtime: eenet_rt.Runtime, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: raised.append(unraisable.exc_value))

    def on_alarm(alarm: eenet_rt.Alarm) -> None:
        raise LookupError(alarm.watched)

    runtime.watch(on_alarm=on_alarm)
    exits = run(runtime, streams.negative)
    assert len(exits) == len(streams.negative)
    assert len(raised) == len(runtime.health().alarms) > 0
    assert isinstance(raised[0], LookupError)


class Listener:
    """A callback that can be watched for its end."""

    def __call__(self, alarm: eenet_rt.Alarm) -> None:
        pass


@pytest.mark.parametrize("end", ["unwatch", "another watch", "runtime"])
def test_callbacks_are_let_go(tiny: TrainedBundle, streams: Streams, end: str) -> None:
    runtime = eenet_rt.load(str(tiny.path))
    listener = Listener()
    gone = weakref.ref(listener)
    runtime.watch(on_alarm=listener)
    del listener
    run(runtime, streams.clean[:100])
    assert gone() is not None
    if end == "unwatch":
        runtime.unwatch()
    elif end == "another watch":
        runtime.watch()
    else:
        del runtime
    gc.collect()
    assert gone() is None


def test_threads_with_callbacks(runtime: eenet_rt.Runtime, streams: Streams) -> None:
    """Samples, callbacks, health and budgets from eight threads: nothing waits for ever, nothing is lost."""
    told: list[int] = []
    assert runtime.schedule is not None
    budget = runtime.schedule.budget

    def on_alarm(alarm: eenet_rt.Alarm) -> None:
        told.append(runtime.health().samples)

    def work(thread: int) -> None:
        for i, x in enumerate(streams.clean[:500] if thread % 2 else streams.negative[:500]):
            runtime.infer(x)
            if i % 50 == thread:
                runtime.health()
                runtime.reset_thresholds()
            if i == 300:
                runtime.set_budget(budget)

    runtime.watch(on_alarm=on_alarm, adapt=True, audit_share=0.1)
    threads = [threading.Thread(target=work, args=(thread,), daemon=True) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    assert runtime.health().samples == 8 * 500
    assert len(told) >= 1
