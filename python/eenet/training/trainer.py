"""Seeded, resumable training on samples that fit in memory."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from eenet.checkpoint import Checkpoint
from eenet.errors import ArgumentError, UserError, counted
from eenet.files import make_folder, naming, replacing
from eenet.models import ChainNetwork, MultiExitNetwork
from eenet.preprocessing import ImagePreprocessing, described
from eenet.progress import Progress, duration
from eenet.training.config import TrainingConfig, check_device
from eenet.training.samples import (
    Samples,
    augmented,
    identity_of,
    names_of,
    network_input,
    noun,
    predict,
    right_answers_of,
    training_loss,
)
from eenet.training.state import Position, code_identity, load_state, save_state, weights_identity

STATE_FILE, LOG_FILE = "state.safetensors", "log.jsonl"
STORE_S = 120.0  # what a kill may cost within an epoch

_log = logging.getLogger(__name__)


class Trainer:
    """Trains a network and keeps all it needs to go on in one file, written after every epoch and every two minutes.

    The order of samples and the augmentation of a step depend on seed, epoch and step alone, so a run that was
    interrupted and resumed ends with the same weights as one that was not (same machine, device and thread count, and
    no layer that draws random numbers on an accelerator).

    Args:
        network: as it starts.
        train: training samples.
        validation: samples that no step sees; figures of each exit are measured on them after every epoch.
        preprocessing: of images.
        config: how to train.
        folder: where ``state.safetensors`` and ``log.jsonl`` go.
        teacher: a trained network whose last exit is imitated, see `MultiExitLoss`.

    Raises:
        UserError: too few samples or ones of another task, a teacher of other classes, or full heads of a network that
            is no chain.
    """

    def __init__(
        self,
        network: MultiExitNetwork,
        train: Samples,
        validation: Samples,
        preprocessing: ImagePreprocessing | None,
        config: TrainingConfig,
        folder: Path,
        teacher: Checkpoint | None = None,
    ) -> None:
        if teacher is not None and teacher.class_names != names_of(train):
            raise UserError(
                f"teacher: its classes are {_listed(teacher.class_names)}, those of the {noun(train)}s "
                f"{_listed(names_of(train))}"
            )
        if teacher is not None and teacher.preprocessing is None:
            raise UserError("teacher: says nothing of images, expected a network that was trained on such")
        if len(train) < config.batch_size:
            came = counted(len(train), noun(train))
            raise UserError(f"training set: got {came}, expected at least one batch of {config.batch_size}")
        check_device(config.device)
        self._device = torch.device(config.device)
        self.network: MultiExitNetwork = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train_set = train
        self.validation = validation
        self.preprocessing = preprocessing
        self.config = config
        self.folder = folder
        self.position = Position()
        self.store_every_s = STORE_S
        self._teacher = teacher
        if teacher is not None:
            teacher.network.to(self._device)
        self._average = (
            AveragedModel(network, multi_avg_fn=_averaging(config.averaging), use_buffers=True)
            if config.averaging
            else None
        )
        self._loss = training_loss(network, train, config).to(self._device)
        if config.full_heads:
            if not isinstance(network, ChainNetwork):
                raise ArgumentError(
                    "full_heads",
                    f"{network.name} is no ChainNetwork, expected one, with heads beside a trunk",
                )
            network.branch_gradients = tuple(self._loss.weights[:-1])
        self._run = torch.compile(network.run) if config.compile else network.run
        matrices = [p for p in network.parameters() if p.ndim > 1]
        vectors = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        self._optimizer = torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)
        self._steps = len(train) // config.batch_size
        self._schedule = self._schedule_from(0)
        self._stored = time.monotonic()
        self._run_identity: dict[str, Any] | None = None

    def _schedule_from(self, step: int) -> torch.optim.lr_scheduler.OneCycleLR:
        # PyTorch divides by the lengths of both phases less one step.
        total = max(2, self.config.epochs * self._steps)
        warmup = min(max(self.config.warmup, 1.5 / total), 1 - 0.5 / total)
        return torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            self.config.learning_rate,
            total_steps=total,
            pct_start=warmup,
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
        """Trains to the last epoch, from where the state file is. The network is on the CPU in the end."""
        self._restore()
        epochs, steps = self.config.epochs, self._steps
        done = self.position.epoch * steps + self.position.step
        with Progress("train", epochs * steps, "steps", done=done) as progress:
            while self.position.epoch < epochs:
                started = time.monotonic()
                loss = self._train_epoch(progress)
                self.position = Position(self.position.epoch + 1)
                predictions = predict(self.result, self.validation, self.preprocessing)
                progress.clear()
                line = {"epoch": self.position.epoch, "loss": loss, "validation": predictions.exit_figures()}
                # Before the state: killed in between, the epoch comes again, and its line is put in place of this one.
                self._log({**line, "s": time.monotonic() - started}, predictions.exits_text(), progress.left())
                self._store()
        self.result.cpu()

    def _train_epoch(self, progress: Progress) -> float:
        config, epoch = self.config, self.position.epoch
        early_exits = epoch >= int(config.trunk_share * config.epochs) or not self.network.standalone
        distil = epoch >= (1 - config.distillation_share) * config.epochs
        self.network.train()
        began = time.monotonic()
        for done, batch in enumerate(self._batches(), start=1):
            with torch.autocast(self._device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                teacher = self._teach(batch)
                x = network_input(batch, self.preprocessing).to(self._device)
                answers = [z.float() for z in self._run((x,), early_exits=early_exits)]
            # Before the exits are there, the last one is trained as a network of its own.
            answers = answers if early_exits else answers[-1:]
            right = right_answers_of(batch).to(self._device)
            loss = self._loss(answers, right, distil=distil, teacher=teacher)
            value = self._finite(loss.item())
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            if self._average is not None:
                self._average.update_parameters(self.network)
            self.position = Position(epoch, self.position.step + 1, self.position.loss + value)
            if time.monotonic() - self._stored >= self.store_every_s:
                self._store()
            rate = done * config.batch_size / (time.monotonic() - began)
            mean = self.position.loss / self.position.step
            progress.advance(
                note=f"epoch {epoch + 1} of {config.epochs}, loss {mean:.3f}, {rate:.0f} {noun(self.train_set)}s/s"
            )
        return self.position.loss / self._steps

    def _finite(self, loss: float) -> float:
        if math.isfinite(loss):
            return loss
        place = f"epoch {self.position.epoch + 1}, step {self.position.step + 1}"
        kept = f"; the last good state is kept in {self._state_file}" if self._state_file.exists() else ""
        raise UserError(
            f"{place}: the loss is {loss}{kept}; start anew in another folder with a learning rate below "
            f"{self.config.learning_rate:g}"
        )

    def _teach(self, batch: Samples) -> Tensor | None:
        if self._teacher is None or self._teacher.preprocessing is None:
            return None
        with torch.no_grad():
            x = network_input(batch, self._teacher.preprocessing).to(self._device)
            return self._teacher.network.run_last(x).float()

    def _batches(self) -> Iterator[Samples]:
        seeds = (self.config.seed, self.position.epoch)
        order = np.random.default_rng(seeds).permutation(len(self.train_set))
        size, pad = self.config.batch_size, self.config.padding
        for step in range(self.position.step, self._steps):
            random = np.random.default_rng((*seeds, step))
            batch = self.train_set[order[step * size : (step + 1) * size]]
            yield augmented(batch, pad, random)

    def _log(self, line: dict[str, Any], figures: str, left: float) -> None:
        with naming(self.folder / LOG_FILE), open(self.folder / LOG_FILE, "a") as file:
            file.write(json.dumps(line) + "\n")
        print(
            f"epoch {line['epoch']}/{self.config.epochs}  loss {line['loss']:.4f}  validation {figures}  "
            f"{line['s']:.0f} s" + (f", about {duration(left)} left" if left else ""),
            flush=True,
        )

    def _drop_lines(self) -> None:
        """Takes lines out of the log that are of epochs that the state does not have, or torn by a kill."""
        path = self.folder / LOG_FILE
        if not path.is_file():
            return
        with naming(path):
            written = path.read_bytes()
        kept = []
        for i, line in enumerate(written.splitlines()):
            try:
                past = int(json.loads(line)["epoch"]) <= self.position.epoch
            except (KeyError, TypeError, ValueError, RecursionError):
                _log.warning("%s: line %d cannot be read and is left out", path, i + 1)
                continue
            if past:
                kept.append(line + b"\n")
        if b"".join(kept) != written:
            with replacing(path) as temporary:
                temporary.write_bytes(b"".join(kept))

    @property
    def _state_file(self) -> Path:
        return self.folder / STATE_FILE

    def _store(self) -> None:
        save_state(self._state_file, self._identity(), self.position, self._tensors())
        self._stored = time.monotonic()

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on; hashed once."""
        if self._run_identity is None:
            self._run_identity = {
                "model": self.network.name or type(self.network).__name__,
                "model options": self.network.options,
                "model code": code_identity(self.network),
                "classes": list(names_of(self.train_set)),
                "training images": identity_of(self.train_set),
                "validation images": identity_of(self.validation),
                "settings": {name: value for name, value in asdict(self.config).items() if name != "device"},
                "teacher": None if self._teacher is None else weights_identity(self._teacher.network),
                "preprocessing": described(self.preprocessing),
            }
        return self._run_identity

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            # All of them from the start, so that a state file has always the same tensors.
            buffer = self._optimizer.state.get(parameter, {}).get("momentum_buffer")
            tensors[f"momentum.{name}"] = torch.zeros_like(parameter) if buffer is None else buffer
        if self._average is not None:
            tensors |= {f"average.{name}": t for name, t in self._average.state_dict().items()}
        return {**{name: t.detach().cpu() for name, t in tensors.items()}, "random": torch.get_rng_state()}

    def _restore(self) -> None:
        make_folder(self.folder)
        identity = self._identity()  # before a step, which may import more code
        if not self._state_file.exists():
            self._drop_lines()  # of a first epoch whose state was not stored any more
            return
        self.position, tensors = load_state(self._state_file, identity, self._tensors())
        self._drop_lines()
        self.network.load_state_dict(_with_prefix("network.", tensors))
        if self._average is not None:
            self._average.load_state_dict(_with_prefix("average.", tensors))
        for name, parameter in self.network.named_parameters():
            buffer = torch.empty_like(parameter)  # the parameter's memory format
            self._optimizer.state[parameter]["momentum_buffer"] = buffer.copy_(tensors[f"momentum.{name}"])
        torch.set_rng_state(tensors["random"])
        if self.position.epoch < self.config.epochs:
            self._schedule = self._schedule_from(self.position.epoch * self._steps + self.position.step)


def _averaging(decay: float) -> Callable[..., None]:
    # The decay grows with the steps, or heads that start anew would count for most of what a short run averages.
    def average(averaged: list[Tensor], current: list[Tensor], steps: Tensor) -> None:
        n = float(steps)
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(averaged, current, steps)

    return average


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f", ... ({len(names)})" if len(names) > 5 else "")
