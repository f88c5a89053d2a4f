"""ONNX files that somebody else exported, one a segment, to a verified bundle."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.bundles import BundleContent, Segment
from eenet.bundles.bundle import reading
from eenet.costs import CostProfile
from eenet.errors import ArgumentError, UserError, counted
from eenet.files import open_npz, require_regular
from eenet.noise import Inputs
from eenet.preprocessing import ImagePreprocessing, described, parsed
from eenet.segments import BATCH
from eenet.tasks.classification import ClassPredictions
from eenet.workflows.profile import noise_inputs
from eenet_export.assemble import Comparison, Parts, Say, assemble, check_before
from eenet_export.board import Board
from eenet_export.onnx import MAX_BATCH
from eenet_export.onnx_file import precision_of, read_onnx
from eenet_export.options import ExportOptions, ExportResult
from eenet_export.samples import Declared, declared_inputs
from eenet_export.verify import differences, runtime_outputs


def bundle_segments(
    onnx_files: Sequence[str | Path],
    predictions: ClassPredictions,
    out: str | Path,
    *,
    samples: Mapping[str, NDArray[Any]] | None = None,
    logits: NDArray[np.float32] | None = None,
    exit_outputs: Sequence[str] = (),
    max_sizes: Mapping[str, int] | None = None,
    preprocessing: ImagePreprocessing | None = None,
    options: ExportOptions | None = None,
    say: Say = lambda line: None,
) -> ExportResult:
    """Makes a bundle of segments that are there, whatever they were exported by.

    Segments talk by the names of their graphs' inputs and outputs: each reads inputs of the network and what earlier
    ones wrote. The files go into the bundle as they are; weights that lie beside one are put inside.

    Args:
        onnx_files: one a segment, in order.
        predictions: the network's, on samples that it was not trained on; they name the classes, too.
        out: the folder ``NAME.eenet``; an existing bundle is replaced at the very end.
        samples: real ones to measure with, an array ``(N, ...)`` for each input; noise when None.
        logits: what the network is to give of them, float32 ``(N, K, C)``, to be compared with; None: nothing is.
        exit_outputs: the output of each segment that carries its logits; when empty, the one of the right shape that no
            later segment reads.
        max_sizes: the largest size of each dimension that is free, by its name; ``batch`` need not be there.
        preprocessing: what images go through on the way to the input, for the manifest.
        options: what to fit and how to measure; slices as well. Budgets are in ``ms`` or ``params``.
        say: takes one line for each step.

    Returns:
        As `eenet_export.export_bundle`; ``max_error`` is empty where nothing was compared.

    Raises:
        UserError: a file that is no ONNX model of the format's versions, or does not fit to the others; samples,
            predictions or budgets that do not fit; failed verification.
    """
    options, out = options or ExportOptions(), Path(out)
    if not isinstance(predictions, ClassPredictions):
        came = type(predictions).__name__
        raise ArgumentError(
            "predictions", f"got {came}, expected those of classes, as eenet.tasks.registry.load_predictions gives"
        )
    if options.unit == "flops":
        raise ArgumentError("unit", "got flops, which are not counted in ONNX files, expected ms or params")
    content = _content(
        [Path(file) for file in onnx_files], predictions.class_names, out.stem, exit_outputs, max_sizes or {},
        preprocessing,
    )  # fmt: skip
    shape = len(content.segments), len(predictions.class_names)
    halves = check_before(predictions, shape, (content.model, None), out, options)
    inputs = _inputs(content, samples)
    say(f"segments: {counted(shape[0], 'exit')}, inputs {', '.join(content.inputs)}")
    if preprocessing is None and _takes_images(content):
        say(
            "no preprocessing is declared (--preprocessing): `rt.preprocess`, eenet-predict and eenet-report --data "
            "will take no images"
        )

    def compare(bundle: Path) -> Comparison:
        exits = runtime_outputs(bundle, inputs, options.profile)
        seen = predictions.outputs_of(exits)
        if samples is None or logits is None:
            return Comparison(seen, None, [])
        if logits.shape != seen.shape:
            raise UserError(f"logits: got shape {logits.shape}, expected {seen.shape}, as the samples")
        errors = differences(exits, _exits_of(logits), "those given", content.precision)
        return Comparison(seen, "the logits given", errors)

    parts = Parts(content, None, _counted(content), compare, real=samples is not None)
    return assemble(parts, halves, inputs, out, options, say)


def _exits_of(logits: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], ...]]:
    return [(logits[:, k],) for k in range(logits.shape[1])]


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32] | None]:
    """Samples of an ``.npz`` file, and the ``logits`` in it that the network gives of them, if there are such.

    Raises:
        UserError: it cannot be read.
    """
    with open_npz(path) as file:
        arrays = {name: file[name] for name in file.keys}
        logits = arrays.pop("logits", None)
        if logits is not None and logits.dtype.kind != "f":
            raise UserError(f"logits: got {logits.dtype}, expected float32")
        return arrays, None if logits is None else logits.astype(np.float32)


def read_preprocessing(path: Path) -> ImagePreprocessing | None:
    """The object ``preprocessing`` of a manifest, in a file of its own.

    Raises:
        UserError: it is none.
    """
    require_regular(path)
    with reading(path):
        value = json.loads(path.read_bytes().decode("utf-8"))
    try:
        return parsed(value)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _content(
    paths: Sequence[Path],
    class_names: tuple[str, ...],
    name: str,
    exit_outputs: Sequence[str],
    max_sizes: Mapping[str, int],
    preprocessing: ImagePreprocessing | None,
) -> BundleContent:
    board, files = Board(), [read_onnx(path) for path in paths]
    for file in files:
        board.add(file)
    specs = board.specs(files, len(class_names), exit_outputs)
    return BundleContent(
        model=name,
        names=class_names,
        preprocessing=described(preprocessing),
        tensors=board.tensors,
        inputs=tuple(board.inputs),
        segments=tuple(Segment(spec, file.data) for spec, file in zip(specs, files, strict=True)),
        parameters=tuple(itertools.accumulate(file.weights.total() for file in files)),
        max_batch=max_sizes.get(BATCH, MAX_BATCH),
        precision=precision_of(files),
        symbols=board.symbols(max_sizes),
    )


def _takes_images(content: BundleContent) -> bool:
    """Whether the only input has the shape of images in colour, [3, H, W]."""
    tensors = [content.tensors[name] for name in content.inputs]
    return len(tensors) == 1 and len(tensors[0].shape) == 3 and tensors[0].shape[0] == 3


def _counted(content: BundleContent) -> list[CostProfile]:
    """Parameters, where every exit has some: costs are positive."""
    return [CostProfile("params", tuple(map(float, content.parameters)))] if content.parameters[0] else []


def _inputs(content: BundleContent, samples: Mapping[str, NDArray[Any]] | None) -> Inputs:
    tensors = {name: content.tensors[name] for name in content.inputs}
    if samples is not None:
        declared = {name: Declared(tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
        return declared_inputs(declared, content.symbols, samples)
    described_tensors = {name: {"dtype": t.dtype, "shape": [BATCH, *t.shape]} for name, t in tensors.items()}
    symbols = {name: {"max": most} for name, most in content.symbols.items()}
    return noise_inputs({"inputs": list(tensors), "tensors": described_tensors, "symbols": symbols})
