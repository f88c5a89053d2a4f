"""Samples that a network is traced, measured and verified with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eenet.checkpoint import Checkpoint
from eenet.data import load_images
from eenet.errors import UserError
from eenet.files import open_npz
from eenet.models import MultiExitNetwork
from eenet.models.network import dtype_name
from eenet.noise import Inputs

Samples = NDArray[np.uint8] | Mapping[str, NDArray[Any]]


def read_samples(path: Path, checkpoint: Checkpoint) -> Samples:
    """Reads samples.

    Args:
        path: an ``.npz`` file with an array ``(N, ...)`` for each input of the network, by its name; or images, as
            `load_images` reads them, where the checkpoint says what they go through.
        checkpoint: the network.

    Raises:
        UserError: the file cannot be read, or lacks an input.
    """
    names = set(checkpoint.network.input_shapes)
    with open_npz(path) as file:
        if names <= file.keys:
            return {name: file[name] for name in names}
        if checkpoint.preprocessing is None:
            raise UserError(f"has {sorted(file.keys)}, expected an array for each input: {', '.join(sorted(names))}")
    return load_images(path).images


def network_inputs(checkpoint: Checkpoint, samples: Samples) -> Inputs:
    """Samples as the network takes them.

    Args:
        checkpoint: the network.
        samples: an array ``(N, ...)`` for each input, by its name; or images, uint8 ``(N, H, W, 3)``, alone or under
            the input's name, which go through the checkpoint's preprocessing.

    Returns:
        Arrays in the order of the network's inputs, of their dtypes.

    Raises:
        UserError: an input lacks, or is of another dtype or shape; images, and no preprocessing.
    """
    network = checkpoint.network
    if not isinstance(samples, Mapping):
        (name, *more) = network.input_shapes
        if more:
            raise UserError(f"samples: got images alone, expected an array for each of {', '.join((name, *more))}")
        samples = {name: samples}
    ready = {
        name: checkpoint.preprocessing(array)
        if checkpoint.preprocessing is not None and name in network.input_shapes and array.dtype == np.uint8
        else array
        for name, array in samples.items()
    }
    declared = {name: Declared(dtype_name(network.dtypes[name]), shape) for name, shape in network.input_shapes.items()}
    return declared_inputs(declared, network.symbols, ready)


@dataclass(frozen=True)
class Declared:
    """An input: its dtype, and its shape after the batch axis, of sizes and names of symbols."""

    dtype: str
    shape: tuple[int | str, ...]


def declared_inputs(
    declared: Mapping[str, Declared], symbols: Mapping[str, int], samples: Mapping[str, NDArray[Any]]
) -> Inputs:
    """Samples as declared, in that order; others than inputs are left out.

    Args:
        declared: the inputs.
        symbols: the largest size of each.
        samples: an array ``(N, ...)`` for each input.

    Raises:
        UserError: an input lacks, or is of another dtype or shape.
    """
    sizes: dict[str, int] = {}  # no sample at all is refused as a size of 0
    inputs: Inputs = {}
    for name, each in declared.items():
        if name not in samples:
            raise UserError(f"samples: have {sorted(samples)}, expected an array for each input, and {name!r} lacks")
        inputs[name] = _cast(samples[name], each.dtype, name)
        _check_shape(name, inputs[name].shape, ("N", *each.shape), symbols, sizes)
    return inputs


def example_of(network: MultiExitNetwork, inputs: Inputs) -> dict[str, torch.Tensor]:
    """Inputs to trace with: of no size 1, which the exporter would take for a constant."""
    example = {}
    for name, array in inputs.items():
        shape = [2, *array.shape[1:]]
        for axis, dim in enumerate(network.input_shapes[name], start=1):
            if isinstance(dim, str):
                shape[axis] = max(2, shape[axis])
        for axis, size in enumerate(shape):
            array = np.take(array, np.arange(size) % array.shape[axis], axis=axis)
        example[name] = torch.from_numpy(np.ascontiguousarray(array))
    return example


def _cast(array: NDArray[Any], dtype: str, name: str) -> NDArray[Any]:
    """Floats as floats and integers as integers; nothing is taken for what it is not."""
    wanted = np.dtype(dtype)
    if array.dtype.kind not in ("f" if wanted.kind == "f" else "iu"):
        raise UserError(f"samples: {name}: got {array.dtype}, expected {dtype}")
    with np.errstate(over="ignore"):  # what float16 does not hold becomes infinite, which the runtime refuses
        cast = np.ascontiguousarray(array, wanted)
    if wanted.kind != "f" and not np.array_equal(cast, array):
        raise UserError(f"samples: {name}: got {array.min()} to {array.max()}, which {dtype} does not hold")
    return cast


def _check_shape(
    name: str,
    came: tuple[int, ...],
    shape: tuple[int | str, ...],
    symbols: Mapping[str, int],
    sizes: dict[str, int],
) -> None:
    """Refuses another shape; ``sizes`` are those of symbols in earlier inputs, which this one adds its own to."""
    expected = []
    fits = len(came) == len(shape)
    for size, dim in zip(came, shape, strict=False):
        if not isinstance(dim, str):
            fits = fits and size == dim
        elif dim in sizes:
            fits = fits and size == sizes[dim]
        else:
            fits = fits and 1 <= size <= symbols.get(dim, size)
    for dim in shape:
        known = isinstance(dim, str) and dim in sizes
        limit = f" = {sizes[str(dim)]}" if known else f" <= {symbols[str(dim)]}" if dim in symbols else ""
        expected.append(f"{dim}{limit}")
    if not fits:
        raise UserError(f"samples: {name}: got shape {came}, expected ({', '.join(expected)})")
    sizes.update({dim: size for size, dim in zip(came, shape, strict=True) if isinstance(dim, str)})
