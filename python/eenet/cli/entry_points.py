"""Where the commands begin: with one line where an extra of the distribution is missing."""

from __future__ import annotations

from importlib import import_module

from eenet.cli.commands import fail
from eenet.errors import UserError
from eenet.extras import extra


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
    try:
        with extra(needs):
            command = import_module(module)
    except UserError as error:
        return fail(name, str(error))
    status: int = command.main()
    return status
