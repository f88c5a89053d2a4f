"""Times of a loaded bundle: of each exit, and of batches with and without early exits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.noise import Inputs
from eenet.progress import Progress

Floats = NDArray[np.float64]
_WARM_UP = 3
_LEAST_RUNS = 10  # however long they take: fewer have no quantiles


@dataclass(frozen=True)
class ExitTimes:
    """Wall time of one sample that leaves at each exit, heads and scoring included.

    Attributes:
        p50_ms: median, K numbers; the cost of an exit, as profiles have it.
        p90_ms: 90 % quantile.
        p99_ms: 99 % quantile.
        outside_us: median time to the last exit outside the inference library, in microseconds for each exit passed.
        runs: of each exit.
    """

    p50_ms: list[float]
    p90_ms: list[float]
    p99_ms: list[float]
    outside_us: float
    runs: int


@dataclass(frozen=True)
class BatchTimes:
    """A batch that leaves early against the same one at full depth; medians of runs that take turns.

    Attributes:
        size: samples.
        reached: share of the samples that each segment computed.
        early_ms: of the batch.
        full_ms: of the batch.
        saved_ms: in each segment, what it takes at full depth less what it took with early exits.
        decision_ms: what the decisions after one exit take: scoring, and moving the samples that stay.
        runs: with early exits, and as many without.
    """

    size: int
    reached: list[float]
    early_ms: float
    full_ms: float
    saved_ms: list[float]
    decision_ms: float
    runs: int

    @property
    def speed_up(self) -> float:
        """Full depth's time by that with early exits, to the hundredth: less is within what such times vary by."""
        return round(self.full_ms / self.early_ms, 2)

    @property
    def pays(self) -> bool:
        """Whether exiting early saves time."""
        return self.speed_up > 1


@dataclass(frozen=True)
class Effort:
    """How long to measure one thing: so many runs, or fewer where they take longer than so many seconds."""

    repeats: int
    seconds: float

    STEPS: ClassVar[int] = 100  # of the progress of one thing

    def runs(self, progress: Progress, note: str) -> Iterator[int]:
        """The numbers of the runs, negative ones to warm up; by runs or by time, whichever comes to its end first."""
        begin, told = time.monotonic(), 0
        for i in range(-_WARM_UP, self.repeats):
            spent = (time.monotonic() - begin) / self.seconds
            if i >= _LEAST_RUNS and spent > 1:
                break
            yield i
            done = int(self.STEPS * min(1.0, max((i + 1 + _WARM_UP) / (self.repeats + _WARM_UP), spent)))
            progress.advance(done - told, note)
            told = done
        progress.advance(self.STEPS - told, note)


def measure_exits(runtime: eenet_rt.Runtime, inputs: Inputs, effort: Effort, progress: Progress) -> ExitTimes:
    """Times of single samples, the exits in turn.

    Args:
        runtime: what to time.
        inputs: samples, ``{name: (N, ...)}``, gone through in turn.
        effort: for all exits.
        progress: of `Effort.STEPS` a thing that is timed.
    """
    rows = []
    for i in effort.runs(progress, "single samples"):
        sample = take(inputs, i, 1, batch=False)
        results = [runtime.infer(sample, forced_exit=k) for k in range(runtime.num_exits)]
        if i >= 0:
            outside = results[-1].latency_ms - results[-1].backend_ms
            rows.append([*(result.latency_ms for result in results), outside])
    times = np.array(rows)
    p50, p90, p99 = np.percentile(times[:, :-1], [50, 90, 99], axis=0)
    outside_us = float(1e3 * np.median(times[:, -1]) / runtime.num_exits)
    return ExitTimes(p50.tolist(), p90.tolist(), p99.tolist(), outside_us, len(rows))


def measure_batches(
    runtime: eenet_rt.Runtime,
    inputs: Inputs,
    policy: eenet_rt.ExitPolicy,
    sizes: Sequence[int],
    effort: Effort,
    progress: Progress,
) -> list[BatchTimes]:
    """Batches of several sizes.

    Args:
        runtime: what to time.
        inputs: samples, ``{name: (N, ...)}``, gone through in turn.
        policy: which lets samples leave.
        sizes: of the batches.
        effort: for each size.
        progress: of `Effort.STEPS` a thing that is timed.
    """
    return [_measure_batch(runtime, inputs, policy, size, effort, progress) for size in sizes]


