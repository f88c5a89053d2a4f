"""Statistics of qualities, whichever task they are of."""

from __future__ import annotations

import numpy as np

from eenet.predictions import Qualities


def paired_difference(first: Qualities, second: Qualities) -> tuple[float, float]:
    """By how much the first are better on the same samples, and in deviations (McNemar, where right or wrong)."""
    difference = first.astype(np.float64) - second.astype(np.float64)
    total = float(difference.sum())
    return total / len(difference), total / max(1.0, float(np.sqrt((difference**2).sum())))


def half_width(qualities: Qualities) -> float:
    """Of the 95 % interval of a mean quality."""
    samples, mean = len(qualities), float(qualities.mean())
    if qualities.dtype != np.bool_:
        return 1.96 * float(np.std(qualities)) / float(np.sqrt(samples))
    # Agresti and Coull's: no share of few samples is certain, not even all of them.
    middle = (mean * samples + 2) / (samples + 4)
    return 1.96 * float(np.sqrt(middle * (1 - middle) / (samples + 4)))
