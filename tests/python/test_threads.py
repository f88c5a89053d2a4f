"""``eenet_rt`` from several threads of Python."""

from __future__ import annotations

import sys
import threading
import time

import eenet_rt
from conftest import TrainedBundle


def test_eight_threads_give_the_answers_of_one(tiny: TrainedBundle) -> None:
    runtime, inputs = eenet_rt.load(str(tiny.path)), tiny.inputs[:200]
    expected = [(r.exit, r.label) for r in map(runtime.infer, inputs)]
    seen: dict[int, list[tuple[int, int]]] = {}

    def work(i: int) -> None:
        seen[i] = [(r.exit, r.label) for r in map(runtime.infer, inputs)]

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [seen[i] for i in range(8)] == [expected] * 8


def test_other_threads_run_during_infer(tiny: TrainedBundle) -> None:
    runtime, x = eenet_rt.load(str(tiny.path)), tiny.inputs[0]
    ticks, done = 0, threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0)

    usual, worker = sys.getswitchinterval(), threading.Thread(target=tick)
    sys.setswitchinterval(1000)  # no thread is made to let another one run: it runs when infer lets go of the GIL
    try:
        worker.start()
        before = ticks
        for _ in range(10_000):  # a thread takes its time to wake up; most often one call is enough
            runtime.infer(x)
            if ticks > before:
                break
        after = ticks
    finally:
        done.set()
        sys.setswitchinterval(usual)
        worker.join()
    assert after > before
