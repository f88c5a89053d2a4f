"""A bundle and samples to predictions of every exit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.bundles.bundle import Bundle
from eenet.data import ImageSet, load_images
from eenet.data.arrays import ArraySet
from eenet.errors import UserError
from eenet.preprocessing import ImagePreprocessing
from eenet.progress import Progress
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.regression import ValuePredictions

_BATCH = 64


def bundle_images(bundle: Path, data: Path) -> ImageSet:
    """Images as a bundle's network wants them, their labels in the order of its classes.

    Args:
        bundle: the bundle.
        data: a folder of class folders or an ``.npz`` file, see `load_images`. Classes are matched by name.

    Returns:
        Images resized as the manifest declares, not normalised.

    Raises:
        UserError: no bundle of a network for images; images that cannot be read, or of another size where the manifest
            declares no resizing; a class that the bundle does not know.
    """
    manifest = Bundle.open(bundle)
    preprocessing = _preprocessing(manifest)
    return load_images(data, preprocessing.size, manifest.names, exact=not preprocessing.resize)


def predict_images(bundle: Path, images: ImageSet, *, threads: int = 1, provider: str = "cpu") -> ClassPredictions:
    """Logits of all exits, computed by the runtime at full depth: no policy and no combiner have a say.

    Args:
        bundle: of the whole network.
        images: of the size that it takes, with its classes.
        threads: of the runtime; fixed by the first bundle that a process loads.
        provider: execution provider.

    Raises:
        UserError: a slice, or images of another size or other classes.
        eenet_rt.EenetError: the bundle is damaged, or the provider is not there.
    """
    manifest = Bundle.open(bundle)
    manifest.require_whole()
    preprocessing = _preprocessing(manifest)
    if images.class_names != manifest.names:
        raise UserError(f"images: have {len(images.class_names)} classes, expected those of {bundle}")
    inputs = (preprocessing(images.images[rows]) for rows in _batches(len(images)))
    exits = _outputs(bundle, inputs, len(images), threads, provider)
    logits = ClassPredictions.outputs_of(exits)
    return ClassPredictions(logits, images.labels, images.index, images.class_names, _network(manifest))


def predict_arrays(bundle: Path, samples: ArraySet, *, threads: int = 1, provider: str = "cpu") -> ValuePredictions:
    """As `predict_images`, of a network that answers with numbers; its error scale is the bundle's.

    Raises:
        UserError: a slice, a network of another task, or samples of another shape or with other targets.
        eenet_rt.EenetError: the bundle is damaged, or the provider is not there.
    """
    manifest = Bundle.open(bundle)
    manifest.require_whole()
    if manifest.task.predictions is not ValuePredictions:
        raise UserError(f"{bundle}: is a network of {manifest.task.name}, the data are of {ValuePredictions.task}")
    if samples.target_names != manifest.names:
        came, expected = (", ".join(names) for names in (samples.target_names, manifest.names))
        raise UserError(f"samples: have the targets {came}, expected {expected}")
    inputs = (samples.inputs[rows] for rows in _batches(len(samples)))
    exits = _outputs(bundle, inputs, len(samples), threads, provider)
    values, hidden = np.stack([each[0] for each in exits], axis=1), tuple(each[1] for each in exits)
    scale = float(manifest.manifest["error_scale"])
    return ValuePredictions(
        values, hidden, samples.targets, samples.index, samples.target_names, scale, _network(manifest)
    )


def _batches(samples: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH) for start in range(0, samples, _BATCH))


def _outputs(
    bundle: Path, batches: Iterable[NDArray[np.float32]], samples: int, threads: int, provider: str
) -> list[tuple[NDArray[np.float32], ...]]:
    """What each exit puts out for all samples, ``(N, ...)`` each."""
    with warnings.catch_warnings():
        # Budgets do not matter here.
        warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
        runtime = eenet_rt.load(bundle, threads=threads, providers=[provider])
    found = []
    with Progress("predict", samples, "samples") as progress:
        for batch in batches:
            for start in range(0, len(batch), runtime.max_batch):
                inputs = batch[start : start + runtime.max_batch]
                outputs = runtime.infer_batch(inputs, policy=None, return_outputs=True).outputs
                assert outputs is not None
                found.append(outputs)
                progress.advance(len(inputs))
    return [tuple(map(np.concatenate, zip(*exits, strict=True))) for exits in zip(*found, strict=True)]


def _network(manifest: Bundle) -> str:
    return manifest.weights or manifest.network


def _preprocessing(bundle: Bundle) -> ImagePreprocessing:
    declared = bundle.manifest.get("preprocessing")
    if not isinstance(declared, dict) or declared.get("kind") != "image" or len(bundle.manifest["inputs"]) != 1:
        raise UserError(
            f"{bundle.folder}: its manifest declares no preprocessing of images, expected kind 'image': eenet-export "
            "--segments declares it where it gets --preprocessing"
        )
    try:
        return ImagePreprocessing.from_json(declared)
    except UserError as error:
        raise UserError(f"{bundle.folder}: {error}") from error
