"""Packs a part of CIFAR-10's test set into the file that the tests read: 8,000 small images in 2 MB.

Run: python tools/make_test_data.py cifar10_test.npz tests/data/cifar10.npz

The first file is one that ``eenet.data.load_images`` reads, with the 10,000 images in any order. WebP at this quality
changes a pixel by 8 of 255 (root mean square): good enough to train and try networks on, no longer the data set.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from eenet.data import ImageSet, load_images

COUNT = 8000
COLUMNS = 100  # as load_images expects
QUALITY = 75


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    images = load_images(arguments.source)[:COUNT]
    labels = images.labels.astype(np.uint8)
    sheet = np.frombuffer(pack(images), np.uint8)
    np.savez(arguments.out, sheet0=sheet, labels=labels, classes=np.array(images.class_names))
    print(f"{arguments.out}: {len(images)} images, {arguments.out.stat().st_size / 1e6:.2f} MB")


def pack(images: ImageSet) -> bytes:
    """One WebP file, a grid of the images in row-major order."""
    rows = len(images) // COLUMNS
    _, height, width, _ = images.images.shape
    grid = images.images[: rows * COLUMNS].reshape(rows, COLUMNS, height, width, 3).transpose(0, 2, 1, 3, 4)
    file = io.BytesIO()
    Image.fromarray(grid.reshape(rows * height, COLUMNS * width, 3)).save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


if __name__ == "__main__":
    main()
