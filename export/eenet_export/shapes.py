"""Which dimensions of a network's tensors change with its inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from eenet.errors import UserError
from eenet.models import MultiExitNetwork
from eenet.segments import BATCH
from eenet_export.split import trace_segments

Shapes = dict[str, tuple[int | str, ...]]


def symbolic_shapes(network: MultiExitNetwork, example: Mapping[str, Tensor]) -> Shapes:
    """Shapes of everything on the blackboard, with symbols in place of sizes that are not fixed.

    What is one is seen by running the network on inputs of other sizes.

    Args:
        network: in evaluation mode.
        example: inputs ``{name: (batch, ...)}``, every size of a symbol at least 2.

    Raises:
        UserError: a tensor whose first dimension is not the batch, or with a dimension that follows an input's in
            another way than by being equal.
    """
    declared: Shapes = {name: (BATCH, *shape) for name, shape in network.input_shapes.items()}
    sizes = {
        symbol: example[name].shape[axis]
        for name, shape in declared.items()
        for axis, symbol in enumerate(shape)
        if isinstance(symbol, str)
    }
    other_sizes = {symbol: size + 1 if symbol == BATCH else size - 1 for symbol, size in sizes.items()}
    base = _board(network, example)
    others = {
        symbol: _board(network, _resized(example, declared, symbol, size)) for symbol, size in other_sizes.items()
    }
    shapes: Shapes = {}
    for name, tensor in base.items():
        dims: list[int | str] = []
        for axis, size in enumerate(tensor.shape):
            changed = {s: board[name].shape[axis] for s, board in others.items() if board[name].shape[axis] != size}
            if not changed:
                dims.append(size)
                continue
            symbol = next(iter(changed))
            if (size, changed) != (sizes[symbol], {symbol: other_sizes[symbol]}):
                seen = ", ".join(f"{changed[s]} where {s} is {other_sizes[s]}, not {sizes[s]}" for s in changed)
                raise UserError(
                    f"tensor {name!r}: its dimension {axis} is {size}, and {seen}; expected one that stays, or equals "
                    "that of an input"
                )
            dims.append(symbol)
        if dims[:1] != [BATCH] or BATCH in dims[1:]:
            raise UserError(f"tensor {name!r}: has the shape {dims}, expected the batch as its first dimension alone")
        shapes[name] = tuple(dims)
    return shapes


def _board(network: MultiExitNetwork, example: Mapping[str, Tensor]) -> dict[str, Tensor]:
    board = dict(example)
    for traced in trace_segments(network, example):
        board.update(zip(traced.module.spec.outputs, traced.outputs, strict=True))
    return board


def _resized(example: Mapping[str, Tensor], declared: Shapes, symbol: str, size: int) -> dict[str, Tensor]:
    """Inputs with another size of one symbol."""
    resized = {}
    for name, tensor in example.items():
        for axis in range(tensor.dim()):
            if declared[name][axis] == symbol:
                tensor = tensor.index_select(axis, torch.arange(size) % tensor.shape[axis])
        resized[name] = tensor
    return resized


def thinned(network: MultiExitNetwork, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Samples with about half of every symbolic dimension: the first, the last, and some between."""
    shorter = {}
    for name, array in inputs.items():
        for axis, dim in enumerate(network.input_shapes[name], start=1):
            if isinstance(dim, str):
                last = array.shape[axis] - 1
                kept = np.unique(np.linspace(0, last, max(1, array.shape[axis] // 2)).round().astype(np.int64))
                array = np.take(array, kept, axis=axis)
        shorter[name] = np.ascontiguousarray(array)
    return shorter
