"""``eenet-schedule refit`` on a device: an environment without PyTorch, or without ONNX Runtime."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import eenet_rt
from eenet.zoo import zoo_folder
from support.bundles import contents, edit_manifest
from support.busy import lines_but_busy
from support.environments import site
from support.schedule_command import listed

COSTS = (1.0, 2.0, 4.0)


def on_device(python: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(python), "-W", "error", "-m", "eenet.cli.schedule", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, env={**inherited, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["eenet", "learned-stopping"])
def test_measure_and_refit_without_pytorch(policy: str, exported: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(exported(policy), tmp_path / "tiny.eenet"))
    python = site(tmp_path / "venv", "safetensors", "onnxruntime")
    probe = "import importlib.util as i; print([m for m in ('torch', 'onnx', 'PIL', 'onnxruntime') if i.find_spec(m)])"
    found = subprocess.run([python, "-I", "-c", probe], capture_output=True, text=True, check=True)
    assert found.stdout == "['onnxruntime']\n"
    assert json.loads((bundle / "manifest.json").read_text())["profiles"][0]["static"] > 0
    edit_manifest(bundle, lambda manifest: manifest["profiles"][0].update(spread=9))  # so that any measurement will do
    done = on_device(python, "refit", bundle, "--measure", "--repeats", 30, "--budget", "90%", "--json")
    assert done.returncode == 0, done.stderr
    assert lines_but_busy(done.stderr) == []
    profile = json.loads(done.stdout)["profile"]
    assert profile["costs"] == sorted(profile["costs"])
    assert profile["static"] is None  # was measured beside other costs, and is not in the bundle
    budget = (profile["costs"][0] + profile["costs"][-1]) / 2
    # No `--measure`: the profile that the bundle has by now.
    done = on_device(python, "refit", bundle, "--budget-ms", budget)
    assert done.returncode == 0, done.stderr
    assert "by the bundle's profile of this device" in done.stdout
    assert "check: the bundle loads" in done.stdout
    runtime = eenet_rt.load(str(bundle), budget=budget)
    assert runtime.schedule.budget == budget
    assert list(runtime.costs) == profile["costs"]


def test_without_onnxruntime_given_costs_are_enough(spare: Path, tmp_path: Path) -> None:
    python = site(tmp_path / "venv", "safetensors")
    done = on_device(python, "refit", spare, "--costs", listed(COSTS), "--budget-ms", 2.5)
    assert done.returncode == 0, done.stderr
    assert "segments could not be opened here" in done.stdout
    assert eenet_rt.load(str(spare), budget=2.5).schedule.budget == 2.5
    done = on_device(python, "refit", spare, "--measure", "--budget-ms", 2.5)
    assert done.returncode == 2
    assert "tiny.eenet cannot be measured: ONNX Runtime" in done.stderr
    assert done.stderr.count("\n") == 1


def test_missing_packages_are_named(spare: Path, tmp_path: Path) -> None:
    before = contents(spare)
    done = on_device(site(tmp_path / "plain"), "refit", spare, "--costs", listed(COSTS), "--budget-ms", 2.5)
    assert done.returncode == 2
    assert "safetensors is not installed; it comes by: pip install " in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(spare) == before
    done = on_device(
        site(tmp_path / "venv", "safetensors"), "fit", "--predictions", zoo_folder("resnet56") / "validation.npz",
        "--costs", listed(COSTS), "--budget-ms", 2.5, "--policy", "eenet", "--out", tmp_path / "s.safetensors",
    )  # fmt: skip
    assert done.returncode == 2
    assert "torch is not installed; it comes by: pip install " in done.stderr
    assert done.stderr.count("\n") == 1
