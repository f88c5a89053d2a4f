"""Runs ``eenet-schedule`` in this process."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from eenet.cli.schedule import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Status, output and errors."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = int(stop.code or 0)
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def listed(costs: Iterable[float]) -> str:
    """As ``--costs`` takes them."""
    return ",".join(map(str, costs))
