"""From samples to a folder with a trained network, its predictions and some of the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from eenet.checkpoint import Checkpoint, load_checkpoint
from eenet.data import ImageSet
from eenet.data.arrays import ArraySet, holds_arrays
from eenet.data.split import check_size
from eenet.errors import ArgumentError, UserError, counted
from eenet.locks import sole_writer
from eenet.models import MultiExitNetwork, create_model, model_entry
from eenet.models.registry import model_parameters
from eenet.outputs import Sources, check_replaceable, check_spared
from eenet.prediction_checks import check_predictions
from eenet.predictions import Predictions
from eenet.preprocessing import ImagePreprocessing
from eenet.splits import stratified_mask
from eenet.tasks.classification import ClassPredictions
from eenet.training.config import SuitedSettings, TrainingConfig, native_precision
from eenet.training.samples import Samples, names_of, network_input, noun, predict, right_answers_of
from eenet.training.start import Start, read_start, started_network
from eenet.training.trainer import LOG_FILE, STATE_FILE, Trainer
from eenet.workflows.training_data import array_sets, image_sets

_INPUTS = "num_inputs"  # the option of builders that take as many numbers as the data have
_SAMPLES = 400  # real samples that go with the weights, to measure and verify an export with


@dataclass(frozen=True)
class RunOptions:
    """What to train, on what, and where it goes.

    Attributes:
        model: name of the network, see `eenet.models.model_entry`.
        data: training images, see `load_images`, or arrays, see `eenet.data.arrays.load_arrays`.
        out: folder of weights, predictions, log and state.
        settings: fields of `TrainingConfig`; those left out are what suits the number of samples.
        validation: samples for validation; None: some of ``data``.
        validation_size: how many of them, see `validation_count`.
        split: one of `eenet.data.split.SPLITS`.
        test: samples to predict when training is done.
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
    """What came of it.

    Attributes:
        weights: file of the checkpoint.
        predictions: of each set.
    """

    weights: Path
    predictions: dict[str, Predictions]


