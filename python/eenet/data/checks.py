"""What is wrong between data sets, though each can be read: classes that lack, shares that differ, shared images."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eenet.data.image_set import ImageSet
from eenet.errors import UserError, counted, shorten
from eenet.tasks.classification_checks import label_shift

_LEAST_TRAINING, _LEAST_VALIDATION, _LEAST_OTHER = 2, 4, 2  # images of a class; validation is halved once more
_LONGEST_NAME, _CONTROL = 256, re.compile(r"[\x00-\x1f\x7f]")
_MOST_IMBALANCE = 5.0
_MOST_SHIFT, _MOST_CHANCE = 0.05, 0.001  # of class shares: how far, and how likely by chance

_log = logging.getLogger(__name__)


def check_sets(train: ImageSet, others: Mapping[str, ImageSet]) -> None:
    """Warns, with figures, of what makes results less than they seem.

    Args:
        train: training images.
        others: ``validation``, ``test``, with the classes of ``train``.

    Raises:
        UserError: a class has no training images, or a name that no bundle takes.
    """
    for class_name in train.class_names:
        if not _is_name(class_name):
            raise UserError(
                f"training set: class {shorten([class_name])} came, expected names of 1 to {_LONGEST_NAME} bytes "
                "without control characters, as bundles have them"
            )
    missing = [n for n, c in zip(train.class_names, _counts(train), strict=True) if c == 0]
    if missing:
        raise UserError(
            f"training set: no image of {shorten(missing)}, expected some of every class: two sets need at least 2 "
            "images of each, one for each set"
        )
    _check_counts("training", train, _LEAST_TRAINING)
    _check_balance(train)
    known = {digest: row for row, digest in reversed(list(enumerate(train.digests().tolist())))}
    for name, images in others.items():
        _check_counts(name, images, _LEAST_VALIDATION if name == "validation" else _LEAST_OTHER)
        shift, p_value = label_shift(train.labels, images.labels)
        if shift > _MOST_SHIFT and p_value <= _MOST_CHANCE:
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


def _is_name(text: str) -> bool:
    try:
        return 1 <= len(text.encode()) <= _LONGEST_NAME and not _CONTROL.search(text)
    except UnicodeEncodeError:
        return False


def _counts(images: ImageSet) -> NDArray[np.int64]:
    return np.bincount(images.labels, minlength=len(images.class_names))


def _check_counts(name: str, images: ImageSet, least: int) -> None:
    few = [f"{n} ({c})" for n, c in zip(images.class_names, _counts(images), strict=True) if c < least]
    if few:
        _log.warning(
            "%s set: fewer than %d images of %d of %d classes: %s", name, least, len(few), len(images.class_names),
            shorten(few),
        )  # fmt: skip


def _check_balance(train: ImageSet) -> None:
    counts = _counts(train)
    low, high = int(counts.argmin()), int(counts.argmax())
    if counts[high] > _MOST_IMBALANCE * counts[low]:
        _log.warning(
            "training set: classes have from %s (%r) to %s (%r), %.3g : 1; the network will answer with the frequent "
            "ones where it is not sure, and schedules are for these shares", counted(int(counts[low]), "image"),
            train.class_names[low], counted(int(counts[high]), "image"), train.class_names[high],
            counts[high] / counts[low],
        )  # fmt: skip
