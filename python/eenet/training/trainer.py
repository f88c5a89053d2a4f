"""Seeded, resumable training on images that fit in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from eenet.checkpoint import Checkpoint
from eenet.data import ImageSet
from eenet.errors import UserError
from eenet.files import replacing
from eenet.models import MultiExitNetwork
from eenet.predictions import Predictions
from eenet.preprocessing import ImagePreprocessing
from eenet.training.losses import MultiExitLoss


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: passes over the training images.
        batch_size: samples a step; the last, smaller batch of an epoch is left out.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: on matrices and convolutions only.
        warmup: share of the steps before the peak.
        trunk_share: first share of the epochs, in which only the last exit is trained (the paper: 20 of 150 epochs).
        distillation: alpha of `MultiExitLoss`.
        distillation_share: last share of the epochs, in which distillation is on (the paper: 25 %).
        loss_weights: of the exits; the paper's when None.
        averaging: decay a step of the exponential moving average of the weights, which is then what is evaluated and
            kept; 0 for none.
        teacher_share: the part that a teacher from outside has in each exit's loss, see `MultiExitLoss`.
        padding: zero padding before the random crop.
        precision: ``float32``, or ``bfloat16`` for autocast.
        compile: use ``torch.compile``.
        seed: of the weights, the order of samples and the augmentation.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 0.2
    weight_decay: float = 5e-4
    warmup: float = 0.2
    trunk_share: float = 0.13
    distillation: float = 0.01
    distillation_share: float = 0.25
    loss_weights: tuple[float, ...] | None = None
    averaging: float = 0.0
    teacher_share: float = 0.5
    padding: int = 4
    precision: str = "bfloat16"
    compile: bool = False
    seed: int = 0


class Trainer:
    """Trains a network epoch by epoch and keeps all it needs to go on in one file.

    The order of samples and the augmentation of an epoch depend on seed and epoch alone, so a run that was
    interrupted and resumed ends with the same weights as one that was not (same machine and thread count).

    Args:
        network: as it starts.
        train: training images.
        validation: images that no step sees; accuracy per exit is measured on them after every epoch.
        preprocessing: of the images.
        config: how to train.
        folder: where ``state.safetensors`` and ``log.jsonl`` go.
        teacher: a trained network whose last exit is imitated, see `MultiExitLoss`.

    Raises:
        UserError: too few images, or a teacher of other classes.
    """

    def __init__(
        self,
        network: MultiExitNetwork,
        train: ImageSet,
        validation: ImageSet,
        preprocessing: ImagePreprocessing,
        config: TrainingConfig,
        folder: Path,
        teacher: Checkpoint | None = None,
    ) -> None:
        if teacher is not None and teacher.class_names != train.class_names:
            raise UserError(
                f"teacher: its classes are {_listed(teacher.class_names)}, those of the images "
                f"{_listed(train.class_names)}"
            )
        if len(train) < config.batch_size:
            raise UserError(
                f"training set: got {len(train)} images, expected at least one batch of {config.batch_size}"
            )
        self.network: MultiExitNetwork = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train_set = train
        self.validation = validation
        self.preprocessing = preprocessing
        self.config = config
        self.folder = folder
        self.epoch = 0
        self._teacher = teacher
        self._average = (
            AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.averaging), use_buffers=True)
            if config.averaging
            else None
        )
        self._loss = MultiExitLoss(
            network.num_exits, config.loss_weights, config.distillation, teacher_share=config.teacher_share
        )
        self._run = torch.compile(network.run) if config.compile else network.run
        matrices = [p for p in network.parameters() if p.ndim > 1]
        vectors = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        self._optimizer = torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)
        self._steps = len(train) // config.batch_size
        self._schedule = self._schedule_from(0)

    def _schedule_from(self, step: int) -> torch.optim.lr_scheduler.OneCycleLR:
        return torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            self.config.learning_rate,
            total_steps=self.config.epochs * self._steps,
            pct_start=self.config.warmup,
            cycle_momentum=False,
            last_epoch=step - 1,
        )

    @property
    def result(self) -> MultiExitNetwork:
        """The network that training is for: the averaged one where weights are averaged."""
        if self._average is None:
            return self.network
        return cast(MultiExitNetwork, self._average.module)

    def fit(self) -> None:
        """Trains to the last epoch, from the last one that was finished."""
        self._restore()
        while self.epoch < self.config.epochs:
            started = time.monotonic()
            loss = self._train_epoch()
            self.epoch += 1
            accuracy = self._accuracy()
            self._store()
            self._log({"epoch": self.epoch, "loss": loss, "validation": accuracy, "s": time.monotonic() - started})

    def _train_epoch(self) -> float:
        config = self.config
        early_exits = self.epoch >= int(config.trunk_share * config.epochs)
        distil = self.epoch >= (1 - config.distillation_share) * config.epochs
        self.network.train()
        total = 0.0
        label = f"epoch {self.epoch + 1}/{config.epochs}"
        for images, labels in tqdm(self._batches(), label, self._steps, disable=None, leave=False):
            with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
                teacher = self._teach(images)
                logits = [z.float() for z in self._run((_tensor(images, self.preprocessing),), early_exits=early_exits)]
            # Before the exits are there, the last one is trained as a network of its own.
            loss = self._loss(logits if early_exits else logits[-1:], labels, distil=distil, teacher=teacher)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            if self._average is not None:
                self._average.update_parameters(self.network)
            total += loss.item()
        mean = total / self._steps
        if not np.isfinite(mean):
            raise UserError(f"epoch {self.epoch + 1}: the loss is {mean}; try a smaller learning rate")
        return mean

    def _teach(self, images: NDArray[np.uint8]) -> Tensor | None:
        if self._teacher is None:
            return None
        with torch.no_grad():
            return self._teacher.network.run_last(_tensor(images, self._teacher.preprocessing)).float()

    def _batches(self) -> Iterator[tuple[NDArray[np.uint8], Tensor]]:
        random = np.random.default_rng((self.config.seed, self.epoch))
        order = random.permutation(len(self.train_set))
        size, pad = self.config.batch_size, self.config.padding
        for step in range(self._steps):
            batch = self.train_set[order[step * size : (step + 1) * size]]
            yield _augment(batch.images, pad, random), torch.from_numpy(batch.labels)

    def _accuracy(self) -> list[float]:
        predictions = predict(self.result, self.validation, self.preprocessing)
        answers = predictions.logits.argmax(axis=2)
        return [round(float(a), 4) for a in (answers == predictions.labels[:, None]).mean(axis=0)]

    def _log(self, line: dict[str, Any]) -> None:
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")
        accuracy = " ".join(f"{100 * a:.2f}" for a in line["validation"])
        print(
            f"epoch {line['epoch']}/{self.config.epochs}  loss {line['loss']:.4f}  validation accuracy {accuracy} %  "
            f"{line['s']:.0f} s",
            flush=True,
        )

    @property
    def _state_file(self) -> Path:
        return self.folder / "state.safetensors"

    def _store(self) -> None:
        tensors = {f"network.{name}": t.contiguous() for name, t in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            state = self._optimizer.state.get(parameter, {})
            if "momentum_buffer" in state:
                tensors[f"momentum.{name}"] = state["momentum_buffer"].contiguous()
        if self._average is not None:
            tensors |= {f"average.{name}": t.contiguous() for name, t in self._average.state_dict().items()}
        metadata = {"epoch": str(self.epoch), "config": json.dumps(asdict(self.config))}
        with replacing(self._state_file) as temporary:
            safetensors.torch.save_file(tensors, temporary, metadata=metadata)

    def _restore(self) -> None:
        if not self._state_file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            return
        try:
            with safetensors.safe_open(self._state_file, framework="pt") as file:
                metadata = file.metadata()
                tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        except (OSError, safetensors.SafetensorError) as error:
            raise UserError(f"{self._state_file}: {error}") from error
        # Through JSON, so that tuples compare as the lists they were written as.
        if json.loads(metadata["config"]) != json.loads(json.dumps(asdict(self.config))):
            raise UserError(
                f"{self._state_file} was trained with {metadata['config']}, now {json.dumps(asdict(self.config))}: "
                "give the same settings or another folder"
            )
        self.network.load_state_dict(_with_prefix("network.", tensors))
        if self._average is not None:
            self._average.load_state_dict(_with_prefix("average.", tensors))
        for name, parameter in self.network.named_parameters():
            if f"momentum.{name}" in tensors:
                buffer = torch.empty_like(parameter)  # the parameter's memory format
                self._optimizer.state[parameter]["momentum_buffer"] = buffer.copy_(tensors[f"momentum.{name}"])
        self.epoch = int(metadata["epoch"])
        if self.epoch < self.config.epochs:
            self._schedule = self._schedule_from(self.epoch * self._steps)


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _tensor(images: NDArray[np.uint8], preprocessing: ImagePreprocessing) -> Tensor:
    return torch.from_numpy(preprocessing(images)).contiguous(memory_format=torch.channels_last)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f", ... ({len(names)})" if len(names) > 5 else "")


def _augment(images: NDArray[np.uint8], padding: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Random flips and random crops after zero padding of uint8 images ``(N, H, W, 3)``."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows = random.integers(0, 2 * padding + 1, (n, 1)) + np.arange(height)
    columns = random.integers(0, 2 * padding + 1, (n, 1)) + np.arange(width)
    flip = random.random(n) < 0.5
    columns[flip] = columns[flip, ::-1]
    cropped: NDArray[np.uint8] = padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return cropped


def predict(
    network: MultiExitNetwork, images: ImageSet, preprocessing: ImagePreprocessing, batch_size: int = 250
) -> Predictions:
    """Logits of every exit in float32 and evaluation mode."""
    network.eval()
    logits = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(images), batch_size), "predict", disable=None, leave=False):
            x = _tensor(images.images[start : start + batch_size], preprocessing)
            logits.append(torch.stack(network(x), dim=1).numpy())
    return Predictions(np.concatenate(logits), images.labels, images.index, images.class_names)
