"""The entropy policy of BranchyNet (Teerapittayanon et al., 2016)."""

from __future__ import annotations

from eenet.policies.confidence import ConfidenceScheduler


class EntropyScheduler(ConfidenceScheduler):
    """Score = 1 - entropy / ln C, so that low entropy leaves first."""

    name = "entropy"

    @staticmethod
    def confidence_weights(num_exits: int) -> dict[str, float]:
        return {"entropy": 1.0}
