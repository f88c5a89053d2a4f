"""The error of the Python tools."""

from __future__ import annotations

from collections.abc import Sequence


class UserError(Exception):
    """Something that the caller can put right: its message names the object, what came and what was expected.

    Commands print it as one line and end with status 2.
    """


def counted(count: int, noun: str) -> str:
    """A number and what is counted: ``1 sample``, ``2 samples``, ``2 classes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def shorten(names: Sequence[str], most: int = 8) -> str:
    """Names in quotes, of many the first ones and how many more."""
    listed = ", ".join(repr(name if len(name) <= 60 else f"{name[:57]}...") for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
