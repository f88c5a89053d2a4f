"""Standard streams that lose no work: what cannot be printed is replaced, and what nobody reads is dropped."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# What terminals take for commands, and what ends a line.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_LISTED = "\n  "


def one_line(text: str) -> str:
    """A message that may hold names of files and classes, with escapes in place of control characters."""
    return _CONTROL.sub(_escape, text)


def message_lines(text: str) -> str:
    """As `one_line`, for a message that may list things in lines of their own, each after two blanks."""
    return _LISTED.join(map(one_line, text.split(_LISTED)))


def say(line: str) -> None:
    """Prints `one_line` at once."""
    print(one_line(line), flush=True)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class _Output:
    """A text stream whose writes never fail.

    A reader that has gone is no error: the work goes on without it. Any other failure is kept for `check`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(self._printable(text))
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def check(self) -> None:
        """Raises what went wrong but for a closed pipe."""
        self.flush()
        if self._failure is not None:
            raise self._failure

    def _printable(self, text: str) -> str:
        encoding = self._stream.encoding or "utf-8"
        text = _UNWANTED.sub(_escape, text)  # a progress bar needs its carriage returns
        return text.encode(encoding, errors="replace").decode(encoding)

    def _drop(self, error: OSError) -> None:
        # The interpreter flushes at its end what the buffers still hold.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)
        if not isinstance(error, BrokenPipeError) and self._failure is None:
            self._failure = OSError(error.errno, error.strerror, getattr(self._stream, "name", None))


@contextmanager
def standard_streams() -> Iterator[None]:
    """Goes around a command: standard output and error take everything, closed or not.

    Raises:
        OSError: in the end, if standard output failed otherwise than by a reader that has gone.
    """
    _open_missing()
    old = sys.stdout, sys.stderr
    with open(os.devnull, "w") as null:
        # A stream that was closed when the interpreter started is None.
        output, error = _Output(old[0] or null), _Output(old[1] or null)
        sys.stdout, sys.stderr = output, error
        try:
            try:
                yield
            except SystemExit:  # what was asked for was a text, as --help
                output.check()
                raise
            output.check()
        finally:
            output.flush()
            error.flush()
            sys.stdout, sys.stderr = old


def _open_missing() -> None:
    """Puts the null device where a standard descriptor is closed, lest a file that is opened next becomes it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
