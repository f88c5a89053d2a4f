"""Loads and calls that take too long, or too much: ended by signals, timeouts and limits."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

import eenet_rt
from support import golden, hostile

EVER = np.array([1, 0, 0, 0], np.float32)  # Of `loop_on_demand`: 1e18 steps,
SOON = np.array([3e-14, 0, 0, 0], np.float32)  # some tenths of a second,
NONE = np.zeros(4, np.float32)  # and none.


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> eenet_rt.Runtime:
    """A network that computes as long as the input says."""
    return eenet_rt.load(hostile.loop_on_demand(tmp_path_factory.mktemp("loops") / "loops.eenet"))


@contextmanager
def signal_after(seconds: float, number: int = signal.SIGINT) -> Iterator[None]:
    """Sends this process a signal while the body runs."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@contextmanager
def handler(number: int, handle: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Has a function handle a signal in the body."""
    before = signal.signal(number, handle)
    try:
        yield
    finally:
        signal.signal(number, before)


# --- signals ---


def test_ctrl_c_ends_a_load(tmp_path: Path) -> None:
    bundle = hostile.loop_for_ever(tmp_path / "loop.eenet")
    with signal_after(0.2), pytest.raises(KeyboardInterrupt):
        eenet_rt.load(bundle)
    assert eenet_rt.load(golden.GOLDEN).infer(golden.INPUTS[1]).label == 1


CALLS: dict[str, Callable[[eenet_rt.Runtime, np.ndarray], object]] = {
    "infer": lambda runtime, x: runtime.infer(x),
    "full depth": lambda runtime, x: runtime.infer(x, policy=None),
    "infer_batch": lambda runtime, x: runtime.infer_batch(np.stack([NONE, x, NONE])),
}


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_call_within_its_segment(loops: eenet_rt.Runtime, name: str) -> None:
    loops.reset_stats()
    for _ in range(2):  # As often as one likes.
        with signal_after(0.1), pytest.raises(KeyboardInterrupt):
            CALLS[name](loops, EVER)
    assert loops.stats().count == 0
    CALLS[name](loops, NONE)
    assert loops.stats().count in (1, 3)


def test_handlers_raise_what_they_like(loops: eenet_rt.Runtime) -> None:
    class TerminatedError(Exception):
        pass

    def end(number: int, frame: FrameType | None) -> None:
        raise TerminatedError(number)

    # Put in place after the load, by signal.signal as ever.
    for number in (signal.SIGTERM, signal.SIGINT):
        with handler(number, end), signal_after(0.1, number), pytest.raises(TerminatedError):
            loops.infer(EVER)


def test_a_handler_that_raises_nothing_changes_nothing(loops: eenet_rt.Runtime) -> None:
    came: list[int] = []
    loops.reset_stats()
    with handler(signal.SIGINT, lambda number, frame: came.append(number)), signal_after(0.02):
        result = loops.infer(SOON)
    assert came == [signal.SIGINT]
    assert (result.label, loops.stats().count) == (1, 1)
    assert loops.infer(SOON).probabilities.tolist() == result.probabilities.tolist()


@pytest.mark.parametrize("delay", np.linspace(0, 0.004, 20).tolist())
def test_a_signal_as_a_call_begins_is_not_lost(loops: eenet_rt.Runtime, delay: float) -> None:
    with pytest.raises(KeyboardInterrupt), signal_after(delay):
        loops.infer(EVER)


def test_other_threads_compute_on(loops: eenet_rt.Runtime) -> None:
    labels: list[int] = []
    worker = threading.Thread(target=lambda: labels.append(loops.infer(SOON).label))
    worker.start()
    with signal_after(0.05), pytest.raises(KeyboardInterrupt):
        loops.infer(EVER)
    worker.join()
    assert labels == [1]


# --- limits of a load ---


def test_load_timeout(tmp_path: Path) -> None:
    bundle = hostile.loop_for_ever(tmp_path / "loop.eenet")
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"loop\.eenet': load_timeout: it was not loaded within 0\.3 s") as caught:
        eenet_rt.load(bundle, load_timeout=0.3)
    assert isinstance(caught.value, eenet_rt.LoadTimeoutError)
    assert time.monotonic() - start < 60
    assert eenet_rt.load(golden.GOLDEN, load_timeout=60).infer(golden.INPUTS[1]).label == 1
    with pytest.raises(TimeoutError, match=r"load_timeout: it was not loaded within 1e-06 s"):
        eenet_rt.load(golden.GOLDEN, load_timeout=1e-6)  # over before anybody looks at the clock beside it


def test_load_timeout_ends_the_opening_of_a_segment(tmp_path: Path) -> None:
    """By the processor's time, which does not depend on what else the machine does."""
    bundle = hostile.many_operators(tmp_path / "long.eenet", 60_000)
    begun = time.process_time()
    with pytest.raises(eenet_rt.LoadTimeoutError, match=r"load_timeout: it was not loaded within 0\.2 s"):
        eenet_rt.load(bundle, load_timeout=0.2)
    ended = time.process_time()
    eenet_rt.load(bundle)
    assert ended - begun < 0.5 * (time.process_time() - ended)


def test_load_timeout_in_another_thread(tmp_path: Path) -> None:
    bundle = hostile.loop_for_ever(tmp_path / "loop.eenet")
    caught: list[BaseException] = []

    def load() -> None:
        try:
            eenet_rt.load(bundle, load_timeout=0.2)
        except eenet_rt.EenetError as error:
            caught.append(error)

    worker = threading.Thread(target=load)
    worker.start()
    worker.join()
    assert isinstance(caught[0], eenet_rt.LoadTimeoutError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"load_timeout": 0}, "load_timeout: 0 s came, above 0 expected"),
        ({"load_timeout": -1}, "load_timeout: -1 s came"),
        ({"load_timeout": float("nan")}, "load_timeout: nan s came"),
        ({"memory_limit": 0}, "memory_limit: 0 came, above 0 expected"),
        ({"memory_limit": -5}, "memory_limit: -5 came"),
    ],
)
def test_limits_that_are_none(options: dict[str, float], words: str) -> None:
    with pytest.raises(eenet_rt.InputError, match=words):
        eenet_rt.load(golden.GOLDEN, **options)


