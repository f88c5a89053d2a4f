"""Names of networks. A new network is one file in this folder that registers itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eenet.errors import UserError
from eenet.models.network import MultiExitNetwork

Builder = Callable[..., MultiExitNetwork]


@dataclass(frozen=True)
class ModelEntry:
    """A registered network.

    Attributes:
        name: what ``create_model`` and ``eenet-export --model`` take.
        build: makes the network, freshly initialised, for a number of classes and, by keyword, options.
        num_classes: classes of its usual dataset.
        dataset: its usual dataset.
        paper_parameters: millions of parameters to each exit as in the paper's Table 3, to print beside ours.
    """

    name: str
    build: Builder
    num_classes: int
    dataset: str
    paper_parameters: tuple[float, ...]


_ENTRIES: dict[str, ModelEntry] = {}


def register(
    name: str, *, num_classes: int, dataset: str, paper_parameters: tuple[float, ...]
) -> Callable[[Builder], Builder]:
    """Decorator that puts a builder under ``name`` into the registry."""

    def add(build: Builder) -> Builder:
        if name in _ENTRIES:
            raise ValueError(f"model {name!r} is registered twice")
        _ENTRIES[name] = ModelEntry(name, build, num_classes, dataset, paper_parameters)
        return build

    return add


def list_models() -> list[str]:
    """Names of all registered networks, sorted."""
    return sorted(_ENTRIES)


def model_entry(name: str) -> ModelEntry:
    """The entry of a network.

    Raises:
        UserError: no network has that name.
    """
    if name not in _ENTRIES:
        raise UserError(f"model {name!r} is not known; known are {', '.join(list_models())}")
    return _ENTRIES[name]


def create_model(name: str, num_classes: int | None = None, **options: Any) -> MultiExitNetwork:
    """A freshly initialised network.

    Args:
        name: one of `list_models`.
        num_classes: C; the usual dataset's when not given.
        options: keyword arguments of the network's builder that JSON can hold, such as ``heads``. The network keeps
            them and the defaults of the others, and a checkpoint writes them.

    Raises:
        UserError: no network has that name, or it has no such option.
    """
    entry = model_entry(name)
    parameters = inspect.signature(entry.build).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}
    for option in options:
        if option not in defaults:
            raise UserError(f"model {name!r} has no option {option!r}; it has {', '.join(defaults) or 'none'}")
    network = entry.build(entry.num_classes if num_classes is None else num_classes, **options)
    network.name = name
    network.options = {**defaults, **options}
    return network
