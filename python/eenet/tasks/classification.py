"""Classification: an answer is a class, and its quality is whether that is the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.predictions import Predictions

Combiner = tuple[NDArray[np.float32], NDArray[np.float32]]


def qualities(predictions: Predictions, combiner: Combiner | None = None) -> NDArray[np.bool_]:
    """u(n, k): how good the answer of exit k to sample n is.

    Args:
        predictions: of N samples, K exits.
        combiner: what answers are made of; None: every exit answers alone.

    Returns:
        Shape ``(N, K)``.
    """
    return answer_qualities(eenet_rt.answers(predictions.logits, combiner), predictions.labels)


def answer_qualities(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The same of answers that are known: shape ``(N,)``, or ``(N, K)`` with several of each sample."""
    right: NDArray[np.bool_] = answers == labels.reshape(-1, *[1] * (answers.ndim - 1))
    return right
