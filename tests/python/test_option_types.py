"""What the options of commands take, whichever command has them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import eenet.cli.bench
import eenet.cli.predict
import eenet.cli.report
import eenet.cli.schedule
import eenet.cli.train
import eenet_export.cli
from eenet.cli.option_types import STRICT

PARSERS = (
    eenet.cli.bench._parser, eenet.cli.predict._parser, eenet.cli.report._parser, eenet.cli.schedule._parser,
    eenet.cli.train._parser, eenet_export.cli._parser,
)  # fmt: skip
# Texts that are no whole number, or no number, though Python takes most of them.
NO_INTEGERS = ("", " 5", "5 ", "5\n", "1_0", "1e3", "5.0", "٣", "+-5", "0x10", "five", "5" * 5000)
NO_NUMBERS = ("", " 5", "5\n", "1_0", "1_0.5", "٣", "0x10", "five", "5,5")


def options(kind: object) -> Iterator[tuple[argparse.ArgumentParser, argparse.Action]]:
    """The options of a type, and positional arguments, of all commands with their parsers."""
    parsers: list[argparse.ArgumentParser] = [make() for make in PARSERS]
    for parser in parsers:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers.extend(action.choices.values())
            elif action.type is kind:
                yield parser, action


@pytest.mark.parametrize(
    ("kind", "texts", "expected", "least"),
    [(int, NO_INTEGERS, "a whole number", 12), (float, NO_NUMBERS, "a number", 8), (Path, ("",), "a path", 20)],
    ids=["int", "float", "Path"],
)
def test_what_people_do_not_write_is_refused(
    kind: type, texts: tuple[str, ...], expected: str, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = list(options(kind))
    assert len(found) >= least
    for parser, action in found:
        for text in texts:
            option = action.option_strings[-1] if action.option_strings else None
            with pytest.raises(SystemExit):
                parser.parse_args([text] if option is None else [f"{option}={text}"])
            name = option or action.metavar or action.dest
            error = capsys.readouterr().err
            assert error.startswith(f"{parser.prog}: error: argument {name}: got ")
            assert f", expected {expected}" in error
            assert len(error) < 200


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [(int, "5", 5), (int, "-0", 0), (int, "+5", 5), (int, "007", 7), (float, "1e-3", 0.001), (float, ".5", 0.5),
     (Path, ".", Path()), (Path, " ", Path(" "))],
)  # fmt: skip
def test_what_people_write_is_taken(kind: type, text: str, value: object) -> None:
    assert STRICT[kind](text) == value


@pytest.mark.parametrize("length", [60, 61, 5000])
def test_long_texts_are_told_by_both_ends(length: int) -> None:
    text = f"begin{'x' * (length - 8)}end"
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        STRICT[int](text)
    came = str(caught.value).removeprefix("got '").removesuffix("', expected a whole number")
    assert came == (text if length <= 60 else f"begin{'x' * 23}...{'x' * 25}end")


def test_an_empty_output_is_not_the_current_folder(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("eenet-schedule")
    arguments = ("fit", "--predictions", "v.npz", "--costs", "1,2", "--budget", "65%", "--out", "")
    done = subprocess.run([command, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    message = "argument --out: got '', expected a path; the current folder is ."
    assert done.stderr == f"eenet-schedule fit: error: {message}\n"
