"""Times of a loaded bundle: of each exit, and of batches with and without early exits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.progress import Progress
from eenet.workflows.profile import Inputs

Floats = NDArray[np.float64]
_WARM_UP = 3


@dataclass(frozen=True)
class ExitTimes:
    """Wall time of one sample that leaves at each exit, heads and scoring included.

    Attributes:
        p50_ms: median, K numbers; the cost of an exit, as profiles have it.
        p90_ms: 90 % quantile.
        p99_ms: 99 % quantile.
        outside_us: median time to the last exit outside the inference library, in microseconds for each exit passed.
    """

    p50_ms: list[float]
    p90_ms: list[float]
    p99_ms: list[float]
    outside_us: float


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
    """

    size: int
    reached: list[float]
    early_ms: float
    full_ms: float
    saved_ms: list[float]
    decision_ms: float

    def pays(self, segment: int) -> bool:
        """Whether deciding before this segment saves more in it than it takes."""
        return self.saved_ms[segment] > self.decision_ms


def number_of_samples(num_exits: int, sizes: Sequence[int], repeats: int) -> int:
    """Samples that `measure_exits` and `measure_batches` run, which is what their progress counts."""
    return (_WARM_UP + repeats) * (num_exits + 2 * sum(sizes))


def measure_exits(runtime: eenet_rt.Runtime, inputs: Inputs, repeats: int, progress: Progress) -> ExitTimes:
    """Times of single samples, the exits in turn.

    Args:
        runtime: what to time.
        inputs: samples, ``{name: (N, ...)}``, gone through in turn.
        repeats: of each exit.
        progress: is told of every sample.
    """
    times, outside = np.zeros((repeats, runtime.num_exits)), np.zeros(repeats)
    for i in range(-_WARM_UP, repeats):
        sample = take(inputs, i, 1, batch=False)
        for k in range(runtime.num_exits):
            result = runtime.infer(sample, forced_exit=k)
            if i >= 0:
                times[i, k] = result.latency_ms
        if i >= 0:
            outside[i] = result.latency_ms - result.backend_ms
        progress.advance(runtime.num_exits, "single samples")
    p50, p90, p99 = np.percentile(times, [50, 90, 99], axis=0)
    return ExitTimes(p50.tolist(), p90.tolist(), p99.tolist(), float(1e3 * np.median(outside) / runtime.num_exits))


def measure_batches(
    runtime: eenet_rt.Runtime,
    inputs: Inputs,
    policy: eenet_rt.ExitPolicy,
    sizes: Sequence[int],
    repeats: int,
    progress: Progress,
) -> list[BatchTimes]:
    """Batches of several sizes.

    Args:
        runtime: what to time.
        inputs: samples, ``{name: (N, ...)}``, gone through in turn.
        policy: which lets samples leave.
        sizes: of the batches.
        repeats: of each size.
        progress: is told of every sample.
    """
    return [_measure_batch(runtime, inputs, policy, size, repeats, progress) for size in sizes]


def _measure_batch(
    runtime: eenet_rt.Runtime,
    inputs: Inputs,
    policy: eenet_rt.ExitPolicy,
    size: int,
    repeats: int,
    progress: Progress,
) -> BatchTimes:
    segments = runtime.num_exits
    early, full = np.zeros((repeats, segments)), np.zeros((repeats, segments))
    latency, outside = np.zeros((repeats, 2)), np.zeros((repeats, 2))
    reached = np.zeros(segments)
    for i in range(-_WARM_UP, repeats):
        batch = take(inputs, i * size, size, batch=True)
        results = runtime.infer_batch(batch, policy=policy), runtime.infer_batch(batch, policy=None)
        progress.advance(2 * size, f"batches of {size}")
        if i < 0:
            continue
        for row, result in zip((early, full), results, strict=True):
            row[i, : len(result.segment_ms)] = result.segment_ms
        latency[i] = [result.latency_ms for result in results]
        outside[i] = [result.latency_ms - result.backend_ms for result in results]
        reached += (results[0].exits[:, None] >= np.arange(segments)).mean(axis=0) / repeats
    # Means over batches, for a batch may leave as a whole; the median of a segment would then be 0 or everything.
    early_ms, full_ms = _trimmed_mean(latency)
    decisions = max(1.0, float(np.mean((early > 0).sum(axis=1))) - 1)
    spent = float(np.median(outside[:, 0] - outside[:, 1]))
    saved = _trimmed_mean(full) - _trimmed_mean(early)
    return BatchTimes(size, reached.tolist(), early_ms, full_ms, saved.tolist(), max(0.0, spent / decisions))


def _trimmed_mean(times: Floats) -> Floats:
    """Mean over the rows, without the slowest twentieth: moments when the machine did something else."""
    slowest = np.percentile(times.sum(axis=1), 95)
    mean: Floats = times[times.sum(axis=1) <= slowest].mean(axis=0)
    return mean


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
