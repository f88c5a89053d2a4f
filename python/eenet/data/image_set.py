"""Images with labels, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError, shorten
from eenet.files import replacing


@dataclass(frozen=True)
class ImageSet:
    """Images and their labels.

    Attributes:
        images: uint8, shape ``(N, H, W, 3)``, RGB.
        labels: int64, shape ``(N,)``, from 0 to C - 1.
        class_names: C names.
        index: int64, shape ``(N,)``: which image of its source each row is; 0 to N - 1 when not given.
        files: name of each image's file below its folder; empty where images do not come from files of their own.
        cut_off: share of each image's pixels that are not here, for it had another shape; empty: none is known of.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    index: NDArray[np.int64] = None  # type: ignore[assignment]  # set below
    files: tuple[str, ...] = ()
    cut_off: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.index is None:
            object.__setattr__(self, "index", np.arange(len(self.labels), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> ImageSet:
        index = self.index[rows]
        files = tuple(np.array(self.files, object)[rows]) if self.files else ()
        cut_off = tuple(np.array(self.cut_off)[rows].tolist()) if self.cut_off else ()
        return ImageSet(self.images[rows], self.labels[rows], self.class_names, index, files, cut_off)

    def digests(self) -> NDArray[np.uint64]:
        """A hash of the pixels of each image, shape ``(N,)``: equal where images are."""
        rows = np.ascontiguousarray(self.images)
        return np.frombuffer(b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows), np.uint64)

    def name_of(self, row: int) -> str:
        """The image's file, or its place in the source, for people."""
        return self.files[row] if self.files else f"image {self.index[row]}"

    def with_classes(self, class_names: Sequence[str]) -> ImageSet:
        """The same images with labels in the order of other class names, of which there may be more.

        Raises:
            UserError: a class that has images is not among them, or one of them is there twice.
        """
        names = tuple(class_names)
        if names == self.class_names:
            return self
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"classes: {twice!r} is there twice, so that names tell no class; expected different ones")
        unknown = [self.class_names[label] for label in np.unique(self.labels) if self.class_names[label] not in names]
        if unknown:
            raise UserError(f"classes {shorten(unknown)} came, expected some of {shorten(names)}")
        places = np.array([names.index(name) if name in names else -1 for name in self.class_names], np.int64)
        return replace(self, labels=places[self.labels], class_names=names)

    def save(self, path: str | Path) -> None:
        """Writes an ``.npz`` file that `load_images` reads."""
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, images=self.images, labels=self.labels, classes=np.array(self.class_names))
