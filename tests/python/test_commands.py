"""What all commands have in common: streams that are closed, narrow or full, versions, missing extras, budgets."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import eenet.cli.bench
import eenet.cli.predict
import eenet.cli.report
import eenet.cli.schedule
import eenet.cli.train
import eenet_export.cli
import eenet_rt
from eenet.budgets import budget_cost
from eenet.cli.commands import ArgumentParser, ExtendFlat, _HelpFormatter, add_budgets, given_budgets, guarded
from eenet.errors import UserError
from eenet.extras import install_command
from support.environments import site
from support.schedule_command import run

PARSERS = (
    eenet.cli.bench._parser, eenet.cli.predict._parser, eenet.cli.report._parser, eenet.cli.schedule._parser,
    eenet.cli.train._parser, eenet_export.cli._parser,
)  # fmt: skip
COMMANDS = ("bench", "export", "predict", "report", "schedule", "train")
FIT = ("fit", "--predictions", "v.npz", "--costs", "1,2,3", "--policy", "maximum", "--combine", "none")
COMPARE = (
    "compare", "--val", "v.npz", "--report", "r.npz", "--costs", "1,2,3", "--policies", "maximum", "--combine", "none",
    "--repeats", "1", "--out", "c",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds predictions of a made-up network, ``v.npz`` and others, ``r.npz``: enough to be worth no warning."""
    random = np.random.default_rng(0)
    for name in ("v", "r"):
        labels = random.integers(0, 10, 2000)
        logits = random.standard_normal((2000, 3, 10), np.float32)
        logits[np.arange(2000)[:, None], np.arange(3), labels[:, None]] += (1, 2, 3)
        np.savez(tmp_path / f"{name}.npz", logits=logits, labels=labels)
    return tmp_path


