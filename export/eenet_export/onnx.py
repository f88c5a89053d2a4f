"""One ONNX file per segment, by PyTorch's exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import onnx
import torch

from eenet.errors import UserError
from eenet_export.split import TracedSegment

OPSET, MAX_OPSET = 18, 20  # what is written, and what bundles may hold up to (docs/spec/format.md)
MAX_IR_VERSION = 10
MAX_BATCH = 1024


def export_onnx(traced: TracedSegment, shapes: Sequence[tuple[int | str, ...]], symbols: Mapping[str, int]) -> bytes:
    """A serialised ONNX model with weights inside and a symbolic ``batch``.

    Args:
        traced: the segment.
        shapes: of its inputs, sizes and names of symbols.
        symbols: the largest size of each symbol but ``batch``.

    Raises:
        UserError: PyTorch cannot export the segment, or the ONNX checker refuses the result.
    """
    spec = traced.module.spec
    dims = {name: torch.export.Dim(name, min=1, max=most) for name, most in {"batch": MAX_BATCH, **symbols}.items()}
    dynamic = tuple({axis: dims[dim] for axis, dim in enumerate(shape) if isinstance(dim, str)} for shape in shapes)
    try:
        with _quiet():
            program = torch.onnx.export(
                traced.module,
                traced.example,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(spec.inputs),
                output_names=list(spec.outputs),
                dynamic_shapes=(dynamic,),  # one for *tensors
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(f"segment with exit {spec.exit_outputs[0]}: PyTorch cannot export it: {reason}") from error
    if program is None:
        raise UserError(f"segment with exit {spec.exit_outputs[0]}: PyTorch exported nothing")
    model = program.model_proto
    _strip(model)
    model.ir_version = min(model.ir_version, MAX_IR_VERSION)
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        raise UserError(f"segment with exit {spec.exit_outputs[0]}: ONNX checker: {error}") from error
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _strip(model: onnx.ModelProto) -> None:
    # The exporter notes stack traces with the paths of the machine; they mean nothing elsewhere and make files differ.
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    graph.name = "segment"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter's remarks on its own internals from the user; errors are raised all the same."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
