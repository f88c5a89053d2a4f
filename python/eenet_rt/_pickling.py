"""What pickles of eenet_rt's objects name."""

from typing import Any


def restore(kind: type[Any], state: tuple[Any, ...]) -> Any:
    """An object of a class of eenet_rt, out of what its ``__reduce__`` took it apart into."""
    return kind._from_state(state)
