"""``eenet-schedule refit``: the schedules of an exported bundle for other costs and budgets, without PyTorch."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import eenet
import eenet_rt
from conftest import TrainedBundle
from eenet.bundle import file_entry
from eenet.predictions import Predictions
from eenet.profiling import CostProfile, noise_inputs
from eenet.scheduling import EENetScheduler, create_scheduler, save_schedules
from eenet.scheduling.calibration_file import parse_calibration
from eenet.scheduling.cli import main
from eenet.scheduling.grid import fit_schedules
from eenet.zoo import zoo_folder
from eenet_export.export import ExportOptions
from support import golden

COSTS = (1.0, 2.0, 4.0)
BUDGETS = (2.5, 1.5, 3.0)


@pytest.fixture(scope="module")
def exported(tiny: TrainedBundle, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny network's bundle with schedules of a policy, fitted as ``eenet-export`` does, each made once."""
    folder, made = tmp_path_factory.mktemp("exported"), {"eenet": tiny.path}

    def export(policy: str) -> Path:
        if policy not in made:
            made[policy] = Path(shutil.copytree(tiny.path, folder / policy / "tiny.eenet"))
            path = made[policy] / "scheduler.safetensors"
            old = eenet_rt.read_schedules(str(path))
            costs, budgets = old.schedules[0].costs, [schedule.budget for schedule in old.schedules]
            schedules = list(fit_schedules(policy, tiny.validation, costs, budgets, unit="ms"))
            save_schedules(path, schedules, network=old.network, active=old.active)
            list_files(made[policy], path.name)
        return made[policy]

    return export


@pytest.fixture
def bundle(exported: Callable[[str], Path], tmp_path: Path) -> Path:
    """A bundle of its own, to replace or to spoil."""
    return Path(shutil.copytree(exported("maximum"), tmp_path / "tiny.eenet"))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        status = main(["refit", *map(str, arguments)])
    except SystemExit as stop:
        status = int(stop.code or 0)
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def listed(costs: Any) -> str:
    return ",".join(map(str, costs))


def exits(bundle: Path, tiny: TrainedBundle) -> list[list[int]]:
    """Where the report samples leave, by schedule."""
    file = eenet_rt.read_schedules(str(bundle / "scheduler.safetensors"))
    return [eenet_rt.replay(tiny.report.logits, s.exit_policy).exits.tolist() for s in file.schedules]


# --- what comes out ---


def test_the_split_of_the_export_is_in_the_calibration_file(tiny: TrainedBundle) -> None:
    data = (tiny.path / "calibration.safetensors").read_bytes()
    ours = parse_calibration(data, tiny.validation.class_names)
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
    status, _, error = run(capsys, old, "--budget-ms", *budgets, "--out", tmp_path / "new.eenet")
    assert status == 0, error
    before, after = contents(old), contents(tmp_path / "new.eenet")
    assert json.loads(before.pop("manifest.json")) == json.loads(after.pop("manifest.json"))
    assert before == after


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
        status, _, error = run(capsys, old, "--costs", costs, "--budget-ms", *budgets, "--out", tmp_path / name)
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
        capsys, exported(policy), "--costs", listed(COSTS), "--budget-ms", *BUDGETS, "--out", out, "--json"
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
        assert eenet_rt.load(str(out), budget_ms=budget).schedule.budget == budget


