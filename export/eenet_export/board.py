"""Graphs that talk by name: one blackboard, whatever each file calls its dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eenet.bundles import SegmentSpec, Tensor
from eenet.errors import Argument, ArgumentError, UserError, shorten
from eenet.segments import BATCH, check_segments
from eenet_export.onnx_file import OnnxFile, Port


@dataclass
class Board:
    """What segments read and write.

    Attributes:
        inputs: of the network, in the order in which segments read them.
        tensors: by name.
    """

    inputs: list[str] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add(self, file: OnnxFile) -> None:
        """Puts a segment's tensors on it.

        Raises:
            UserError: they are others than earlier segments have them, or have dimensions that no input decides, or an
                earlier segment should have read what this one writes.
        """
        symbols: dict[str, str] = {}  # this file's name of a dimension to that of the first one that had it
        for port in sorted(file.inputs, key=lambda port: port.name not in self.tensors):
            if port.name in self.tensors:
                self._match(file, port, self.tensors[port.name], symbols)
            else:
                self.inputs.append(port.name)
                self.tensors[port.name] = Tensor(port.dtype, self._shape(file, port, symbols, new=True))
        for port in file.outputs:
            if port.name in self.inputs:
                raise UserError(
                    f"{file.name}: writes {port.name!r}, which it or a file before it reads, expected files in the "
                    "order in which segments run"
                )
            if port.name not in self.tensors:  # else it is written twice, which check_segments says
                self.tensors[port.name] = Tensor(port.dtype, self._shape(file, port, symbols, new=False))

    def _match(self, file: OnnxFile, port: Port, known: Tensor, symbols: dict[str, str]) -> None:
        shape = (BATCH, *known.shape)
        fits = port.dtype == known.dtype and len(port.dims) == len(shape)
        for dim, there in zip(port.dims, shape, strict=False):
            if isinstance(dim, str) and isinstance(there, str):
                fits = fits and symbols.setdefault(dim, there) == there
            elif dim is not None:
                fits = fits and dim == there
        if not fits:
            raise UserError(
                f"{file.name}: input {port.name!r}: got {_described(port.dtype, port.dims)}, expected "
                f"{_described(known.dtype, shape)}, as it is before"
            )

    def _shape(self, file: OnnxFile, port: Port, symbols: dict[str, str], *, new: bool) -> tuple[int | str, ...]:
        """A tensor's shape after the batch axis; only what is ``new`` decides the sizes of dimensions."""
        place = f"{file.name}: {port.name!r}"
        first = port.dims[0] if port.dims else None
        if not isinstance(first, str) or (symbols.setdefault(first, BATCH) if new else symbols.get(first)) != BATCH:
            raise UserError(
                f"{place}: got {_described(port.dtype, port.dims)}, expected a first dimension that is free and the "
                "same for all: the batch"
            )
        shape: list[int | str] = []
        for dim in port.dims[1:]:
            if isinstance(dim, str) and (new or dim in symbols):
                dim = symbols.setdefault(dim, dim)
                if dim == BATCH:
                    raise UserError(
                        f"{place}: has the batch among its other dimensions, expected it as the first alone"
                    )
            elif not isinstance(dim, int) or dim < 1:
                raise UserError(
                    f"{place}: got {_described(port.dtype, port.dims)}, expected sizes, and names of dimensions that "
                    "an input has"
                )
            shape.append(dim)
        return tuple(shape)

    def symbols(self, max_sizes: Mapping[str, int]) -> dict[str, int]:
        """The largest size of every free dimension but the batch.

        Raises:
            UserError: one lacks, or is of no tensor.
        """
        free = {dim for tensor in self.tensors.values() for dim in tensor.shape if isinstance(dim, str)}
        given = {name: most for name, most in max_sizes.items() if name != BATCH}
        if missing := sorted(free - given.keys()):
            raise ArgumentError("max_sizes", f"have none of {shorten(missing)}, expected one for each free dimension")
        if unknown := sorted(given.keys() - free):
            raise ArgumentError("max_sizes", f"got {shorten(unknown)}, expected {shorten(sorted(free)) or 'none'}")
        for name, most in max_sizes.items():
            if most < 1:
                raise ArgumentError("max_sizes", f"{name}: got {most}, expected at least 1")
        return given

    def specs(self, files: Sequence[OnnxFile], num_classes: int, exit_outputs: Sequence[str]) -> list[SegmentSpec]:
        """The segments, with the outputs that carry logits.

        Raises:
            UserError: they cannot be told, or do not fit together.
        """
        if exit_outputs and len(exit_outputs) != len(files):
            raise ArgumentError(
                "exit_outputs", f"got {len(exit_outputs)}, expected one for each of {len(files)} segments"
            )
        specs = []
        for k, file in enumerate(files):
            outputs = [port.name for port in file.outputs]
            exit_output = exit_outputs[k] if exit_outputs else self._exit(files, k, num_classes)
            if exit_output in outputs and not self._are_logits(exit_output, num_classes):
                came = self.tensors[exit_output]
                raise UserError(
                    f"{file.name}: {exit_output!r}: got {_described(came.dtype, (BATCH, *came.shape))}, expected "
                    f"logits, float32 [batch, {num_classes}]{_cast_hint(came)}"
                )
            specs.append(SegmentSpec(tuple(port.name for port in file.inputs), tuple(outputs), exit_output))
        check_segments(specs, self.inputs)
        return specs

    def _exit(self, files: Sequence[OnnxFile], k: int, num_classes: int) -> str:
        read = {port.name for file in files[k + 1 :] for port in file.inputs}
        names = [port.name for port in files[k].outputs if port.name not in read]
        found = [name for name in names if self._are_logits(name, num_classes)]
        if not found:  # then one of float16 is found, to be refused by its name
            found = [name for name in names if self.tensors[name] == Tensor("float16", (num_classes,))]
        if len(found) != 1:
            outputs = shorten([port.name for port in files[k].outputs])
            raise UserError(
                f"{files[k].name}: {len(found)} of its outputs {outputs} are float32 [batch, {num_classes}] and read "
                "by no later segment, expected one, the logits of its exit: name them by ",
                Argument("exit_outputs"),
            )
        return found[0]

    def _are_logits(self, name: str, num_classes: int) -> bool:
        return self.tensors[name] == Tensor("float32", (num_classes,))


def _cast_hint(tensor: Tensor) -> str:
    return ": let the graph end with a Cast" if tensor.dtype == "float16" else ""


def _described(dtype: str, dims: Sequence[int | str | None]) -> str:
    return f"{dtype} [{', '.join('?' if dim is None else str(dim) for dim in dims)}]"
