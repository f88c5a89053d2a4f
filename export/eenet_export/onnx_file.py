"""ONNX files that come from elsewhere: whether a bundle can hold them, and what they read and write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from onnx import TensorProto

from eenet.errors import UserError
from eenet.files import require_regular
from eenet_export.onnx import MAX_IR_VERSION, MAX_OPSET, OPSET

_DTYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.INT64: "int64",
    TensorProto.FLOAT16: "float16",
    TensorProto.INT32: "int32",
    TensorProto.UINT8: "uint8",
}
# Of weights; integers of other widths are shapes, indices and the like.
_PRECISIONS: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "int8",
}
_MOST_TEXT = 300


@dataclass(frozen=True)
class Port:
    """An input or output of a graph: a dimension is a size, a name, or unknown."""

    name: str
    dtype: str
    dims: tuple[int | str | None, ...]


@dataclass(frozen=True)
class OnnxFile:
    """A model.

    Attributes:
        name: of the file.
        data: what a bundle holds: the file itself, or with the weights inside that lay beside it.
        inputs, outputs: of the graph.
        weights: numbers in its weights, by the precision that they are in.
    """

    name: str
    data: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    weights: Counter[str]


def precision_of(files: Iterable[OnnxFile]) -> str:
    """That of most weights; of graphs without any, float32."""
    weights = sum((file.weights for file in files), Counter({"float32": 0}))
    return max(weights, key=weights.__getitem__, default="float32")


def read_onnx(path: Path) -> OnnxFile:
    """Reads and checks a model.

    Raises:
        UserError: it is none, or of versions that bundles do not hold, or has an input or output of another dtype.
        OSError: it cannot be read.
    """
    require_regular(path)
    data = path.read_bytes()
    try:
        model = onnx.load_model_from_string(data)
        outside = any(onnx.external_data_helper.uses_external_data(tensor) for tensor in model.graph.initializer)
        if outside:
            onnx.load_external_data_for_model(model, str(path.parent))
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as error:
        raise UserError(f"{path}: not an ONNX model that can be read: {_one_line(error)}") from error
    _check_opset(path, model)
    changed = outside or model.ir_version > MAX_IR_VERSION
    model.ir_version = min(model.ir_version, MAX_IR_VERSION)
    try:
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model)
        data = model.SerializeToString(deterministic=True) if changed else data
    except (ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UserError(f"{path}: ONNX checker: {_one_line(error)}") from error
    names = {tensor.name for tensor in model.graph.initializer}
    weights: Counter[str] = Counter()
    for tensor in model.graph.initializer:
        if tensor.data_type in _PRECISIONS:
            weights[_PRECISIONS[tensor.data_type]] += prod(tensor.dims)
    return OnnxFile(
        path.name,
        data,
        tuple(_port(path, value) for value in inferred.graph.input if value.name not in names),
        tuple(_port(path, value) for value in inferred.graph.output),
        weights,
    )


def _check_opset(path: Path, model: onnx.ModelProto) -> None:
    opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)
    if not OPSET <= opset <= MAX_OPSET:
        raise UserError(
            f"{path}: is of opset {opset}, expected {OPSET} to {MAX_OPSET}: export it with opset_version={OPSET}, or "
            "use onnx.version_converter"
        )


def _port(path: Path, value: onnx.ValueInfoProto) -> Port:
    tensor = value.type.tensor_type
    dtype = _DTYPES.get(tensor.elem_type)
    if dtype is None:
        came = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise UserError(f"{path}: {value.name!r}: got {came}, expected one of {', '.join(_DTYPES.values())}")
    dims = [d.dim_param or (d.dim_value if d.HasField("dim_value") else None) for d in tensor.shape.dim]
    return Port(value.name, dtype, tuple(dims))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_MOST_TEXT]
