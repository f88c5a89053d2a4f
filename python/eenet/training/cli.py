"""``eenet-train``: images to a trained network and its predictions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.commands import ArgumentParser, run_command
from eenet.data import ImageSet, load_images
from eenet.errors import UserError
from eenet.models import create_model, list_models
from eenet.models.heads import HEADS
from eenet.preprocessing import ImagePreprocessing
from eenet.training.trainer import Trainer, TrainingConfig, predict

_SAMPLES = 400  # real images that go with the weights, to measure and verify an export with


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run_command(
        _parser(), _train, argv, interrupted="finished epochs are kept; the same command goes on from there"
    )


def _parser() -> ArgumentParser:
    defaults = TrainingConfig()
    parser = ArgumentParser("eenet-train", "Train a multi-exit network (paper, section 3.1), resumably.")
    parser.add_argument("--model", required=True, help=f"one of {', '.join(list_models())}")
    parser.add_argument("--data", required=True, type=Path, help="training images, .npz")
    parser.add_argument("--validation", type=int, default=5000, help="the last so many images are not trained on")
    parser.add_argument("--test", type=Path, help="test images, .npz: predictions are written when training is done")
    parser.add_argument("--out", required=True, type=Path, help="folder of weights, predictions, log and state")
    parser.add_argument("--start", type=Path, help="checkpoint whose weights to start from")
    parser.add_argument("--heads", choices=HEADS, help="of the early exits (default: the network's own)")
    parser.add_argument("--teacher", type=Path, help="checkpoint of the same classes, whose last exit is imitated")
    parser.add_argument("--teacher-share", type=float, default=defaults.teacher_share, help="its part in every loss")
    parser.add_argument("--epochs", type=int, default=defaults.epochs)
    parser.add_argument("--batch-size", type=int, default=defaults.batch_size)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate, help="peak of one cycle")
    parser.add_argument("--weight-decay", type=float, default=defaults.weight_decay)
    parser.add_argument("--warmup", type=float, default=defaults.warmup, help="share of the steps before the peak")
    parser.add_argument("--trunk-share", type=float, default=defaults.trunk_share, help="first share without exits")
    parser.add_argument("--distillation", type=float, default=defaults.distillation)
    parser.add_argument("--loss-weights", type=float, nargs="+", help="of the exits (default: 1 2 .. K)")
    parser.add_argument("--averaging", type=float, default=defaults.averaging, help="decay of averaged weights")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default=defaults.precision)
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--threads", type=int, help="of PyTorch")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _train(arguments: argparse.Namespace) -> None:
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config = _config(arguments)
    images = load_images(arguments.data)
    if not 0 < arguments.validation < len(images):
        raise UserError(f"--validation: got {arguments.validation}, expected 1 to {len(images) - 1}")
    train, validation = images[: -arguments.validation], images[-arguments.validation :]
    torch.manual_seed(config.seed)
    if arguments.start:
        start = load_checkpoint(arguments.start)
        if start.model != arguments.model:
            raise UserError(f"--start: {arguments.start} holds {start.model}, expected {arguments.model}")
        if arguments.heads and start.network.options.get("heads") != arguments.heads:
            raise UserError(f"--heads: {arguments.start} has {start.network.options.get('heads')}")
        network, preprocessing = start.network, start.preprocessing
    else:
        options = {"heads": arguments.heads} if arguments.heads else {}
        network = create_model(arguments.model, len(images.class_names), **options)
        preprocessing = ImagePreprocessing.fit(train.images)
    if not 0 <= config.averaging < 1:
        raise UserError(f"--averaging: got {config.averaging}, expected at least 0 and below 1")
    if not 0 <= config.teacher_share <= 1:
        raise UserError(f"--teacher-share: got {config.teacher_share}, expected 0 to 1")
    if config.loss_weights and len(config.loss_weights) != network.num_exits:
        raise UserError(f"--loss-weights: got {len(config.loss_weights)} numbers, expected {network.num_exits}")

    teacher = load_checkpoint(arguments.teacher) if arguments.teacher else None
    trainer = Trainer(network, train, validation, preprocessing, config, arguments.out, teacher)
    trainer.fit()
    network = trainer.result
    accuracy = {}
    sets: dict[str, ImageSet] = {"validation": validation}
    if arguments.test:
        sets["test"] = load_images(arguments.test)
    list(sets.values())[-1][:_SAMPLES].save(arguments.out / "samples.npz")
    for name, image_set in sets.items():
        predictions = predict(network, image_set, preprocessing)
        predictions.save(arguments.out / f"{name}.npz")
        answers = predictions.logits.argmax(axis=2)
        accuracy[name] = np.mean(answers == predictions.labels[:, None], axis=0).round(4).tolist()
    training = {"config": asdict(config), "validation_accuracy": accuracy["validation"], "data": arguments.data.name}
    weights = arguments.out / "weights.safetensors"
    Checkpoint(arguments.model, network, images.class_names, preprocessing, training).save(weights)
    if arguments.json:
        print(json.dumps({"weights": str(weights), "accuracy": accuracy}))
    else:
        for name, values in accuracy.items():
            print(f"{name} accuracy per exit: {' '.join(f'{100 * a:.2f}' for a in values)} %")
        print(f"wrote {weights}")


def _config(arguments: argparse.Namespace) -> TrainingConfig:
    for name in ("epochs", "batch_size", "learning_rate"):
        if getattr(arguments, name) <= 0:
            raise UserError(f"--{name.replace('_', '-')}: got {getattr(arguments, name)}, expected a positive number")
    return TrainingConfig(
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        weight_decay=arguments.weight_decay,
        warmup=arguments.warmup,
        trunk_share=arguments.trunk_share,
        distillation=arguments.distillation,
        loss_weights=tuple(arguments.loss_weights) if arguments.loss_weights else None,
        averaging=arguments.averaging,
        teacher_share=arguments.teacher_share,
        precision=arguments.precision,
        compile=arguments.compile,
        seed=arguments.seed,
    )


if __name__ == "__main__":
    sys.exit(main())
