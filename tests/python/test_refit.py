"""``eenet-schedule refit``: the schedules of an exported bundle for other costs and budgets, without PyTorch."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle, refitted
from eenet.bundles.calibration import parse_calibration, save_calibration
from eenet.costs import CostProfile
from eenet.policies import create_scheduler, save_schedules
from eenet.tasks.registry import load_predictions, task_named
from eenet.workflows.profile import noise_inputs
from eenet.zoo import zoo_folder
from eenet_export.export import ExportOptions
from support.bundles import contents, edit_manifest, list_files
from support.schedule_command import listed, run

COSTS = (1.0, 2.0, 4.0)
BUDGETS = (2.5, 1.5, 3.0)


def exits(bundle: Path, tiny: TrainedBundle) -> list[list[int]]:
    """Where the report samples leave, by schedule."""
    file = eenet_rt.read_schedules(str(bundle / "scheduler.safetensors"))
    return [eenet_rt.replay(tiny.report.logits, s.exit_policy).exits.tolist() for s in file.schedules]


# --- what comes out ---


def test_the_split_of_the_export_is_in_the_calibration_file(tiny: TrainedBundle) -> None:
    data = (tiny.path / "calibration.safetensors").read_bytes()
    ours = parse_calibration(data, task_named("classification"), tiny.validation.class_names, {})
    for read, split in zip(ours, tiny.validation.split(0.5, ExportOptions().seed), strict=True):
        assert np.array_equal(read.logits, split.logits)
        assert np.array_equal(read.labels, split.labels)


@pytest.mark.parametrize("policy", ["learned-stopping", "maximum", "entropy-tuned"])
def test_same_costs_and_budgets_give_the_same_bytes(
    policy: str, exported: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = exported(policy)
    file = eenet_rt.read_schedules(str(old / "scheduler.safetensors"))
    budgets = [s.budget for s in file.schedules]
    budgets.insert(0, budgets.pop(file.active))
    status, _, error = run(capsys, "refit", old, "--budget-ms", *budgets, "--out", tmp_path / "new.eenet")
    assert status == 0, error
    before, after = contents(old), contents(tmp_path / "new.eenet")
    assert json.loads(before.pop("manifest.json")) == json.loads(after.pop("manifest.json"))
    assert before == after


def test_what_is_wrong_with_the_calibration_file_is_said(
    spare: Path, tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shuffled = replace(tiny.validation, labels=np.random.default_rng(0).permutation(tiny.validation.labels))
    save_calibration(spare / "calibration.safetensors", shuffled, tiny.validation.split_mask(0.5, 0))
    list_files(spare, "calibration.safetensors")
    status, text, error = run(capsys, "refit", spare, "--costs", listed(COSTS), "--budget", "65%", "--json")
    assert status == 0
    warnings = json.loads(text)["warnings"]
    assert error == "".join(f"eenet-schedule: warning: {line}\n" for line in warnings)
    assert [line.split(",")[0] for line in warnings] == [
        f"tiny.eenet: {part} set: accuracy at chance" for part in ("fit", "calibration")
    ]
    # A bundle stands for its schedules.
    tiny.report.save(tmp_path / "test.npz")
    status, text, _ = run(capsys, "evaluate", "--predictions", tmp_path / "test.npz", "--schedule", spare, "--json")
    assert status == 0
    assert json.loads(text)["schedules"][0]["budget"] == 0.65 * COSTS[-1]


def test_what_a_bundle_was_fitted_on_says_nothing_of_it(
    tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.validation.split(0.3, 1)[0].save(tmp_path / "part.npz")
    status, _, error = run(capsys, "evaluate", "--predictions", tmp_path / "part.npz", "--schedule", tiny.path)
    assert status == 2
    assert re.search(r"part\.npz: (\d+) of \1 samples are among those that policies were fitted on", error)


@pytest.mark.parametrize("policy", ["learned-stopping", "maximum", "eenet"])
def test_twice_the_costs_and_budgets_give_the_same_exits(
    policy: str,
    exported: Callable[[str], Path],
    tiny: TrainedBundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = exported(policy)
    for name, factor in (("once", 1), ("twice", 2)):
        costs, budgets = listed(factor * c for c in COSTS), [factor * b for b in BUDGETS]
        status, _, error = run(
            capsys, "refit", old, "--costs", costs, "--budget-ms", *budgets, "--out", tmp_path / name
        )
        assert status == 0, error
    assert exits(tmp_path / "once", tiny) == exits(tmp_path / "twice", tiny)
    assert exits(tmp_path / "once", tiny) != exits(old, tiny)


@pytest.mark.parametrize("policy", ["learned-stopping", "maximum", "eenet"])
def test_budgets_of_other_costs_are_kept(
    policy: str,
    exported: Callable[[str], Path],
    tiny: TrainedBundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "new.eenet"
    status, text, error = run(
        capsys, "refit", exported(policy), "--costs", listed(COSTS), "--budget-ms", *BUDGETS, "--out", out, "--json"
    )
    assert status == 0, error
    result = json.loads(text)
    assert [row["budget"] for row in result["schedules"]] == sorted(BUDGETS)
    assert result["active"] == 1
    assert result["profile"]["costs"] == list(COSTS)
    runtime = eenet_rt.load(str(out))
    assert runtime.schedule.budget == BUDGETS[0]
    assert list(runtime.costs) == list(COSTS)
    accuracies = []
    for schedule in runtime.schedules:
        assert schedule.policy == policy
        shares = np.array(schedule.calibration_shares)
        assert shares @ COSTS + schedule.margin <= schedule.budget
        assert shares @ COSTS + schedule.margin > 0.97 * schedule.budget, "the budget is used"
        replay = eenet_rt.replay(tiny.report.logits, schedule.exit_policy)
        spent = np.array(COSTS)[replay.exits]
        assert spent.mean() <= schedule.budget + 3 * spent.std() / np.sqrt(len(spent))
        accuracies.append((replay.labels == tiny.report.labels).mean())
    assert accuracies[0] < accuracies[-1]
    for budget in BUDGETS:
        assert eenet_rt.load(str(out), budget=budget).schedule.budget == budget


def test_eenet_keeps_its_scorers(
    exported: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = eenet_rt.read_schedules(str(exported("eenet") / "scheduler.safetensors")).schedules
    costs = old[0].costs
    budgets = [schedule.budget * 1.001 for schedule in old]
    status, _, error = run(capsys, "refit", exported("eenet"), "--budget-ms", *budgets, "--out", tmp_path / "new")
    assert status == 0, error
    new = eenet_rt.read_schedules(str(tmp_path / "new" / "scheduler.safetensors")).schedules
    assert len(new) == len(old) > 1
    for before, after in zip(old, new, strict=True):
        for theirs, ours in zip(before.exit_policy.scorers, after.exit_policy.scorers, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(theirs, ours, strict=True))
        assert np.array(after.calibration_shares) @ costs == pytest.approx(
            np.array(before.calibration_shares) @ costs, rel=0.01
        )
        assert after.calibration_shares == pytest.approx(before.calibration_shares, abs=0.02)


def test_eenet_with_planned_shares_that_are_not_learned() -> None:
    """Geometric shares follow from the costs alone: with the scorers kept, the same thresholds."""
    fit_set, calibration_set = load_predictions(zoo_folder("resnet56") / "validation.npz").split(0.5, 0)
    scheduler = create_scheduler("eenet-fixed-shares")
    scheduler.set_params(restarts=1, steps=20)
    fitted: Any = scheduler.fit(fit_set, calibration_set, COSTS, 2.0).schedule("ms")
    again = create_scheduler("eenet-fixed-shares").refit(fitted, fit_set, calibration_set, COSTS, 2.0)
    assert np.array_equal(again.thresholds_, fitted.exit_policy.thresholds)


def test_eenet_from_full_depth_uses_every_exit() -> None:
    fit_set, calibration_set = load_predictions(zoo_folder("resnet56") / "validation.npz").split(0.5, 0)
    scheduler = create_scheduler("eenet")
    scheduler.set_params(restarts=1, steps=20)
    fitted: Any = scheduler.fit(fit_set, calibration_set, COSTS, 5.0).schedule("ms")
    assert fitted.calibration_shares == [0, 0, 1]
    again = create_scheduler("eenet").refit(fitted, fit_set, calibration_set, COSTS, 2.0)
    assert again.shares_.min() > 0.1


def test_combiner_and_policy_are_those_of_the_nearest_schedule(
    spare: Path, tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit_set, calibration_set = tiny.validation.split(0.5, 0)
    combiner = (np.array([[1, 0, 0], [0.5, 1, 0], [0, 0.5, 1]], np.float32), np.zeros((3, 10), np.float32))
    low = create_scheduler("vote").fit(fit_set, calibration_set, COSTS, 2.0)
    high = create_scheduler("learned-stopping", combiner=combiner).fit(fit_set, calibration_set, COSTS, 3.5)
    schedules = [low.schedule("flops"), high.schedule("flops")]
    network = eenet_rt.read_schedules(str(spare / "scheduler.safetensors")).network
    save_schedules(spare / "scheduler.safetensors", schedules, network=network, active=0)
    list_files(spare, "scheduler.safetensors")
    # Half way between 2 and 3.5 of 4 is 0.6875 of full cost.
    status, _, error = run(
        capsys, "refit", spare, "--unit", "ms", "--costs", "10,20,40", "--budget-ms", 27, 28, "--out", tmp_path / "new"
    )
    assert status == 0, error
    new = eenet_rt.read_schedules(str(tmp_path / "new" / "scheduler.safetensors")).schedules
    assert [(s.policy, s.unit, s.exit_policy.combiner is None) for s in new] == [
        ("vote", "ms", True), ("learned-stopping", "ms", False),
    ]  # fmt: skip
    assert all(np.array_equal(a, b) for a, b in zip(new[1].exit_policy.combiner, combiner, strict=True))


def profiles(bundle: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((bundle / "manifest.json").read_text())["profiles"]
    return found


@pytest.mark.parametrize("unit", ["flops", "params"])
def test_the_unit_of_the_bundle_is_kept(
    unit: str, tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (costs,) = (profile["costs"] for profile in profiles(tiny.path) if profile["unit"] == unit)
    old = refitted(tiny, tmp_path / "tiny.eenet", "maximum", costs, [0.6 * costs[-1]], unit)
    number = 0.5 * (costs[0] + costs[-1])
    status, text, error = run(capsys, "refit", old, "--budget", "99%", number, "--out", tmp_path / "new.eenet")
    assert status == 0, error
    assert f"unit: {unit}\n" in text
    assert re.search(rf"costs: exits at .* {unit}, as counted at export\n", text)
    assert "measure" not in text
    schedules = eenet_rt.read_schedules(str(tmp_path / "new.eenet" / "scheduler.safetensors")).schedules
    assert [(s.unit, list(s.costs)) for s in schedules] == [(unit, costs)] * 2
    assert [s.budget for s in schedules] == pytest.approx([number, 0.99 * costs[-1]])
    assert profiles(tmp_path / "new.eenet") == profiles(old)


def test_another_unit_is_asked_for(spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = run(capsys, "refit", spare, "--unit", "flops", "--budget", "99%", "--json")
    assert (status, [row["unit"] for row in json.loads(text)["schedules"]]) == (0, ["flops"])
    assert json.loads(text)["profile"] in profiles(spare)
    # Back, by the profile that the bundle has of this device.
    status, text, _ = run(capsys, "refit", spare, "--unit", "ms", "--budget", "99%", "--out", tmp_path / "ms")
    assert status == 0
    assert "unit: ms; that of the schedules was flops\n" in text
    assert "by the bundle's profile of this device; --measure measures anew" in text
    assert eenet_rt.load(tmp_path / "ms").schedule.unit == "ms"


def test_costs_of_a_busy_machine_are_not_taken_in_silence(
    spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for spread, warned in ((1.3, False), (2.25, True)):
        manifest = json.loads((spare / "manifest.json").read_text())
        manifest["profiles"][0]["spread"] = spread
        (spare / "manifest.json").write_text(json.dumps(manifest))
        status, text, error = run(capsys, "refit", spare, "--budget", "80%")
        assert status == 0
        assert "by the bundle's profile of this device; --measure measures anew" in text
        assert ("costs of the bundle's profile: medians are up to 2.25 times" in error) == warned
        assert ("`eenet-schedule refit BUNDLE --measure --budget 65%`" in error) == warned
    assert json.loads((spare / "manifest.json").read_text())["profiles"][0]["spread"] == 2.25
    # Exits in 2 and 4 ms, and in the fastest tenth of their runs in 1 and 3.
    answer = subprocess.CompletedProcess([], 0, "[[2, 4, 5], [1, 3, 5]]", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    status, _, error = run(capsys, "refit", spare, "--measure", "--budget", "80%", "--json")
    assert "measure: medians are up to 2.00 times the fastest tenth" in error
    profile = json.loads((spare / "manifest.json").read_text())["profiles"][0]
    assert (profile["costs"], profile["spread"]) == ([2, 4, 5], 2)
    # Steady ones are not given away for these.
    edit_manifest(spare, lambda manifest: manifest["profiles"][0].update(spread=1.1))
    before = contents(spare)
    status, _, error = run(capsys, "refit", spare, "--measure", "--budget", "80%")
    assert status == 2
    assert "work disturbed this measurement: 2.000 4.000 5.000 ms; nothing was changed" in error
    assert contents(spare) == before
    status, _, error = run(capsys, "refit", spare, "--measure", "--budget", "80%", "--out", tmp_path / "other.eenet")
    assert (status, "2.00 times the fastest tenth" in error) == (0, True)


def test_a_bundle_is_replaced(spare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = json.loads((spare / "manifest.json").read_text())
    manifest["profiles"].append({**manifest["profiles"][0], "device": "some other device", "note": 1})
    manifest["note"] = "of a later version"
    (spare / "manifest.json").write_text(json.dumps(manifest))
    before = contents(spare)
    link = spare.parent / "current"
    link.symlink_to(spare)
    status, text, error = run(capsys, "refit", link, "--costs", listed(COSTS), "--budget-ms", 3)
    assert status == 0, error
    assert f"wrote {spare}, active budget 3 ms (75%)" in text
    after = contents(spare)
    changed = {name for name in before if before[name] != after[name]}
    assert (set(after), changed) == (set(before), {"manifest.json", "scheduler.safetensors"})
    assert sorted(path.name for path in spare.parent.iterdir()) == ["current", "tiny.eenet"]
    new = json.loads(after["manifest.json"])
    assert {name for name in manifest if new[name] != manifest[name]} == {"profiles", "files"}
    assert new["profiles"] == [CostProfile.of_this_device(COSTS, 1, "float32").to_json(), *manifest["profiles"][1:]]
    eenet_rt.load(str(spare), budget=3.5)


def test_files_of_others_stay_where_a_bundle_is_replaced(
    spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (spare / "notes.txt").write_text("mine")
    (spare / "more").mkdir()
    (spare / "more" / "notes.txt").write_text("mine, too")
    arguments = ("--costs", listed(COSTS), "--budget-ms", 3)
    assert run(capsys, "refit", spare, *arguments)[0] == 0
    assert (spare / "notes.txt").read_text() == "mine"
    assert (spare / "more" / "notes.txt").read_text() == "mine, too"
    other = tmp_path / "other.eenet"
    assert run(capsys, "refit", spare, *arguments, "--out", other)[0] == 0
    assert not (other / "notes.txt").exists()
    eenet_rt.load(str(spare), budget=3.5)


def test_a_new_bundle_shares_no_file_with_the_old_one(
    spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes into one, in place, must not change the other."""
    out = tmp_path / "new.eenet"
    before = {path.stat().st_ino for path in spare.iterdir()}
    assert run(capsys, "refit", spare, "--costs", listed(COSTS), "--budget-ms", 3, "--out", out)[0] == 0
    assert not before & {path.stat().st_ino for path in out.iterdir()}
    assert all(path.stat().st_nlink == 1 for path in (*spare.iterdir(), *out.iterdir()))
    # Replaced in place, what stays the same is not written anew.
    segments = {path.name: path.stat().st_ino for path in spare.glob("*.onnx")}
    assert run(capsys, "refit", spare, "--costs", listed(COSTS), "--budget-ms", 3)[0] == 0
    assert {path.name: path.stat().st_ino for path in spare.glob("*.onnx")} == segments


