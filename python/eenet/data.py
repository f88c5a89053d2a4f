"""Image classification data sets in one file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet.files import open_npz, replacing

_TILES = 100  # a sheet is a grid of 100 x 100 tiles


@dataclass(frozen=True)
class ImageSet:
    """Images and their labels.

    Attributes:
        images: uint8, shape ``(N, H, W, 3)``, RGB.
        labels: int64, shape ``(N,)``, from 0 to C - 1.
        class_names: C names.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> ImageSet:
        return ImageSet(self.images[rows], self.labels[rows], self.class_names)

    def save(self, path: str | Path) -> None:
        """Writes an ``.npz`` file that `load_images` reads."""
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, images=self.images, labels=self.labels, classes=np.array(self.class_names))


def load_images(path: str | Path) -> ImageSet:
    """Reads an ``.npz`` file.

    Keys: ``labels`` (N integers), optionally ``classes`` (C names), and either ``images`` (uint8, ``(N, H, W, 3)``) or
    ``sheet0``, ``sheet1``, ...: the bytes of image files, each a grid of 100 x 100 tiles in row-major order.

    Raises:
        UserError: the file cannot be read or does not hold what it should.
    """
    with open_npz(path) as file:
        keys = set(file.files)
        if "labels" not in keys or not ("images" in keys or "sheet0" in keys):
            raise UserError(f"has {sorted(keys)}, expected labels and images (or sheet0, sheet1, ...)")
        labels = file["labels"].astype(np.int64)
        images = file["images"] if "images" in keys else _sheets(file)
        names = tuple(str(c) for c in file["classes"]) if "classes" in keys else ()
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise UserError(f"images are {images.dtype} {images.shape}, expected uint8 (N, H, W, 3)")
        if labels.shape != (len(images),) or len(labels) == 0:
            raise UserError(f"labels have shape {labels.shape}, expected ({len(images)},), one an image")
        names = names or tuple(str(c) for c in range(int(labels.max()) + 1))
        if labels.min() < 0 or labels.max() >= len(names):
            raise UserError(f"labels range from {labels.min()} to {labels.max()}, expected 0 to {len(names) - 1}")
    return ImageSet(images, labels, names)


def _sheets(file: np.lib.npyio.NpzFile) -> NDArray[np.uint8]:
    from PIL import Image

    tiles = []
    for i in range(sum(key.startswith("sheet") for key in file.files)):
        sheet = np.asarray(Image.open(io.BytesIO(file[f"sheet{i}"].tobytes())).convert("RGB"))
        height, width = sheet.shape[0] // _TILES, sheet.shape[1] // _TILES
        grid = sheet.reshape(_TILES, height, _TILES, width, 3).transpose(0, 2, 1, 3, 4)
        tiles.append(grid.reshape(-1, height, width, 3))
    return np.concatenate(tiles)