def start(folder: Path, arguments: tuple[str, ...], redirect: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs ``eenet-schedule`` in a shell with redirections."""
    line = f'"$@" {redirect}'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, "bash", sys.executable, "-m", "eenet.cli.schedule", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=300, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_loses_no_file(folder: Path, unbuffered: str) -> None:
    arguments = (*FIT, "--budget", "1.5", "2", "--out", "s.safetensors")
    # The reader is gone before the first line comes.
    done = start(folder, arguments, "| exec 0<&-", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(eenet_rt.read_schedules(folder / "s.safetensors").schedules) == 2


def test_full_output_loses_no_file_and_is_an_error(folder: Path) -> None:
    done = start(folder, (*FIT, "--budget", "2", "--out", "s.safetensors"), ">/dev/full")
    assert done.returncode == 2
    assert done.stderr == "eenet-schedule: error: <stdout>: No space left on device\n"
    assert (folder / "s.safetensors").is_file()


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_full_output_of_help_is_an_error(folder: Path, option: str) -> None:
    done = start(folder, (option,), ">/dev/full")
    assert (done.returncode, done.stderr) == (2, "eenet-schedule: error: <stdout>: No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(folder: Path, closed: str) -> None:
    done = start(folder, COMPARE, closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "c" / "comparison.csv").is_file()
    assert (folder / "c" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_stream_cannot_encode_is_replaced(folder: Path) -> None:
    done = start(folder, COMPARE, "", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert " ?0.00" in done.stdout


def test_mistakes_are_told_to_a_narrow_stream(folder: Path) -> None:
    (folder / "größe.npz").write_bytes(b"")
    done = start(folder, (*FIT[:2], "größe.npz", *FIT[3:], "--budget", "2", "--out", "s"), "", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr.startswith("eenet-schedule: error: gr??e.npz: ")


@pytest.mark.parametrize("place", ["argument", "file", "output", "unknown"])
def test_names_with_control_characters_are_escaped(folder: Path, place: str) -> None:
    name, shown = "a\n\r\x1b[31m\x9bb", r"a\n\r\x1b[31m\x9bb"
    arguments = {
        "argument": (*FIT, "--budget", name, "--out", "s"),
        "file": (*FIT[:2], name, *FIT[3:], "--budget", "2", "--out", "s"),
        "output": (*FIT, "--budget", "2", "--out", name),
        "unknown": (*FIT, "--budget", "2", "--out", "s", name),
    }[place]
    done = start(folder, arguments, "")
    texts = done.stdout if place == "output" else done.stderr
    assert shown in texts
    assert (done.stdout + done.stderr).replace("\n", "").isprintable()
    assert len(texts.splitlines()) == (3 if place == "output" else 1)


def test_what_a_warning_says_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded("here", lambda: logging.getLogger("eenet").warning("class 'a\nb\x1b[0m'"), interrupted="") == 0
    assert capsys.readouterr().err == "here: warning: class 'a\\nb\\x1b[0m'\n"


def test_what_a_warning_lists_is_in_lines_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    warn = logging.getLogger("eenet").warning
    assert guarded("here", lambda: warn("left out:\n  a\nhere: error: b\n  c"), interrupted="") == 0
    assert capsys.readouterr().err == "here: warning: left out:\n  a\\nhere: error: b\n  c\n"


def test_standard_output_gets_no_commands_of_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded("here", lambda: print("50 %\r\tü\x1b]0;title\x07\x9b"), interrupted="") == 0
    assert capsys.readouterr().out == "50 %\r\tü\\x1b]0;title\\x07\\x9b\n"


def test_a_current_folder_that_was_removed(folder: Path) -> None:
    gone = folder / "gone"
    command = ["bash", "-c", 'cd "$0"; rmdir "$0"; exec "$@"', str(gone), sys.executable, "-m", "eenet.cli.schedule"]
    for arguments, status in (((*FIT, "--budget", "2", "--out", str(folder / "s")), 2), (("--help",), 0)):
        gone.mkdir()
        done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == status
        message = "eenet-schedule: error: the current folder was removed, change to another one\n"
        assert done.stderr == (message if status else "")
    gone.mkdir()
    # PyTorch would end the process there.
    train = [*command[:4], Path(sys.executable).with_name("eenet-train"), "--help"]
    done = subprocess.run(train, cwd=folder, capture_output=True, text=True, timeout=60)
    message = "eenet-train: error: the current folder was removed, change to another one\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_sigterm_is_no_fault_of_a_network(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import sys, time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "eenet.cli.train", "--model", "slow.py:Net", "--data", "photos", "--out", "run"]
    command += ["--threads", "1"]  # nothing is said of a busy machine
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.terminate()
    _, error = process.communicate(timeout=60)
    kept = "at most two minutes of work are lost; the same command goes on from there"
    assert (process.returncode, error) == (143, f"eenet-train: terminated; {kept}\n")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help(command: str, option: str) -> None:
    path = Path(sys.executable).with_name(f"eenet-{command}")
    done = subprocess.run([path, option], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    if option == "--version":
        assert done.stdout == f"eenet-{command} {eenet_rt.__version__}\n"
    else:
        assert "(default: None)" not in done.stdout
        assert "(default: False)" not in done.stdout


@pytest.mark.parametrize(("command", "package"), [("export", "torch"), ("train", "torch"), ("report", "tqdm")])
@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_missing_extras(command: str, package: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    python = site(tmp_path / "venv")
    code = f"import sys; from eenet.cli.entry_points import {command}; sys.exit({command}())"
    done = subprocess.run([python, "-W", "error", "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"eenet-{command}: error: {package} is not installed; it comes by: pip install ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_while_a_command_imports(command: str) -> None:
    code = f"""
import os, signal, sys
from eenet.cli.entry_points import {command}
early = {{"numpy", "eenet_rt", "importlib.metadata"}} & set(sys.modules)
assert not early, early

class Interrupting:
    def find_spec(self, name, *_):
        if name in ("eenet.cli.{command}", "eenet_export.cli"):
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                pass  # as some modules that are written in C

sys.meta_path.insert(0, Interrupting())
signal.signal(signal.SIGINT, signal.default_int_handler)
{command}()
"""
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"\neenet-{command}: interrupted; nothing was done\n"


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    code = """
import signal
from eenet.cli.entry_points import bench
signal.signal(signal.SIGINT, signal.SIG_IGN)
try:
    bench()
except SystemExit:
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_memory_that_does_not_suffice_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        np.empty(2**57)

    assert guarded("eenet-test", work, interrupted="") == 2
    error = capsys.readouterr().err
    assert error.startswith("eenet-test: error: the memory does not suffice: Unable to allocate 1.00 EiB")
    assert error.count("\n") == 1


class _Distribution:
    """What `importlib.metadata` says of an install."""

    requires = ("numpy>=1.23", 'onnxruntime>=1.19.2; extra == "cpu"', "torch>=2.6; extra == 'export'")

    def __init__(self, origin: str | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.origin


def test_the_command_that_brings_an_extra_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(origin: str | None, name: str = "export") -> str:
        monkeypatch.setattr("eenet.extras.metadata.distribution", lambda _: _Distribution(origin))
        return install_command(name)

    wheel = tmp_path / "a b.whl"
    wheel.touch()
    monkeypatch.setattr("eenet.extras.find_spec", lambda name: object())
    assert command(None) == "pip install 'eenet[export]'"
    assert command(json.dumps({"url": wheel.as_uri()})) == f"pip install '{wheel}[export]'"
    assert command(json.dumps({"url": (tmp_path / "gone.whl").as_uri()})) == "pip install 'torch>=2.6'"
    monkeypatch.setattr("eenet.extras.find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    assert command(json.dumps({"url": tmp_path.as_uri(), "dir_info": {}})) == "pip install '.[cpu,export]'"
    assert command(None, "cpu") == "pip install 'eenet[cpu]'"


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of a command and of what it divides into."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from options(part)


@pytest.mark.parametrize("parser", PARSERS)
def test_options_of_several_values_take_them_in_one_go_and_repeated(parser: Callable[[], ArgumentParser]) -> None:
    for option in options(parser()):
        if option.nargs == "+":
            assert isinstance(option, argparse._ExtendAction | ExtendFlat), option.option_strings
            assert option.default is None, "a default would be extended"
        else:
            assert not isinstance(option, argparse._AppendAction), option.option_strings


@pytest.mark.parametrize("parser", PARSERS)
def test_every_option_says_what_it_is_and_its_default(parser: Callable[[], ArgumentParser]) -> None:
    for option in options(parser()):
        if isinstance(option, argparse._SubParsersAction):
            continue
        assert option.help, option.option_strings or option.dest
        if isinstance(option.default, int | float) and option.default is not False:
            shown = _HelpFormatter("test")._expand_help(option)
            assert "(default: " in shown, option.option_strings


def test_budgets_come_in_one_go_and_repeated() -> None:
    parser = ArgumentParser("test", "A test.")
    add_budgets(parser, what="budgets")
    parser.add_argument("--unit", default="ms")

    def given(*arguments: str) -> list[float | str]:
        return given_budgets(parser.parse_args(arguments))

    assert given() == []
    assert given("--budget", "2", "65%", "--budget", "3") == [2, "65%", 3]
    assert given("--budget-ms", "2", "--budget-ms", "3", "4") == [2, 3, 4]
    assert [budget_cost(budget, 2.0) for budget in given("--budget", "65 %", "100%")] == [1.3, 2]
    with pytest.raises(UserError, match="--budget-ms: --unit flops came with it"):
        given("--budget-ms", "2", "--unit", "flops")


@pytest.mark.parametrize("text", ["", "%", "x", "65  %", " %", " 65%", "65%%", "-1", "0%", "nan", "inf%", "1_0", "0"])
def test_budgets_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser("test", "A test.")
    add_budgets(parser, what="budgets")
    for option, expected in (
        ("budget", "a number above 0 or a share of full cost, as 65%"),
        ("budget-ms", "a positive number"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args([f"--{option}={text}"])
        assert f"--{option}: got {text!r}, expected {expected}" in capsys.readouterr().err


def test_shares_are_of_full_cost() -> None:
    assert budget_cost("65%", 2.46) == 65 / 100 * 2.46
    assert budget_cost(2, 2.46) == 2
    with pytest.raises(UserError, match="got '65', expected a number or a share"):
        budget_cost("65", 2.46)
    with pytest.raises(UserError, match="got '200%', expected a share of full cost of at most 100%"):
        budget_cost("200%", 2.46)


def test_fit_and_evaluate_by_shares(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert run(capsys, *FIT, "--budget", "80%", "--budget", 2, "--out", "s.safetensors")[0] == 0
    file = eenet_rt.read_schedules("s.safetensors")
    assert [s.budget for s in file.schedules] == [2, pytest.approx(2.4)]
    assert file.active == 1
    evaluate = ("evaluate", "--predictions", "r.npz", "--schedule", "s.safetensors", "--json")
    _, text, _ = run(capsys, *evaluate, "--budget", "80%", "70%")
    assert [row["budget"] for row in json.loads(text)["schedules"]] == [pytest.approx(2.4), 2]
    status, _, error = run(capsys, *evaluate, "--budget", 65)
    assert status == 0
    assert "65 ms is above full cost, 3.000 ms: the largest of the schedules, 80% of it, is taken; a share of" in error
    assert "full cost is written 65%" in error
    status, _, error = run(capsys, *evaluate, "--budget", "60%")
    assert status == 2
    assert (
        "--budget: got 60%, the smallest of the schedules is 2.000 ms, 66.67% of full cost; `eenet-schedule refit`"
        in error
    )
