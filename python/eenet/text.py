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


def signed(value: float, whole: float) -> str:
    """A difference with its sign, to about a thousandth of what it is a part of; ``0`` below that."""
    decimals = max(0, 3 - math.floor(math.log10(whole)))
    text = f"{value:+,.{decimals}f}"
    return text if text.strip("+-0.,") else "0"


def file_size(size: int) -> str:
    """Bytes in the unit that suits them: ``85 bytes``, ``12.3 kB``, ``1.40 MB``."""
    if size < 1000:
        return of_many(size, "byte")
    return f"{number(size / 1e3)} kB" if size < 1_000_000 else f"{number(size / 1e6)} MB"


def of_many(count: int, noun: str) -> str:
    """A number, with commas, and what is counted, by a noun whose plural has an s: ``1 sample``, ``2,000 samples``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
