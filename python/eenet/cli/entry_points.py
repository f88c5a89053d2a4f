"""Where the commands begin: one line where an extra of the distribution is missing, and after an early Ctrl-C.

What this module imports comes before it can say anything, so that it is next to nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module


def bench() -> int:
    """``eenet-bench``."""
    return _main("eenet-bench", "eenet.cli.bench", "cpu")


def export() -> int:
    """``eenet-export``."""
    return _main("eenet-export", "eenet_export.cli", "export")


def predict() -> int:
    """``eenet-predict``."""
    return _main("eenet-predict", "eenet.cli.predict", "cpu")


def report() -> int:
    """``eenet-report``."""
    return _main("eenet-report", "eenet.cli.report", "report")


def schedule() -> int:
    """``eenet-schedule``."""
    return _main("eenet-schedule", "eenet.cli.schedule", "refit")


def train() -> int:
    """``eenet-train``."""
    return _main("eenet-train", "eenet.cli.train", "export")


def _main(name: str, module: str, needs: str) -> int:
    with _ended_by_ctrl_c(name):
        from eenet.cli.commands import fail, require_current_folder
        from eenet.errors import UserError
        from eenet.extras import extra

        try:
            require_current_folder()  # before libraries that end the process there
            with extra(needs):
                command = import_module(module)
        except UserError as error:
            return fail(name, str(error))
    status: int = command.main()
    return status


@contextmanager
def _ended_by_ctrl_c(name: str) -> Iterator[None]:
    """Goes around imports, which may swallow a KeyboardInterrupt or make another error of it: Ctrl-C ends the process.

    There is nothing yet that would have to be cleaned up.
    """

    def end(*_: object) -> None:
        with suppress(OSError):
            os.write(2, f"\n{name}: interrupted; nothing was done\n".encode())
        os._exit(130)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # as in the background of a shell, which ignores it
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
