"""Seeded samples that stand for any others where only shapes and types count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

# Not np.random, which is imported when it is first used and swallows a Ctrl-C that comes meanwhile.
from numpy.random import RandomState
from numpy.typing import NDArray

Inputs = dict[str, NDArray[Any]]


def noise(shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], samples: int) -> Inputs:
    """The same for the same arguments.

    Args:
        shapes: of inputs, without the batch axis.
        dtypes: their names.
        samples: how many.

    Returns:
        ``{name: (samples, ...)}``.
    """
    random = RandomState(0)  # whose numbers no version of numpy changes, for probes are kept
    inputs: Inputs = {}
    for name, shape in shapes.items():
        size, dtype = (samples, *shape), np.dtype(dtypes[name])
        # 0 and 1 are tokens of every vocabulary, and what masks consist of.
        numbers = random.standard_normal(size) if dtype.kind == "f" else random.randint(0, 2, size, np.int64)
        inputs[name] = np.asarray(numbers).astype(dtype)
    return inputs
