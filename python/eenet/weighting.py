"""Weights of samples whose classes come in other shares than those that are to be met."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eenet.errors import ArgumentError

Floats = NDArray[np.float64]

UNIFORM = "uniform"
_ROUNDED = 1e-3  # by which shares, as people write them, may miss a sum of 1


def checked_prior(prior: str | ArrayLike, class_names: Sequence[str], labels: NDArray[np.int64]) -> tuple[float, ...]:
    """Class shares that samples can be weighted to, C numbers of sum 1.

    Args:
        prior: ``"uniform"``, or C shares in the order of the classes.
        class_names: C names.
        labels: of the samples.

    Raises:
        UserError: other numbers than C shares, or a share of a class that has no sample.
    """
    classes = len(class_names)
    if isinstance(prior, str):
        if prior != UNIFORM:
            raise ArgumentError("class_prior", f"got {prior!r}, expected {UNIFORM!r} or {classes} shares")
        prior = np.full(classes, 1 / classes)
    shares = np.asarray(prior, np.float64)
    if shares.shape != (classes,):
        raise ArgumentError("class_prior", f"got numbers of shape {shares.shape}, expected {classes}, one a class")
    if not np.isfinite(shares).all() or shares.min() < 0 or abs(shares.sum() - 1) > _ROUNDED:
        raise ArgumentError("class_prior", f"got shares of sum {shares.sum():g}, expected 1, and none below 0")
    absent = np.flatnonzero((np.bincount(labels, minlength=classes) == 0) & (shares > 0))
    if len(absent):
        name, share = class_names[absent[0]], shares[absent[0]]
        raise ArgumentError(
            "class_prior", f"class {name!r} has a share of {share:g} and no sample, expected one, or a share of 0"
        )
    return tuple((shares / shares.sum()).tolist())


def class_weights(labels: NDArray[np.int64], prior: Sequence[float]) -> Floats:
    """Weights ``(N,)`` of mean 1 that give each class its share; classes without a sample are left out."""
    counts = np.bincount(labels, minlength=len(prior))
    weights = np.asarray(prior)[labels] / counts[labels]
    total = float(weights.sum())
    if total == 0:
        raise ArgumentError("class_prior", f"gives none of {len(labels)} samples a share above 0")
    return weights * (len(labels) / total)


def effective_size(weights: Floats | None, samples: int) -> float:
    """Of how many samples of equal weight a mean is as certain (Kish, 1965)."""
    return float(samples) if weights is None else float(weights.sum() ** 2 / (weights @ weights))


def weighted_mean(values: NDArray[np.floating] | NDArray[np.bool_], weights: Floats | None) -> Floats:
    """The mean over the first axis."""
    mean: Floats = np.asarray(values.mean(axis=0) if weights is None else weights @ values / weights.sum())
    return mean


def exit_shares(exits: NDArray[np.int64], num_exits: int, weights: Floats | None) -> Floats:
    """K shares of samples by the exit that they leave at."""
    taken = np.bincount(exits, weights, num_exits)
    shares: Floats = taken / (len(exits) if weights is None else taken.sum())
    return shares
