"""``eenet-bench``: times of exits and batches, from noise and from real samples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.cli.bench import main, pays_from
from eenet.workflows.bench import BatchTimes, planned_policy
from eenet.workflows.profile import noise_inputs

QUICK = ["--repeats", "8", "--batch", "1", "4", "32"]


def test_on_noise(tiny: TrainedBundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny.path), *QUICK, "--json"]) == 0
    captured = capsys.readouterr()
    result, runtime = json.loads(captured.out), eenet_rt.load(tiny.path)
    # Beside progress, where the machine is slow, and what is said of other work on it.
    assert all("load average" in line or line.startswith("time: ") for line in captured.err.splitlines())
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
    assert len(result["pays_from_batch"]) == 2


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
    assert sum(line.startswith("deciding at exit") for line in lines) == 2


def test_planned_policy_leaves_as_planned(densenet121: TrainedBundle) -> None:
    runtime = eenet_rt.load(densenet121.path)
    inputs = noise_inputs(json.loads((densenet121.path / "manifest.json").read_text()), 64)
    policy = planned_policy(runtime, inputs, runtime.schedule)
    exits = runtime.infer_batch(inputs, policy=policy).exits
    shares = np.bincount(exits, minlength=runtime.num_exits) / 64
    assert shares == pytest.approx(runtime.schedule.calibration_shares, abs=0.05)


def batch(size: int, saved: float, decision: float) -> BatchTimes:
    return BatchTimes(size, [1.0, 0.5], 1.0, 2.0, [0.0, saved], decision, 10)


def test_pays_from_where_it_goes_on_paying() -> None:
    pays, costs = (2.0, 1.0), (1.0, 2.0)
    assert pays_from([batch(1, *costs), batch(8, *pays), batch(32, *pays)], 1) == 8
    assert pays_from([batch(1, *pays), batch(8, *costs), batch(32, *pays)], 1) == 32
    assert pays_from([batch(1, *pays), batch(8, *pays), batch(32, *costs)], 1) is None


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
