"""The voting policy of PABEE (Zhou et al., 2020)."""

from __future__ import annotations

from eenet.policies.confidence import ConfidenceScheduler


class VoteScheduler(ConfidenceScheduler):
    """Score = the share of exits so far that gave the most frequent answer.

    With few exits ties are the rule; they are broken by the highest class probability, scaled so that it never
    outweighs a vote.
    """

    name = "vote"

    @staticmethod
    def confidence_weights(num_exits: int) -> dict[str, float]:
        return {"vote": 1.0, "maximum": 1.0 / (num_exits + 1)}
