"""Folders of image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from eenet.data import ImageSet


def write_folder(images: ImageSet, folder: Path, suffix: str = ".png") -> Path:
    """Writes each image into the folder of its class, named by its row."""
    for row, (pixels, label) in enumerate(zip(images.images, images.labels, strict=True)):
        path = folder / images.class_names[label] / f"{row:05}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def pattern(count: int, classes: int, size: int = 32, seed: int = 0) -> ImageSet:
    """Images that a network tells apart in seconds: stripes, one width a class, on noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    stripes = (np.arange(size)[None, :] // (labels[:, None] + 1) % 2) * 120
    pixels = stripes[:, None, :, None] + random.integers(0, 120, (count, size, size, 3))
    return ImageSet(pixels.astype(np.uint8), labels, tuple(f"class_{c}" for c in range(classes)))
