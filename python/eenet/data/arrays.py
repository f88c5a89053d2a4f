"""Numbers with the numbers that are to be told of them, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet.files import Archive, open_npz, replacing
from eenet.predictions import as_float32

_INPUTS, _TARGETS = "inputs", "targets"


@dataclass(frozen=True)
class ArraySet:
    """Samples of float arrays and their targets.

    Attributes:
        inputs: float32, shape ``(N, ...)``.
        targets: float32, shape ``(N, D)``.
        target_names: D names.
        index: int64, shape ``(N,)``: which sample of its source each row is.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    target_names: tuple[str, ...]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> ArraySet:
        return replace(self, inputs=self.inputs[rows], targets=self.targets[rows], index=self.index[rows])

    def digests(self) -> NDArray[np.uint64]:
        """A hash of the inputs of each sample, shape ``(N,)``: equal where they are."""
        rows = np.ascontiguousarray(self.inputs)
        return np.frombuffer(b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows), np.uint64)

    def save(self, path: str | Path) -> None:
        """Writes an ``.npz`` file that `load_arrays` reads."""
        with replacing(path) as temporary, open(temporary, "wb") as file:
            arrays: dict[str, Any] = {_INPUTS: self.inputs, _TARGETS: self.targets}
            np.savez_compressed(file, target_names=np.array(self.target_names), **arrays)


def holds_arrays(path: Path) -> bool:
    """Whether a file is an ``.npz`` archive with inputs and targets.

    Raises:
        UserError: it is a damaged one.
    """
    if not path.is_file() or path.suffix != ".npz":
        return False
    with open_npz(path) as file:
        return {_INPUTS, _TARGETS} <= file.keys


def load_arrays(path: str | Path) -> ArraySet:
    """Reads samples.

    Args:
        path: an ``.npz`` file with ``inputs``, floats or integers ``(N, ...)``, ``targets``, such numbers ``(N,)`` or
            ``(N, D)``, and optionally ``target_names``, D names.

    Raises:
        UserError: the file cannot be read or does not hold what it should.
    """
    with open_npz(path) as file:
        if not {_INPUTS, _TARGETS} <= file.keys:
            raise UserError(f"has {sorted(file.keys)}, expected {_INPUTS} and {_TARGETS}")
        inputs, targets = _numbers(file, _INPUTS), _numbers(file, _TARGETS)
        if targets.ndim == 1:
            targets = targets[:, None]
        if inputs.ndim < 2 or targets.ndim != 2 or len(inputs) != len(targets) or 0 in (*inputs.shape, *targets.shape):
            raise UserError(
                f"inputs and targets: got shapes {inputs.shape} and {targets.shape}, expected (N, ...) and (N,) or "
                "(N, D), N samples"
            )
        names = file.names("target_names") if "target_names" in file.keys else []
        names = names or [f"target_{d}" for d in range(targets.shape[1])]
        if len(names) != targets.shape[1]:
            raise UserError(f"target_names: got {len(names)}, expected {targets.shape[1]}, one a target")
    return ArraySet(inputs, targets, tuple(names), np.arange(len(targets)))


def _numbers(file: Archive, name: str) -> NDArray[np.float32]:
    array = file[name]
    if array.dtype.kind not in "fiu":
        raise UserError(f"{name}: got {array.dtype}, expected numbers")
    with np.errstate(over="ignore"):
        numbers = as_float32(array.astype(np.float64))
    finite = np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1) if numbers.size else np.ones(0, np.bool_)
    if not finite.all():
        raise UserError(f"{name}: row {int(np.argmin(finite))} is not finite in float32")
    return numbers
