"""The base of every multi-exit network: segments that talk through named tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from eenet.errors import UserError
from eenet.segments import BATCH, SegmentSpec, check_segments

DTYPES = (torch.float32, torch.int64, torch.float16, torch.int32, torch.uint8)  # of everything on a blackboard


def dtype_name(dtype: torch.dtype) -> str:
    """As numpy and manifests have it."""
    return str(dtype).removeprefix("torch.")


class MultiExitNetwork(nn.Module, ABC):
    """A network with K exits, cut into K segments.

    A segment is core part k together with exit head k. ``forward`` runs all of them; the exported bundle holds the
    very same segments one by one, so that a deployed network computes what was trained.

    Attributes:
        task: what it answers, by the name that `eenet.tasks.registry` has.
        standalone: whether the last exit can do without the early ones.
        num_exits: K.
        num_classes: C; of a regression D, how many numbers it answers with.
        segments: one `SegmentSpec` an exit.
        input_shapes: shape of every network input without the batch axis: sizes, and names of symbols for those that
            each call chooses.
        dtypes: of every network input, one of `DTYPES`.
        symbols: the largest size of each symbol.
        name: by which `create_model` made it.
        options: what `create_model` made it with beside the number of classes.
    """

    task = "classification"
    standalone = True

    def __init__(
        self,
        num_classes: int,
        segments: Sequence[SegmentSpec],
        input_shapes: Mapping[str, tuple[int | str, ...]],
        *,
        dtypes: Mapping[str, torch.dtype] | None = None,
        symbols: Mapping[str, int] | None = None,
    ) -> None:
        """As the attributes; inputs that ``dtypes`` does not name are float32."""
        super().__init__()
        self.num_classes = num_classes
        self.segments = tuple(segments)
        self.input_shapes = {name: tuple(shape) for name, shape in input_shapes.items()}
        self.dtypes = {**dict.fromkeys(input_shapes, torch.float32), **(dtypes or {})}
        self.symbols = dict(symbols or {})
        self.name = ""
        self.options: dict[str, Any] = {}
        check_segments(self.segments, self.input_shapes)
        _check_inputs(self.input_shapes, self.dtypes, self.symbols)

    @property
    def num_exits(self) -> int:
        return len(self.segments)

    @abstractmethod
    def run_segment(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors of ``segments[k].inputs`` to those of ``segments[k].outputs``, in order."""

    @abstractmethod
    def run_core(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        """As `run_segment` without the exit head: every output but the exit's. The last segment has no such outputs.

        Of a network that is not ``standalone`` nobody asks for it.
        """

    @abstractmethod
    def segment_modules(self, k: int) -> tuple[nn.Module, ...]:
        """The modules whose parameters segment k uses, core and head."""

    @abstractmethod
    def trunk_modules(self) -> tuple[nn.Module, ...]:
        """The modules of the network without early exits."""

    def adapt(self, inputs: Tensor, answers: Tensor) -> None:
        """Takes from the training set, before the first step, what a network may know of it, as means and deviations.

        Args:
            inputs: of all training samples, ``(N, ...)``.
            answers: what is right, ``(N, ...)``.
        """

    def forward(self, *inputs: Tensor) -> list[Tensor]:
        """What every exit answers, of inputs given in the order of ``input_shapes``: logits ``(batch, C)``, or values.

        It is the first of the tensors that an exit puts out.
        """
        return self.run(inputs, early_exits=True)

    def run_last(self, *inputs: Tensor) -> Tensor:
        """What the last exit answers alone: the network without early exits ("static"). Shape ``(batch, C)``."""
        return self.run(inputs, early_exits=False)[-1]

    def run(self, inputs: Sequence[Tensor], *, early_exits: bool) -> list[Tensor]:
        """What all exits answer, or the last one alone."""
        return [outputs[0] for outputs in self.run_outputs(inputs, early_exits=early_exits)]

    def run_outputs(self, inputs: Sequence[Tensor], *, early_exits: bool) -> list[tuple[Tensor, ...]]:
        """All that all exits put out, or the last one alone."""
        board = dict(zip(self.input_shapes, inputs, strict=True))
        found = []
        for k, spec in enumerate(self.segments):
            tensors = [board[name] for name in spec.inputs]
            if early_exits or k == self.num_exits - 1:
                board.update(zip(spec.outputs, self.run_segment(k, *tensors), strict=True))
                found.append(tuple(board[name] for name in spec.exit_outputs))
            else:
                names = [name for name in spec.outputs if name not in spec.exit_outputs]
                board.update(zip(names, self.run_core(k, *tensors), strict=True))
        return found

    def parameters_to_exit(self) -> list[int]:
        """Parameters up to and including each exit: the trunk so far and the heads passed on the way."""
        seen: set[int] = set()
        total, counts = 0, []
        for k in range(self.num_exits):
            for module in self.segment_modules(k):
                for parameter in module.parameters():
                    if id(parameter) not in seen:
                        seen.add(id(parameter))
                        total += parameter.numel()
            counts.append(total)
        return counts

    def static_parameters(self) -> int:
        """Parameters of the network without early exits."""
        return sum(p.numel() for module in self.trunk_modules() for p in module.parameters())


def _check_inputs(
    shapes: Mapping[str, tuple[int | str, ...]], dtypes: Mapping[str, torch.dtype], symbols: Mapping[str, int]
) -> None:
    """Refuses what no bundle could declare.

    Raises:
        UserError: a size that is none, a symbol without a largest size or of a name that is none, another dtype.
    """
    for name, dtype in dtypes.items():
        if name not in shapes:
            raise UserError(f"dtypes: {name!r} is none of the inputs {', '.join(shapes)}")
        if dtype not in DTYPES:
            raise UserError(f"input {name!r}: got {dtype}, expected one of {', '.join(map(str, DTYPES))}")
    for symbol, most in symbols.items():
        if not symbol.isidentifier() or symbol == BATCH:
            raise UserError(f"symbols: got {symbol!r}, expected the name of a variable other than {BATCH!r}")
        if most < 2:
            raise UserError(f"symbols: {symbol}: got {most}, expected a largest size of at least 2")
        if not any(symbol in shape for shape in shapes.values()):
            raise UserError(f"symbols: {symbol} is in the shape of no input")
    for name, shape in shapes.items():
        for dim in shape:
            if isinstance(dim, str) and dim not in symbols:
                raise UserError(f"input {name!r}: its dimension {dim!r} is in no symbols, which say the largest size")
            if not isinstance(dim, str) and dim < 1:
                raise UserError(f"input {name!r}: got the shape {shape}, expected sizes of at least 1")


class ChainNetwork(MultiExitNetwork):
    """A network whose core parts follow one another, each handing one tensor to the next.

    Args:
        num_classes: C.
        num_exits: K.
        input_shape: shape of the one input, ``image``, without the batch axis.

    Attributes:
        branch_gradients: K - 1 numbers, by which the gradient of each early exit's head is multiplied where it enters
            the trunk, in training alone; None: it enters as it is.
    """

    def __init__(self, num_classes: int, num_exits: int, input_shape: tuple[int, ...]) -> None:
        last = num_exits - 1
        specs = [
            SegmentSpec(
                inputs=("image",) if k == 0 else (f"trunk_{k - 1}",),
                outputs=(f"logits_{k}",) if k == last else (f"trunk_{k}", f"logits_{k}"),
                exit=f"logits_{k}",
            )
            for k in range(num_exits)
        ]
        super().__init__(num_classes, specs, {"image": input_shape})
        self.branch_gradients: tuple[float, ...] | None = None

    @abstractmethod
    def core_modules(self, k: int) -> tuple[nn.Module, ...]:
        """The modules of core part k, run one after the other."""

    @abstractmethod
    def head(self, k: int) -> nn.Module:
        """Exit head k: output of core part k to logits."""

    def segment_modules(self, k: int) -> tuple[nn.Module, ...]:
        return (*self.core_modules(k), self.head(k))

    def trunk_modules(self) -> tuple[nn.Module, ...]:
        cores = [module for k in range(self.num_exits) for module in self.core_modules(k)]
        return (*cores, self.head(self.num_exits - 1))

    def run_core(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        (x,) = tensors
        for module in self.core_modules(k):
            x = module(x)
        return (x,)

    def run_segment(self, k: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        (x,) = self.run_core(k, *tensors)
        if k == self.num_exits - 1:
            return (self.head(k)(x),)
        branch = x
        if self.training and self.branch_gradients is not None:
            # x itself, with a part of its gradient.
            branch = torch.lerp(x.detach(), x, self.branch_gradients[k])
        return x, self.head(k)(branch)


def initialise(network: nn.Module) -> None:
    """He initialisation of convolutions, ones and zeros for batch norm, zero biases of linear layers."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
