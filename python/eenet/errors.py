"""The error of the Python tools."""

from __future__ import annotations


class UserError(Exception):
    """Something that the caller can put right: its message names the object, what came and what was expected.

    Commands print it as one line and end with status 2.
    """
