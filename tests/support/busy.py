"""What commands say of a machine that is busy while they measure, as it is when tests run."""

from __future__ import annotations

import re

_BUSY = r"eenet-\w+: warning: measure: medians are up to \S+ times the fastest .* measure again on a quiet one: .*"


def lines_but_busy(error: str) -> list[str]:
    """The lines on standard error, but for one of a measurement that was disturbed."""
    lines = error.splitlines()
    busy = [line for line in lines if re.fullmatch(_BUSY, line)]
    assert len(busy) <= 1, "costs are measured once"
    return [line for line in lines if line not in busy]
