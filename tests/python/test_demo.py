"""The demo, on some of the images that it classifies."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import pytest

import eenet.data
from conftest import TrainedBundle
from support.bundles import edit_manifest

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them would take some seconds."""
    load_images = eenet.data.load_images
    monkeypatch.setattr("eenet.data.load_images", lambda path: load_images(path)[:20])


def run(bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["demo.py", str(bundle)])
    runpy.run_path(str(DEMO), run_name="__main__")
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("few_images")
def test_costs_that_are_far_from_what_is_measured(
    densenet121: TrainedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = Path(shutil.copytree(densenet121.path, tmp_path / "densenet121.eenet"))
    edit_manifest(bundle, lambda manifest: manifest["profiles"][0]["costs"].__setitem__(-1, 1e6))
    lines = run(bundle, monkeypatch, capsys)
    assert lines[0] == "densenet121, 20 test images, 100 classes, 1 thread(s)"
    assert any(line.startswith("full depth ") for line in lines)
    assert lines[-1].startswith("full depth costs 1,000,000 ms by the bundle's profile of this device, and takes ")
    assert "`eenet-schedule refit BUNDLE --measure --budget 65%`" in lines[-1]
