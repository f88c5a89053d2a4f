"""``eenet-schedule``: fit, evaluate and compare on the predictions of the shipped networks, and wrong files."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.evaluate import evaluate, evaluate_exit_quality
from eenet.zoo import zoo_folder
from support.schedule_command import run

COSTS = "0.83,1.69,2.46"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """ClassPredictions of resnet56: some to fit on, others to report on."""
    folder = tmp_path_factory.mktemp("predictions")
    fit, report = load_predictions(zoo_folder("resnet56") / "validation.npz").split(0.7, seed=3)
    fit.save(folder / "val.npz")
    report.save(folder / "report.npz")
    return folder / "val.npz", folder / "report.npz"


def test_fit_within_an_accuracy_drop(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.safetensors"
    arguments = ("fit", "--predictions", files[0], "--costs", COSTS, "--out", out)
    status, text, _ = run(capsys, *arguments, "--max-accuracy-drop", 1, "--delta", 0.1, "--json")
    assert status == 0
    row = json.loads(text)["schedules"][0]
    assert row["max_accuracy_drop"] == 0.01
    (schedule,) = eenet_rt.read_schedules(str(out)).schedules
    assert schedule.budget == row["budget"] < 2.46
    assert schedule.exit_policy.combiner is None
    status, text, _ = run(capsys, *arguments, "--max-accuracy-drop", 1)
    assert "loses at most 1 point with probability 0.95" in text
    status, _, error = run(capsys, *arguments, "--max-accuracy-drop", 1, "--budget", 1.6)
    assert status == 2
    assert "not allowed with" in error


@pytest.mark.parametrize("combine", ["none", "temperature", "exits"])
def test_what_full_depth_is_with_combined_exits(
    combine: str, files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = ("fit", "--predictions", files[0], "--costs", COSTS, "--policy", "maximum", "--combine", combine)
    status, text, _ = run(capsys, *fit, "--budget", "100%", "--out", tmp_path / "s.safetensors")
    assert status == 0
    meant = " with all exits combined" if combine == "exits" else ""
    assert f"(100%), which is full depth{meant}, calibration samples: accuracy " in text


@pytest.mark.parametrize("budgets", [("1.2,1.6",), (1.2, 1.6), ("1.2,1.6", "--budget", 1.2)])
def test_numbers_with_commas_or_blanks(
    budgets: tuple[object, ...], files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.safetensors"
    fit = ("fit", "--predictions", files[0], "--policy", "maximum", "--out", out)
    assert run(capsys, *fit, "--costs", *COSTS.split(","), "--budget", *budgets)[0] == 0
    fitted = eenet_rt.read_schedules(str(out)).schedules
    assert [s.budget for s in fitted] == [1.2, 1.6]
    assert fitted[0].costs == [0.83, 1.69, 2.46]


def test_fit_then_evaluate(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "s.safetensors"
    status, text, _ = run(
        capsys, "fit", "--predictions", files[0], "--costs", COSTS, "--budget", 1.6, "--budget", 1.2,
        "--out", out,
    )  # fmt: skip
    assert status == 0
    assert "budget 1.6 ms" in text
    schedules = eenet_rt.read_schedules(str(out))
    assert [s.budget for s in schedules.schedules] == [1.2, 1.6]
    assert schedules.active == 1
    assert schedules.schedules[0].exit_policy.combiner is not None
    text = run(capsys, "evaluate", "--predictions", files[1], "--schedule", out)[1]
    assert text.startswith(f"{files[1]}: ")
    report = load_predictions(files[1])
    combined = evaluate_exit_quality(report, schedules.schedules[0].exit_policy).accuracy[-1]
    assert f"(all exits combined: {100 * combined:.2f} %), exit shares" in text
    status, text, _ = run(capsys, "evaluate", "--predictions", files[1], "--schedule", out, "--json")
    assert status == 0
    rows = json.loads(text)["schedules"]
    for row, schedule in zip(rows, schedules.schedules, strict=True):
        expected = evaluate(report, schedule.exit_policy, [0.83, 1.69, 2.46])
        assert row["budget"] == schedule.budget
        assert row["accuracy"] == expected.accuracy
        assert 0.5 < row["accuracy"] < 1
        assert row["mean_cost"] == expected.mean_cost
        assert row["mean_cost"] < 1.03 * row["budget"]
        assert sum(row["exit_shares"]) == pytest.approx(1)
        assert len(row["exit_accuracy"]) == 3
        assert [len(row["all_samples"][key]) for key in ("accuracy", "calibration_error", "failure_auroc")] == [3, 3, 2]
    assert rows[0]["accuracy"] < rows[1]["accuracy"]


def test_what_schedules_were_fitted_on_is_known(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    out, mixed = tmp_path / "s.safetensors", tmp_path / "mixed.npz"
    validation, report = (load_predictions(path) for path in files)
    assert run(capsys, "fit", "--predictions", files[0], "--costs", COSTS, "--budget", 1.6, "--out", out)[0] == 0
    marks = eenet_rt.read_schedules(out).fitted_on
    assert marks == sorted(marks)
    assert len(set(marks)) == 64
    status, _, error = run(capsys, "evaluate", "--predictions", files[0], "--schedule", out)
    assert (status, "all of its samples are among those that policies were fitted on" in error) == (2, True)
    # A tenth of what was fitted on, hidden in a set of which it is a fifth.
    part, whole = len(validation) // 10, len(validation) // 2
    rows = np.r_[validation.logits[:part], report.logits[: whole - part]]
    labels = np.r_[validation.labels[:part], report.labels[: whole - part]]
    ClassPredictions(rows, labels, np.arange(whole), report.class_names).save(mixed)
    status, _, error = run(capsys, "evaluate", "--predictions", mixed, "--schedule", out)
    found = re.search(r"about (\d+) % of its samples are among those", error)
    assert status == 2
    assert found is not None
    assert 5 < int(found[1]) < 60
    caplog.clear()
    assert run(capsys, "evaluate", "--predictions", files[1], "--schedule", out)[0] == 0
    assert "fitted on" not in caplog.text


def test_budget_in_ms_is_short(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit = ("fit", "--predictions", files[0], "--costs", COSTS, "--policy", "maximum")
    short, long = tmp_path / "short", tmp_path / "long"
    assert run(capsys, *fit, "--budget-ms", 2, "--budget-ms", 1.2, "--out", short)[0] == 0
    assert run(capsys, *fit, "--budget", 2, "--budget", 1.2, "--unit", "ms", "--out", long)[0] == 0
    assert short.read_bytes() == long.read_bytes()


def test_compare(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = run(
        capsys, "compare", "--val", files[0], "--report", files[1], "--costs", COSTS, "--policies", "maximum", "oracle",
        "--repeats", 2, "--out", tmp_path / "new", "--json",
    )  # fmt: skip
    assert status == 0
    result = json.loads(text)
    assert len(result["budgets"]) == 9
    assert result["files"] == [str(tmp_path / "new" / f"comparison.{ending}") for ending in ("csv", "png")]
    assert [(row["policy"], row["combine"]) for row in result["policies"]] == [
        ("maximum", "none"), ("maximum", "exits"), ("oracle", "none"), ("oracle", "exits"),
    ]  # fmt: skip
    assert np.all(np.array(result["policies"][2]["accuracy"]) > result["policies"][0]["accuracy"])
    with open(tmp_path / "new" / "comparison.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4 * 9 * 2
    first = [float(line["accuracy"]) for line in lines if (line["policy"], line["combine"]) == ("maximum", "none")]
    assert np.mean(first) == pytest.approx(np.mean(result["policies"][0]["accuracy"]))
    assert (tmp_path / "new" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_text_of_compare(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eenet.progress._FIRST_S", 0.0)
    status, text, error = run(
        capsys, "compare", "--val", files[0], "--report", files[1], "--costs", COSTS, "--policies", "entropy",
        "--budget", 1.5, "--repeats", 2, "--combine", "temperature", "--out", tmp_path,
    )  # fmt: skip
    assert status == 0
    assert "entropy, temperature" in text
    assert "over 2 splits, on " in text
    assert "±" in text
    assert f"wrote {tmp_path / 'comparison.csv'} and {tmp_path / 'comparison.png'}" in text
    assert "compare: 1 of 2 fits, entropy, about " in error


def test_settings_of_policies(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They reach the scheduler; of several policies, those that have them take them."""
    arguments = ("--costs", COSTS, "--budget", 1.5, "--policy", "eenet-fixed-scores", "--json")
    quick = ("--restarts", 1, "--hidden-ratio", 0.01)
    shares = []
    for more in ((), ("--alpha-cost", 1e-3, "--beta-h", 0.05)):
        status, text, _ = run(
            capsys, "fit", "--predictions", files[0], "--out", tmp_path / "s", *arguments, *quick, *more
        )
        assert status == 0
        shares.append(json.loads(text)["schedules"][0]["calibration_shares"])
    assert shares[0] != shares[1]
    status, text, _ = run(
        capsys, "compare", "--val", files[0], "--report", files[1], "--costs", COSTS, "--budget", 1.5, "--repeats", 1,
        "--policies", "maximum", "eenet-fixed-scores", "--combine", "none", *quick, "--out", tmp_path, "--json",
    )  # fmt: skip
    assert status == 0
    assert [row["policy"] for row in json.loads(text)["policies"]] == ["maximum", "eenet-fixed-scores"]


