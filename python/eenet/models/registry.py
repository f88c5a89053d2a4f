"""Names of networks: those that register themselves, those of installed packages, and code that a user names."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any, TypeVar

from eenet.errors import UserError
from eenet.models.code import blaming, code_name, load_builder, names_code
from eenet.models.network import MultiExitNetwork

ENTRY_POINTS = "eenet.models"  # the group in which packages name builders

Builder = Callable[..., MultiExitNetwork]
_B = TypeVar("_B", bound=Builder)


@dataclass(frozen=True)
class ModelEntry:
    """A network that has a name.

    Attributes:
        name: what ``create_model`` and ``eenet-export --model`` take; of code without the folder of a file.
        build: makes the network, freshly initialised, for a number of classes if it takes one, and by keyword for
            options.
        num_classes: classes of its usual dataset; None: the builder's default.
        dataset: its usual dataset, if it has one.
        paper_parameters: millions of parameters to each exit as in a paper, to print beside ours.
    """

    name: str
    build: Builder
    num_classes: int | None = None
    dataset: str | None = None
    paper_parameters: tuple[float, ...] = ()

    @property
    def short_name(self) -> str:
        """What its bundles are called: the builder's name where code was named."""
        return self.name.rpartition(":")[2]

    @property
    def needs_classes(self) -> bool:
        """Whether it can only be built for a given number of classes."""
        parameter = _classes_parameter(self.build)
        return self.num_classes is None and parameter is not None and parameter.default is parameter.empty


_CLASSES = "num_classes"
_ENTRIES: dict[str, ModelEntry] = {}


def register(
    name: str, *, num_classes: int | None = None, dataset: str | None = None, paper_parameters: tuple[float, ...] = ()
) -> Callable[[_B], _B]:
    """Decorator that puts a builder under ``name`` into the registry."""
    if names_code(name):
        raise ValueError(f"model {name!r}: a registered name has no colon")

    def add(build: _B) -> _B:
        if name in _ENTRIES:
            raise ValueError(f"model {name!r} is registered twice")
        _ENTRIES[name] = ModelEntry(name, build, num_classes, dataset, paper_parameters)
        return build

    return add


def list_models() -> list[str]:
    """Names of all networks that are registered or that installed packages name, sorted."""
    return sorted({*_ENTRIES, *_entry_points()})


def model_entry(name: str) -> ModelEntry:
    """The entry of a network.

    Args:
        name: one of `list_models`; or ``package.module:builder`` or ``file.py:builder``, whose code is run.

    Raises:
        UserError: no network has that name; its code cannot be had, see `eenet.models.code.load_builder`.
    """
    if names_code(name):
        build = load_builder(name)
        known = next((entry for entry in _ENTRIES.values() if entry.build is build), ModelEntry(name, build))
        return replace(known, name=code_name(name))
    if name in _ENTRIES:
        return _ENTRIES[name]
    points = _entry_points()
    if name not in points:
        raise UserError(
            f"model {name!r} is not known; known are {', '.join(list_models())}, and code of yours as "
            "package.module:builder or file.py:builder"
        )
    if len(set(points[name])) > 1:
        raise UserError(f"model {name!r}: {len(points[name])} packages name it: {', '.join(points[name])}")
    build = load_builder(points[name][0])
    # The module may register the name, with all that is known of it.
    return _ENTRIES.get(name) or ModelEntry(name, build)


def create_model(name: str, num_classes: int | None = None, **options: Any) -> MultiExitNetwork:
    """A freshly initialised network.

    Args:
        name: as `model_entry` takes it.
        num_classes: C; the usual dataset's, or the builder's default, when not given.
        options: keyword arguments of the network's builder that JSON can hold, such as ``heads``. The network keeps
            them and the defaults of the others, and a checkpoint writes them.

    Raises:
        UserError: no network has that name, or it has no such option; its builder fails, or returns something else.
    """
    entry = model_entry(name)
    parameters = inspect.signature(entry.build).parameters.values()
    known = model_parameters(name)
    for option in options:
        if option not in known:
            raise UserError(f"model {name!r} has no option {option!r}; it has {', '.join(sorted(known)) or 'none'}")
    defaults = {p.name: p.default for p in parameters if p.name in known and _is_json(p.default)}
    with blaming(name):
        network = _call(entry, num_classes, options)
    if not isinstance(network, MultiExitNetwork):
        raise UserError(
            f"model {name!r}: the builder returned {type(network).__module__}.{type(network).__qualname__}, expected "
            "an eenet.models.MultiExitNetwork"
        )
    if num_classes not in (None, network.num_classes):
        raise UserError(f"model {name!r}: it is of {network.num_classes} classes, expected {num_classes}")
    network.name = entry.name
    network.options = {**defaults, **options}
    return network


def model_parameters(name: str) -> set[str]:
    """Options that `create_model` takes for a network.

    Raises:
        UserError: no network has that name.
    """
    parameters = inspect.signature(model_entry(name).build).parameters.values()
    return {p.name for p in parameters if p.kind == p.KEYWORD_ONLY and p.name != _CLASSES}


def _call(entry: ModelEntry, num_classes: int | None, options: dict[str, Any]) -> Any:
    parameter = _classes_parameter(entry.build)
    classes = entry.num_classes if num_classes is None else num_classes
    if parameter is None or (classes is None and parameter.default is not parameter.empty):
        return entry.build(**options)
    if classes is None:
        raise UserError(f"model {entry.name!r}: its builder takes {parameter.name}, and none is given")
    if parameter.kind == parameter.POSITIONAL_ONLY:
        return entry.build(classes, **options)
    return entry.build(**{parameter.name: classes}, **options)


def _classes_parameter(build: Builder) -> inspect.Parameter | None:
    """The parameter that takes the number of classes: the one of that name, else a first one that must be given."""
    parameters = list(inspect.signature(build).parameters.values())
    for parameter in parameters:
        if parameter.name == _CLASSES:
            return parameter
    first = parameters[0] if parameters else None
    if first is None or first.default is not first.empty:
        return None
    return first if first.kind in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD) else None


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _entry_points() -> dict[str, list[str]]:
    """Names to the builders that installed packages give for them."""
    found: dict[str, list[str]] = {}
    for point in metadata.entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, []).append(point.value)
    return found
