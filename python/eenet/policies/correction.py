"""Policies that leave where the last correction was small: what is left to correct is small, too, they hope."""

from __future__ import annotations

from eenet.policies.confidence import ConfidenceScheduler


class CorrectionScheduler(ConfidenceScheduler):
    """Score = minus the size of the last correction: the baseline of exits that correct each other."""

    name = "correction"

    @staticmethod
    def confidence_weights(num_exits: int) -> dict[str, float]:
        return {"correction": -1.0}


class ShareScheduler(ConfidenceScheduler):
    """Score = minus the share of the last correction in the size of the answer."""

    name = "correction-share"

    @staticmethod
    def confidence_weights(num_exits: int) -> dict[str, float]:
        return {"share": -1.0}


class PatienceScheduler(ConfidenceScheduler):
    """Score = minus the size of the last correction and half the score before: answers that have stayed for a while.

    The patience of PABEE (Zhou et al., 2020) counts answers that do not change; here, how far they do is added up,
    the more recent the more.
    """

    name = "patience"
    memory = 0.5

    @staticmethod
    def confidence_weights(num_exits: int) -> dict[str, float]:
        return {"correction": -1.0}