def test_memory_limit() -> None:
    # Two engines, the larger of which is read, and 4 + 3 * 3 numbers of a sample.
    sizes = [(golden.GOLDEN / f"segment_{k}.onnx").stat().st_size for k in range(2)]
    largest = max(path.stat().st_size for path in golden.GOLDEN.iterdir() if path.name != "manifest.json")
    needed = sum(sizes) + largest + 4 * (4 + 3 * 3)
    with pytest.raises(eenet_rt.BundleError, match=f"memory_limit: {sum(sizes)} bytes of engines"):
        eenet_rt.load(golden.GOLDEN, memory_limit=needed - 1)
    assert eenet_rt.load(golden.GOLDEN, memory_limit=None).num_exits == 2


def test_nested_functions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(eenet_rt.BundleError, match=r"segment_0\.onnx: more than 1000000 nodes"):
        eenet_rt.load(hostile.nested_functions(tmp_path / "deep.eenet", 40))
    assert eenet_rt.load(hostile.nested_functions(tmp_path / "flat.eenet", 3)).num_exits == 2


def test_errors_are_short(tmp_path: Path) -> None:
    with pytest.raises(eenet_rt.BackendError, match="xxx") as caught:
        eenet_rt.load(hostile.unknown_operator(tmp_path / "long.eenet", 5_000_000))
    assert len(str(caught.value)) <= 2000


def test_errors_are_one_line_whatever_a_library_says(tmp_path: Path) -> None:
    with pytest.raises(eenet_rt.BackendError) as caught:
        eenet_rt.load(hostile.operator_with_commands(tmp_path / "commands.eenet"))
    assert r"one\x0atwo\x1b[2J\x7f" in str(caught.value)
    assert str(caught.value).isprintable()


# --- small numbers ---


def test_denormals_count_as_zero_and_only_within_a_call() -> None:
    runtime = eenet_rt.load(golden.GOLDEN)
    tiny = np.array([1e-40, 0, 0, 0], np.float32)
    result = runtime.infer(tiny, return_outputs=True)
    assert result.logits[0].tolist() == [0, 0, 0]
    normal = np.array([1e-30, 0, 0, 0], np.float32)
    assert runtime.infer(normal, return_outputs=True).logits[0, 0] == normal[0]
    assert (tiny * np.float32(1))[0] > 0, "the caller's own arithmetic is as before"
