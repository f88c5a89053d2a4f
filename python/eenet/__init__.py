"""EENet: multi-exit networks, learned exit policies and their evaluation (arXiv 2301.07099)."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # slow to import, and commands import this module first

        return version("eenet")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
