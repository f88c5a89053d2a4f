"""What a trainer asks of samples, whichever kind they are: images with classes, or arrays with targets."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eenet.data import ImageSet
from eenet.data.arrays import ArraySet
from eenet.errors import UserError
from eenet.models import MultiExitNetwork
from eenet.predictions import Predictions
from eenet.preprocessing import ImagePreprocessing
from eenet.progress import Progress
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.regression import ValuePredictions, error_scale_of
from eenet.training.config import TrainingConfig
from eenet.training.losses import BoostedLoss, MultiExitLoss

Samples = ImageSet | ArraySet


def noun(samples: Samples) -> str:
    """What one of them is called."""
    return "image" if isinstance(samples, ImageSet) else "sample"


def names_of(samples: Samples) -> tuple[str, ...]:
    """Names of what is answered."""
    return samples.class_names if isinstance(samples, ImageSet) else samples.target_names


def right_answers_of(samples: Samples) -> Tensor:
    """What is right: labels ``(N,)`` or targets ``(N, D)``."""
    return torch.from_numpy(samples.labels if isinstance(samples, ImageSet) else samples.targets)


def identity_of(samples: Samples) -> str:
    """Number of samples and a hash of them and of what is right."""
    answers = np.ascontiguousarray(right_answers_of(samples).numpy())
    digest = hashlib.sha256(samples.digests().tobytes() + answers.tobytes()).hexdigest()
    return f"{len(samples)} with digest {digest[:16]}"


def network_input(samples: Samples, preprocessing: ImagePreprocessing | None) -> Tensor:
    """Samples as a network takes them."""
    if not isinstance(samples, ImageSet):
        return torch.from_numpy(np.ascontiguousarray(samples.inputs))
    assert preprocessing is not None
    return torch.from_numpy(preprocessing(samples.images)).contiguous(memory_format=torch.channels_last)


def augmented(samples: Samples, padding: int, random: np.random.Generator) -> Samples:
    """Images at random places and mirrored at random; arrays as they are, for nobody knows what may change in them."""
    if not isinstance(samples, ImageSet):
        return samples
    return ImageSet(augment(samples.images, padding, random), samples.labels, samples.class_names, samples.index)


def augment(images: NDArray[np.uint8], padding: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Random flips and random crops after zero padding of uint8 images ``(N, H, W, 3)``."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows = random.integers(0, 2 * padding + 1, (n, 1)) + np.arange(height)
    columns = random.integers(0, 2 * padding + 1, (n, 1)) + np.arange(width)
    flip = random.random(n) < 0.5
    columns[flip] = columns[flip, ::-1]
    cropped: NDArray[np.uint8] = padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return cropped


def training_loss(network: MultiExitNetwork, train: Samples, config: TrainingConfig) -> MultiExitLoss | BoostedLoss:
    """The loss of what a network answers.

    Raises:
        UserError: its answers are not of the kind that the samples have.
    """
    task = (ClassPredictions if isinstance(train, ImageSet) else ValuePredictions).task
    if network.task != task:
        raise UserError(f"{network.name or 'network'}: is a network of {network.task}, the data are of {task}")
    if isinstance(train, ImageSet):
        return MultiExitLoss(
            network.num_exits, config.loss_weights, config.distillation,
            teacher_share=config.teacher_share, full_heads=config.full_heads,
        )  # fmt: skip
    deviation = right_answers_of(train).double().std(dim=0, correction=0)
    return BoostedLoss(torch.where(deviation > 0, deviation, 1.0).float(), network.num_exits, config.loss_weights)


def predict(
    network: MultiExitNetwork, samples: Samples, preprocessing: ImagePreprocessing | None, batch_size: int = 250
) -> Predictions:
    """What every exit says in float32 and evaluation mode; of values, the error scale is that of these samples."""
    network.eval()
    device = next(network.parameters()).device
    outputs: list[list[tuple[NDArray[np.float32], ...]]] = []
    with torch.inference_mode(), Progress("predict", len(samples), f"{noun(samples)}s") as progress:
        for start in range(0, len(samples), batch_size):
            x = network_input(samples[start : start + batch_size], preprocessing).to(device)
            found = network.run_outputs((x,), early_exits=True)
            outputs.append([tuple(tensor.cpu().numpy() for tensor in exit_) for exit_ in found])
            progress.advance(len(x))
    answers = np.stack([np.concatenate(exits) for exits in zip(*([e[0] for e in o] for o in outputs), strict=True)], 1)
    if isinstance(samples, ImageSet):
        return ClassPredictions(answers, samples.labels, samples.index, samples.class_names)
    hidden = tuple(np.concatenate(exits) for exits in zip(*([e[1] for e in o] for o in outputs), strict=True))
    scale = error_scale_of(answers[:, -1], samples.targets)
    return ValuePredictions(answers, hidden, samples.targets, samples.index, samples.target_names, scale)
