"""What a bundle of a network holds: its segments as ONNX, and what the manifest says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from eenet.bundles import BundleContent, Segment, Tensor, write_bundle
from eenet.checkpoint import Checkpoint
from eenet.errors import UserError
from eenet.models import MultiExitNetwork
from eenet.models.network import DTYPES, dtype_name
from eenet.noise import Inputs
from eenet.preprocessing import described
from eenet.text import file_size
from eenet_export.onnx import MAX_BATCH, export_onnx
from eenet_export.samples import example_of
from eenet_export.shapes import Shapes, symbolic_shapes
from eenet_export.split import TracedSegment, WholeModule, trace, trace_segments


def bundle_content(
    checkpoint: Checkpoint, inputs: Inputs, say: Callable[[str], None], settings: Mapping[str, float] | None = None
) -> BundleContent:
    """The network cut at its exits.

    Args:
        checkpoint: the trained network.
        inputs: at least one sample, ``{name: (N, ...)}``.
        say: takes one line for each segment.
        settings: of the task, see `BundleContent`.

    Raises:
        UserError: a segment cannot be exported.
    """
    network = checkpoint.network.eval()
    example = example_of(network, inputs)
    shapes = symbolic_shapes(network, example)
    segments, tensors = [], {}
    for traced in trace_segments(network, example):
        segments.append(_segment(traced, shapes, network))
        tensors.update(_tensors(traced, shapes))
        say(f"export: segment {len(segments) - 1}, {file_size(len(segments[-1].onnx))} of ONNX")
    return replace(_content(checkpoint, segments, tensors, network.parameters_to_exit()), settings=settings)


def whole_content(checkpoint: Checkpoint, inputs: Inputs, *, early_exits: bool) -> BundleContent:
    """The whole network as one segment, which runs at full depth: a reference to measure against.

    Args:
        checkpoint: the trained network.
        inputs: at least one sample, ``{name: (N, ...)}``.
        early_exits: compute what all exits put out, or the last one alone, which not every network has.
    """
    network = checkpoint.network.eval()
    example = example_of(network, inputs)
    shapes = symbolic_shapes(network, example)
    traced = trace(WholeModule(network, early_exits=early_exits).eval(), tuple(example.values()))
    parameters = network.parameters_to_exit()[-1] if early_exits else network.static_parameters()
    return _content(checkpoint, [_segment(traced, shapes, network)], _tensors(traced, shapes), [parameters])


def write_whole(checkpoint: Checkpoint, inputs: Inputs, folder: Path, *, early_exits: bool) -> None:
    """Writes `whole_content` as a bundle into a new folder."""
    write_bundle(folder, whole_content(checkpoint, inputs, early_exits=early_exits))


def _content(
    checkpoint: Checkpoint, segments: Sequence[Segment], tensors: Mapping[str, Tensor], parameters: Sequence[int]
) -> BundleContent:
    return BundleContent(
        model=checkpoint.model.rpartition(":")[2],  # of code, the builder's name
        names=checkpoint.class_names,
        preprocessing=described(checkpoint.preprocessing),
        tensors=dict(tensors),
        inputs=tuple(checkpoint.network.input_shapes),
        segments=tuple(segments),
        parameters=tuple(parameters),
        max_batch=MAX_BATCH,
        precision=_precision(checkpoint.network),
        symbols=dict(checkpoint.network.symbols),
        weights=checkpoint.id,
        task=checkpoint.network.task,
    )


def _precision(network: MultiExitNetwork) -> str:
    """That of most parameters."""
    counts = Counter({dtype_name(torch.float32): 0})
    for parameter in network.parameters():
        counts[dtype_name(parameter.dtype)] += parameter.numel()
    return max(counts, key=counts.__getitem__)


def _segment(traced: TracedSegment, shapes: Shapes, network: MultiExitNetwork) -> Segment:
    spec = traced.module.spec
    return Segment(spec, export_onnx(traced, [shapes[name] for name in spec.inputs], network.symbols))


def _tensors(traced: TracedSegment, shapes: Shapes) -> dict[str, Tensor]:
    spec = traced.module.spec
    named = zip((*spec.inputs, *spec.outputs), (*traced.example, *traced.outputs), strict=True)
    return {name: Tensor(_dtype(name, tensor.dtype), shapes[name][1:]) for name, tensor in named}


def _dtype(name: str, dtype: torch.dtype) -> str:
    if dtype not in DTYPES:
        raise UserError(f"tensor {name!r}: got {dtype}, expected one of {', '.join(map(str, DTYPES))} between segments")
    return dtype_name(dtype)
