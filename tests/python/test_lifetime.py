"""Closing a runtime, also beside calls on other threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import eenet_rt
from support import golden

CALLS = {
    "infer": lambda rt: rt.infer(golden.INPUTS[0]),
    "infer_batch": lambda rt: rt.infer_batch(golden.INPUTS),
    "resume": lambda rt: rt.resume(b""),
    "set_budget": lambda rt: rt.set_budget("90%"),
    "stats": lambda rt: rt.stats(),
    "reset_stats": lambda rt: rt.reset_stats(),
    "watch": lambda rt: rt.watch(),
    "unwatch": lambda rt: rt.unwatch(),
    "health": lambda rt: rt.health(),
    "reset_thresholds": lambda rt: rt.reset_thresholds(),
    "preprocess": lambda rt: rt.preprocess(np.zeros((1, 1, 3), np.uint8)),
}


def test_what_may_be_done_after_the_end() -> None:
    with eenet_rt.load(golden.GOLDEN) as runtime:
        assert not runtime.closed
        result = runtime.infer(golden.INPUTS[0])
        schedule = runtime.schedules[0]
    assert runtime.closed
    assert repr(runtime) == "Runtime(closed)"
    runtime.close()
    assert result.probabilities.sum() == pytest.approx(1)
    assert schedule.exit_policy.num_exits == 2
    names = {n for n, kind in vars(type(runtime)).items() if isinstance(kind, property)} - {"closed"}
    methods = {n for n in vars(type(runtime)) if not n.startswith("_")} - names - {"closed", "close"}
    assert methods == CALLS.keys()
    for call in (*CALLS.values(), *((lambda rt, name=name: getattr(rt, name)) for name in names)):
        with pytest.raises(eenet_rt.ConfigurationError, match="the runtime is closed; load the bundle again"):
            call(runtime)


def test_an_error_inside_goes_on() -> None:
    with pytest.raises(ZeroDivisionError), eenet_rt.load(golden.GOLDEN) as runtime:
        _ = 1 / 0
    assert runtime.closed


def test_closing_beside_calls() -> None:
    """Each call has its answer or the one error, and the process lives."""
    expected = eenet_rt.load(golden.GOLDEN).infer(golden.INPUTS[0]).label
    for _ in range(30):
        runtime = eenet_rt.load(golden.GOLDEN)
        started = threading.Barrier(4)
        found: list[object] = []

        def work(
            runtime: eenet_rt.Runtime = runtime, started: threading.Barrier = started, found: list = found
        ) -> None:
            started.wait()
            try:
                while True:
                    assert runtime.infer(golden.INPUTS[0]).label == expected
                    runtime.infer_batch(golden.INPUTS)
                    runtime.stats()
            except eenet_rt.ConfigurationError as error:
                found.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        runtime.close()
        for thread in threads:
            thread.join(60)
        assert found == ["the runtime is closed; load the bundle again"] * 3


def test_an_alarm_may_close() -> None:
    runtime = eenet_rt.load(golden.GOLDEN)
    alarms: list[eenet_rt.Alarm] = []

    def stop(alarm: eenet_rt.Alarm) -> None:
        alarms.append(alarm)
        runtime.close()

    runtime.watch(on_alarm=stop, false_alarm_interval=2000)
    for _ in range(5000):
        runtime.infer(golden.INPUTS[3])
        if runtime.closed:
            break
    assert len(alarms) == 1
