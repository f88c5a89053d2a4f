"""What calls return: names, slices, plain values, copies and pickles."""

from __future__ import annotations

import copy
import json
import math
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eenet_rt
from support import golden

ROUND_TRIPS = [
    copy.copy,
    copy.deepcopy,
    *(lambda value, p=p: pickle.loads(pickle.dumps(value, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
]


@pytest.fixture(scope="module")
def runtime() -> eenet_rt.Runtime:
    runtime = eenet_rt.load(golden.GOLDEN)
    runtime.watch(audit_share=0.5, on_alarm=lambda alarm: None)
    return runtime


@pytest.fixture(scope="module")
def batch(runtime: eenet_rt.Runtime) -> eenet_rt.BatchResult:
    return runtime.infer_batch(golden.INPUTS, return_outputs=True, explain=True)


def properties(value: Any) -> dict[str, Any]:
    """All that a value has: results of one task lack what those of others have."""
    names = [name for name, kind in vars(type(value)).items() if isinstance(kind, property)]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def same(a: Any, b: Any) -> bool:
    """Whether two values hold the same, whatever they are made of."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if type(a).__module__.startswith("eenet_rt"):
        return type(a) is type(b) and repr(a) == repr(b) and same(properties(a), properties(b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_copies_and_pickles(runtime: eenet_rt.Runtime, batch: eenet_rt.BatchResult, round_trip: Callable) -> None:
    logits = golden.logits()
    file = eenet_rt.read_schedules(golden.GOLDEN / "scheduler.safetensors")
    replayed = eenet_rt.replay_stream(logits, file.schedules, "90%", window=2)
    results = [
        runtime.infer(golden.INPUTS[0], return_outputs=True, explain=True), runtime.infer(golden.INPUTS[3]), batch,
        batch[:0], runtime.stats(), runtime.stats().segments[0], runtime.health(), batch[0].explanations[0], file,
        *file.schedules, *(s.exit_policy for s in file.schedules), replayed,
        eenet_rt.replay(logits, file.schedules[0].exit_policy),
    ]  # fmt: skip
    for result in results:
        assert same(result, round_trip(result)), result


def test_what_is_copied_decides_alike(runtime: eenet_rt.Runtime) -> None:
    for schedule in runtime.schedules:
        copied = pickle.loads(pickle.dumps(schedule.exit_policy))
        again = runtime.infer_batch(golden.INPUTS, policy=copied)
        expected = runtime.infer_batch(golden.INPUTS, policy=schedule.exit_policy)
        assert np.array_equal(again.exits, expected.exits)
        assert np.array_equal(again.scores, expected.scores, equal_nan=True)


def test_hand_offs_and_alarms_travel(tmp_path: Any) -> None:
    eenet_rt.slice_bundle(golden.GOLDEN, 0, 1, tmp_path / "first.eenet")
    device = eenet_rt.load(tmp_path / "first.eenet")
    handed_on = device.infer(golden.INPUTS[3])
    assert not handed_on.complete
    assert pickle.loads(pickle.dumps(handed_on)).handoff == handed_on.handoff
    assert handed_on.to_dict()["handoff"] == handed_on.handoff
    batch = device.infer_batch(golden.INPUTS)
    assert pickle.loads(pickle.dumps(batch)).handoffs == batch.handoffs
    assert batch[::-1].handoffs == batch.handoffs[::-1]
    alarms: list[eenet_rt.Alarm] = []
    watched = eenet_rt.load(golden.GOLDEN)
    watched.watch(on_alarm=alarms.append, false_alarm_interval=2000)
    for _ in range(3000):
        watched.infer(golden.INPUTS[3])
        if alarms:
            break
    assert same(pickle.loads(pickle.dumps(alarms[0])), alarms[0])
    assert str(copy.copy(alarms[0])) == str(alarms[0])
    assert json.loads(json.dumps(watched.health().to_dict()))["alarms"][0]["watched"] == alarms[0].watched


def _label(result: eenet_rt.Result) -> str:
    return result.class_name


def test_results_go_between_processes(batch: eenet_rt.BatchResult) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_label, list(batch)) == batch.class_names


@pytest.mark.parametrize("name", ["Result", "BatchResult", "Schedule", "ExitPolicy"])
def test_pickles_of_other_versions_are_refused(runtime: eenet_rt.Runtime, name: str) -> None:
    value = {
        "Result": runtime.infer(golden.INPUTS[0]),
        "BatchResult": runtime.infer_batch(golden.INPUTS),
        "Schedule": runtime.schedules[0],
        "ExitPolicy": runtime.schedules[0].exit_policy,
    }[name]
    old = pickle.dumps(value).replace(eenet_rt.__version__.encode(), b"0" * len(eenet_rt.__version__))
    with pytest.raises(eenet_rt.InputError, match=f"pickled by eenet 0+, by {eenet_rt.__version__} expected"):
        pickle.loads(old)


def test_inconsistent_states_are_refused(runtime: eenet_rt.Runtime, batch: eenet_rt.BatchResult) -> None:
    result = runtime.infer(golden.INPUTS[0])
    restore, (kind, state) = result.__reduce__()
    for item, value in ((1, 3), (3, 9), (10, np.zeros(0, np.float32)), (11, np.zeros(1, np.float32))):
        with pytest.raises(eenet_rt.InputError, match="Result: its pickled state is inconsistent"):
            restore(kind, tuple(value if i == item else kept for i, kept in enumerate(state)))
    restore, (kind, (packed, names, size)) = batch.__reduce__()
    for item, value in ((1, 1), (2, 4), (3, 1), (5, np.array([0, 0, 0, 7])), (6, np.zeros(3, np.int64))):
        with pytest.raises(eenet_rt.InputError, match="BatchResult: its pickled state is inconsistent"):
            restore(kind, (tuple(value if i == item else kept for i, kept in enumerate(packed)), names, size))
    for state in ((), (packed, names), (packed, names, size - 1), (packed, names, "all")):
        with pytest.raises(eenet_rt.InputError, match="BatchResult: its pickled state is inconsistent"):
            restore(kind, state)


# --- names and slices ---


def test_class_names(runtime: eenet_rt.Runtime, batch: eenet_rt.BatchResult) -> None:
    assert batch.class_names == [runtime.class_names[label] for label in batch.labels]
    assert [result.class_name for result in batch] == batch.class_names
    assert runtime.infer(golden.INPUTS[2]).class_name == "two"


@pytest.mark.parametrize("index", [slice(1, 3), slice(None), slice(None, None, -1), slice(3, None, -2), slice(4, 9)])
def test_slices(batch: eenet_rt.BatchResult, index: slice) -> None:
    part = batch[index]
    assert isinstance(part, eenet_rt.BatchResult)
    rows = list(range(len(batch)))[index]
    assert len(part) == len(rows)
    for name in ("labels", "exits", "complete", "probabilities", "scores", *(["logits"] if rows else [])):
        assert np.array_equal(getattr(part, name), getattr(batch, name)[index], equal_nan=name in ("scores", "logits"))
    assert part.stopped_by == batch.stopped_by[index]
    assert part.class_names == batch.class_names[index]
    for result, row in zip(part, rows, strict=True):
        assert same(result, batch[row])


def test_indices(batch: eenet_rt.BatchResult) -> None:
    assert same(batch[-1], batch[3])
    with pytest.raises(IndexError, match="sample 4 of a batch of 4"):
        batch[4]
    with pytest.raises(TypeError):
        batch["0"]


# --- plain values ---


def test_plain_values(runtime: eenet_rt.Runtime, batch: eenet_rt.BatchResult) -> None:
    result = runtime.infer(golden.INPUTS[0], return_outputs=True, explain=True)
    assert result.probability == result.probabilities[result.label]
    plain = result.to_dict()
    assert plain.keys() == properties(result).keys()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["label"], plain["class_name"], plain["exit"]) == (result.label, result.class_name, result.exit)
    assert plain["probabilities"] == result.probabilities.tolist()
    assert plain["explanations"][0]["score"] == result.explanations[0].score
    plain = batch.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["scores"][0] == [float(batch.scores[0, 0]), None], "NaN is not JSON"
    for value in (runtime.stats(), runtime.health(), runtime.stats().segments[0]):
        plain = value.to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert plain.keys() == properties(value).keys()
