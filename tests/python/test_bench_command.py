"""``eenet-bench``: times of exits and batches, from noise and from real samples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.cli.bench import _verdict, main
from eenet.costs import CostProfile
from eenet.progress import Progress
from eenet.workflows.bench import BatchTimes, Effort, measure_batches, pays_from, planned_policy
from eenet.workflows.profile import doubt, noise_inputs
from support import golden
from support.bundles import edit_manifest

QUICK = ["--repeats", "8", "--batch", "1", "4", "32"]


def test_on_noise(tiny: TrainedBundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny.path), *QUICK, "--json"]) == 0
    captured = capsys.readouterr()
    result, runtime = json.loads(captured.out), eenet_rt.load(tiny.path)
    # Beside progress, where the machine is slow, and what is said of other work on it.
    for line in captured.err.splitlines():
        assert "load average" in line or "measure again on a quiet machine" in line or line.startswith("time: ")
    assert result["budget"] == runtime.schedule.budget
    assert result["provider_version"] == runtime.provider_version
    for name in ("p50_ms", "p90_ms", "p99_ms"):
        assert len(result["exits"][name]) == 3
    assert np.all(np.array(result["exits"]["p50_ms"]) <= result["exits"]["p99_ms"])
    assert [batch["size"] for batch in result["batches"]] == [1, 4, 32]
    planned = 1 - np.cumsum([0, *runtime.schedule.calibration_shares[:-1]])
    for batch in result["batches"]:
        assert batch["early_ms"] > 0
        assert len(batch["saved_ms"]) == 3
        assert batch["reached"][0] == 1
        # The noise is gone through in turn, and leaves as planned; small batches see a part of it.
        assert batch["reached"] == pytest.approx(planned, abs=0.05 if batch["size"] == 32 else 0.6)
    speed_ups = {batch["size"]: batch["full_ms"] / batch["early_ms"] for batch in result["batches"]}
    largest = result["pays_from_batch"]
    assert largest is None or all(speed_ups[size] > 1 for size in speed_ups if size >= largest)


def test_progress_says_what_is_left(
    tiny: TrainedBundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eenet.progress._FIRST_S", 0.0)
    assert main([str(tiny.path), "--repeats", "8", "--batch", "1", "16"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("time: ")]
    # A hundred for single samples, and for batches of either size, in 3 + 8 runs.
    assert lines[0].startswith("time: 9 of 300 steps, single samples, about ")
    assert lines[-1].startswith("time: 290 of 300 steps, batches of 16, about 0 s left")


def test_runs_end_in_time(tiny: TrainedBundle, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--repeats", "100000", "--batch", "1", "16", "--seconds", "0.5"]
    assert main([str(tiny.path), *options, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    runs = [result["exits"]["runs"], *(batch["runs"] for batch in result["batches"])]
    assert all(10 <= count < 100000 for count in runs)
    assert main([str(tiny.path), "--repeats", "100000", "--batch", "16", "--seconds", "1e-9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("of 10 runs")
    assert any(re.match(r" +16 +10 ", line) for line in lines)


def test_on_real_samples(tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "x.npz", image=tiny.inputs[:64])
    runtime = eenet_rt.load(tiny.path)
    budget = runtime.schedules[0].budget
    assert main([str(tiny.path), *QUICK, "--inputs", str(tmp_path / "x.npz"), "--budget", str(budget), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    runtime.set_budget(budget)
    exits = runtime.infer_batch(tiny.inputs[:64]).exits
    expected = [np.mean(exits >= k) for k in range(3)]
    assert result["budget"] == budget
    assert result["batches"][2]["reached"] == pytest.approx(expected)  # eight batches of 32: 64 samples, four times


def test_text(tiny: TrainedBundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny.path), *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "tiny.eenet" in lines[0]
    assert lines[-1].startswith("exiting early pays ")


def test_planned_policy_leaves_as_planned(densenet121: TrainedBundle) -> None:
    runtime = eenet_rt.load(densenet121.path)
    inputs = noise_inputs(json.loads((densenet121.path / "manifest.json").read_text()), 64)
    policy = planned_policy(runtime, inputs, runtime.schedule)
    exits = runtime.infer_batch(inputs, policy=policy).exits
    shares = np.bincount(exits, minlength=runtime.num_exits) / 64
    assert shares == pytest.approx(runtime.schedule.calibration_shares, abs=0.05)


@pytest.mark.parametrize(
    ("early_ms", "size", "words"),
    [
        ((1.0, 1.5, 1.8), 1, "pays at all of these sizes"),
        ((2.5, 1.5, 1.8), 8, "pays from batches of 8 on"),
        ((1.5, 2.5, 1.8), 32, "pays from batches of 32 on"),
        ((1.5, 1.8, 2.5), None, "pays at batches of 1, 8, and not at larger ones"),
        ((2.5, 2.2, 1.999), None, "pays at none of these sizes: it takes 0 to 25 % longer than full depth"),
        ((2.5, 2.5, 2.5), None, "pays at none of these sizes: it takes 25 % longer than full depth"),
    ],
)
def test_the_verdict_is_that_of_the_speed_ups(early_ms: tuple[float, ...], size: int | None, words: str) -> None:
    # Each segment saves more than deciding takes, which does not make the whole faster.
    batches = [
        BatchTimes(n, [1.0, 0.5], early, 2.0, [0.0, 0.5], 0.1, 10)
        for n, early in zip((1, 8, 32), early_ms, strict=True)
    ]
    assert pays_from(batches) == size
    assert _verdict(batches) == words


class Recorder:
    """A runtime that notes which of its calls have a policy."""

    def __init__(self, runtime: eenet_rt.Runtime) -> None:
        self.runtime, self.num_exits, self.early = runtime, runtime.num_exits, []

    def infer_batch(self, batch: object, policy: eenet_rt.ExitPolicy | None) -> eenet_rt.BatchResult:
        self.early.append(policy is not None)
        return self.runtime.infer_batch(batch, policy=policy)


def test_either_comes_first_as_often_as_the_other() -> None:
    runtime = eenet_rt.load(golden.GOLDEN)
    recorder = Recorder(runtime)
    with Progress("time", Effort.STEPS, "steps") as progress:
        policy, inputs = runtime.schedules[0].exit_policy, {"x": golden.INPUTS}
        (times,) = measure_batches(recorder, inputs, policy, [2], Effort(4, 60.0), progress)
    timed = recorder.early[-8:]
    assert (times.runs, sum(timed), sum(timed[::2])) == (4, 4, 2)


def test_costs_of_the_bundle_that_are_far_off(spare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_manifest(spare, lambda manifest: manifest["profiles"][0]["costs"].__setitem__(-1, 1000.0))
    assert main([str(spare), "--repeats", "2", "--batch", "1", "--json"]) == 0
    (line,) = (line for line in json.loads(capsys.readouterr().out)["warnings"] if "profile" in line)
    assert line.startswith("full depth costs 1,000 ms by the bundle's profile of this device, and takes 0.")
    assert "`eenet-schedule refit BUNDLE --measure --budget 65%`" in line


def test_what_speaks_against_a_profile() -> None:
    steady, disturbed = (CostProfile("ms", (0.5, 2.0), spread=spread) for spread in (1.1, 1.8))
    assert [doubt(steady, ms) for ms in (1.4, 2.0, 2.9)] == [None] * 3
    for ms in (1.3, 3.1):
        assert f"costs 2.00 ms by the bundle's profile of this device, and takes {ms}0 ms now" in str(doubt(steady, ms))
    assert "which was measured while other work ran: its budgets in ms may not hold" in str(doubt(disturbed, 2.0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch", "0"], "--batch: got 0, expected 1 to"),
        (["--batch", "4", "99999"], "--batch: got 99999, expected 1 to"),
        (["--repeats", "0"], "--repeats: got 0, expected 1 to 1000000"),
        (["--repeats", "100000000000"], "--repeats: got 100000000000, expected 1 to 1000000"),
        (["--threads", "2147483648"], "--threads: got 2147483648, expected 1 to 1024"),
        (["--seconds", "0"], "--seconds: got 0, expected a number above 0"),
        (["--seconds", "inf"], "--seconds: got inf, expected a number above 0"),
        (["--budget", "1e-9"], "--budget: got 1e-09 ms, the smallest of the schedules is"),
        (["--inputs", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_mistakes(tiny: TrainedBundle, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny.path), *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"picture": np.zeros((2, 3, 32, 32), np.float32)}, "holds picture, expected image"),
        ({"image": np.zeros((0, 3, 32, 32), np.float32)}, "arrays of \\[0\\] samples"),
        ({"image": np.float32(1)}, "image: got a single number, expected samples"),
        ({"image": np.zeros((2, 3, 32, 32))}, "float64 came, float32 expected"),
    ],
)
def test_bad_inputs(
    tiny: TrainedBundle,
    tmp_path: Path,
    arrays: dict[str, np.ndarray],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    assert main([str(tiny.path), "--inputs", str(tmp_path / "x.npz")]) == 2
    assert re.search(words, capsys.readouterr().err)