def test_policies_of_compare_take_turns(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eenet.progress._FIRST_S", 0.0)
    monkeypatch.setattr("eenet.progress._LONGEST_S", 0.0)
    arguments = ("--costs", COSTS, "--budget", 1.5, "--repeats", 2, "--combine", "none", "--out", tmp_path)
    policies = ("--policies", "maximum", "oracle", "entropy")
    status, text, error = run(capsys, "compare", "--val", files[0], "--report", files[1], *arguments, *policies)
    assert status == 0
    assert [line.split()[0] for line in text.splitlines()[2:5]] == ["maximum", "oracle", "entropy"]
    lines = [line for line in error.splitlines() if line.startswith("compare: ")]
    assert lines[:2] == ["compare: 1 of 6 fits, maximum", "compare: 2 of 6 fits, oracle"]
    assert lines[2].startswith("compare: 3 of 6 fits, entropy, about ")
    assert lines[3].startswith("compare: 4 of 6 fits, maximum, about ")


def test_compare_asks_for_matplotlib_before_it_fits(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments = ("--val", files[0], "--report", files[1], "--costs", COSTS, "--out", tmp_path / "new")
    status, text, error = run(capsys, "compare", *arguments)
    assert (status, text) == (2, "")
    assert error.startswith("eenet-schedule: error: matplotlib is not installed; it comes by: pip install ")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((20, 10), np.float32)}, "logits: got float32 of shape (20, 10), expected float32 (N, K,"),
        ({"logits": np.full((20, 3, 10), np.nan, np.float32)}, "logits: row 0 is not finite"),
        ({"logits": np.zeros((20, 1, 10), np.float32)}, "expected N >= 1, K >= 2, C >= 2"),
        ({"labels": np.full(20, 10)}, "labels: got 10 to 10, expected 0 to 9"),
        ({"labels": np.zeros(20, np.float32)}, "labels: got float32, expected integers"),
        ({"labels": np.eye(20, 10)}, "labels: got float64 of shape (20, 10), which looks one-hot, expected integers"),
        ({"labels": np.zeros(7, np.int64)}, "got shapes (20, 3, 10) and (7,), expected (N, K, C), N samples"),
        ({"logits": np.zeros((20, 3, 50), np.float32)}, "p.npz: 20 samples of 50 classes, expected at least 100"),
        ({"logits": np.zeros((20, 4, 10), np.float32)}, "costs: got 3 numbers, expected 4"),
        (
            {"logits": np.zeros((1, 3, 10), np.float32), "labels": np.zeros(1, np.int64)},
            "p.npz: 1 sample of 10 classes, expected at least 20",
        ),
    ],
)  # fmt: skip
def test_wrong_predictions(
    change: dict[str, np.ndarray], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {"logits": np.zeros((20, 3, 10), np.float32), "labels": np.zeros(20, np.int64)} | change
    np.savez(tmp_path / "p.npz", logits=arrays["logits"], labels=arrays["labels"])
    status, _, error = run(
        capsys, "fit", "--predictions", tmp_path / "p.npz", "--costs", COSTS, "--budget", 1.6, "--out", tmp_path / "s"
    )
    assert status == 2
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--costs", "1_0,2_0,3_0"), "got '1_0', expected numbers with commas or blanks between"),
        (("--costs", "\uff11,2,3"), "expected numbers with commas or blanks between"),
        (("--costs", COSTS, "--budget", "\uff12"), "expected a number above 0 or a share"),
        (("--costs", "1,2,x"), "expected numbers with commas or blanks between"),
        (("--costs", COSTS, "--budget", "-1"), "got '-1', expected a number above 0 or a share of full cost, as 65%"),
        (("--costs", COSTS, "--budget", "1.6,x"), "--budget: got 'x', expected a number above 0 or a share"),
        (("--costs", COSTS, "--max-accuracy-drop", "0.5%"), "got '0.5%', expected percentage points, as 0.5"),
        (("--costs", "1;3;2"), "got '1;3;2', expected numbers with commas or blanks between"),
        (("--costs", "1,3,2"), "expected positive numbers that rise"),
        (("--costs", COSTS, "--budget", "1", "--budget-ms", "1"), "--budget-ms: not allowed with argument --budget"),
        (
            ("--costs", COSTS, "--budget-ms", "1", "--unit", "flops"),
            "--budget-ms: --unit flops came with it, give --budget",
        ),
        (("--costs", COSTS, "--budget", "0.5"), "budget 0.5 ms cannot be met: feasible are 0.8300 ms (exit 0, 33.74%)"),
        (("--costs", COSTS, "--budget", "0.65"), "a share of full cost is written 65%"),
        (("--costs", COSTS, "--budget", "65"), "budget 65 ms is above full cost, so that nothing would leave early"),
        (("--costs", COSTS, "--budget", "200%"), "got '200%', expected a share of full cost of at most 100%"),
        (("--costs", COSTS, "--policy", "best"), "invalid choice: 'best'"),
    ],
)
def test_wrong_arguments(
    arguments: tuple[str, ...],
    message: str,
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rest = () if {"--budget", "--budget-ms"} & set(arguments) else ("--budget", "1.6")
    status, _, error = run(capsys, "fit", "--predictions", files[0], "--out", tmp_path / "s", *arguments, *rest)
    assert status == 2
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "--budget", 65), "budget 65 ms is above full cost"),
        (("fit", "--max-accuracy-drop", 0), "--max-accuracy-drop: got 0 points, expected above 0, below 100"),
        (("fit", "--max-accuracy-drop", 1, "--delta", 1), "--delta: got 1, expected at least 1e-06 and below 1"),
        (("fit", "--max-accuracy-drop", 1, "--delta", "1e-320"), "--delta: got 9.99989e-321, expected at least 1e-06"),
        (("fit", "--budget", 2, "--delta", "nan"), "--delta: came without --max-accuracy-drop, which it belongs to"),
        (("fit", "--budget", "65%", "--seed", -1), "--seed: got -1, expected 0 to 2^63 - 1"),
        (("fit", "--budget", 2, "--alpha-cost", 3), "--alpha-cost: is no setting of learned-stopping"),
        (("fit", "--budget", 2, "--policy", "eenet", "--beta-h", 0), "--beta-h: got 0, expected a number above 0"),
        (("fit", "--budget", 2, "--policy", "eenet", "--restarts", 0), "--restarts: got 0, expected at least 1"),
        (("compare", "--policies", "vote", "oracle", "--restarts", 2), "--restarts: is no setting of vote"),
        (("compare", "--policies", "vote", "eenet", "--hidden-ratio", -1), "--hidden-ratio: got -1, expected a number"),
        (("compare", "--budget", 0.5), "budget 0.5 ms cannot be met"),
        (("compare", "--repeats", 0), "--repeats: got 0, expected 1 to 1000000"),
    ],
)
def test_options_are_checked_before_data_are_read(
    arguments: tuple[object, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--predictions", "absent") if arguments[0] == "fit" else ("--val", "absent", "--report", "absent")
    status, _, error = run(capsys, *arguments, *files, "--costs", COSTS, "--out", tmp_path / "out")
    assert status == 2
    assert message in error
    assert error.count("\n") == 1


def test_wrong_schedule(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s").write_bytes(b"nothing of the kind")
    (tmp_path / "folder").mkdir()
    weights = zoo_folder("resnet56") / "weights.safetensors"
    for path in (tmp_path / "s", tmp_path / "folder", tmp_path / "none", weights):
        status, _, error = run(capsys, "evaluate", "--predictions", files[1], "--schedule", path)
        assert status == 2
        assert error.startswith(f"eenet-schedule: error: --schedule: {path}: expected a file that `eenet-schedule fit`")
        assert "scheduler.safetensors" not in error
        assert error.count("\n") == 1
    error = run(capsys, "evaluate", "--predictions", files[1], "--schedule", files[1])[2]
    assert "no safetensors file came" in error
    run(capsys, "fit", "--predictions", files[0], "--costs", COSTS, "--budget", 1.6, "--out", tmp_path / "r")
    other = zoo_folder("densenet121") / "validation.npz"
    status, _, error = run(capsys, "evaluate", "--predictions", other, "--schedule", tmp_path / "r")
    assert status == 2
    assert "for exits of [14, 14, 14] features, those of" in error
    assert "4 exits, 100 classes" in error
