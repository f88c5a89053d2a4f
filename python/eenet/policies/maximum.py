"""The maximum-score policy of MSDNet (Huang et al., 2018)."""

from __future__ import annotations

from eenet.policies.confidence import ConfidenceScheduler


class MaximumScheduler(ConfidenceScheduler):
    """Score = the highest class probability."""

    name = "maximum"

    @staticmethod
    def confidence_weights(num_exits: int) -> dict[str, float]:
        return {"maximum": 1.0}
