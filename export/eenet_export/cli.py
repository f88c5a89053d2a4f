"""``eenet-export``: a trained network to a bundle."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.cli.command_warnings import print_json
from eenet.cli.commands import ArgumentParser, add_budgets, check_counts, check_seed, given_budgets, run_command
from eenet.cli.model import add_model
from eenet.cli.output import say
from eenet.data import load_images
from eenet.errors import ArgumentError, UserError
from eenet.models import model_entry
from eenet.outputs import check_spared
from eenet.policies import POLICIES
from eenet.policies.grid import COMBINE, UNITS
from eenet.predictions import Predictions
from eenet.workflows.evaluate import evaluate
from eenet.workflows.profile import PROVIDERS, ProfileOptions
from eenet.workflows.summary import budget_text, exit_accuracies
from eenet.zoo import zoo_folder
from eenet_export.export import DEFAULT_ACTIVE, DEFAULT_BUDGETS, ExportOptions, ExportResult, export_bundle


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), _export, argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    options, profile = ExportOptions(), ProfileOptions()
    parser = ArgumentParser(
        "eenet-export",
        "Split a network at its exits, export the segments to ONNX, measure them on this machine, fit schedules for "
        "budgets and write one verified bundle.",
    )
    add_model(parser)
    parser.add_argument("--checkpoint", type=Path, help="weights.safetensors of eenet-train (default: the shipped one)")
    parser.add_argument("--predictions", type=Path, help="validation predictions (default: beside the checkpoint)")
    parser.add_argument(
        "--images", type=Path, help="images to measure and verify with (default: beside the checkpoint)"
    )
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
        "--combine", default=options.combine, choices=COMBINE,
        help="answer with each exit as it is, with a temperature each, or with all exits so far (default: "
        f"{options.combine})",
    )  # fmt: skip
    parser.add_argument(
        "--exits", type=_exits, nargs="+", action="extend", metavar="BEGIN:END",
        help="also write slices of the bundle, as 0:2 for a device and 2:4 for a server: MODEL_BEGIN-END.eenet each",
    )  # fmt: skip
    parser.add_argument("--provider", choices=PROVIDERS, default=profile.provider, help="to measure (default: cpu)")
    parser.add_argument("--threads", type=int, default=profile.threads, help="of the runtime")
    parser.add_argument("--repeats", type=int, default=profile.repeats, help="timed runs of each exit")
    parser.add_argument("--seed", type=int, default=options.seed)
    parser.add_argument("--out", type=Path, default=Path(), help="folder in which MODEL.eenet is written")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _exits(text: str) -> tuple[int, int]:
    """``0:2`` as exits 0 and 1."""
    begin, _, end = text.partition(":")
    if not (text.isascii() and begin.isdecimal() and end.isdecimal()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected BEGIN:END, as 0:2 for exits 0 and 1")
    return int(begin), int(end)


def _checkpoint(path: Path, model: str) -> Checkpoint:
    try:
        checkpoint = load_checkpoint(path, code=model)
    except UserError as error:
        raise UserError(f"--checkpoint: {error}; expected weights.safetensors of eenet-train") from error
    name = model_entry(model).name
    if checkpoint.model != name:
        raise UserError(f"--checkpoint: {path} holds {checkpoint.model}, expected {name}")
    return checkpoint


def _sources(arguments: argparse.Namespace) -> dict[str, Path]:
    """Files to read, by argument: what is not given lies beside the weights, where eenet-train writes it."""
    weights = arguments.checkpoint or zoo_folder(arguments.model) / "weights.safetensors"
    return {
        "checkpoint": weights,
        "predictions": arguments.predictions or weights.parent / "validation.npz",
        "images": arguments.images or weights.parent / "samples.npz",
    }


def _export(arguments: argparse.Namespace) -> None:
    entry = model_entry(arguments.model)
    check_counts(arguments, "threads", "repeats")
    check_seed(arguments)
    budgets = given_budgets(arguments)
    sources = _sources(arguments)
    out = arguments.out / f"{entry.short_name}.eenet"
    check_spared(out, sources, folder=True)
    checkpoint = _checkpoint(sources["checkpoint"], arguments.model)
    for name in ("predictions", "images"):
        if not sources[name].is_file():
            raise ArgumentError(name, f"{sources[name]} is not a file; eenet-train writes it beside the weights")
    options = ExportOptions(
        budgets=tuple(budgets),
        unit=arguments.unit,
        policy=arguments.policy,
        combine=arguments.combine,
        seed=arguments.seed,
        profile=ProfileOptions(arguments.threads, arguments.repeats, arguments.provider),
        slices=tuple(arguments.exits or ()),
    )
    result = export_bundle(
        checkpoint,
        Predictions.load(sources["predictions"]),
        load_images(sources["images"]).images,
        out,
        options,
        (lambda line: None) if arguments.json else say,
    )
    if arguments.json:
        print_json(_as_json(result))
    else:
        _print_result(result, entry.paper_parameters if arguments.checkpoint is None else ())


def _print_result(result: ExportResult, paper_parameters: Sequence[float]) -> None:
    ours = " ".join(f"{count / 1e6:.3f}" for count in result.parameters)
    paper = " ".join(f"{count:.2f}" for count in paper_parameters)
    print(f"parameters to each exit: {ours} million{f' (paper, Table 3: {paper})' if paper else ''}")
    active = result.schedules[result.active]
    for budget in result.skipped:
        print(f"left out: budget {budget:.4g} {active.unit} is below the first exit's cost, {result.costs[0]:.4g}")
    say(f"wrote {result.bundle} ({_megabytes(result.bundle)}), active {budget_text(active)}")
    for path in result.slices:
        say(f"wrote {path} ({_megabytes(path)})")


def _megabytes(bundle: Path) -> str:
    return f"{sum(path.stat().st_size for path in bundle.iterdir()) / 1e6:.1f} MB"


def _as_json(result: ExportResult) -> dict[str, object]:
    return {
        "bundle": str(result.bundle),
        "slices": [str(path) for path in result.slices],
        "parameters": result.parameters,
        "profile": result.profile.to_json(),
        "active": result.active,
        "skipped": result.skipped,
        "schedules": [
            {
                "policy": s.policy,
                "budget": s.budget,
                "unit": s.unit,
                "margin": s.margin,
                "calibration_shares": list(s.calibration_shares),
                "accuracy": evaluate(result.calibration_set, s.exit_policy, s.costs).accuracy,
            }
            for s in result.schedules
        ],
        "exit_accuracy": exit_accuracies(result.calibration_set).tolist(),
        "max_error": result.max_error,
        "samples": result.samples,
    }


if __name__ == "__main__":
    sys.exit(main())
