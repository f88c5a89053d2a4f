"""Numbers as people read them."""

from __future__ import annotations

import math


def number(value: float, digits: int = 3) -> str:
    """A positive number to so many significant digits, without exponent."""
    if value <= 0 or not math.isfinite(value):
        return f"{value:g}"
    # Of the rounded value, which may have one digit more before the point.
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def of_many(count: int, noun: str) -> str:
    """A number, with commas, and what is counted, by a noun whose plural has an s: ``1 sample``, ``2,000 samples``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
