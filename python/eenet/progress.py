"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

_FIRST_S, _LONGEST_S = 1.0, 60.0  # a line after this long, then after twice as long each time


class Progress:
    """Goes around work of known length.

    Args:
        what: is being done.
        total: steps of it.
        unit: what a step is, in the plural.
        done: steps that are behind when it begins.
        even_after: steps that differ much; no time left is told by these alone.
    """

    def __init__(self, what: str, total: int, unit: str, *, done: int = 0, even_after: int = 0) -> None:
        self.what, self.total, self.unit = what, total, unit
        self._done = self._start = done
        self._even_after = even_after
        self._began = time.monotonic()
        self._interval = _FIRST_S
        self._next = self._began + _FIRST_S
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Progress:
        if _is_terminal():
            # Lines do where the package of bars is not installed.
            with contextlib.suppress(ModuleNotFoundError):
                from tqdm import tqdm

                self._bar = tqdm(
                    total=self.total, desc=self.what, unit=f" {self.unit}", initial=self._done, leave=False,
                    dynamic_ncols=True, smoothing=0,
                )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Says that so many more steps are done; ``note`` goes behind them."""
        self._done += steps
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(steps)
            return
        now = time.monotonic()
        if now < self._next or self._done >= self.total:
            return
        self._interval = min(2 * self._interval, _LONGEST_S)
        self._next = now + self._interval
        even = self._done - self._start >= self._even_after
        left = f"about {duration(self.left())} left" if even else ""
        parts = [f"{self.what}: {self._done} of {self.total} {self.unit}", note, left]
        write_line(", ".join(part for part in parts if part))

    def left(self) -> float:
        """Seconds that the rest will take, as far as can be said."""
        done = self._done - self._start
        return (time.monotonic() - self._began) / done * (self.total - self._done) if done else 0.0

    def clear(self) -> None:
        """Makes room for a line that something else is about to print."""
        if self._bar is not None:
            self._bar.clear()


def _is_terminal() -> bool:
    """Whether standard error is a terminal that has room for a bar."""
    if sys.stderr is None or sys.stderr.closed or not sys.stderr.isatty():
        return False
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return size.columns > 0 and size.lines > 0


def write_line(text: str) -> None:
    """A line on standard error; nothing where that is closed, for progress is no reason to lose work."""
    if sys.stderr is not None:  # print would take standard output then
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """For people: ``40 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
