"""``eenet-train``: images to a trained network and its predictions."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from eenet.cli.command_warnings import print_json
from eenet.cli.commands import ArgumentParser, check_counts, check_seed, run_command
from eenet.cli.model import add_model
from eenet.cli.output import say
from eenet.data.split import SPLITS
from eenet.errors import UserError
from eenet.models.heads import HEADS
from eenet.training.config import TrainingConfig
from eenet.workflows.train import RunOptions, train_run

_SETTINGS = (
    "epochs", "batch_size", "learning_rate", "weight_decay", "warmup", "trunk_share", "distillation", "averaging",
    "full_heads", "teacher_share", "compile", "seed",
)  # fmt: skip
_BUSY = 1.5  # processes that want to run, per core

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(
        _parser(),
        _train,
        argv,
        interrupted="at most two minutes of work are lost; the same command goes on from there",
    )


def _parser() -> ArgumentParser:
    defaults = TrainingConfig()
    by_count = "(default: by the number of samples)"
    parser = ArgumentParser("eenet-train", "Train a multi-exit network (paper, section 3.1), resumably.")
    add_model(parser)
    parser.add_argument(
        "--data",
        required=True,
        type=Path,
        help="training images: a folder of class folders, or .npz; or .npz of inputs and targets",
    )
    parser.add_argument(
        "--image-size",
        type=int,
        nargs="+",
        action="extend",
        metavar="N",
        help="side, or height and width: images are scaled to cover it and cropped at the centre (default: the "
        "network's)",
    )
    sources = parser.add_mutually_exclusive_group()
    sources.add_argument("--validation", type=Path, help="validation images, as --data (default: some of --data)")
    sources.add_argument(
        "--validation-size",
        metavar="N",
        help="how many of --data: a count as 400, or a share as 0.2 or 20%% (default: a fifth, at most 5000)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default=SPLITS[0],
        help="which of --data: some of every class at random, or the last ones",
    )
    parser.add_argument("--test", type=Path, help="test images, as --data: predictions are written in the end")
    parser.add_argument("--out", required=True, type=Path, help="folder of weights, predictions, log and state")
    parser.add_argument(
        "--start",
        metavar="WEIGHTS",
        help="weights to start from: a .safetensors or .pt file, or the name of a network that ships",
    )
    parser.add_argument("--heads", choices=HEADS, help="of the early exits (default: the network's own)")
    parser.add_argument("--teacher", type=Path, help="checkpoint of the same classes, whose last exit is imitated")
    parser.add_argument("--teacher-share", type=float, default=defaults.teacher_share, help="its part in every loss")
    parser.add_argument("--epochs", type=int, help=f"passes over the images {by_count}")
    parser.add_argument("--batch-size", type=int, help=f"images a step {by_count}")
    parser.add_argument("--learning-rate", type=float, help="peak of one cycle (default: by the batch size)")
    parser.add_argument(
        "--weight-decay", type=float, default=defaults.weight_decay, help="of matrices and convolutions"
    )
    parser.add_argument("--warmup", type=float, default=defaults.warmup, help="share of the steps before the peak")
    parser.add_argument(
        "--trunk-share",
        type=float,
        help=f"first share without exits (default: {defaults.trunk_share:g}, with --start 0)",
    )
    parser.add_argument(
        "--distillation",
        type=float,
        default=defaults.distillation,
        help="weight of imitating the last exit, in the last quarter of the epochs",
    )
    parser.add_argument(
        "--loss-weights", type=float, nargs="+", action="extend", help="of the exits (default: 1 2 .. K)"
    )
    parser.add_argument(
        "--full-heads", action="store_true", help="weights of the loss are for the trunk alone: heads learn in full"
    )
    parser.add_argument(
        "--averaging",
        type=float,
        default=defaults.averaging,
        help="decay a step of the average of the weights that is kept, 0 for none",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="auto: bfloat16 where the device computes in it",
    )
    parser.add_argument("--device", help="of PyTorch, as cpu or cuda:1 (default: the accelerator, if there is one)")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument(
        "--seed", type=int, default=defaults.seed, help="of weights, splits, the order of images and their augmentation"
    )
    parser.add_argument("--threads", type=int, help="of PyTorch (default: its own choice, one a core)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _train(arguments: argparse.Namespace) -> None:
    check_seed(arguments)
    if arguments.threads is not None:
        check_counts(arguments, "threads")
        torch.set_num_threads(arguments.threads)
    elif os.getloadavg()[0] > _BUSY * len(os.sched_getaffinity(0)) and torch.get_num_threads() > 1:
        _log.warning(
            "the machine is busy (load %.1f): threads that wait for each other may be many times slower than one; "
            "give --threads 1", os.getloadavg()[0],
        )  # fmt: skip
    result = train_run(_options(arguments), say)
    if arguments.json:
        (figure,) = {predictions.exit_figure for predictions in result.predictions.values()}
        figures = {name: predictions.exit_figures() for name, predictions in result.predictions.items()}
        print_json({"weights": str(result.weights), figure: figures})
        return
    for name, predictions in result.predictions.items():
        print(f"{name} {predictions.exits_text()}")
    then = shlex.join(["eenet-export", "--model", arguments.model, "--checkpoint", str(result.weights)])
    say(f"wrote {result.weights}; next: {then}")


def _options(arguments: argparse.Namespace) -> RunOptions:
    settings = {name: getattr(arguments, name) for name in _SETTINGS}
    if arguments.loss_weights:
        settings["loss_weights"] = tuple(arguments.loss_weights)
    if arguments.device is not None:
        settings["device"] = arguments.device
    if arguments.precision != "auto":
        settings["precision"] = arguments.precision
    return RunOptions(
        model=arguments.model,
        data=arguments.data,
        out=arguments.out,
        settings=settings,
        validation=arguments.validation,
        validation_size=arguments.validation_size,
        split=arguments.split,
        test=arguments.test,
        image_size=_image_size(arguments.image_size),
        start=arguments.start,
        teacher=arguments.teacher,
        model_options={"heads": arguments.heads} if arguments.heads else {},
    )


def _image_size(numbers: Sequence[int] | None) -> tuple[int, int] | None:
    if numbers is None:
        return None
    if len(numbers) > 2:
        raise UserError(f"--image-size: got {len(numbers)} numbers, expected a side, or height and width")
    return numbers[0], numbers[-1]


if __name__ == "__main__":
    sys.exit(main())
