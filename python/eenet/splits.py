"""Seeded splits in which every class is where it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEAST = 2  # samples of a class that both parts get where it has twice as many


def stratified_mask(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.bool_]:
    """Which samples go into the first of two parts, each class by the same share.

    Both parts get at least two samples of every class that has four, at least one of a class that has two, as far as
    ``count`` allows.

    Args:
        labels: int64 ``(N,)``.
        count: samples of the first part, 0 to N.
        seed: of the choice within a class.

    Returns:
        bool ``(N,)``, true ``count`` times.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    _, sizes = np.unique(labels, return_counts=True)
    size = np.repeat(sizes, sizes)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # Samples are taken by how far through its class each one stands.
    place = (rank + 0.5) / size
    kept = np.minimum(_LEAST, size // 2)
    place[rank < kept] = 0
    place[rank >= size - kept] = 1
    through = np.empty(len(labels))
    through[by_class] = place
    first = np.zeros(len(labels), bool)
    first[order[np.argsort(through[order], kind="stable")[:count]]] = True
    return first
