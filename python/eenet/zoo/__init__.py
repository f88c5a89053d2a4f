"""Trained networks that ship with the package: weights, validation predictions and sample images.

One folder a network, laid out as ``eenet-train`` writes it: ``weights.safetensors``, ``validation.npz``,
``samples.npz``. The sample images are test images: no step of training, fitting or calibration has seen them.
"""

from __future__ import annotations

from pathlib import Path

from eenet.errors import Argument, UserError


def list_zoo() -> list[str]:
    """Names of the networks with shipped weights, sorted."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/weights.safetensors"))


def zoo_folder(model: str) -> Path:
    """Folder of a shipped network.

    Raises:
        UserError: no weights ship for it.
    """
    if model not in list_zoo():
        raise UserError(
            f"model {model!r} has no shipped weights (there are {', '.join(list_zoo())}): give ", Argument("checkpoint")
        )
    return Path(__file__).parent / model
