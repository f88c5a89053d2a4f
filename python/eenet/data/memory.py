"""Whether images fit into memory, before they are read into it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from eenet.errors import Argument, UserError

_MOST_MEMORY = 0.8  # share of the memory that is free


def check_memory(name: str, count: int, size: tuple[int, int]) -> None:
    """Refuses images that memory does not hold.

    Args:
        name: of their source.
        count: of images.
        size: height and width that they get.

    Raises:
        UserError: they are too many or too large.
    """
    need = 2 * count * size[0] * size[1] * 3  # they are split, and with that copied, once
    with contextlib.suppress(OSError, ValueError, AttributeError):
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if need > _MOST_MEMORY * max(free, _available_memory()):
            raise UserError(
                f"{name}: {count} images of {size[0]} x {size[1]} take {need / 1e9:.1f} GB of memory, which is not "
                f"there; give a smaller ",
                Argument("image_size"),
            )


def _available_memory() -> int:
    """Memory that Linux could free, in bytes; 0 where it is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0
