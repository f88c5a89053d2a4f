"""What options of a type take: Python's own types take more than people mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eenet.budgets import parse_number

_LONGEST = 60  # characters of what came, in a message


def whole_number(text: str) -> int:
    """As ``int``, but for what people do not write: ``1_0``, blanks, digits of other scripts.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        if not text.lstrip("+-").isdecimal():
            raise ValueError
        parse_number(text)
        return int(text)
    except ValueError:
        raise _refused(text, "a whole number") from None


def number(expected: str) -> Callable[[str], float]:
    """As ``float``, but for what people do not write; ``expected`` says what is, where it is none.

    Raises:
        argparse.ArgumentTypeError: by what is returned.
    """

    def parse(text: str) -> float:
        try:
            return parse_number(text)
        except ValueError:
            raise _refused(text, expected) from None

    return parse


def some_path(text: str) -> Path:
    """A path; none is not the current folder.

    Raises:
        argparse.ArgumentTypeError: the text is empty.
    """
    if not text:
        raise _refused(text, "a path; the current folder is .")
    return Path(text)


def output_file(suffix: str) -> Callable[[str], Path]:
    """The type of an option that names a file to write, which ends in a suffix.

    Raises:
        argparse.ArgumentTypeError: by what is returned, for another name, or a folder's.
    """

    def parse(text: str) -> Path:
        if not text.endswith(suffix) or Path(text).suffix != suffix:
            raise _refused(text, f"the name of a file that ends in {suffix}")
        return Path(text)

    return parse


# What a parser takes for a type, see `argparse.ArgumentParser.register`.
STRICT: dict[object, Callable[[str], Any]] = {int: whole_number, float: number("a number"), Path: some_path}


def _refused(text: str, expected: str) -> argparse.ArgumentTypeError:
    # The middle is left out: a path is told by its end.
    part = (_LONGEST - 3) // 2
    came = text if len(text) <= _LONGEST else f"{text[:part]}...{text[-part:]}"
    return argparse.ArgumentTypeError(f"got {came!r}, expected {expected}")