def train_run(options: RunOptions, say: Callable[[str], None]) -> RunResult:
    """Trains, or goes on from where the folder is, and writes everything.

    Args:
        options: what to do.
        say: takes one line for each step.

    Raises:
        UserError: samples, settings or files that do not fit; a run of other settings in the folder; a loss that is not
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
    train, others = _sets(options, start, say)
    torch.manual_seed(int(options.settings.get("seed") or 0))
    network, preprocessing = _network(options, start, train, say)
    config = _config(options, network, len(train), start)
    teacher = load_checkpoint(options.teacher, code=options.model) if options.teacher else None
    trainer = Trainer(network, train, others["validation"], preprocessing, config, options.out, teacher)
    say(
        f"train {options.model} ({network.num_exits} exits) on {counted(len(train), noun(train))}{_described(train)}, "
        f"{len(others['validation'])} for validation: "
        f"{counted(config.epochs, 'epoch')} of {counted(len(train) // config.batch_size, 'step')} of "
        f"{counted(config.batch_size, noun(train))}, learning rate "
        f"{config.learning_rate:g}, {config.precision}{'' if config.device == 'cpu' else f' on {config.device}'}"
    )
    trainer.fit()
    return _write(options, trainer, others)


def _described(samples: Samples) -> str:
    if not isinstance(samples, ImageSet):
        return ""
    height, width = samples.images.shape[1:3]
    return f" of {height} x {width} in {counted(len(samples.class_names), 'class')}"


def _sets(
    options: RunOptions, start: Start | None, say: Callable[[str], None]
) -> tuple[Samples, Mapping[str, Samples]]:
    if not holds_arrays(options.data):
        return image_sets(options, _size(options, start), say)
    if options.image_size is not None:
        raise ArgumentError("image_size", f"came for {options.data}, which holds arrays, expected none")
    return array_sets(options, say)


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


def _config(options: RunOptions, network: MultiExitNetwork, samples: int, start: Start | None) -> TrainingConfig:
    given = _given(options)
    suited = asdict(SuitedSettings.of(samples, batch_size=given.get("batch_size"), started=start is not None))
    if not network.standalone:
        if given.get("trunk_share"):
            came = given["trunk_share"]
            raise ArgumentError("trunk_share", f"got {came:g}, expected 0: exits of {network.name} need earlier ones")
        suited["trunk_share"] = 0.0
    if given.get("device"):
        suited["precision"] = native_precision(given["device"])
    if network.task != ClassPredictions.task:
        for name in ("distillation", "teacher_share"):
            # Its default, which means nothing here, may come from a command.
            if given.get(name) not in (None, 0, getattr(TrainingConfig, name)):
                raise ArgumentError(name, f"got {given[name]:g}, expected none: exits of {network.task} imitate no one")
        suited["precision"] = "float32"  # values have more digits than bfloat16
    config = TrainingConfig(**{**suited, **given})
    return config if start is None else replace(config, start=start.identity)


def _network(
    options: RunOptions, start: Start | None, train: Samples, say: Callable[[str], None]
) -> tuple[MultiExitNetwork, ImagePreprocessing | None]:
    fitted = ImagePreprocessing.fit(train.images) if isinstance(train, ImageSet) else None
    model_options, names = dict(options.model_options or {}), names_of(train)
    if not isinstance(train, ImageSet) and _INPUTS in model_parameters(options.model):
        model_options.setdefault(_INPUTS, train.inputs.shape[-1])
    if start is None:
        network = create_model(options.model, len(names), **model_options)
    else:
        network, lines = started_network(start, options.model, names, model_options)
        for line in lines:
            say(line)
        if start.preprocessing is not None and fitted is not None:
            fitted = replace(start.preprocessing, size=fitted.size, resize=True)
    if isinstance(train, ImageSet):
        assert fitted is not None
        _check_size(network, fitted, options.model, sized=options.image_size is not None)
    else:
        _check_shape(network, train, options.model)
        if start is None:
            network.adapt(network_input(train, None), right_answers_of(train))
    return network, fitted


def _check_shape(network: MultiExitNetwork, train: Samples, model: str) -> None:
    """Refuses arrays that the network does not take."""
    assert isinstance(train, ArraySet)
    shapes = list(network.input_shapes.values())
    if shapes != [train.inputs.shape[1:]]:
        listed = ", ".join(f"{name} {list(shape)}" for name, shape in network.input_shapes.items())
        raise ArgumentError(
            "model", f"{model} takes {listed}, the data are one input of {list(train.inputs.shape[1:])} numbers"
        )


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


def _write(options: RunOptions, trainer: Trainer, sets: Mapping[str, Samples]) -> RunResult:
    network, config, out = trainer.result, trainer.config, options.out
    checkpoint = Checkpoint(
        model_entry(options.model).name, network, names_of(trainer.train_set), trainer.preprocessing
    )
    found: dict[str, Predictions] = {}
    for name, samples in sets.items():
        predictions = predict(network, samples, trainer.preprocessing).of_network(checkpoint.id)
        found[name] = predictions.measured_as(found.get("validation", predictions))
    last = list(sets)[-1]
    some = stratified_mask(found[last].strata, min(_SAMPLES, len(sets[last])), config.seed)
    sets[last][some].save(out / "samples.npz")
    for name, predictions in found.items():
        predictions.save(out / f"{name}.npz")
    validation = found["validation"]
    record = {
        "config": asdict(config),
        f"validation_{validation.exit_figure}": validation.exit_figures(),
        "data": options.data.name,
    }
    weights = out / "weights.safetensors"
    replace(checkpoint, training=record).save(weights)
    for name, predictions in found.items():
        check_predictions(predictions, str(out / f"{name}.npz"))
    return RunResult(weights, found)
