"""The entropy policy of BranchyNet (Teerapittayanon et al., 2016)."""

from __future__ import annotations

from eenet.policies.confidence import ConfidenceScheduler


class EntropyScheduler(ConfidenceScheduler):
    """Score = 1 - entropy / ln C, so that low entropy leaves first."""

    policy = "entropy"

    @staticmethod
    def confidence_weights(num_exits: int) -> tuple[float, float, float, float]:
        return 0.0, 1.0, 0.0, 0.0
