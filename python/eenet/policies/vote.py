"""The voting policy of PABEE (Zhou et al., 2020)."""

from __future__ import annotations

from eenet.policies.confidence import ConfidenceScheduler


class VoteScheduler(ConfidenceScheduler):
    """Score = the share of exits so far that gave the most frequent answer.

    With few exits ties are the rule; they are broken by the highest class probability, scaled so that it never
    outweighs a vote.
    """

    policy = "vote"

    @staticmethod
    def confidence_weights(num_exits: int) -> tuple[float, float, float, float]:
        return 1.0 / (num_exits + 1), 0.0, 1.0, 0.0
