"""From images to a folder with a trained network, its predictions and sample images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.data import ImageSet, load_images
from eenet.data.checks import check_sets
from eenet.data.split import check_size, split_images, validation_count
from eenet.errors import ArgumentError, UserError, counted
from eenet.locks import sole_writer
from eenet.models import MultiExitNetwork, create_model, model_entry
from eenet.outputs import Sources, check_replaceable, check_spared
from eenet.prediction_checks import check_predictions
from eenet.preprocessing import ImagePreprocessing
from eenet.splits import stratified_mask
from eenet.training.config import SuitedSettings, TrainingConfig
from eenet.training.start import Start, read_start, started_network
from eenet.training.trainer import LOG_FILE, STATE_FILE, Trainer, predict

_MUCH_CUT_OFF = 0.05  # of the pixels, that people should know of
_SAMPLES = 400  # real images that go with the weights, to measure and verify an export with


@dataclass(frozen=True)
class RunOptions:
    """What to train, on what, and where it goes.

    Attributes:
        model: name of the network, see `eenet.models.model_entry`.
        data: training images, see `load_images`.
        out: folder of weights, predictions, log and state.
        settings: fields of `TrainingConfig`; those left out are what suits the number of images.
        validation: images for validation; None: some of ``data``.
        validation_size: how many of them, see `validation_count`.
        split: one of `eenet.data.split.SPLITS`.
        test: images to predict when training is done.
        image_size: height and width; None: those of the start, else of the network.
        start: weights to start from, see `read_start`.
        teacher: checkpoint of a network to imitate.
        model_options: of `create_model`.
    """

    model: str
    data: Path
    out: Path
    settings: Mapping[str, Any]
    validation: Path | None = None
    validation_size: str | None = None
    split: str = "stratified"
    test: Path | None = None
    image_size: tuple[int, int] | None = None
    start: str | None = None
    teacher: Path | None = None
    model_options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class RunResult:
    """What came of it: the checkpoint's file, and the accuracy of every exit on each set."""

    weights: Path
    accuracy: dict[str, list[float]]


def train_run(options: RunOptions, say: Callable[[str], None]) -> RunResult:
    """Trains, or goes on from where the folder is, and writes everything.

    Args:
        options: what to do.
        say: takes one line for each step.

    Raises:
        UserError: images, settings or files that do not fit; a run of other settings in the folder; a loss that is not
            a number.
    """
    inputs = _inputs(options)
    check_spared(options.out, inputs, folder=True)
    sets = ("validation.npz", "test.npz") if options.test else ("validation.npz",)
    for name in (STATE_FILE, LOG_FILE, "samples.npz", "weights.safetensors", *sets):
        check_replaceable(options.out / name, folder=False, inputs=inputs)
    with sole_writer(options.out):
        return _train(options, say)


def _inputs(options: RunOptions) -> Sources:
    files = {"data": options.data, "validation": options.validation, "test": options.test}
    # Else it is a network that ships.
    start = Path(options.start) if options.start and Path(options.start).is_file() else None
    return {**files, "teacher": options.teacher, "start": start}


def _train(options: RunOptions, say: Callable[[str], None]) -> RunResult:
    _check_settings(options)
    start = None if options.start is None else read_start(options.start)
    size = _size(options, start)
    train, others = _sets(options, size, say)
    check_sets(train, others)
    config = _config(options, len(train), start)
    torch.manual_seed(config.seed)
    network, preprocessing = _network(options, start, train, say)
    _check_size(network, preprocessing, options.model, sized=options.image_size is not None)
    teacher = load_checkpoint(options.teacher, code=options.model) if options.teacher else None
    trainer = Trainer(network, train, others["validation"], preprocessing, config, options.out, teacher)
    say(
        f"train {options.model} ({network.num_exits} exits) on {counted(len(train), 'image')} of {size[0]} x {size[1]} "
        f"in {counted(len(train.class_names), 'class')}, {len(others['validation'])} for validation: "
        f"{counted(config.epochs, 'epoch')} of {counted(len(train) // config.batch_size, 'step')} of "
        f"{counted(config.batch_size, 'image')}, learning rate "
        f"{config.learning_rate:g}, {config.precision}"
    )
    trainer.fit()
    return _write(options, trainer, others)


def _size(options: RunOptions, start: Start | None) -> tuple[int, int]:
    if options.image_size is not None:
        for side in options.image_size:
            if not _LEAST_SIDE <= side <= _MOST_SIDE:
                raise ArgumentError("image_size", f"got {side}, expected {_LEAST_SIDE} to {_MOST_SIDE}")
        return options.image_size
    if start is not None and start.preprocessing is not None:
        return start.preprocessing.size
    network = _some_network(options)
    sizes = [dim for dim in next(iter(network.input_shapes.values())) if isinstance(dim, int)]
    if len(network.input_shapes) > 1 or len(sizes) != 3 or network.symbols:
        listed = ", ".join(f"{name} {list(shape)}" for name, shape in network.input_shapes.items())
        raise ArgumentError("model", f"{options.model} takes {listed}, expected one input of images, [3, H, W]")
    return sizes[1], sizes[2]


def _some_network(options: RunOptions) -> MultiExitNetwork:
    """The network for some number of classes, before the data say theirs."""
    classes = 2 if model_entry(options.model).needs_classes else None
    return create_model(options.model, classes, **(options.model_options or {}))


