"""OpenVINO computes on as many threads as it was asked for, and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import TrainedBundle
from support.interpreter import python

pytestmark = [
    pytest.mark.filterwarnings("ignore::eenet_rt.ProfileWarning"),
    pytest.mark.usefixtures("openvino"),
]

BUSY = """
import sys, pathlib, time, numpy as np, eenet_rt
from concurrent.futures import ThreadPoolExecutor

def cpu_time():
    tasks = pathlib.Path("/proc/self/task").iterdir()
    return {task.name: int((task / "schedstat").read_text().split()[0]) for task in tasks}

runtime = eenet_rt.load(sys.argv[1], threads=int(sys.argv[2]), providers=[("openvino", eval(sys.argv[3]))])
x = np.load(sys.argv[4])
runtime.infer_batch(x, policy=None)
busy, rounds, end = 0, 0, time.monotonic() + 60
with ThreadPoolExecutor(int(sys.argv[5])) as callers:
    # On a busy machine a thread may come too late for all the work, many times over.
    while rounds < 6 or (busy < int(sys.argv[6]) and time.monotonic() < end):
        rounds += 1
        before = cpu_time()
        list(callers.map(lambda _: runtime.infer_batch(x, policy=None), range(20)))
        after = cpu_time()
        spent = [now - before.get(task, 0) for task, now in after.items()]
        busy = max(busy, sum(each > 0.1 * sum(spent) for each in spent))
print(busy)
"""


@pytest.mark.parametrize(
    ("threads", "options", "callers", "expected"),
    [
        (1, {}, 1, 1),
        (1, {}, 2, 2),
        (2, {}, 1, 2),
        (1, {"load_config": '{"CPU": {"INFERENCE_NUM_THREADS": "2"}}'}, 1, 2),
        (2, {"load_config": '{"CPU": {"INFERENCE_NUM_THREADS": "1"}}'}, 1, 1),
    ],
)
def test_openvino_computes_on_as_many_threads_as_asked_for(
    tiny: TrainedBundle, tmp_path: Path, threads: int, options: dict[str, str], callers: int, expected: int
) -> None:
    np.save(tmp_path / "x.npy", tiny.inputs[:64])
    busy = python(
        BUSY, str(tiny.path), str(threads), repr(options), str(tmp_path / "x.npy"), str(callers), str(expected)
    )
    assert int(busy) == expected
