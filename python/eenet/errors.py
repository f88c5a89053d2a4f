"""The error of the Python tools."""

from __future__ import annotations

from collections.abc import Sequence

_POSITIONAL = ("bundle",)  # arguments of commands that are no options


class Argument(str):
    """Name of a function's argument, as a part of a message; commands have an option for it."""

    @property
    def option(self) -> str:
        """What a command calls it."""
        return self.upper() if self in _POSITIONAL else f"--{self.replace('_', '-')}"


class TerminatedError(SystemExit):
    """SIGTERM came: ends the process with the status that is its code, from wherever it is."""


class UserError(Exception):
    """Something that the caller can put right: its message names the object, what came and what was expected.

    Commands print it as one line and end with status 2.

    Args:
        parts: of the message, which names arguments by an `Argument`.
    """

    def __init__(self, *parts: str) -> None:
        super().__init__("".join(parts))
        self._parts = parts

    def __reduce__(self) -> tuple[type[UserError], tuple[str, ...]]:
        return UserError, self._parts

    def of_command(self) -> str:
        """The message with options in place of the arguments that they are for."""
        return "".join(part.option if isinstance(part, Argument) else part for part in self._parts)


class ArgumentError(UserError):
    """About one argument, which the message begins with.

    Args:
        argument: its name.
        problem: what came and what was expected.
    """

    def __init__(self, argument: str, *problem: str) -> None:
        super().__init__(Argument(argument), ": ", *problem)


def counted(count: int, noun: str) -> str:
    """A number and what is counted: ``1 sample``, ``2 samples``, ``2 classes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def shorten(names: Sequence[str], most: int = 8) -> str:
    """Names in quotes, of many the first ones and how many more."""
    listed = ", ".join(repr(name if len(name) <= 60 else f"{name[:57]}...") for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
