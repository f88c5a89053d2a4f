"""Seeded samples that stand for any others where only shapes and types count."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Not np.random, which is imported when it is first used and swallows a Ctrl-C that comes meanwhile.
from numpy.random import RandomState
from numpy.typing import NDArray

Inputs = dict[str, NDArray[np.float32] | NDArray[np.int64]]


def noise(shapes: Mapping[str, tuple[int, ...]], whole: set[str], samples: int) -> Inputs:
    """The same for the same arguments.

    Args:
        shapes: of inputs, without the batch axis.
        whole: those that are int64; the others are float32.
        samples: how many.

    Returns:
        ``{name: (samples, ...)}``.
    """
    random = RandomState(0)  # whose numbers no version of numpy changes, for probes are kept
    return {
        # 0 and 1 are tokens of every vocabulary, and what masks consist of.
        name: random.randint(0, 2, (samples, *shape), np.int64)
        if name in whole
        else random.standard_normal((samples, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
