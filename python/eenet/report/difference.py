"""How good two things are on the same samples, and how well the difference is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from eenet.predictions import Qualities

MOST_LOSS = 1.0  # points that may be lost where exiting early pays, with the interval
FEW_SAMPLES = 100  # below which a handful of changed answers do not even say how many samples would tell
# A loss is either beyond chance or within the bound, whatever it is, once its interval is no wider than the bound.
TELLING_HALF_WIDTH = MOST_LOSS / 2
_Z95 = 1.959964


@dataclass(frozen=True)
class Difference:
    """Mean quality of the schedule minus that of something else on the same samples.

    Attributes:
        points: percentage points.
        half_width: of its 95 % interval.
    """

    points: float
    half_width: float

    @classmethod
    def of(cls, qualities: Qualities, others: Qualities) -> Difference:
        """From how good the answer to each sample is here and there."""
        differences, samples = qualities.astype(np.float64) - others, len(qualities)
        gained, squares = float(differences.sum()), float((differences**2).sum())
        # Bonett and Price's interval, with one sample more either way: few samples without a difference are no proof
        # that there is none.
        changed, shift = (squares + 2) / (samples + 2), gained / (samples + 2)
        half_width = _Z95 * math.sqrt((changed - shift**2) / (samples + 2))
        return cls(100 * gained / samples, 100 * half_width)

    @property
    def worse(self) -> bool:
        """Whether the schedule is worse, beyond chance."""
        return self.points + self.half_width < 0

    @property
    def within_bound(self) -> bool:
        """Whether the loss is at most a point at the upper end of its interval."""
        return self.half_width - self.points <= MOST_LOSS

    def samples_to_tell(self, samples: int) -> int:
        """About how many samples would tell, by how far the interval of this many is too wide.

        The difference that they saw says nothing of it: it is known no better than its interval.
        """
        needed = samples * (self.half_width / TELLING_HALF_WIDTH) ** 2
        step = int(10 ** max(0, math.floor(math.log10(needed)) - 1))
        return math.ceil(needed / step) * step

    def __str__(self) -> str:
        if abs(self.points) < 0.005:
            return "as much"
        return f"{abs(self.points):.2f} points {'less' if self.points < 0 else 'more'}"
