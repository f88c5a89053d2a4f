"""What the bindings say to arguments that do not fit: one line that names the argument."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eenet_rt
from eenet_rt import _core
from support import golden

CLASSES = [kind for kind in vars(_core).values() if isinstance(kind, type) and not issubclass(kind, BaseException)]
LONE = "\ud800"


@pytest.fixture(scope="module")
def runtime() -> eenet_rt.Runtime:
    return eenet_rt.load(golden.GOLDEN)


def load(**options: Any) -> Callable[[eenet_rt.Runtime], object]:
    return lambda runtime: eenet_rt.load(golden.GOLDEN, **options)


def infer(**options: Any) -> Callable[[eenet_rt.Runtime], object]:
    return lambda runtime: runtime.infer(golden.INPUTS[0], **options)


def set_budget(*budget: Any, **options: Any) -> Callable[[eenet_rt.Runtime], object]:
    return lambda runtime: runtime.set_budget(*budget, **options)


def call(work: Callable[[Any], object]) -> Callable[[eenet_rt.Runtime], object]:
    return work


TYPES: dict[str, Callable[[eenet_rt.Runtime], object]] = {
    "window: bool came, an integer expected": set_budget("90%", window=True),
    "window: float came, an integer expected": set_budget("90%", window=1.5),
    "horizon: bool came, an integer expected": set_budget("90%", horizon=np.True_),
    "neighbours: str came, an integer expected": set_budget("90%", window=2, neighbours="all"),
    "max_exit: bool came, an integer expected": infer(max_exit=True),
    "forced_exit: float came, an integer expected": infer(forced_exit=1.0),
    "deadline_ms: bool came, a number expected": infer(deadline_ms=np.True_),
    "deadline_ms: str came, a number expected": infer(deadline_ms="5"),
    "deadline_ms: complex64 came, a number expected": infer(deadline_ms=np.complex64(2)),
    "handoff_dtype: int came, text expected": infer(handoff_dtype=16),
    "infer(): explain: str came, bool expected": infer(explain="yes"),
    "infer(): there is no argument 'max_exits', did you mean max_exit?": infer(max_exits=1),
    "infer(): the argument x came twice": infer(x=1),
    "infer(): the argument x is missing": call(lambda rt: rt.infer()),
    "infer(): 3 arguments came by position, at most 1 expected": call(lambda rt: rt.infer(1, 2, 3)),
    "infer(): self: int came, Runtime expected": call(lambda rt: type(rt).infer(3, 4)),
    "close(): self: NoneType came, Runtime expected": call(lambda rt: type(rt).close(None)),
    "Runtime: self: NoneType came, Runtime expected": call(lambda rt: type(rt).closed.fget(None)),
    "Runtime: self: int came, Runtime expected": call(lambda rt: type(rt).closed.fget(3)),
    "Result expected as self": call(lambda rt: eenet_rt.Result.__reduce__(3)),
    "threads: bool came, an integer expected": load(threads=True),
    "load_timeout: bool came, a number expected": load(load_timeout=True),
    "memory_limit: float came, an integer expected": load(memory_limit=1e9),
    "cost_profile[1]: bool came, a number expected": load(cost_profile=[1, np.False_]),
    "cost_profile: str came, a list of numbers expected": load(cost_profile="12"),
    "load(): there is no argument 'bugdet', did you mean budget?": load(bugdet="65%"),
    "path: int came, text or a path expected": call(lambda rt: eenet_rt.load(3)),
    "handoff: Result came, bytes expected (see its attribute handoff)": call(
        lambda rt: rt.resume(rt.infer(golden.INPUTS[0]))
    ),
    "audit_share: bool came, a number expected": call(lambda rt: rt.watch(audit_share=True)),
    "watch(): on_alarm: int came, Callable[[Alarm], object] | None expected": call(lambda rt: rt.watch(on_alarm=3)),
    "begin: bool came, an integer expected": call(lambda rt: eenet_rt.slice_bundle(golden.GOLDEN, False, 1, "x")),
    "out: NoneType came, text or a path expected": call(lambda rt: eenet_rt.slice_bundle(golden.GOLDEN, 0, 1, None)),
    "__getitem__(): index: list of int came, int or slice expected": call(
        lambda rt: rt.infer_batch(golden.INPUTS)[[0, 2]]
    ),
    "replay_stream(): schedules: list of int came, Sequence[Schedule] expected": call(
        lambda rt: eenet_rt.replay_stream(golden.logits(), [3], "90%", window=2)
    ),
    "thresholds[0]: bool came, a number expected": call(lambda rt: eenet_rt.ExitPolicy([7], [], [True])),
    "num_features[0]: bool came, an integer expected": call(lambda rt: eenet_rt.ExitPolicy([True], [], [1.0])),
    "num_features: int came, a list of integers expected": call(lambda rt: eenet_rt.ExitPolicy(7, [], [1.0])),
    "ExitPolicy(): the argument num_features is missing": call(lambda rt: eenet_rt.ExitPolicy()),
}

VALUES: dict[str, Callable[[eenet_rt.Runtime], object]] = {
    "budget: bool came, a number above 0 or a share of full cost, as '65%', expected": set_budget(np.True_),
    "budget: ndarray came, a number above 0 or a share": set_budget(np.array([1.0])),
    "budget: '\\ud800' came, text without lone surrogates expected": set_budget(LONE),
    "threads: 1099511627776 came, -2147483648 to 2147483647 expected": load(threads=2**40),
    "cost_profile: more than 1024 numbers came, one per exit expected": load(cost_profile=itertools.count(1)),
    "horizon: an integer of many digits came": set_budget("90%", horizon=2**80),
    "handoff_dtype: '\\ud800' came, text without lone surrogates expected": infer(handoff_dtype=LONE),
    "providers[0]: '\\ud800' came, text without lone surrogates expected": load(providers=[LONE]),
    "providers[0]: option 'a': '\\ud800' came, text without": load(providers=[("cpu", {"a": LONE})]),
    "providers[0]: name of an option: '\\ud800' came, text without": load(providers=[("cpu", {LONE: "a"})]),
}


@pytest.mark.parametrize("message", TYPES)
def test_types(runtime: eenet_rt.Runtime, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        TYPES[message](runtime)


@pytest.mark.parametrize("message", VALUES)
def test_values(runtime: eenet_rt.Runtime, message: str) -> None:
    with pytest.raises(eenet_rt.InputError, match=f"^{re.escape(message)}"):
        VALUES[message](runtime)


def test_numbers_of_numpy_are_numbers(runtime: eenet_rt.Runtime) -> None:
    assert runtime.infer(golden.INPUTS[0], forced_exit=np.int64(0), deadline_ms=None).exit == 0
    assert runtime.infer(golden.INPUTS[0], max_exit=np.uint8(0), deadline_ms=np.float32(1e6)).exit == 0
    assert eenet_rt.load(golden.GOLDEN, load_timeout=np.int32(600), threads=np.int64(1)).threads == 1
    replayed = [
        eenet_rt.replay_stream(golden.logits(), runtime.schedules, "90%", costs=costs, window=window).mean_cost
        for costs, window in (([24.0, 42.0], 2), (np.array([24, 42], np.float32), np.uint8(2)))
    ]
    assert replayed[0] == replayed[1]


def test_hand_offs_come_in_any_buffer(runtime: eenet_rt.Runtime, tmp_path: Any) -> None:
    for begin, end in ((0, 1), (1, 2)):
        eenet_rt.slice_bundle(golden.GOLDEN, begin, end, tmp_path / f"{begin}.eenet")
    device, server = (eenet_rt.load(tmp_path / f"{begin}.eenet") for begin in (0, 1))
    handoff = device.infer(golden.INPUTS[3]).handoff
    assert handoff is not None
    expected = runtime.infer(golden.INPUTS[3])
    for buffer in (handoff, bytearray(handoff), memoryview(bytearray(handoff))):
        assert server.resume(buffer).label == expected.label


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_none_is_no_object(kind: type) -> None:
    members = {
        name: member.fget if isinstance(member, property) else getattr(kind, name)
        for name, member in vars(kind).items()
        if isinstance(member, property) or (callable(member) and not isinstance(member, type))
    }
    bound = {name: member for name, member in members.items() if name not in ("__new__", "__init__", "__doc__")}
    assert bound
    for name, member in bound.items():
        if isinstance(vars(kind)[name], staticmethod):
            continue
        with pytest.raises(TypeError):
            member(None)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_no_object_is_without_its_value(kind: type) -> None:
    for make in (kind.__new__, object.__new__):
        with pytest.raises(TypeError):
            make(kind)
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError, match="is not an acceptable base type"):
        type("Own", (kind,), {"__init__": lambda self: repr(self)})


def test_names_that_are_no_text(runtime: eenet_rt.Runtime) -> None:
    with pytest.raises(UnicodeEncodeError):
        runtime.infer(golden.INPUTS[0], **{LONE: 1})


class Interrupted:
    def __float__(self) -> float:
        raise KeyboardInterrupt


def test_what_a_number_raises_comes_out(runtime: eenet_rt.Runtime) -> None:
    with pytest.raises(KeyboardInterrupt):
        runtime.infer(golden.INPUTS[0], deadline_ms=Interrupted())


@pytest.mark.parametrize("work", [copy.copy, copy.deepcopy, *(lambda v, p=p: pickle.dumps(v, p) for p in range(6))])
def test_what_has_no_copies_says_so(runtime: eenet_rt.Runtime, work: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=r"^cannot pickle 'Runtime' object$"):
        work(runtime)
