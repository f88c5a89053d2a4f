"""The code in README.md: Python as it is printed, on the bundle of ``make demo``; commands on small data."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import eenet.cli.bench
import eenet.cli.predict
import eenet.cli.report
import eenet.cli.schedule
import eenet.cli.train
import eenet_export.cli
import eenet_rt
from conftest import TrainedBundle
from eenet.cli.commands import ArgumentParser
from eenet.tasks.registry import load_predictions
from eenet.zoo import zoo_folder

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BUNDLE = re.findall(r"^BUNDLE := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)[0]

RUN: dict[str, Callable[[Sequence[str]], int]] = {
    "eenet-schedule": eenet.cli.schedule.main,
    "eenet-bench": eenet.cli.bench.main,
}
# What takes minutes is only parsed; tests of its own run it.
PARSED: dict[str, Callable[[], ArgumentParser]] = {
    "eenet-train": eenet.cli.train._parser,
    "eenet-export": eenet_export.cli._parser,
    "eenet-predict": eenet.cli.predict._parser,
    "eenet-report": eenet.cli.report._parser,
}
QUICK = {
    "eenet-bench build/demo/densenet121.eenet": ["--batch", "1", "2", "--repeats", "2"],
    "eenet-schedule compare": ["--repeats", "1", "--budget", "60%"],
}
# Run by continuous integration, or for people alone.
OTHERS = ("make", "pip")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def here(densenet121: TrainedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the bundle of ``make demo``."""
    shutil.copytree(densenet121.path, tmp_path / BUNDLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_is_of_a_language() -> None:
    assert len(re.findall(r"^```", README, flags=re.MULTILINE)) == 2 * len(blocks("python") + blocks("sh"))


def test_python(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert printed.split()[0] in eenet_rt.load(here / BUNDLE).class_names
    assert isinstance(names["r"], eenet_rt.Result)
    assert names["r"].complete


def test_commands(here: Path) -> None:
    fit, report = load_predictions(zoo_folder("resnet56") / "validation.npz").split(0.7, seed=3)
    fit.save(here / "val.npz")
    report.save(here / "test.npz")
    seen = set()
    for line in "".join(blocks("sh")).replace("\\\n", "").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] in OTHERS:
            continue
        command, *arguments = words
        seen.add(command)
        if command in PARSED:
            PARSED[command]().parse_args(arguments)
            continue
        more = next((options for start, options in QUICK.items() if line.startswith(start)), [])
        assert RUN[command]([*arguments, *more]) == 0, line
    assert seen == RUN.keys() | PARSED.keys()
