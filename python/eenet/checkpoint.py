"""Trained weights in one file: safetensors, with what is needed to use them in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from eenet.bundles.bundle import reading
from eenet.errors import UserError
from eenet.models import MultiExitNetwork, create_model, model_entry
from eenet.models.code import blaming, names_code
from eenet.models.probe import probe, probe_difference
from eenet.predictions import WEIGHTS_ID
from eenet.preprocessing import ImagePreprocessing, described, parsed
from eenet.weights import load_exactly, read_tensors, save_tensors, weights_digest

CHECKPOINT = "eenet"  # entry of the header that says of what network the weights are


@dataclass(frozen=True)
class Checkpoint:
    """A trained network.

    Attributes:
        model: name of the network, see `eenet.models.model_entry`.
        network: the network with its weights.
        class_names: C names.
        preprocessing: what images go through on the way to its input; None: inputs go in as they are.
        training: how the weights came about: settings and figures, for people.
    """

    model: str
    network: MultiExitNetwork
    class_names: tuple[str, ...]
    preprocessing: ImagePreprocessing | None
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Identity of the weights, which predictions and bundles carry."""
        return WEIGHTS_ID + weights_digest(self.network.state_dict())

    def save(self, path: str | Path) -> None:
        """Writes the weights and, under ``eenet`` in the header, everything else as JSON.

        Code is not written. A probe of what it computes is, by which `load_checkpoint` notices another one.
        """
        description = {
            "model": self.model,
            "options": self.network.options,
            "class_names": list(self.class_names),
            "preprocessing": described(self.preprocessing),
            "training": self.training,
            "probe": probe(self.network),
        }
        save_tensors(path, self.network.state_dict(), {CHECKPOINT: json.dumps(description)})


def as_built(model: str, class_names: Sequence[str]) -> Checkpoint:
    """A network with the weights that its builder gives it."""
    network = create_model(model, len(class_names))
    return Checkpoint(network.name, network.eval(), tuple(class_names), None)


def with_weights(model: str, tensors: Mapping[str, Tensor], class_names: Sequence[str], name: str) -> Checkpoint:
    """A network with the weights of a plain state dict, as other training scripts write them.

    Args:
        model: name of the network, see `eenet.models.model_entry`.
        tensors: its weights.
        class_names: C names.
        name: of the weights, for errors.

    Raises:
        UserError: they do not fit the network.
    """
    checkpoint = as_built(model, class_names)
    load_exactly(checkpoint.network, tensors, name)
    return checkpoint


def load_checkpoint(path: str | Path, *, code: str | None = None) -> Checkpoint:
    """Reads what `Checkpoint.save` wrote; the network comes in evaluation mode.

    Args:
        path: of the file.
        code: the caller's name of a network, as ``net.py:build``. A checkpoint of a network that is no registered one
            is only taken where it is that: no file has the say on what code is run.

    Raises:
        UserError: the file cannot be read, is not a checkpoint, or its weights do not fit the network that it names;
            it names code that the caller did not name; the network answers otherwise than when they were saved.
    """
    tensors, metadata = read_tensors(path)
    if CHECKPOINT not in metadata:
        raise UserError(f"{path}: no 'eenet' entry in its header; expected a checkpoint that eenet-train wrote")
    with reading(Path(path)):
        description = json.loads(metadata[CHECKPOINT])
        model, class_names = str(description["model"]), tuple(map(str, description["class_names"]))
        preprocessing = parsed(description["preprocessing"])
        training = dict(description["training"])
        options = dict(description["options"])
        kept = description.get("probe")
        answers = None if kept is None else np.array(kept, np.float64)
    builder = model
    if names_code(model):
        if code is None or not names_code(code) or model_entry(code).name != model:
            raise UserError(f"{path}: is of the network {model!r}, which is code and runs only where you name it")
        builder = code
    network = create_model(builder, len(class_names), **options)
    load_exactly(network, tensors, f"{path}: weights of {model}")
    if answers is not None:
        with blaming(builder):
            difference = probe_difference(network, answers)
        if difference is not None:
            raise UserError(
                f"{path}: the network {model} answers otherwise than when these weights were saved ({difference}): was "
                "its code changed?"
            )
    return Checkpoint(model, network.eval(), class_names, preprocessing, training)
