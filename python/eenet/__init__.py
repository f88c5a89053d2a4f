"""EENet: multi-exit networks, learned exit policies and their evaluation (arXiv 2301.07099)."""

from importlib.metadata import version

__version__ = version("eenet")
