"""``Runtime.infer_batch``: inputs, what comes back, blackboards, statistics, threads, memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from support import masked


@pytest.fixture
def runtime(tiny: TrainedBundle) -> eenet_rt.Runtime:
    return eenet_rt.load(str(tiny.path))


@pytest.fixture
def masked_runtime(tmp_path: Path) -> eenet_rt.Runtime:
    return eenet_rt.load(str(masked.write(tmp_path / "masked.eenet")))


def some_leave(logits: np.ndarray) -> eenet_rt.ExitPolicy:
    """About half of the samples leave at each exit, by their highest probability."""
    classes, exits = logits.shape[2], logits.shape[1]
    num_features = eenet_rt.num_features(classes)
    scorers = [
        (np.eye(1, num_features + k, classes, dtype=np.float32), np.zeros(1, np.float32)) for k in range(exits - 1)
    ]
    top = np.stack([features[:, classes] for features in eenet_rt.features(logits)], axis=1)
    return eenet_rt.ExitPolicy([num_features] * exits, scorers, np.median(top, axis=0).astype(np.float64) + 1e-3)


# --- inputs ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[:0], ("image", "(0, 3, 32, 32)", "batch <= 1024", "one sample or more")),
        (lambda x: np.zeros((1025, 3, 32, 32), np.float32), ("image", "(1025, 3, 32, 32)", "batch <= 1024")),
        (lambda x: x[0], ("image", "(3, 32, 32)", "(1 <= batch <= 1024, 3, 32, 32)")),
        (lambda x: x[None], ("image", "(1, 8, 3, 32, 32)")),
        (lambda x: x[:, :, :31].copy(), ("image", "(8, 3, 31, 32)", "3, 32, 32)")),
        (lambda x: x.astype(np.float64), ("image", "float64", "float32")),
        (lambda x: x[::2], ("image", "contiguous")),
        (lambda x: np.asfortranarray(x), ("image", "contiguous")),
        (lambda x: list(x), ("list",)),
        (lambda x: {"picture": x}, ("image", "missing")),
        (lambda x: {"image": x, "mask": x}, ("2 arrays came, 1 expected",)),
    ],
)
def test_wrong_input(
    runtime: eenet_rt.Runtime, tiny: TrainedBundle, change: Callable[[np.ndarray], Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(eenet_rt.InputError) as caught:
        runtime.infer_batch(change(tiny.inputs[:8]))
    for word in words:
        assert word in str(caught.value)
    assert len(runtime.infer_batch(tiny.inputs[:8])) == 8


def test_values_that_are_not_finite(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    bad = tiny.inputs[:8].copy()
    bad[5, 2, 30, 1] = np.nan
    with pytest.raises(eenet_rt.InputError, match=r"image.*nan.*\(5, 2, 30, 1\)"):
        runtime.infer_batch(bad)
    bad[5] = 3e38
    with pytest.raises(eenet_rt.NonFiniteError, match="sample 5: exit 0"):
        runtime.infer_batch(bad)
    with pytest.raises(eenet_rt.InputError, match="forced_exit"):
        runtime.infer_batch(tiny.inputs[:8], forced_exit=3)
    assert runtime.infer_batch(tiny.inputs[:8]).labels.shape == (8,)


def test_largest_batch(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    assert runtime.max_batch == 1024
    batch = runtime.infer_batch({"image": tiny.inputs[:1024]})
    assert np.mean(batch.labels[:100] == runtime.infer_batch(tiny.inputs[:100]).labels) > 0.98


# --- what comes back ---


def test_arrays_and_sequence(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    batch = runtime.infer_batch(tiny.inputs[:20], return_outputs=True)
    assert (batch.labels.dtype, batch.exits.dtype, batch.scores.dtype) == (np.int64, np.int64, np.float32)
    assert (batch.probabilities.shape, batch.scores.shape) == ((20, 10), (20, 3))
    assert 0 < batch.backend_ms < batch.latency_ms
    assert len(batch) == len(list(batch)) == 20
    for n, result in enumerate(batch):
        assert (result.label, result.exit) == (batch.labels[n], batch.exits[n])
        assert np.array_equal(result.probabilities, batch.probabilities[n])
        assert np.array_equal(np.array(result.scores, np.float32), batch.scores[n, : result.exit + 1])
        assert np.isnan(batch.scores[n, result.exit + 1 :]).all()
        assert batch.logits is not None
        assert np.array_equal(result.logits, batch.logits[n, : result.exit + 1])
        assert result.latency_ms == batch.latency_ms
    assert batch[-1].label == batch[np.int64(19)].label == batch.labels[19]
    for index in (20, -21):
        with pytest.raises(IndexError, match=f"sample {index} of a batch of 20"):
            batch[index]
    taken = [f"{count} left at exit {k}" for k, count in enumerate(np.bincount(batch.exits)) if count]
    of_batch = " of the whole batch of 20)"
    assert repr(batch).startswith(f"BatchResult(20 samples: {', '.join(taken)}; latency_ms=")
    assert repr(batch).endswith(of_batch)
    # A sample of a batch has no time of its own.
    assert (batch.batch_size, batch[0].batch_size, batch[2:4].batch_size, batch[2:4][1].batch_size) == (20,) * 4
    assert repr(batch[0]).endswith(of_batch)
    assert repr(batch[2:4]).endswith(of_batch)
    alone = runtime.infer(tiny.inputs[0])
    assert (alone.batch_size, "batch" in repr(alone)) == (1, False)
    assert batch.labels is batch.labels
    label = batch[0].label
    batch.labels[0], batch.exits[0] = 99, 99  # the caller's own
    assert (batch[0].label, repr(batch[0])[:13]) == (label, f"Result(label={label}"[:13])


def test_full_depth_has_no_scores(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    batch = runtime.infer_batch(tiny.inputs[:5], policy=None)
    assert np.isnan(batch.scores).all()
    assert batch.scores.shape == (5, 3)
    assert batch.logits is None
    assert (batch[0].scores, batch[0].logits) == ((), None)


# --- blackboards ---


def test_every_tensor_that_is_read_later_follows_its_sample(masked_runtime: eenet_rt.Runtime) -> None:
    """Two inputs, int64, a skip over a segment, an input that only the first and the last segment read."""
    for seed, (samples, tokens) in enumerate([(20, 4), (32, 6), (3, 1), (32, 5), (1, 6)]):
        x = masked.inputs(samples, tokens, seed)
        logits = masked.logits(**x)
        policy = some_leave(masked.logits(**masked.inputs(200, tokens)))
        batch = masked_runtime.infer_batch(x, policy=policy, return_outputs=True)
        expected = eenet_rt.replay(logits, policy)
        assert batch.exits.tolist() == expected.exits.tolist()
        assert batch.labels.tolist() == expected.labels.tolist()
        assert np.array_equal(batch.scores, expected.scores, equal_nan=True)
        logits[:, 2] += np.sum(batch.exits == 2)  # the last segment ran on those who were left and no others
        for n, exit in enumerate(batch.exits):
            assert batch.logits is not None
            assert np.array_equal(batch.logits[n, : exit + 1], logits[n, : exit + 1])
        single = masked_runtime.infer({name: array[0] for name, array in x.items()}, policy=policy)
        assert (single.exit, single.label) == (batch[0].exit, batch[0].label)
        assert samples < 20 or len(np.unique(batch.exits)) == 3


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((8, 4), (7, 4)), ("mask", "(7, 4)", "batch = 8")),
        (((8, 4), (8, 5)), ("mask", "(8, 5)", "tokens = 4")),
        (((8, 7), (8, 7)), ("'x'", "(8, 7, 3)", "tokens <= 6")),
        (((33, 4), (33, 4)), ("'x'", "(33, 4, 3)", "batch <= 32")),
    ],
)
def test_inputs_that_do_not_go_together(
    masked_runtime: eenet_rt.Runtime, shapes: tuple[tuple[int, int], tuple[int, int]], words: tuple[str, ...]
) -> None:
    x = {"x": np.zeros((*shapes[0], 3), np.float32), "mask": np.zeros(shapes[1], np.int64)}
    with pytest.raises(eenet_rt.InputError) as caught:
        masked_runtime.infer_batch(x)
    for word in words:
        assert word in str(caught.value)


def test_a_list_is_no_dict_of_arrays(masked_runtime: eenet_rt.Runtime) -> None:
    samples: Any = [{"x": np.zeros((4, 3), np.float32), "mask": np.zeros(4, np.int64)}]
    with pytest.raises(eenet_rt.InputError, match="x: list came, a dict of 2 arrays by name expected"):
        masked_runtime.infer_batch(samples)


# --- statistics, threads, memory ---


def test_statistics_count_every_sample(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    runtime.reset_stats()
    batch = runtime.infer_batch(tiny.inputs[:200])
    runtime.infer_batch(tiny.inputs[:50], forced_exit=0)
    stats, costs = runtime.stats(), np.array(runtime.costs)
    assert (stats.count, list(stats.exits)) == (200, np.bincount(batch.exits, minlength=3).tolist())
    assert stats.mean_cost == pytest.approx(costs[batch.exits].mean())
    assert stats.mean_latency_ms == pytest.approx(batch.latency_ms, rel=1e-3)


def test_samples_and_batches_at_once(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    inputs = tiny.inputs[:200]
    singly = [r.label for r in map(runtime.infer, inputs)]
    batches = {size: runtime.infer_batch(inputs[:size]).labels.tolist() for size in (5, 64, 200)}
    wrong: list[str] = []

    def one_by_one() -> None:
        if [r.label for r in map(runtime.infer, inputs)] != singly:
            wrong.append("infer")

    def in_batches(size: int) -> None:
        for _ in range(10):
            if runtime.infer_batch(inputs[:size]).labels.tolist() != batches[size]:
                wrong.append(f"infer_batch of {size}")

    workers = [threading.Thread(target=one_by_one) for _ in range(3)]
    workers += [threading.Thread(target=in_batches, args=(size,)) for size in batches for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def test_memory_stays_once_every_batch_size_was_seen(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    inputs = tiny.inputs[:64]

    def run(rounds: int) -> None:
        for size in [*range(64, 0, -1)] * rounds:
            runtime.infer_batch(inputs[:size])

    run(4)
    before = resident_bytes()
    run(40)
    assert resident_bytes() - before < 2e6  # 2,560 batches: 800 bytes lost in each would be seen
