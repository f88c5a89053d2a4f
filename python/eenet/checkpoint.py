"""Trained weights in one file: safetensors, with what is needed to use them in its header."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from eenet.errors import UserError
from eenet.files import replacing
from eenet.models import MultiExitNetwork, create_model
from eenet.preprocessing import ImagePreprocessing


@dataclass(frozen=True)
class Checkpoint:
    """A trained network.

    Attributes:
        model: registry name.
        network: the network with its weights.
        class_names: C names.
        preprocessing: what its inputs go through.
        training: how the weights came about: settings and figures, for people.
    """

    model: str
    network: MultiExitNetwork
    class_names: tuple[str, ...]
    preprocessing: ImagePreprocessing
    training: dict[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Writes the weights and, under ``eenet`` in the header, everything else as JSON."""
        description = {
            "model": self.model,
            "options": self.network.options,
            "class_names": list(self.class_names),
            "preprocessing": self.preprocessing.to_json(),
            "training": self.training,
        }
        tensors = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        with replacing(path) as temporary:
            safetensors.torch.save_file(tensors, temporary, metadata={"eenet": json.dumps(description)})


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Reads what `Checkpoint.save` wrote; the network comes in evaluation mode.

    Raises:
        UserError: the file cannot be read, is not a checkpoint, or its weights do not fit the network that it names.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"checkpoint {path}: {error}") from error
    if "eenet" not in metadata:
        raise UserError(f"checkpoint {path}: no 'eenet' entry in its header; expected a file that eenet-train wrote")
    try:
        description = json.loads(metadata["eenet"])
        model, class_names = description["model"], tuple(map(str, description["class_names"]))
        options = dict(description["options"])
        preprocessing = ImagePreprocessing.from_json(description["preprocessing"])
        training = description["training"]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"checkpoint {path}: malformed 'eenet' entry: {error!r}") from error
    network = create_model(model, len(class_names), **options)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"checkpoint {path}: does not fit {model}: {error}") from error
    return Checkpoint(model, network.eval(), class_names, preprocessing, training)