def test_full_depth(spare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = run(capsys, "refit", spare, "--costs", listed(COSTS), "--budget", "100%")
    assert status == 0
    assert "exit shares 0.0 0.0 100.0 %" in text


def test_costs_that_were_given_stand_in_the_way_of_no_measurement(
    spare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, "refit", spare, "--costs", listed(COSTS), "--budget", "80%")[0] == 0
    status, text, _ = run(capsys, "refit", spare, "--budget", "80%")
    assert status == 0
    assert "costs: exits at 1.000 2.000 4.000 ms, as given to an earlier refit; --measure measures anew\n" in text
    answer = subprocess.CompletedProcess([], 0, "[[2, 4, 5], [1, 3, 5]]", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert run(capsys, "refit", spare, "--measure", "--budget", "80%")[0] == 0
    assert profiles(spare)[0]["costs"] == [2, 4, 5]


def test_noise_has_the_shapes_of_the_manifest() -> None:
    manifest = {
        "inputs": ["ids", "x"],
        "symbols": {"batch": {"max": 4}, "length": {"max": 7}},
        "tensors": {
            "ids": {"dtype": "int64", "shape": ["batch", "length"]},
            "x": {"dtype": "float32", "shape": ["batch", 3, 2]},
        },
    }
    noise = noise_inputs(manifest)
    assert [(name, a.dtype, a.shape[1:]) for name, a in noise.items()] == [
        ("ids", np.int64, (7,)), ("x", np.float32, (3, 2)),
    ]  # fmt: skip
    assert noise["x"].std() > 0.5
