"""Segments that talk through named tensors, without PyTorch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from eenet.errors import UserError

BATCH = "batch"  # the first dimension of every tensor


@dataclass(frozen=True)
class SegmentSpec:
    """What segment k reads from and writes to the blackboard (``docs/spec/format.md``).

    Attributes:
        inputs: names of network inputs or of outputs of earlier segments.
        outputs: names of the tensors that the segment writes, each of them new.
        exit: the output that carries the logits of exit k, shape ``(batch, C)``; or all that exit k puts out, where a
            task has more than one tensor of it, in its order.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    exit: str | tuple[str, ...]

    @property
    def exit_outputs(self) -> tuple[str, ...]:
        """The outputs that exit k puts out."""
        return (self.exit,) if isinstance(self.exit, str) else self.exit


def check_segments(segments: Sequence[SegmentSpec], inputs: Collection[str]) -> None:
    """Refuses what no blackboard could hold.

    Raises:
        UserError: a segment reads what is not there, writes what is, or has an exit that it does not write.
    """
    if not segments or not inputs:
        raise UserError(f"got {len(segments)} segments and {len(inputs)} inputs, expected at least one of each")
    board = set(inputs)
    for k, spec in enumerate(segments):
        for name in spec.inputs:
            if name not in board:
                raise UserError(f"segment {k} reads {name!r}, expected an input or an output of an earlier segment")
        for name in spec.outputs:
            if name in board:
                raise UserError(f"segment {k} writes {name!r} a second time, expected a new name")
            board.add(name)
        for name in spec.exit_outputs:
            if name not in spec.outputs:
                raise UserError(f"segment {k}: its exit {name!r} is none of its outputs {', '.join(spec.outputs)}")
        if not spec.exit_outputs:
            raise UserError(f"segment {k}: its exit puts out nothing, expected some of {', '.join(spec.outputs)}")
