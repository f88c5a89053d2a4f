"""Where training starts: at random weights, or at those of a file, as far as they fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eenet.bundles.bundle import reading
from eenet.errors import ArgumentError, shorten
from eenet.models import MultiExitNetwork, create_model, model_entry
from eenet.preprocessing import ImagePreprocessing, parsed
from eenet.weights import read_state_dict
from eenet.zoo import list_zoo, zoo_folder

_ZOO = "zoo:"
_LEAST_SHARE = 0.5  # of a network's weights that a file must have to be a start at all


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
        source: what they are called.
        tensors: by the network's names.
        model: the network that they are of, where the file says so, as `class_names`, `preprocessing` and ``options``.
        options: of `create_model`.
        class_names: of the outputs.
        preprocessing: that the weights are used to.
        identity: a hash of the file.
    """

    source: str
    tensors: Mapping[str, Tensor]
    identity: str
    model: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] | None = None
    preprocessing: ImagePreprocessing | None = None


def read_start(source: str) -> Start:
    """Reads a file of weights.

    Args:
        source: a safetensors file or one of ``torch.save``; or a network whose weights ship, as ``resnet56`` or
            ``zoo:resnet56``.

    Raises:
        UserError: it cannot be read.
    """
    path = Path(source)
    name = source.removeprefix(_ZOO)
    if name in list_zoo() and (source.startswith(_ZOO) or not path.exists()):
        path = zoo_folder(name) / "weights.safetensors"
    elif not source or (not path.exists() and source == path.stem):
        raise ArgumentError(
            "start", f"{source!r} is no file, and no network that ships: those are {', '.join(list_zoo())}"
        )
    tensors, metadata = read_state_dict(path)
    identity = f"{source} with digest {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    if "eenet" not in metadata:
        # A state file of a run has its network among other things.
        own = {k.removeprefix("network."): t for k, t in tensors.items() if k.startswith("network.")}
        return Start(source, own or tensors, identity)
    with reading(path):
        description = json.loads(metadata["eenet"])
        return Start(
            source,
            tensors,
            identity,
            model=str(description["model"]),
            options=dict(description["options"]),
            class_names=tuple(map(str, description["class_names"])),
            preprocessing=parsed(description["preprocessing"]),
        )


def started_network(
    start: Start, model: str, class_names: Sequence[str], options: Mapping[str, Any]
) -> tuple[MultiExitNetwork, list[str]]:
    """A network with the weights of a start, as far as they fit; the rest is drawn at random.

    The last layers, one output a class, are taken where the classes are the same ones in the same order, or are as
    many where the file does not name them. Options that differ from the start's make the heads concerned new as a
    whole.

    Args:
        start: the weights.
        model: name of the network.
        class_names: C names.
        options: of the network; where they say nothing, those of the start hold.

    Returns:
        The network, and what to tell about it, a line each.

    Raises:
        UserError: the weights are of another network, or too few fit.
    """
    if start.model not in (None, model_entry(model).name):
        raise ArgumentError("start", f"{start.source} holds {start.model}, expected {model}")
    settings = {**start.options, **options}
    network = create_model(model, len(class_names), **settings)
    expected = network.state_dict()
    last = _last_layers(model, len(class_names), settings)
    other = _other_heads(start, expected, last) if settings != start.options else set()
    same_classes = start.class_names in (None, tuple(class_names))
    taken, problems = {}, []
    for name, tensor in expected.items():
        came = start.tensors.get(name)
        if came is None or name in other or (name in last and not (same_classes and came.shape == tensor.shape)):
            continue
        if came.shape != tensor.shape:
            problems.append(f"{name} {tuple(came.shape)} instead of {tuple(tensor.shape)}")
            continue
        taken[name] = came
    if problems:
        raise ArgumentError("start", f"{start.source} does not fit {model}: {shorten(problems, 3)}")
    body = sum(t.numel() for name, t in expected.items() if name not in last | other)
    share = sum(t.numel() for name, t in taken.items() if name not in last) / body
    if share < _LEAST_SHARE:
        raise ArgumentError(
            "start",
            f"{start.source} has {100 * share:.0f} % of the weights of {model}, expected at least "
            f"{100 * _LEAST_SHARE:.0f} %; it has {shorten(sorted(start.tensors), 3)}, {model} has "
            f"{shorten(sorted(expected), 3)}",
        )
    network.load_state_dict({**expected, **taken})
    return network, _told(start, expected, taken, last, other, len(class_names))


def _other_heads(start: Start, expected: Mapping[str, Tensor], last: set[str]) -> set[str]:
    """Names of the tensors of early exits' heads that have others in the start, the last layers aside."""

    def head(name: str) -> str | None:
        parts = name.split(".")
        return parts[1] if parts[0] == "exits" else None

    def fits(name: str, tensor: Tensor) -> bool:
        came = start.tensors.get(name)
        return came is not None and came.shape == tensor.shape

    other = {head(n) for n, tensor in expected.items() if n not in last and not fits(n, tensor)}
    other.discard(None)
    return {name for name in expected if head(name) in other}


def _last_layers(model: str, classes: int, options: Mapping[str, Any]) -> set[str]:
    """Names of the tensors whose shape depends on the number of classes."""
    with torch.random.fork_rng(devices=[]):
        one_more = create_model(model, classes + 1, **options).state_dict()
        shapes = create_model(model, classes, **options).state_dict()
    return {name for name, tensor in shapes.items() if tensor.shape != one_more[name].shape}


def _told(
    start: Start,
    expected: Mapping[str, Tensor],
    taken: Mapping[str, Tensor],
    last: set[str],
    other: set[str],
    classes: int,
) -> list[str]:
    lines = [f"start: {len(taken)} of {len(expected)} tensors from {start.source}"]
    if other:
        heads = sorted({name.split(".")[1] for name in other})
        lines.append(f"start: the heads of exits {', '.join(heads)} are new: {start.source} has others")
    anew = sorted(last - taken.keys() - other)
    if anew:
        before = "" if start.class_names is None else f" (its {len(start.class_names)} classes are others)"
        lines.append(f"start: the last layers of all exits are new, for {classes} classes{before}: {shorten(anew, 4)}")
    missing = sorted(expected.keys() - taken.keys() - last - other)
    if missing:
        lines.append(f"start: not in {start.source} and new: {shorten(missing, 4)}")
    unused = sorted(start.tensors.keys() - expected.keys())
    if unused:
        lines.append(f"start: in {start.source} and not used: {shorten(unused, 4)}")
    if start.class_names is None and not anew:
        lines.append(f"start: {start.source} does not name its {classes} classes: taken to be the data's, in order")
    return lines
