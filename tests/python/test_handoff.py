"""Hand-offs are untrusted bytes: whatever is wrong with one is one clear error, and the runtime goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from support import handoffs
from support.policies import random_policy


@pytest.fixture(scope="module")
def folder(tiny: TrainedBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for begin, end in ((0, 1), (0, 2), (1, 2), (2, 3)):
        eenet_rt.slice_bundle(tiny.path, begin, end, folder / f"{begin}-{end}.eenet")
    return folder


@pytest.fixture
def device(folder: Path) -> eenet_rt.Runtime:
    return eenet_rt.load(folder / "0-1.eenet")


@pytest.fixture
def server(tiny: TrainedBundle) -> eenet_rt.Runtime:
    return eenet_rt.load(tiny.path)


@pytest.fixture
def incomplete(device: eenet_rt.Runtime, tiny: TrainedBundle) -> eenet_rt.Result:
    """A sample that exit 0 does not accept."""
    return next(result for result in map(device.infer, tiny.inputs) if not result.complete)


def refused(
    server: eenet_rt.Runtime,
    data: bytes | bytearray,
    *words: str,
    error: type[Exception] = eenet_rt.InputError,
    **options: object,
) -> None:
    with pytest.raises(error) as caught:
        server.resume(data, **options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_incomplete_result(incomplete: eenet_rt.Result) -> None:
    assert (incomplete.complete, incomplete.exit, incomplete.stopped_by) == (False, 0, "handed_on")
    assert isinstance(incomplete.handoff, bytes)
    assert incomplete.probabilities.argmax() == incomplete.label
    assert f"complete=False, handoff of {len(incomplete.handoff)} bytes" in repr(incomplete)


def test_truncated(server: eenet_rt.Runtime, incomplete: eenet_rt.Result) -> None:
    data = incomplete.handoff
    for size in (*range(0, 400), *range(400, len(data), 97)):
        refused(server, data[:size], "hand-off: ", "bytes came")
        if size >= 104:
            refused(server, handoffs.sealed(data[:size]), "hand-off: ")
    assert server.resume(data).complete


def test_damaged(server: eenet_rt.Runtime, incomplete: eenet_rt.Result) -> None:
    for place in (20, 60, 110, len(incomplete.handoff) // 2, len(incomplete.handoff) - 1):
        data = bytearray(incomplete.handoff)
        data[place] ^= 4
        refused(server, bytes(data), "CRC-32", "damaged on its way")


def test_another_version(server: eenet_rt.Runtime, incomplete: eenet_rt.Result) -> None:
    data = incomplete.handoff
    refused(server, handoffs.sealed(data[:8] + b"\x02" + data[9:]), "version 2 came", "knows (1)")


def test_not_a_handoff(server: eenet_rt.Runtime) -> None:
    refused(server, b"", "0 bytes came")
    refused(server, b"x" * 1000, "does not begin with 'EENET-HO'")
    refused(server, bytearray(1000), "does not begin with 'EENET-HO'")
    with pytest.raises(TypeError, match="handoff: str came"):
        server.resume("EENET-HO")


def test_whatever_is_sealed(server: eenet_rt.Runtime, incomplete: eenet_rt.Result) -> None:
    """Anyone can compute a checksum. Numbers that are merely others give an answer, all else an error."""
    random, data = np.random.default_rng(0), incomplete.handoff
    outcomes = set()
    for _ in range(3000):
        changed = bytearray(data)
        # Most of the bytes are numbers of tensors: aim at what is before them.
        for place in random.integers(20, 400, random.integers(1, 4)):
            changed[place] = random.integers(256)
        try:
            outcomes.add(server.resume(handoffs.sealed(bytes(changed))).complete)
        except eenet_rt.EenetError as error:
            outcomes.add(type(error))
    assert {True, eenet_rt.InputError} <= outcomes
    assert server.resume(data).complete


def test_of_another_network(server: eenet_rt.Runtime, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    other: TrainedBundle = request.getfixturevalue("resnet56")
    eenet_rt.slice_bundle(other.path, 0, 1, tmp_path / "other.eenet")
    data = eenet_rt.load(tmp_path / "other.eenet").infer(other.inputs[0], policy=None).handoff
    refused(server, data, "network", server.id)


def test_bundles_that_do_not_hold_the_exit(folder: Path, tiny: TrainedBundle, incomplete: eenet_rt.Result) -> None:
    last = eenet_rt.load(folder / "2-3.eenet")
    error = eenet_rt.ConfigurationError
    refused(last, incomplete.handoff, "goes on with exit 1", "holds exits 2 to 2", error=error)
    refused(eenet_rt.load(folder / "0-1.eenet"), incomplete.handoff, "holds exits 0 to 0", error=error)
    for run in (last.infer, lambda x: last.infer_batch(x[None])):
        with pytest.raises(error, match="this bundle holds exits 2 to 2: it only resumes"):
            run(tiny.inputs[0])


def test_what_a_slice_says_of_itself(folder: Path, server: eenet_rt.Runtime) -> None:
    middle = eenet_rt.load(folder / "1-2.eenet")
    assert (server.parent, server.exits) == (None, range(3))
    assert (middle.parent, middle.exits, middle.num_exits) == (server.id, range(1, 2), 3)
    assert middle.id != server.id
    assert "num_exits=3, exits=1:2" in repr(middle)
    assert list(middle.costs) == list(server.costs)
    assert [s.budget for s in middle.schedules] == [s.budget for s in server.schedules]


def test_policy_of_the_caller(tiny: TrainedBundle, device: eenet_rt.Runtime, server: eenet_rt.Runtime) -> None:
    policy, other = (random_policy(kind, tiny.report.logits) for kind in ("hidden", "linear"))
    data = next(r.handoff for r in (device.infer(x, policy=policy) for x in tiny.inputs) if not r.complete)
    refused(server, data, handoffs.digest(policy), "pass policy=", error=eenet_rt.ConfigurationError)
    assert server.resume(data, policy=policy).complete
    refused(server, data, handoffs.digest(other), handoffs.digest(policy), policy=other)
    refused(server, data, "full depth came", policy=None)


def test_handoff_dtype(device: eenet_rt.Runtime, tiny: TrainedBundle, incomplete: eenet_rt.Result) -> None:
    with pytest.raises(eenet_rt.InputError, match="handoff_dtype: 'bfloat16' came, 'float32' or 'float16' expected"):
        device.infer(tiny.inputs[0], handoff_dtype="bfloat16")
    half = device.infer(tiny.inputs[0], policy=None, handoff_dtype="float16").handoff
    full = device.infer(tiny.inputs[0], policy=None).handoff
    assert 0.5 < len(half) / len(full) < 0.55


def test_statistics(folder: Path, tiny: TrainedBundle, server: eenet_rt.Runtime) -> None:
    head, inputs = eenet_rt.load(folder / "0-2.eenet"), tiny.inputs[:200]
    batch = head.infer_batch(inputs)
    left = np.bincount(batch.exits[batch.complete], minlength=3)
    stats = head.stats()
    assert list(stats.exits) == left.tolist()
    assert (stats.count, stats.stops["handed_on"]) == (left.sum(), (~batch.complete).sum())
    assert stats.stops["handed_on"] > 0
    for data in batch.handoffs:
        if data is not None:
            server.resume(data)
    assert list(server.stats().exits) == [0, 0, stats.stops["handed_on"]]


def test_threads(tiny: TrainedBundle, device: eenet_rt.Runtime, server: eenet_rt.Runtime) -> None:
    inputs = tiny.inputs[:100]
    expected = [server.infer(x).label for x in inputs]
    wrong: list[int] = []

    def work() -> None:
        for x, label in zip(inputs, expected, strict=True):
            result = device.infer(x)
            if not result.complete:
                result = server.resume(result.handoff)
            if result.label != label:
                wrong.append(label)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
