"""One way in for every kind of source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eenet.data.folder import HOW_TO_RESIZE, read_folder
from eenet.data.image_set import ImageSet
from eenet.data.memory import check_memory
from eenet.data.npz import read_npz
from eenet.errors import UserError
from eenet.extras import extra
from eenet.preprocessing import cut_off, resize
from eenet.progress import Progress


def load_images(
    path: str | Path,
    size: tuple[int, int] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    exact: bool = False,
) -> ImageSet:
    """Reads images and labels.

    Args:
        path: a folder of class folders, with image files of any size in them; or an ``.npz`` file with ``labels`` (N
            integers), optionally ``classes`` (C names), and either ``images`` (uint8, ``(N, H, W, 3)``) or ``sheet0``,
            ``sheet1``, ...: the bytes of image files, each a grid of square tiles, 100 in a row, in row-major order.
        class_names: C names that the labels are to be of; those of the source are matched by name, and may be fewer.
            Classes that the source does not name are these, in order.
        size: height and width to resize to, see `eenet.preprocessing.resize`. None: as they are, which only packed
            images may be.
        exact: resize nothing; images of another size than ``size`` are refused.

    Raises:
        UserError: the source cannot be read or does not hold what it should.
    """
    if Path(path).is_dir():
        if size is None:
            raise UserError(f"{path} is a folder, expected an .npz file, whose images have one size")
        images = read_folder(path, size, exact=exact)
    else:
        images = read_npz(path, class_names)
        if size is not None:
            images = _resized(images, size, str(path), exact)
    if class_names is None:
        return images
    try:
        return images.with_classes(class_names)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _resized(images: ImageSet, size: tuple[int, int], name: str, exact: bool) -> ImageSet:
    height, width = images.images.shape[1:3]
    if (height, width) == size:
        return images
    if exact:
        raise UserError(f"{name}: images of {width} x {height} came, {size[1]} x {size[0]} expected{HOW_TO_RESIZE}")
    with extra("images"):
        from PIL import Image
    check_memory(name, len(images), size)
    out = np.empty((len(images), *size, 3), np.uint8)
    with Progress(f"resize {name}", len(images), "images") as progress:
        for row, pixels in enumerate(images.images):
            out[row] = resize(Image.fromarray(pixels), size)
            progress.advance()
    return replace(images, images=out, cut_off=(cut_off(Image.fromarray(images.images[0]), size),) * len(images))
