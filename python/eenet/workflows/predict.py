"""A bundle and images to predictions of every exit."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

import eenet_rt
from eenet.bundles.bundle import Bundle
from eenet.data import ImageSet, load_images
from eenet.errors import UserError
from eenet.preprocessing import ImagePreprocessing
from eenet.progress import Progress
from eenet.tasks.classification import ClassPredictions

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
    with warnings.catch_warnings():
        # Budgets do not matter here.
        warnings.simplefilter("ignore", eenet_rt.ProfileWarning)
        runtime = eenet_rt.load(bundle, threads=threads, providers=[provider])
    size = min(_BATCH, runtime.max_batch)
    logits = []
    with Progress("predict", len(images), "images") as progress:
        for start in range(0, len(images), size):
            inputs = preprocessing(images.images[start : start + size])
            result = runtime.infer_batch(inputs, policy=None, return_outputs=True)
            assert result.logits is not None
            logits.append(result.logits)
            progress.advance(len(inputs))
    network = manifest.weights or manifest.network
    return ClassPredictions(np.concatenate(logits), images.labels, images.index, images.class_names, network)


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
