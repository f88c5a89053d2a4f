"""What is wrong between data sets, though each can be read: classes that lack, shares that differ, shared images."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eenet.data.image_set import ImageSet
from eenet.errors import UserError, shorten

_LEAST_TRAINING, _LEAST_VALIDATION, _LEAST_OTHER = 2, 4, 2  # images of a class; validation is halved once more
_MOST_SHIFT = 0.1  # of class shares, beyond what chance makes of it

_log = logging.getLogger(__name__)


def check_sets(train: ImageSet, others: Mapping[str, ImageSet]) -> None:
    """Warns, with figures, of what makes results less than they seem.

    Args:
        train: training images.
        others: ``validation``, ``test``, with the classes of ``train``.

    Raises:
        UserError: a class has no training images.
    """
    missing = [n for n, c in zip(train.class_names, _counts(train), strict=True) if c == 0]
    if missing:
        raise UserError(f"training set: no image of {shorten(missing)}, expected some of every class")
    _check_counts("training", train, _LEAST_TRAINING)
    known = {digest: row for row, digest in reversed(list(enumerate(train.digests().tolist())))}
    for name, images in others.items():
        _check_counts(name, images, _LEAST_VALIDATION if name == "validation" else _LEAST_OTHER)
        shift = class_shift(train.labels, images.labels)
        if shift is not None:
            _log.warning(
                "%s set: its classes have other shares than those of the training set: %.0f %% of it would have to be "
                "of another class; accuracies and budgets speak of its shares", name, 100 * shift,
            )  # fmt: skip
        twins = [(row, known[d]) for row, d in enumerate(images.digests().tolist()) if d in known]
        if twins:
            _log.warning(
                "%s set: %d of %d images have the same pixels as a training image (%s and %s, for instance); its "
                "accuracy is too high by up to %.1f points", name, len(twins), len(images),
                images.name_of(twins[0][0]), train.name_of(twins[0][1]), 100 * len(twins) / len(images),
            )  # fmt: skip


def _counts(images: ImageSet) -> NDArray[np.int64]:
    return np.bincount(images.labels, minlength=len(images.class_names))


def _check_counts(name: str, images: ImageSet, least: int) -> None:
    few = [f"{n} ({c})" for n, c in zip(images.class_names, _counts(images), strict=True) if c < least]
    if few:
        _log.warning(
            "%s set: fewer than %d images of %d of %d classes: %s", name, least, len(few), len(images.class_names),
            shorten(few),
        )  # fmt: skip


def class_shift(first: NDArray[np.int64], second: NDArray[np.int64]) -> float | None:
    """Share of samples that would have to change class for two sets to have the same class shares.

    Args:
        first: int64 ``(N,)``, labels of a set.
        second: int64 ``(M,)``, labels of the other.

    Returns:
        0 to 1 where it is more than a tenth beyond what chance does to sets of these sizes, else None.
    """
    classes = int(max(first.max(), second.max())) + 1
    a, b = (np.bincount(labels, minlength=classes) / len(labels) for labels in (first, second))
    both = np.bincount(np.concatenate([first, second]), minlength=classes) / (len(first) + len(second))
    # Half the sum of |normal| of each class: its mean is sqrt(2 / pi) deviations.
    noise = np.sqrt(both * (1 - both) * (1 / len(first) + 1 / len(second))).sum() * np.sqrt(2 / np.pi) / 2
    shift = float(np.abs(a - b).sum() / 2)
    return shift if shift > 2 * noise + _MOST_SHIFT else None
