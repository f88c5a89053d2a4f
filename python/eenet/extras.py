"""Packages that a plain install does not bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eenet.errors import UserError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Goes around imports of what the extra ``name`` of the distribution brings.

    Raises:
        UserError: a package is not installed; says which extra has it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is not installed; it comes with the extra {name!r}: pip install 'eenet[{name}]'"
        ) from error