def _measure_batch(
    runtime: eenet_rt.Runtime,
    inputs: Inputs,
    policy: eenet_rt.ExitPolicy,
    size: int,
    effort: Effort,
    progress: Progress,
) -> BatchTimes:
    segments = runtime.num_exits
    rows: list[tuple[Floats, Floats, list[float], list[float], Floats]] = []
    for i in effort.runs(progress, f"batches of {size}"):
        batch = take(inputs, i * size, size, batch=True)
        # Either comes first as often as the other: that one finds caches that hold something else.
        order = (policy, None) if i % 2 else (None, policy)
        found = {one is not None: runtime.infer_batch(batch, policy=one) for one in order}
        results = found[True], found[False]
        if i < 0:
            continue
        spent = [np.pad(result.segment_ms, (0, segments - len(result.segment_ms))) for result in results]
        latencies = [result.latency_ms for result in results]
        outsides = [result.latency_ms - result.backend_ms for result in results]
        reached = (results[0].exits[:, None] >= np.arange(segments)).mean(axis=0)
        rows.append((spent[0], spent[1], latencies, outsides, reached))
    early, full, latency, outside, reached = map(np.array, zip(*rows, strict=True))
    # Means over batches, for a batch may leave as a whole; the median of a segment would then be 0 or everything.
    early_ms, full_ms = _trimmed_mean(latency)
    decisions = max(1.0, float(np.mean((early > 0).sum(axis=1))) - 1)
    deciding = max(0.0, float(np.median(outside[:, 0] - outside[:, 1])) / decisions)
    saved = _trimmed_mean(full) - _trimmed_mean(early)
    return BatchTimes(size, reached.mean(axis=0).tolist(), early_ms, full_ms, saved.tolist(), deciding, len(rows))


def _trimmed_mean(times: Floats) -> Floats:
    """Mean over the rows, without the slowest twentieth: moments when the machine did something else."""
    slowest = np.percentile(times.sum(axis=1), 95)
    mean: Floats = times[times.sum(axis=1) <= slowest].mean(axis=0)
    return mean


def pays_from(batches: Sequence[BatchTimes]) -> int | None:
    """The batch size from which on exiting early pays, by ascending sizes; None: not at the largest."""
    found = None
    for batch in reversed(batches):
        if not batch.pays:
            break
        found = batch.size
    return found


def planned_policy(runtime: eenet_rt.Runtime, inputs: Inputs, schedule: eenet_rt.Schedule) -> eenet_rt.ExitPolicy:
    """A schedule's policy with thresholds that give its calibration shares on these inputs, whatever they show.

    So that batches of noise leave as real ones do. Where scores tie, as many leave as the plan lets.

    Args:
        runtime: the loaded bundle.
        inputs: samples, ``{name: (N, ...)}``.
        schedule: whose scores and shares to take.
    """
    policy, shares = schedule.exit_policy, np.array(schedule.calibration_shares)
    count = len(next(iter(inputs.values())))
    watching = policy.with_thresholds([1e30] * runtime.num_exits)
    scores = np.concatenate(
        [runtime.infer_batch(take(inputs, i, 1, batch=True), policy=watching).scores for i in range(count)]
    )
    thresholds, there = np.full(runtime.num_exits, np.inf), np.arange(count)
    for k in range(runtime.num_exits - 1):
        quota = round(count * float(shares[k]))
        if quota == 0 or len(there) == 0:
            continue
        ranked = np.sort(scores[there, k])[::-1]
        thresholds[k] = ranked[min(quota, len(ranked)) - 1]
        there = there[scores[there, k] < thresholds[k]]
    return policy.with_thresholds(thresholds.tolist())


def take(inputs: Inputs, start: int, count: int, *, batch: bool) -> Inputs:
    """Samples from ``start`` on, going round; without ``batch`` the first of them, without its batch axis."""
    size = len(next(iter(inputs.values())))
    rows = np.arange(start, start + count) % size
    return {name: array[rows] if batch else array[rows[0], ...] for name, array in inputs.items()}
