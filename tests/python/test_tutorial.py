"""docs/tutorial.md as it is printed, on little data."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from eenet.data import ImageSet
from support.pages import blocks
from support.photos import write_folder

PAGE = "tutorial.md"
LESS = {"eenet-train": ["--epochs", "1"], "eenet-export": ["--repeats", "20"], "eenet-report": []}


def run(folder: Path, *command: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_three_commands_and_the_code_after_them(cifar10: ImageSet, tmp_path: Path) -> None:
    three = cifar10[cifar10.labels >= 7]  # horse, ship, truck
    write_folder(three[:300], tmp_path / "photos")
    write_folder(three[300:390], tmp_path / "photos_test")
    commands = [shlex.split(line) for block in blocks(PAGE, "sh") for line in block.splitlines()]
    assert [command[0] for command in commands] == list(LESS)
    for command in commands:
        run(tmp_path, *command, *LESS[command[0]])
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    *_, use = blocks(PAGE, "python")
    budgets, costs = map(ast.literal_eval, re.findall(r"\[.*?\]", run(tmp_path, sys.executable, "-c", use)))
    assert len(budgets) == 6
    assert len(costs) == 3
    assert costs[0] < budgets[0] < budgets[-1] < costs[-1]


def test_images_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = blocks(PAGE, "python")[0].replace("tests/data", str(Path(__file__).resolve().parents[1] / "data"))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "tutorial", "exec"), {})
    counts = {folder: len(list(tmp_path.glob(f"{folder}/*/*.png"))) for folder in ("photos", "photos_test")}
    assert counts == {"photos": 2000, "photos_test": 400}
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["airplane", "horse", "ship"]
