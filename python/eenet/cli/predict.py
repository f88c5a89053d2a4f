"""``eenet-predict``: a bundle and samples to predictions of every exit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eenet.cli.command_warnings import print_json
from eenet.cli.commands import ArgumentParser, check_counts, run_command
from eenet.cli.option_types import output_file
from eenet.cli.output import say
from eenet.data.arrays import holds_arrays, load_arrays
from eenet.errors import counted
from eenet.outputs import check_replaceable
from eenet.prediction_checks import check_predictions
from eenet.predictions import Predictions
from eenet.workflows.predict import bundle_images, predict_arrays, predict_images
from eenet.workflows.profile import PROVIDERS
from eenet.workflows.summary import exit_accuracies


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(_parser(), _predict, argv, interrupted="nothing was written")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "eenet-predict",
        "Run a bundle at full depth and write what every exit says, for eenet-schedule and eenet-report.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder written by eenet-export")
    parser.add_argument(
        "--data", type=Path, required=True,
        help="images: a folder of class folders, or .npz, classes are matched by name; or .npz of inputs and targets",
    )  # fmt: skip
    parser.add_argument("--out", type=output_file(".npz"), required=True, help="predictions, .npz")
    parser.add_argument("--provider", choices=PROVIDERS, default="cpu", help="that runs it")
    parser.add_argument("--threads", type=int, default=1, help="of the runtime")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _predict(arguments: argparse.Namespace) -> None:
    check_counts(arguments, "threads")
    check_replaceable(arguments.out, folder=False, inputs={"bundle": arguments.bundle, "data": arguments.data})
    run = {"threads": arguments.threads, "provider": arguments.provider}
    predictions: Predictions
    if holds_arrays(arguments.data):
        predictions = predict_arrays(arguments.bundle, load_arrays(arguments.data), **run)
    else:
        predictions = predict_images(arguments.bundle, bundle_images(arguments.bundle, arguments.data), **run)
    predictions.save(arguments.out)
    check_predictions(predictions, str(arguments.data))
    if arguments.json:
        figures = {
            f"exit_{predictions.exit_figure}": predictions.exit_figures(),
            f"exit_{predictions.quality_name}": exit_accuracies(predictions).tolist(),
        }
        print_json({"predictions": str(arguments.out), "samples": len(predictions), **figures})
        return
    say(f"{arguments.data}: {counted(len(predictions), 'sample')}, per exit {predictions.exits_text()}")
    say(f"wrote {arguments.out}")


if __name__ == "__main__":
    sys.exit(main())
