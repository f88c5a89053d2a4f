"""Which images are trained on, and which are kept for validation."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from eenet.budgets import parse_number
from eenet.data.arrays import ArraySet
from eenet.data.image_set import ImageSet
from eenet.errors import ArgumentError
from eenet.splits import stratified_mask

SPLITS = ("stratified", "tail")
_DEFAULT_SHARE, _DEFAULT_MOST = 0.2, 5000

_log = logging.getLogger(__name__)


def validation_count(size: str | None, total: int) -> int:
    """Validation images out of ``total``.

    Args:
        size: a count as ``400``, or a share as ``0.2`` or ``20%``; None: a fifth, at most 5,000.
        total: images that there are.

    Raises:
        UserError: it is neither, or leaves nothing on one side.
    """
    count = min(round(_DEFAULT_SHARE * total), _DEFAULT_MOST) if size is None else _count(size, total)
    if not 0 < count < total:
        raise ArgumentError("validation_size", f"got {size or count} of {total} images, expected 1 to {total - 1}")
    return count


def check_size(size: str) -> None:
    """Refuses, without images, a size that is one of none.

    Raises:
        UserError: it is neither a count nor a share, or not above 0.
    """
    if _count(size, 10**12) <= 0:
        raise ArgumentError("validation_size", f"got {size}, expected a count or a share above 0")


def _count(size: str, total: int) -> int:
    try:
        if size.endswith("%"):
            return round(parse_number(size[:-1].removesuffix(" ")) / 100 * total)
        share = parse_number(size)
        return int(size) if size.lstrip("-").isdecimal() else round(share * total)
    except (ValueError, OverflowError):
        raise ArgumentError(
            "validation_size", f"got {size!r}, expected a count as 400 or a share as 0.2 or 20%"
        ) from None


def split_images(images: ImageSet, count: int, seed: int, how: str = "stratified") -> tuple[ImageSet, ImageSet]:
    """Training and validation images.

    Args:
        images: all of them.
        count: validation images; stratified it may come out a little different where images are there twice.
        seed: of the choice.
        how: ``stratified``, at random and of every class by the same share, images with the same pixels on one side; or
            ``tail``, the last ``count``.
    """
    if how == "tail":
        return images[:-count], images[-count:]
    _, first, group = np.unique(images.digests(), return_index=True, return_inverse=True)
    _tell_conflicts(images, first, group)
    chosen = stratified_mask(images.labels[first], round(count * len(first) / len(images)), seed)
    validation = chosen[group.reshape(-1)]
    return images[~validation], images[validation]


def split_arrays(samples: ArraySet, count: int, seed: int, how: str) -> tuple[ArraySet, ArraySet]:
    """Training and validation samples, as `split_images` gives them; samples with the same inputs are on one side."""
    if how == "tail":
        return samples[:-count], samples[-count:]
    _, first, group = np.unique(samples.digests(), return_index=True, return_inverse=True)
    kinds = np.zeros(len(first), np.int64)
    validation = stratified_mask(kinds, round(count * len(first) / len(samples)), seed)[group.reshape(-1)]
    return samples[~validation], samples[validation]


def _tell_conflicts(images: ImageSet, first: NDArray[np.int64], group: NDArray[np.int64]) -> None:
    """Warns of images with the same pixels in different classes."""
    twin = first[group.reshape(-1)]
    rows = np.flatnonzero(images.labels != images.labels[twin])
    if len(rows):
        names, row = images.class_names, rows[0]
        _log.warning(
            "%d of %d images have the same pixels as one of another class: %s (%s) and %s (%s), for instance",
            len(rows), len(images), images.name_of(row), names[images.labels[row]], images.name_of(twin[row]),
            names[images.labels[twin[row]]],
        )  # fmt: skip
