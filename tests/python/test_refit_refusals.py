"""``eenet-schedule refit`` on bad input, without rights and interrupted: one line, and every file as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from conftest import TrainedBundle, refitted
from eenet.bundles.bundle import file_entry
from support import golden
from support.bundles import contents, edit_manifest, list_files
from support.schedule_command import listed, run

COSTS = (1.0, 2.0, 4.0)


def with_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda bundle: edit_manifest(bundle, change)


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
    "version": (with_manifest(lambda m: m.update(format_version=2)), "format version 2 came, 1 expected"),
    "refused by the runtime alone": (
        with_manifest(lambda m: m["symbols"]["batch"].update(max=0)), "tiny.eenet: manifest.json: ",
    ),
    "no inputs": (with_manifest(lambda m: (m["profiles"].clear(), m.pop("inputs"))), "the key 'inputs' is missing"),
    "no costs": (with_manifest(lambda m: m["profiles"][0].pop("costs")), "profiles[0]: the key 'costs' is missing"),
    "link": (link, "segment_0.onnx is a link, expected a regular file; where a bundle's files are links"),
    "no calibration file": (
        with_manifest(lambda m: m["files"].pop("calibration.safetensors")), "the bundle has no calibration.safetensors",
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
        edit_calibration(lambda t: t.update(logits=t["logits"][:, :2].copy())),
        "predictions of 2 exits came, 3 expected",
    ),
    "no schedules": (
        with_manifest(lambda m: m["files"].pop("scheduler.safetensors")), "the bundle has no scheduler.safetensors",
    ),
    "schedules changed": (flip_last_byte("scheduler.safetensors"), "expected by the manifest"),
    "schedules of another network": (
        overwrite("scheduler.safetensors", (golden.GOLDEN / "scheduler.safetensors").read_bytes()),
        "exits of [7, 7] features came",
    ),
    "segment changed": (flip_last_byte("segment_1.onnx"), "segment_1.onnx"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_spoiled_bundles(case: str, spare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, message = SPOILED[case]
    spoil(spare)
    before = contents(spare)
    costs = () if case != "segment changed" else ("--costs", listed(COSTS))
    status, _, error = run(capsys, "refit", spare, "--budget", "90%", *costs)
    assert status == 2
    assert message in error
    assert error.count("\n") == 1
    assert contents(spare) == before
    assert [path.name for path in spare.parent.iterdir()] == ["tiny.eenet"]


@pytest.mark.parametrize("name", ["../x", "{folder}/x"])
def test_a_file_outside_the_folder_is_no_part_of_a_bundle(
    name: str, spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = name.format(folder=tmp_path)
    (tmp_path / "x").write_bytes(b"private")
    edit_manifest(spare, lambda m: m["files"].update({name: file_entry(b"private")}))
    out = tmp_path / "elsewhere" / "new.eenet"
    out.parent.mkdir()
    status, _, error = run(capsys, "refit", spare, "--costs", listed(COSTS), "--budget-ms", 2.5, "--out", out)
    assert status == 2
    assert f"manifest.json: files[{name!r}]: a path came, the plain name of a file in the bundle's folder exp" in error
    assert error.count("\n") == 1
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--budget-ms", 0.5),
            "budget 0.5 ms cannot be met: feasible are 1.000 ms (exit 0, 25%) to 4.000 ms (full depth, 100%); a share "
            "of full cost is written 50%",
        ),
        (("--budget", 65), "budget 65 ms is above full cost, so that nothing would leave early: feasible are 1.000 ms"),
        (("--budget", 65), "a share of full cost is written 65%"),
        (("--budget", "200%"), "got '200%', expected a share of full cost of at most 100%"),
        (("--budget", "20%"), "budget 20% cannot be met"),
        (("--budget-ms", "nan"), "--budget-ms: got 'nan', expected a positive number"),
        (
            ("--budget-ms", "65%"),
            "--budget-ms: got '65%', expected a positive number of ms; a share of full cost is given",
        ),
        (("--budget-ms", 2, "--unit", "flops"), "--budget-ms: --unit flops came with it, give --budget"),
        (("--budget", "65%", "--unit", "flops"), "--costs: came in ms, the unit is flops, asked for: expected none"),
        (("--budget-ms", 2, 3, 2), "budget 2 came twice"),
        (("--budget-ms", 2, "--costs", "1,2"), "costs: got 2 numbers, expected 3"),
        (("--budget-ms", 2, "--costs", "1,3,2"), "expected positive numbers that rise"),
        (("--budget-ms", 2, "--measure"), "not allowed with argument --costs"),
        (("--budget-ms", 2, "--threads", 0), "--threads: got 0, expected 1 to 1024"),
        (("--budget-ms", 2, "--repeats", 0), "--repeats: got 0, expected 1 to 1000000"),
        (("--budget-ms", 2, "--out", "/proc/new.eenet"), "/proc/"),
        ((), "--budget-ms"),
    ],
)
def test_wrong_arguments(
    arguments: tuple[object, ...], message: str, spare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(spare)
    given = () if "--costs" in arguments else ("--costs", listed(COSTS))
    status, _, error = run(capsys, "refit", spare, *given, *arguments)
    assert status == 2
    assert message in error
    assert error.count("\n") == 1
    assert contents(spare) == before


@pytest.mark.parametrize("option", ["--budget-ms", "--costs", "--measure"])
def test_nothing_in_ms_where_the_unit_is_another(
    option: str, tiny: TrainedBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = refitted(tiny, tmp_path / "tiny.eenet", "maximum", [1e6, 2e6, 4e6], [3e6], "flops")
    before = contents(bundle)
    given = {"--budget-ms": (2,), "--costs": (*COSTS, "--budget", "70%"), "--measure": ("--budget", "70%")}
    status, _, error = run(capsys, "refit", bundle, option, *given[option])
    assert status == 2
    assert f"{option}: came in ms, the unit is flops, that of the bundle's schedules: expected " in error
    assert error.endswith(", or --unit ms\n")
    assert contents(bundle) == before


def test_counted_costs_that_are_missing(spare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_manifest(spare, lambda m: m.update(profiles=[p for p in m["profiles"] if p["unit"] == "ms"]))
    status, _, error = run(capsys, "refit", spare, "--unit", "params", "--budget", "70%")
    assert status == 2
    assert "tiny.eenet: has no costs in params, expected a profile of them" in error


def test_a_folder_that_is_no_bundle_is_not_replaced(
    spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("precious")
    status, _, error = run(
        capsys, "refit", spare, "--costs", listed(COSTS), "--budget-ms", 2.5, "--out", tmp_path / "folder"
    )
    assert status == 2
    assert "folder is there and is no bundle; expected a new name or a bundle to replace" in error
    assert contents(tmp_path / "folder") == {"file": b"precious"}


def test_unknown_policy(spare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (spare / "scheduler.safetensors").read_bytes()
    overwrite("scheduler.safetensors", data.replace(b"maximum", b"maximax"))(spare)
    out = tmp_path / "elsewhere" / "new.eenet"
    status, _, error = run(capsys, "refit", spare, "--costs", listed(COSTS), "--budget-ms", 1.5, "--out", out)
    assert status == 2
    assert "policy 'maximax' is not known; known are eenet, " in error
    assert list(out.parent.iterdir()) == []


def test_read_only_folder(spare: Path) -> None:
    before = contents(spare)
    command = [sys.executable, "-m", "eenet.cli.schedule", "refit", spare, "--costs", listed(COSTS)]
    if os.geteuid() == 0:
        # Permissions bind root only without this capability.
        command = ["setpriv", "--bounding-set=-dac_override", *command]
        allowed = subprocess.run([*command[:2], "true"], capture_output=True, text=True)
        if allowed.returncode != 0:
            pytest.skip(f"root cannot give up its rights here: {allowed.stderr.strip()}")
    spare.parent.chmod(0o555)
    try:
        done = subprocess.run([*command, "--budget-ms", "2.5"], capture_output=True, text=True, timeout=120)
    finally:
        spare.parent.chmod(0o755)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(spare) == before


@pytest.mark.parametrize("after", ["measure:", "refit maximum: budget "])
def test_interrupt(after: str, spare: Path) -> None:
    edit_manifest(spare, lambda manifest: manifest["profiles"][0].update(spread=9))  # so that any measurement will do
    before = contents(spare)
    budgets = [f"{99 + i / 300:.3f}%" for i in range(300)]
    process = subprocess.Popen(
        [sys.executable, "-m", "eenet.cli.schedule", "refit", spare, "--measure", "--budget", *budgets],
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
    assert contents(spare) == before
    assert [path.name for path in spare.parent.iterdir()] == ["tiny.eenet"]
