"""Warnings of a command: one style on standard error, and a list in its JSON.

Our modules warn by ``logging`` under their names; what others warn of by ``warnings``, as `eenet_rt` does, joins in.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from eenet.cli.output import message_lines

_LOGGERS = ("eenet", "eenet_export")
_warned: ContextVar[list[str] | None] = ContextVar("warned", default=None)


class _Handler(logging.Handler):
    """Prints every warning once."""

    def __init__(self, command: str) -> None:
        super().__init__(logging.WARNING)
        self._command = command
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.warn(record.getMessage())

    def warn(self, message: str) -> None:
        if message not in self.messages:
            self.messages.append(message)
            print(f"{self._command}: warning: {message_lines(message)}", file=sys.stderr, flush=True)


@contextmanager
def warnings_shown(command: str) -> Iterator[None]:
    """Goes around a command.

    Args:
        command: its name, before each warning.
    """
    handler = _Handler(command)

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        handler.warn(str(message))

    token = _warned.set(handler.messages)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        _warned.reset(token)


def print_json(result: Mapping[str, Any]) -> None:
    """Prints what a command found as JSON, with what was warned of on the way as ``warnings``."""
    print(json.dumps({**result, "warnings": list(_warned.get() or ())}))
