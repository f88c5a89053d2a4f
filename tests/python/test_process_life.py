"""Processes that fork, exit or are ended while the runtime is loaded and computes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support import golden, hostile


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter: what it loads and whether it has forked is for good."""
    head = """
import os, sys, threading, time, warnings
import numpy as np
import eenet_rt

warnings.simplefilter("ignore")
bundle = sys.argv[1]

def status_of_child(work):
    # A child that does not end is killed and counts as -9.
    pid = os.fork()
    if pid == 0:
        work()
        sys.exit(0)
    killer = threading.Timer(60, os.kill, (pid, 9))
    killer.start()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    killer.cancel()
    return status
"""
    command = [sys.executable, "-c", head + code, str(golden.GOLDEN), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


CHILDREN = {
    "at the end of the script": ("runtime = eenet_rt.load(bundle)", "pass", 0),
    "by sys.exit": ("runtime = eenet_rt.load(bundle)", "sys.exit(3)", 3),
    "by an error": ("runtime = eenet_rt.load(bundle)", "raise SystemExit('no')", 1),
    "after the runtime is gone": ("runtime = eenet_rt.load(bundle); del runtime", "sys.exit(4)", 4),
    "after a failed load": ("try: eenet_rt.load('/absent')\nexcept eenet_rt.EenetError: pass", "sys.exit(5)", 5),
    "and lets go of it there": ("runtime = eenet_rt.load(bundle)", "globals().pop('runtime'); sys.exit(6)", 6),
    "after calls": (
        "runtime = eenet_rt.load(bundle)\nfor _ in range(9): runtime.infer(np.zeros(4, np.float32))",
        "sys.exit(7)",
        7,
    ),
}


@pytest.mark.parametrize("name", CHILDREN)
def test_children_end_with_their_status(name: str) -> None:
    prepare, work, status = CHILDREN[name]
    done = python(f"{prepare}\ndef work():\n    {work}\nprint('child', status_of_child(work), flush=True)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"child {status}\n"), done.stdout + done.stderr


def test_children_write_what_they_have_printed() -> None:
    done = python("runtime = eenet_rt.load(bundle)\nprint(status_of_child(lambda: print('from the child')))")
    assert done.stdout.splitlines() == ["from the child", "0"], done.stderr


def test_multiprocessing_children_end() -> None:
    code = """
import multiprocessing
runtime = eenet_rt.load(bundle)
process = multiprocessing.get_context("fork").Process(target=sys.exit, args=(3,))
process.start()
process.join(60)
print(process.exitcode)
"""
    assert python(code).stdout == "3\n"


def test_a_forked_child_is_told_so_by_load_and_by_calls() -> None:
    code = """
runtime = eenet_rt.load(bundle)

def work():
    # A bundle that is not there: the fork is seen before anything else.
    for call in (lambda: eenet_rt.load("/absent"), lambda: runtime.infer(np.zeros(4, np.float32))):
        try:
            call()
        except eenet_rt.ConfigurationError as error:
            print("forked" in str(error), flush=True)

print(status_of_child(work))
print(runtime.infer(np.zeros(4, np.float32)).label)
"""
    done = python(code)
    assert done.stdout.splitlines() == ["True", "True", "0", "1"], done.stdout + done.stderr


def test_a_child_forked_before_the_load_may_load() -> None:
    code = "print(status_of_child(lambda: sys.exit(eenet_rt.load(bundle).num_exits)))"
    assert python(code).stdout == "2\n"


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise RuntimeError('on purpose')"])
def test_processes_exit_while_daemon_threads_compute(ending: str) -> None:
    code = f"""
runtime = eenet_rt.load(bundle)
x = np.zeros(4, np.float32)
batch = np.zeros((8, 4), np.float32)

def compute(call):
    while True:
        call()

for call in (lambda: runtime.infer(x), lambda: runtime.infer_batch(batch), runtime.stats) * 2:
    threading.Thread(target=compute, args=(call,), daemon=True).start()
time.sleep(0.05)
{ending}
"""
    expected = {"pass": 0, "sys.exit(3)": 3}.get(ending, 1)
    for _ in range(5):
        done = python(code)
        assert done.returncode == expected, (done.returncode, done.stderr)
        assert done.stderr == "" or "on purpose" in done.stderr


# Each of them ended some of ten processes by a signal: calls into Python when the interpreter is over.
DAEMONS = {
    "replace watches": "runtime.watch(on_alarm=lambda alarm: None); runtime.unwatch()",
    "load": "eenet_rt.load(bundle)",
}


@pytest.mark.parametrize("name", DAEMONS)
def test_processes_exit_while_daemon_threads_call_python(name: str) -> None:
    code = f"""
runtime = eenet_rt.load(bundle)
def work():
    while True:
        {DAEMONS[name]}
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1 + float(sys.argv[2]))
"""
    for i in range(10):
        done = python(code, str(0.02 * i))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_process_exits_while_a_daemon_thread_is_in_a_segment(tmp_path: Path) -> None:
    loops = hostile.loop_on_demand(tmp_path / "loops.eenet")
    code = """
runtime = eenet_rt.load(sys.argv[2])
threading.Thread(target=runtime.infer, args=(np.float32([1, 0, 0, 0]),), daemon=True).start()
time.sleep(0.2)
sys.exit(3)
"""
    done = python(code, str(loops))
    assert (done.returncode, done.stderr) == (3, "")
