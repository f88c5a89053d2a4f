"""What a run trains and validates on: images with classes, or arrays with targets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from eenet.data import ImageSet, load_images
from eenet.data.arrays import ArraySet, load_arrays
from eenet.data.checks import check_sets
from eenet.data.split import split_arrays, split_images, validation_count
from eenet.errors import ArgumentError, UserError, counted

_MUCH_CUT_OFF = 0.05  # of the pixels, that people should know of

Say = Callable[[str], None]

_log = logging.getLogger(__name__)


class Sources(Protocol):
    """What is read of `eenet.workflows.train.RunOptions`, whose documentation says what it is."""

    @property
    def data(self) -> Path: ...
    @property
    def validation(self) -> Path | None: ...
    @property
    def validation_size(self) -> str | None: ...
    @property
    def split(self) -> str: ...
    @property
    def test(self) -> Path | None: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


def image_sets(sources: Sources, size: tuple[int, int], say: Say) -> tuple[ImageSet, dict[str, ImageSet]]:
    """Training images, and the others by what they are for.

    Args:
        sources: files and how to split them.
        size: height and width that images get.
        say: takes one line for each step.

    Raises:
        UserError: they cannot be read, or not be trained on.
    """
    images = load_images(sources.data, size)
    say(f"{sources.data}: {counted(len(images), 'image')} in {counted(len(images.class_names), 'class')}")
    cut_off = float(np.mean(images.cut_off)) if images.cut_off else 0.0
    if cut_off > _MUCH_CUT_OFF:
        say(
            f"{100 * cut_off:.0f} % of the pixels are cut off on average: images are scaled to cover {size[0]} x "
            f"{size[1]} and cropped at the centre"
        )
    names = images.class_names
    if len(names) < 2:
        raise UserError(f"{sources.data}: has 1 class, expected at least 2")
    if sources.validation is not None:
        train, validation = images, load_images(sources.validation, size, names)
    else:
        count = validation_count(sources.validation_size, len(images))
        train, validation = split_images(images, count, _seed(sources), sources.split)
    sets = {"validation": validation}
    if sources.test is not None:
        sets["test"] = load_images(sources.test, size, names)
    check_sets(train, sets)
    return train, sets


def array_sets(sources: Sources, say: Say) -> tuple[ArraySet, dict[str, ArraySet]]:
    """As `image_sets`, of arrays.

    Raises:
        UserError: as there, or sets of other shapes or targets.
    """
    samples = load_arrays(sources.data)
    targets = counted(len(samples.target_names), "target")
    say(f"{sources.data}: {counted(len(samples), 'sample')} of {_shape(samples)}, {targets}")
    if sources.validation is not None:
        train, validation = samples, _alike(sources.validation, samples)
    else:
        count = validation_count(sources.validation_size, len(samples))
        train, validation = split_arrays(samples, count, _seed(sources), sources.split)
    sets = {"validation": validation}
    if sources.test is not None:
        sets["test"] = _alike(sources.test, samples)
    constant = [n for n, spread in zip(samples.target_names, np.ptp(train.targets, axis=0), strict=True) if spread == 0]
    if constant:
        raise UserError(f"training set: target {constant[0]!r} is the same of all samples, expected different ones")
    known = set(train.digests().tolist())
    for name, others in sets.items():
        twins = sum(digest in known for digest in others.digests().tolist())
        if twins:
            _log.warning(
                "%s set: %d of %d samples have the inputs of a training sample; its figures are better than those of "
                "new ones", name, twins, len(others),
            )  # fmt: skip
    return train, sets


def _alike(path: Path, samples: ArraySet) -> ArraySet:
    others = load_arrays(path)
    if (_shape(others), len(others.target_names)) != (_shape(samples), len(samples.target_names)):
        raise UserError(
            f"{path}: has inputs of {_shape(others)} and {counted(len(others.target_names), 'target')}, expected "
            f"{_shape(samples)} and {len(samples.target_names)}, as the training samples"
        )
    if others.target_names != samples.target_names:
        raise ArgumentError(
            "data",
            f"targets of {path} are {', '.join(others.target_names)}, expected {', '.join(samples.target_names)}",
        )
    return others


def _shape(samples: ArraySet) -> str:
    return " x ".join(map(str, samples.inputs.shape[1:])) + (" numbers" if samples.inputs.ndim == 2 else "")


def _seed(sources: Sources) -> int:
    return int(sources.settings.get("seed") or 0)
