"""Classification: an answer is a class, and its quality is whether that is the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Combiner = tuple[NDArray[np.float32], NDArray[np.float32]]


def answer_qualities(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """How good answers are: shape ``(N,)``, or ``(N, K)`` with several of each sample."""
    right: NDArray[np.bool_] = answers == labels.reshape(-1, *[1] * (answers.ndim - 1))
    return right
