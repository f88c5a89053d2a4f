"""Images packed into one ``.npz`` file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eenet.data.image_set import ImageSet
from eenet.errors import UserError
from eenet.extras import extra
from eenet.files import Archive, open_npz, read_labels

_COLUMNS = 100  # of the grid of square tiles that a sheet is


def read_npz(path: str | Path, class_names: Sequence[str] | None = None) -> ImageSet:
    """Reads the images as they are.

    Args:
        path: of the file.
        class_names: of a file that does not name its classes; ``0``, ``1``, ... when None.

    Raises:
        UserError: the file cannot be read or does not hold what it should.
    """
    with open_npz(path) as file:
        keys = file.keys
        if "labels" not in keys or not ("images" in keys or "sheet0" in keys):
            raise UserError(f"has {sorted(keys)}, expected labels and images (or sheet0, sheet1, ...)")
        labels = read_labels(file["labels"])
        images = file["images"] if "images" in keys else _sheets(file)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape:
            raise UserError(f"images are {images.dtype} {images.shape}, expected uint8 (N, H, W, 3)")
        if labels.shape != (len(images),):
            raise UserError(f"labels have shape {labels.shape}, expected ({len(images)},), one an image")
        names = _class_names(file) if "classes" in keys else list(class_names or map(str, range(int(labels.max()) + 1)))
        if labels.min() < 0 or labels.max() >= len(names):
            raise UserError(f"labels range from {labels.min()} to {labels.max()}, expected 0 to {len(names) - 1}")
    return ImageSet(images, labels, tuple(names))


def _class_names(file: Archive) -> list[str]:
    names = file.names("classes")
    if len(set(names)) < len(names):
        raise UserError(
            f"classes: {next(n for n in names if names.count(n) > 1)!r} came twice, expected different ones"
        )
    return names


def _sheets(file: Archive) -> NDArray[np.uint8]:
    with extra("images"):
        from PIL import Image

    tiles = []
    for i in range(sum(key.startswith("sheet") for key in file.keys)):
        try:
            image = Image.open(io.BytesIO(file[f"sheet{i}"].tobytes()), formats=("WEBP", "PNG", "JPEG"))
            sheet = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(f"sheet{i}: {error}") from error
        height, width = sheet.shape[:2]
        side = width // _COLUMNS
        if side == 0 or width % _COLUMNS or height % side:
            raise UserError(f"sheet{i}: {width} x {height} pixels, expected square tiles, {_COLUMNS} in a row")
        grid = sheet.reshape(-1, side, _COLUMNS, side, 3).transpose(0, 2, 1, 3, 4)
        tiles.append(grid.reshape(-1, side, side, 3))
    return np.concatenate(tiles)