def test_eenet_keeps_its_scorers(
    exported: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = eenet_rt.read_schedules(str(exported("eenet") / "scheduler.safetensors")).schedules
    costs = old[0].costs
    budgets = [schedule.budget * 1.001 for schedule in old]
    status, _, error = run(capsys, exported("eenet"), "--budget-ms", *budgets, "--out", tmp_path / "new")
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
    fit_set, calibration_set = Predictions.load(zoo_folder("resnet56") / "validation.npz").split(0.5, 0)
    scheduler = create_scheduler("eenet-fixed-shares")
    assert isinstance(scheduler, EENetScheduler)
    scheduler.rounds, scheduler.steps = 1, 20
    fitted: Any = scheduler.fit(fit_set, calibration_set, COSTS, 2.0).schedule("ms")
    again = create_scheduler("eenet-fixed-shares").refit(fitted, fit_set, calibration_set, COSTS, 2.0)
    assert np.array_equal(again.thresholds_, fitted.exit_policy.thresholds)


def test_eenet_from_full_depth_uses_every_exit() -> None:
    fit_set, calibration_set = Predictions.load(zoo_folder("resnet56") / "validation.npz").split(0.5, 0)
    scheduler = create_scheduler("eenet")
    assert isinstance(scheduler, EENetScheduler)
    scheduler.rounds, scheduler.steps = 1, 20
    fitted: Any = scheduler.fit(fit_set, calibration_set, COSTS, 5.0).schedule("ms")
    assert fitted.calibration_shares == (0, 0, 1)
    again = create_scheduler("eenet").refit(fitted, fit_set, calibration_set, COSTS, 2.0)
    assert again.shares_.min() > 0.1


def test_combiner_and_policy_are_those_of_the_nearest_schedule(
    bundle: Path, tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit_set, calibration_set = tiny.validation.split(0.5, 0)
    combiner = (np.array([[1, 0, 0], [0.5, 1, 0], [0, 0.5, 1]], np.float32), np.zeros((3, 10), np.float32))
    low = create_scheduler("vote").fit(fit_set, calibration_set, COSTS, 2.0)
    high = create_scheduler("learned-stopping", combiner=combiner).fit(fit_set, calibration_set, COSTS, 3.5)
    schedules = [low.schedule("flops"), high.schedule("flops")]
    network = eenet_rt.read_schedules(str(bundle / "scheduler.safetensors")).network
    save_schedules(bundle / "scheduler.safetensors", schedules, network=network, active=0)
    list_files(bundle, "scheduler.safetensors")
    # Half way between 2 and 3.5 of 4 is 0.6875 of full cost.
    status, _, error = run(capsys, bundle, "--costs", "10,20,40", "--budget-ms", 27, 28, "--out", tmp_path / "new")
    assert status == 0, error
    new = eenet_rt.read_schedules(str(tmp_path / "new" / "scheduler.safetensors")).schedules
    assert [(s.policy, s.unit, s.exit_policy.combiner is None) for s in new] == [
        ("vote", "ms", True), ("learned-stopping", "ms", False),
    ]  # fmt: skip
    assert all(np.array_equal(a, b) for a, b in zip(new[1].exit_policy.combiner, combiner, strict=True))


def test_a_bundle_is_replaced(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["profiles"].append({**manifest["profiles"][0], "device": "some other device", "note": 1})
    manifest["note"] = "of a later version"
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    before = contents(bundle)
    link = bundle.parent / "current"
    link.symlink_to(bundle)
    status, text, error = run(capsys, link, "--costs", listed(COSTS), "--budget-ms", 3)
    assert status == 0, error
    assert f"wrote {bundle}, active budget 3 ms" in text
    after = contents(bundle)
    changed = {name for name in before if before[name] != after[name]}
    assert (set(after), changed) == (set(before), {"manifest.json", "scheduler.safetensors"})
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["current", "tiny.eenet"]
    new = json.loads(after["manifest.json"])
    assert {name for name in manifest if new[name] != manifest[name]} == {"profiles", "files"}
    assert new["profiles"][0] == manifest["profiles"][1]
    assert new["profiles"][1] == CostProfile.of_this_device(COSTS, 1).to_json()
    eenet_rt.load(str(bundle), budget_ms=3.5)


def test_full_depth(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = run(capsys, bundle, "--costs", listed(COSTS), "--budget-ms", 100)
    assert status == 0
    assert "exit shares 0.0 0.0 100.0 %" in text


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


# --- on a device: an environment without PyTorch ---


def site(folder: Path, *packages: str) -> Path:
    """The interpreter of a virtual environment with these packages, and links to this one's code."""
    venv.create(folder, with_pip=False, symlinks=True)
    (target,) = folder.glob("lib/python*/site-packages")
    installed = Path(eenet_rt.__file__).parents[1]
    for path in (Path(eenet.__file__).parent, *installed.glob("eenet-*.dist-info"), Path(eenet_rt.__file__).parent):
        (target / path.name).symlink_to(path)
    for package in ("numpy", *packages):
        home = Path(sys.modules[package].__file__ or "").parent if package in sys.modules else installed / package
        (target / package).symlink_to(home)
        if (libraries := home.parent / f"{package}.libs").is_dir():
            (target / libraries.name).symlink_to(libraries)
    return folder / "bin" / "python"


def on_device(python: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(python), "-W", "error", "-m", "eenet.scheduling.cli", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, env={**inherited, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["eenet", "learned-stopping"])
def test_measure_and_refit_without_pytorch(policy: str, exported: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(exported(policy), tmp_path / "tiny.eenet"))
    python = site(tmp_path / "venv", "safetensors", "onnxruntime")
    probe = "import importlib.util as i; print([m for m in ('torch', 'onnx', 'PIL', 'onnxruntime') if i.find_spec(m)])"
    found = subprocess.run([python, "-I", "-c", probe], capture_output=True, text=True, check=True)
    assert found.stdout == "['onnxruntime']\n"
    static = json.loads((bundle / "manifest.json").read_text())["profiles"][0]["static"]
    # Far above what any machine takes: the costs are not known yet.
    done = on_device(python, "refit", bundle, "--measure", "--repeats", 30, "--budget-ms", 2000, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    profile = json.loads(done.stdout)["profile"]
    assert profile["costs"] == sorted(profile["costs"])
    assert profile["static"] == static
    budget = (profile["costs"][0] + profile["costs"][-1]) / 2
    # No `--measure`: the profile that the bundle has by now.
    done = on_device(python, "refit", bundle, "--budget-ms", budget)
    assert done.returncode == 0, done.stderr
    assert "by the bundle's profile of this device" in done.stdout
    assert "check: the bundle loads" in done.stdout
    runtime = eenet_rt.load(str(bundle), budget_ms=budget)
    assert runtime.schedule.budget == budget
    assert list(runtime.costs) == profile["costs"]


def test_without_onnxruntime_given_costs_are_enough(bundle: Path, tmp_path: Path) -> None:
    python = site(tmp_path / "venv", "safetensors")
    done = on_device(python, "refit", bundle, "--costs", listed(COSTS), "--budget-ms", 2.5)
    assert done.returncode == 0, done.stderr
    assert "segments could not be opened here" in done.stdout
    assert eenet_rt.load(str(bundle), budget_ms=2.5).schedule.budget == 2.5
    done = on_device(python, "refit", bundle, "--measure", "--budget-ms", 2.5)
    assert done.returncode == 2
    assert "tiny.eenet cannot be measured: ONNX Runtime" in done.stderr
    assert done.stderr.count("\n") == 1


def test_missing_packages_are_named(bundle: Path, tmp_path: Path) -> None:
    before = contents(bundle)
    done = on_device(site(tmp_path / "plain"), "refit", bundle, "--costs", listed(COSTS), "--budget-ms", 2.5)
    assert done.returncode == 2
    assert "safetensors is not installed; it comes with the extra 'refit'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(bundle) == before
    done = on_device(
        site(tmp_path / "venv", "safetensors"), "fit", "--predictions", zoo_folder("resnet56") / "validation.npz",
        "--costs", listed(COSTS), "--budget-ms", 2.5, "--policy", "eenet", "--out", tmp_path / "s.safetensors",
    )  # fmt: skip
    assert done.returncode == 2
    assert "torch is not installed; it comes with the extra 'export'" in done.stderr
    assert done.stderr.count("\n") == 1


# --- refusals ---


def list_files(bundle: Path, *names: str) -> None:
    """Puts the present size and hash of files into the manifest."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"].update({name: file_entry((bundle / name).read_bytes()) for name in names})
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def edit_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        manifest = json.loads((bundle / "manifest.json").read_text())
        change(manifest)
        (bundle / "manifest.json").write_text(json.dumps(manifest))

    return edit


def edit_calibration(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        tensors = safetensors.numpy.load_file(bundle / "calibration.safetensors")
        change(tensors)
        safetensors.numpy.save_file(tensors, bundle / "calibration.safetensors")
        list_files(bundle, "calibration.safetensors")

    return edit


def flip_last_byte(name: str) -> Callable[[Path], None]:
    def flip(bundle: Path) -> None:
        data = bytearray((bundle / name).read_bytes())
        data[-1] ^= 1
        (bundle / name).write_bytes(data)

    return flip


def overwrite(name: str, data: bytes) -> Callable[[Path], None]:
    def write(bundle: Path) -> None:
        (bundle / name).write_bytes(data)
        if name != "manifest.json":
            list_files(bundle, name)

    return write


def link(bundle: Path) -> None:
    (bundle / "segment_0.onnx").rename(bundle / "other")
    (bundle / "segment_0.onnx").symlink_to("other")


SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no bundle": (lambda b: (b / "manifest.json").unlink(), "is not a bundle: manifest.json: No such file"),
    "manifest no JSON": (overwrite("manifest.json", b"{"), "manifest.json: malformed: JSONDecodeError"),
    "manifest deep": (overwrite("manifest.json", b"[" * 99999), "manifest.json: malformed: RecursionError"),
    "manifest a list": (overwrite("manifest.json", b"[]"), "manifest.json: malformed: TypeError"),
    "version": (edit_manifest(lambda m: m.update(format_version=2)), "format version 2 came, 1 expected"),
    "inputs malformed": (edit_manifest(lambda m: (m["profiles"].clear(), m.pop("inputs"))), "KeyError: 'inputs'"),
    "profile malformed": (edit_manifest(lambda m: m["profiles"][0].pop("costs")), "malformed: KeyError: 'costs'"),
    "path out of the folder": (
        edit_manifest(lambda m: m["files"].update({"../x": {"size": 0, "sha256": ""}})), "'../x' is in the manifest",
    ),
    "link": (link, "'segment_0.onnx' is in the manifest, expected a regular file"),
    "no calibration file": (
        edit_manifest(lambda m: m["files"].pop("calibration.safetensors")), "the bundle has no calibration.safetensors",
    ),
    "calibration changed": (flip_last_byte("calibration.safetensors"), "expected by the manifest"),
    "calibration no safetensors": (overwrite("calibration.safetensors", b"0" * 99), "not a safetensors file"),
    "calibration set alone": (edit_calibration(lambda t: t.pop("fit")), "has no tensor 'fit'"),
    "all in the fit set": (edit_calibration(lambda t: t.update(fit=np.ones(2000, np.uint8))), "got shape (0, 3, 10)"),
    "fit of another length": (edit_calibration(lambda t: t.update(fit=t["fit"][1:].copy())), "fit: got uint8 of shape"),
    "other classes": (
        edit_calibration(lambda t: t.update(logits=np.zeros((2000, 3, 11), np.float32))), "class_names: got 10, expect",
    ),
    "other exits": (
        edit_calibration(lambda t: t.update(logits=t["logits"][:, :2].copy())), "logits of 2 exits came, 3 expected",
    ),
    "no schedules": (
        edit_manifest(lambda m: m["files"].pop("scheduler.safetensors")), "the bundle has no scheduler.safetensors",
    ),
    "schedules changed": (flip_last_byte("scheduler.safetensors"), "expected by the manifest"),
    "schedules of another network": (
        overwrite("scheduler.safetensors", (golden.GOLDEN / "scheduler.safetensors").read_bytes()), "3 classes came",
    ),
    "segment changed": (flip_last_byte("segment_1.onnx"), "segment_1.onnx"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_spoiled_bundles(case: str, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, message = SPOILED[case]
    spoil(bundle)
    before = contents(bundle)
    budget = 1000 if case != "segment changed" else 2.5
    costs = () if case != "segment changed" else ("--costs", listed(COSTS))
    status, _, error = run(capsys, bundle, "--budget-ms", budget, *costs)
    assert status == 2
    assert message in error
    assert error.count("\n") == 1
    assert contents(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["tiny.eenet"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget-ms", 0.5), "budget 0.5 cannot be met: feasible are 1 (exit 0) to 4 (full depth)"),
        (("--budget-ms", "nan"), "budget nan cannot be met"),
        (("--budget-ms", 2, 3, 2), "budget 2 came twice"),
        (("--budget-ms", 2, "--costs", "1,2"), "costs: got 2 numbers, expected 3"),
        (("--budget-ms", 2, "--costs", "1,3,2"), "expected positive numbers that rise"),
        (("--budget-ms", 2, "--measure"), "not allowed with argument --costs"),
        (("--budget-ms", 2, "--threads", 0), "--threads: got 0, expected at least 1"),
        (("--budget-ms", 2, "--repeats", 0), "--repeats: got 0, expected at least 1"),
        (("--budget-ms", 2, "--out", "."), ". is there and is no bundle"),
        (("--budget-ms", 2, "--out", "/proc/new.eenet"), "/proc/"),
        ((), "--budget-ms"),
    ],
)
def test_wrong_arguments(
    arguments: tuple[object, ...], message: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(bundle)
    given = () if "--costs" in arguments else ("--costs", listed(COSTS))
    status, _, error = run(capsys, bundle, *given, *arguments)
    assert status == 2
    assert message in error
    assert error.count("\n") == 1
    assert contents(bundle) == before


def test_unknown_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = run(capsys, golden.GOLDEN, "--costs", "1,2", "--budget-ms", 1.5, "--out", tmp_path / "new")
    assert status == 2
    assert "policy 'linear' is not known; known are eenet, " in error
    assert list(tmp_path.iterdir()) == []


def test_read_only_folder(bundle: Path) -> None:
    before = contents(bundle)
    command = [sys.executable, "-m", "eenet.scheduling.cli", "refit", bundle, "--costs", listed(COSTS)]
    if os.geteuid() == 0:
        # Permissions bind root only without this capability.
        command = ["setpriv", "--bounding-set=-dac_override", *command]
        allowed = subprocess.run([*command[:2], "true"], capture_output=True, text=True)
        if allowed.returncode != 0:
            pytest.skip(f"root cannot give up its rights here: {allowed.stderr.strip()}")
    bundle.parent.chmod(0o555)
    try:
        done = subprocess.run([*command, "--budget-ms", "2.5"], capture_output=True, text=True, timeout=120)
    finally:
        bundle.parent.chmod(0o755)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(bundle) == before


def test_interrupt_between_the_two_renames(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, replace = contents(bundle), os.replace

    def interrupted(source: Path, target: Path) -> None:
        if target == bundle:
            assert not bundle.exists(), "the old one was moved aside"
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr("eenet.files.os.replace", interrupted)
    status, _, error = run(capsys, bundle, "--costs", listed(COSTS), "--budget-ms", 2.5)
    assert status == 130, error
    assert contents(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["tiny.eenet"]


@pytest.mark.parametrize("after", ["measure:", "refit maximum: budget 1000"])
def test_interrupt(after: str, bundle: Path) -> None:
    before = contents(bundle)
    budgets = [str(1000 + i) for i in range(300)]
    process = subprocess.Popen(
        [sys.executable, "-m", "eenet.scheduling.cli", "refit", bundle, "--measure", "--budget-ms", *budgets],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    assert process.stdout is not None
    deadline = time.monotonic() + 120
    for line in process.stdout:
        if line.startswith(after) or time.monotonic() > deadline:
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted; nothing was written" in error
    assert "Traceback" not in error
    assert contents(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["tiny.eenet"]
