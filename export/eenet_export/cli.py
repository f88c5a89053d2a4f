"""``eenet-export``: a trained network to a bundle."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eenet.checkpoint import CHECKPOINT, Checkpoint, as_built, load_checkpoint, with_weights
from eenet.cli.command_warnings import print_json
from eenet.cli.commands import ArgumentParser, add_budgets, check_counts, check_seed, given_budgets, run_command
from eenet.cli.model import add_model
from eenet.cli.output import say
from eenet.cli.policy_options import add_class_prior, add_settings, given_settings, weighted
from eenet.errors import ArgumentError, UserError
from eenet.models import model_entry
from eenet.models.code import names_code
from eenet.outputs import check_spared
from eenet.policies import POLICIES
from eenet.policies.grid import COMBINE, DEFAULT_COMBINE, UNITS
from eenet.tasks.classification import of_classes
from eenet.tasks.registry import load_predictions
from eenet.text import file_size
from eenet.weights import read_state_dict
from eenet.workflows.profile import PROVIDERS, ProfileOptions
from eenet.workflows.summary import budget_text, exit_accuracies, schedule_rows
from eenet.zoo import zoo_folder
from eenet_export.assemble import Say
from eenet_export.export import export_bundle
from eenet_export.options import DEFAULT_ACTIVE, DEFAULT_BUDGETS, ExportOptions, ExportResult
from eenet_export.samples import read_samples
from eenet_export.segments import bundle_segments, read_arrays, read_preprocessing


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), _export, argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    options, profile = ExportOptions(), ProfileOptions()
    parser = ArgumentParser(
        "eenet-export",
        "Split a network at its exits, export the segments to ONNX, measure them on this machine, fit schedules for "
        "budgets and write one verified bundle; or do so with segments that are ONNX already.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    add_model(source, required=False)
    source.add_argument(
        "--segments", type=Path, nargs="+", action="extend", metavar="ONNX",
        help="ONNX files that are there, one a segment, in order: they talk by the names of their inputs and outputs",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", type=Path,
        help="weights.safetensors of eenet-train, or a state dict, .safetensors or .pt (default: those that ship; of a "
        "builder of yours, what it returns)",
    )  # fmt: skip
    parser.add_argument("--predictions", type=Path, help="validation predictions (default: beside the checkpoint)")
    parser.add_argument(
        "--samples", type=Path,
        help="to measure and verify with: .npz of images, or with an array for each input of the network, by its name "
        "(default: beside the checkpoint; with --segments noise); with --segments also logits of them to compare with",
    )  # fmt: skip
    parser.add_argument(
        "--exit-outputs", nargs="+", action="extend", metavar="NAME",
        help="with --segments: the output of each that carries logits (default: the one of their shape that no later "
        "segment reads)",
    )  # fmt: skip
    parser.add_argument(
        "--max-sizes", type=_max_size, nargs="+", action="extend", metavar="NAME=N",
        help="with --segments: the largest size of each dimension that is free, as tokens=128",
    )  # fmt: skip
    parser.add_argument(
        "--preprocessing", type=Path,
        help="with --segments: JSON of what images go through, as a manifest has it (default: inputs are taken as they "
        "are)",
    )  # fmt: skip
    shares = ", ".join(DEFAULT_BUDGETS).replace("%", "%%")
    add_budgets(
        parser, what=f"mean cost per sample, the first one active (default: {DEFAULT_ACTIVE}% active among {shares})"
    )
    parser.add_argument(
        "--unit", choices=UNITS, default=options.unit, help="of budgets: measured ms, or counted (default: ms)"
    )
    parser.add_argument(
        "--policy", default=options.policy, choices=list(POLICIES), metavar="POLICY",
        help=f"one of {', '.join(POLICIES)} (default: {options.policy})",
    )  # fmt: skip
    parser.add_argument(
        "--combine", choices=COMBINE,
        help="answer with each exit as it is, with a temperature each, or with all exits so far (default: "
        f"{DEFAULT_COMBINE}, as far as exits can be combined)",
    )  # fmt: skip
    add_class_prior(parser)
    add_settings(parser)
    parser.add_argument(
        "--exits", type=_exits, nargs="+", action="extend", metavar="BEGIN:END",
        help="also write slices of the bundle, as 0:2 for a device and 2:4 for a server: MODEL_BEGIN-END.eenet each",
    )  # fmt: skip
    parser.add_argument("--provider", choices=PROVIDERS, default=profile.provider, help="to measure (default: cpu)")
    parser.add_argument("--threads", type=int, default=profile.threads, help="of the runtime")
    parser.add_argument("--repeats", type=int, default=profile.repeats, help="timed runs of each exit")
    parser.add_argument("--seed", type=int, default=options.seed, help="of the split into fit and calibration set")
    parser.add_argument(
        "--out", type=Path, default=Path(), help="folder in which NAME.eenet is written (--name gives NAME)"
    )
    parser.add_argument("--name", type=_name, help="of the bundle (default: the model's; with --segments network)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _exits(text: str) -> tuple[int, int]:
    """``0:2`` as exits 0 and 1."""
    begin, _, end = text.partition(":")
    if not (text.isascii() and begin.isdecimal() and end.isdecimal()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected BEGIN:END, as 0:2 for exits 0 and 1")
    return int(begin), int(end)


def _max_size(text: str) -> tuple[str, int]:
    """``tokens=128`` as a name and a number."""
    name, _, number = text.rpartition("=")
    if not (name and number.isascii() and number.isdecimal()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected NAME=N, as tokens=128")
    return name, int(number)


def _name(text: str) -> str:
    if text in ("", ".", "..") or "/" in text:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a name without a folder")
    return text


def _checkpoint(sources: dict[str, Path | None], model: str) -> Checkpoint:
    path = sources["checkpoint"]
    if path is None:
        return as_built(model, _class_names(sources))
    try:
        tensors, metadata = read_state_dict(path)
        if CHECKPOINT not in metadata:
            return with_weights(model, tensors, _class_names(sources), f"{path}: weights of {model}")
    except ArgumentError:
        raise
    except UserError as error:
        raise UserError(f"--checkpoint: {error}; expected weights of eenet-train or a state dict") from error
    checkpoint = load_checkpoint(path, code=model)
    name = model_entry(model).name
    if checkpoint.model != name:
        raise UserError(f"--checkpoint: {path} holds {checkpoint.model}, expected {name}")
    return checkpoint


def _class_names(sources: dict[str, Path | None]) -> tuple[str, ...]:
    return load_predictions(_required(sources, "predictions")).names


def _sources(arguments: argparse.Namespace) -> dict[str, Path | None]:
    """Files to read, by argument: what is not given lies beside the weights, where eenet-train writes it."""
    weights = arguments.checkpoint
    if weights is None and not names_code(arguments.model):
        weights = zoo_folder(arguments.model) / "weights.safetensors"
    beside = {"predictions": "validation.npz", "samples": "samples.npz"}
    found = {name: getattr(arguments, name) or (weights and weights.parent / beside[name]) for name in beside}
    return {"checkpoint": weights, **found}


def _required(sources: dict[str, Path | None], name: str) -> Path:
    path = sources[name]
    if path is None:
        raise ArgumentError(name, "is not given, nor a --checkpoint, beside which eenet-train writes it")
    if not path.is_file():
        raise ArgumentError(name, f"{path} is not a file; eenet-train writes it beside the weights")
    return path


def _export(arguments: argparse.Namespace) -> None:
    entry = None if arguments.model is None else model_entry(arguments.model)
    check_counts(arguments, "threads", "repeats")
    check_seed(arguments)
    options = ExportOptions(
        budgets=tuple(given_budgets(arguments)),
        unit=arguments.unit,
        policy=arguments.policy,
        combine=arguments.combine,
        seed=arguments.seed,
        settings=given_settings(arguments),
        profile=ProfileOptions(arguments.threads, arguments.repeats, arguments.provider),
        slices=tuple(arguments.exits or ()),
    )
    tell = (lambda line: None) if arguments.json else say
    if arguments.out.suffix == ".eenet":
        raise ArgumentError("out", f"got {arguments.out}, expected the folder to write NAME.eenet in; NAME is --name")
    out = arguments.out / f"{arguments.name or (entry.short_name if entry else 'network')}.eenet"
    for name in ("checkpoint",) if entry is None else ("exit_outputs", "max_sizes", "preprocessing"):
        if getattr(arguments, name) is not None:
            raise ArgumentError(name, f"goes with {'--model' if entry is None else '--segments'}")
    result = (_of_segments if entry is None else _of_model)(arguments, out, options, tell)
    if arguments.json:
        print_json(_as_json(result))
    else:
        _print_result(result, entry.paper_parameters if entry and arguments.checkpoint is None else ())


def _of_model(arguments: argparse.Namespace, out: Path, options: ExportOptions, tell: Say) -> ExportResult:
    sources = _sources(arguments)
    check_spared(out, sources, folder=True)
    checkpoint = _checkpoint(sources, arguments.model)
    predictions, samples = (_required(sources, name) for name in ("predictions", "samples"))
    return export_bundle(
        checkpoint,
        weighted(load_predictions(predictions), arguments, predictions),
        read_samples(samples, checkpoint),
        out,
        options,
        tell,
    )


def _of_segments(arguments: argparse.Namespace, out: Path, options: ExportOptions, tell: Say) -> ExportResult:
    if arguments.predictions is None:
        raise ArgumentError("predictions", "is not given, expected those of the network on validation data")
    sources = {name: getattr(arguments, name) for name in ("predictions", "samples", "preprocessing")}
    check_spared(out, sources, folder=True)
    for file in arguments.segments:
        check_spared(out, {"segments": file}, folder=True)
    samples, logits = (None, None) if arguments.samples is None else read_arrays(arguments.samples)
    predictions = of_classes(load_predictions(arguments.predictions), str(arguments.predictions))
    validation = weighted(predictions, arguments, arguments.predictions)
    return bundle_segments(
        arguments.segments,
        validation,
        out,
        samples=samples,
        logits=logits,
        exit_outputs=arguments.exit_outputs or (),
        max_sizes=dict(arguments.max_sizes or ()),
        preprocessing=None if arguments.preprocessing is None else read_preprocessing(arguments.preprocessing),
        options=options,
        say=tell,
    )


def _print_result(result: ExportResult, paper_parameters: Sequence[float]) -> None:
    ours = " ".join(f"{count:,}" for count in result.parameters)
    paper = " ".join(f"{count:.2f}" for count in paper_parameters)
    print(f"parameters to each exit: {ours}{f' (paper, Table 3: {paper} million)' if paper else ''}")
    active = result.schedules[result.active]
    for budget in result.skipped:
        print(f"left out: budget {budget:.4g} {active.unit} is below the first exit's cost, {result.costs[0]:.4g}")
    say(f"wrote {result.bundle} ({_size(result.bundle)}), active {budget_text(active)}")
    for path in result.slices:
        say(f"wrote {path} ({_size(path)})")


def _size(bundle: Path) -> str:
    return file_size(sum(path.stat().st_size for path in bundle.iterdir()))


def _as_json(result: ExportResult) -> dict[str, object]:
    return {
        "bundle": str(result.bundle),
        "slices": [str(path) for path in result.slices],
        "parameters": result.parameters,
        "profile": result.profile.to_json(),
        "active": result.active,
        "skipped": result.skipped,
        "schedules": schedule_rows(result.schedules, result.calibration_set),
        "exit_accuracy": exit_accuracies(result.calibration_set).tolist(),
        "max_error": result.max_error,
        "samples": result.samples,
    }


if __name__ == "__main__":
    sys.exit(main())