def _sets(
    options: RunOptions, size: tuple[int, int], say: Callable[[str], None]
) -> tuple[ImageSet, dict[str, ImageSet]]:
    images = load_images(options.data, size)
    say(f"{options.data}: {counted(len(images), 'image')} in {counted(len(images.class_names), 'class')}")
    cut_off = float(np.mean(images.cut_off)) if images.cut_off else 0.0
    if cut_off > _MUCH_CUT_OFF:
        say(
            f"{100 * cut_off:.0f} % of the pixels are cut off on average: images are scaled to cover {size[0]} x "
            f"{size[1]} and cropped at the centre"
        )
    names = images.class_names
    if len(names) < 2:
        raise UserError(f"{options.data}: has 1 class, expected at least 2")
    if options.validation is not None:
        train, validation = images, load_images(options.validation, size, names)
    else:
        count = validation_count(options.validation_size, len(images))
        train, validation = split_images(images, count, int(options.settings.get("seed") or 0), options.split)
    sets = {"validation": validation}
    if options.test is not None:
        sets["test"] = load_images(options.test, size, names)
    return train, sets


def _config(options: RunOptions, images: int, start: Start | None) -> TrainingConfig:
    given = _given(options)
    suited = SuitedSettings.of(images, batch_size=given.get("batch_size"), started=start is not None)
    config = TrainingConfig(**{**asdict(suited), **given})
    return config if start is None else replace(config, start=start.identity)


def _network(
    options: RunOptions, start: Start | None, train: ImageSet, say: Callable[[str], None]
) -> tuple[MultiExitNetwork, ImagePreprocessing]:
    fitted, model_options = ImagePreprocessing.fit(train.images), dict(options.model_options or {})
    if start is None:
        return create_model(options.model, len(train.class_names), **model_options), fitted
    network, lines = started_network(start, options.model, train.class_names, model_options)
    for line in lines:
        say(line)
    if start.preprocessing is None:
        return network, fitted
    return network, replace(start.preprocessing, size=fitted.size, resize=True)


def _check_size(network: MultiExitNetwork, preprocessing: ImagePreprocessing, model: str, *, sized: bool) -> None:
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(2, len(preprocessing.mean), *preprocessing.size))
    except RuntimeError as error:
        height, width = preprocessing.size
        raise ArgumentError(
            "image_size" if sized else "model",
            f"{model} does not take images of {height} x {width}: {' '.join(str(error).split())[:200]}",
        ) from error


def _given(options: RunOptions) -> dict[str, Any]:
    return {name: value for name, value in options.settings.items() if value is not None}


_MOST = 1_000_000  # of anything: products of such numbers are finite in float32
_LEAST_WEIGHTS = 1e-6  # in sum, which divides them
_LEAST_SIDE, _MOST_SIDE = 8, 10_000  # pixels; below, random crops with their padding show next to nothing
_COUNT = f"1 to {_MOST}", lambda value: 1 <= value <= _MOST
_POSITIVE = f"a positive number up to {_MOST}", lambda value: 0 < value <= _MOST
_NOT_NEGATIVE = f"0 to {_MOST}", lambda value: 0 <= value <= _MOST
_A_SHARE = "0 to 1", lambda value: 0 <= value <= 1
_RANGES: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "learning_rate": _POSITIVE,
    "weight_decay": _NOT_NEGATIVE,
    "distillation": _NOT_NEGATIVE,
    "averaging": ("at least 0 and below 1", lambda value: 0 <= value < 1),
    "teacher_share": _A_SHARE,
    "trunk_share": _A_SHARE,
    "warmup": _A_SHARE,
}


def _check_settings(options: RunOptions) -> None:
    """Before images are read, which may take minutes."""
    network = _some_network(options)
    given = _given(options)
    for name, (expected, fits) in _RANGES.items():
        if name in given and not fits(given[name]):
            raise UserError(f"--{name.replace('_', '-')}: got {given[name]}, expected {expected}")
    _check_loss_weights(given.get("loss_weights"), network.num_exits)
    if options.validation_size is not None:
        check_size(options.validation_size)


def _check_loss_weights(weights: Sequence[float] | None, num_exits: int) -> None:
    if weights is None:
        return
    if len(weights) != num_exits:
        raise ArgumentError("loss_weights", f"got {len(weights)} numbers, expected {num_exits}")
    if not (all(0 <= weight <= _MOST for weight in weights) and sum(weights) >= _LEAST_WEIGHTS):
        listed = " ".join(f"{weight:g}" for weight in weights)
        raise ArgumentError("loss_weights", f"got {listed}, expected 0 to {_MOST} each, and a sum above 0")


def _write(options: RunOptions, trainer: Trainer, sets: Mapping[str, ImageSet]) -> RunResult:
    network, config, out = trainer.result, trainer.config, options.out
    classes = trainer.train_set.class_names
    checkpoint = Checkpoint(model_entry(options.model).name, network, classes, trainer.preprocessing)
    accuracy, written = {}, {}
    source = list(sets.values())[-1]
    source[stratified_mask(source.labels, min(_SAMPLES, len(source)), config.seed)].save(out / "samples.npz")
    for name, images in sets.items():
        predictions = replace(predict(network, images, trainer.preprocessing), network=checkpoint.id)
        written[out / f"{name}.npz"] = predictions
        predictions.save(out / f"{name}.npz")
        accuracy[name] = np.mean(predictions.qualities(), axis=0).round(4).tolist()
    record = {"config": asdict(config), "validation_accuracy": accuracy["validation"], "data": options.data.name}
    weights = out / "weights.safetensors"
    replace(checkpoint, training=record).save(weights)
    for path, predictions in written.items():
        check_predictions(predictions, str(path))
    return RunResult(weights, accuracy)
