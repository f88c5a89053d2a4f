"""Policy names, as commands take them."""

from __future__ import annotations

from collections.abc import Callable

from eenet.errors import UserError
from eenet.policies.base import Scheduler
from eenet.policies.eenet import EENetScheduler
from eenet.policies.entropy import EntropyScheduler
from eenet.policies.learned_stopping import LearnedStoppingScheduler
from eenet.policies.maximum import MaximumScheduler
from eenet.policies.vote import VoteScheduler
from eenet.predictions import Combiner

POLICIES: dict[str, Callable[[int, Combiner | None], Scheduler]] = {
    "eenet": lambda seed, combiner: EENetScheduler(seed=seed, combiner=combiner),
    "eenet-stick-breaking": lambda seed, combiner: EENetScheduler(head="stick-breaking", seed=seed, combiner=combiner),
    "eenet-fixed-scores": lambda seed, combiner: EENetScheduler(learn_scores=False, seed=seed, combiner=combiner),
    "eenet-fixed-shares": lambda seed, combiner: EENetScheduler(learn_shares=False, seed=seed, combiner=combiner),
    "entropy": lambda seed, combiner: EntropyScheduler(combiner=combiner),
    "entropy-tuned": lambda seed, combiner: EntropyScheduler(tune_shares=True, combiner=combiner),
    "learned-stopping": lambda seed, combiner: LearnedStoppingScheduler(combiner=combiner),
    "learned-stopping-hidden": lambda seed, combiner: LearnedStoppingScheduler(knots=4, combiner=combiner),
    "maximum": lambda seed, combiner: MaximumScheduler(combiner=combiner),
    "maximum-tuned": lambda seed, combiner: MaximumScheduler(tune_shares=True, combiner=combiner),
    "vote": lambda seed, combiner: VoteScheduler(combiner=combiner),
    "vote-tuned": lambda seed, combiner: VoteScheduler(tune_shares=True, combiner=combiner),
}


def create_scheduler(policy: str, seed: int = 0, combiner: Combiner | None = None) -> Scheduler:
    """An unfitted scheduler with its default settings, which calls itself ``policy``.

    Args:
        policy: one of `POLICIES`; ``-tuned`` searches the exit shares on the fit set in place of geometric ones,
            ``-hidden`` has scorers with a hidden layer, the variants of ``eenet`` are its other head and the paper's
            two ablations.
        seed: of what is random in it.
        combiner: from `fit_combiner`, or None.

    Raises:
        UserError: no policy has that name.
    """
    if policy not in POLICIES:
        raise UserError(f"policy {policy!r} is not known; known are {', '.join(POLICIES)}")
    scheduler = POLICIES[policy](seed, combiner)
    scheduler.policy = policy
    return scheduler
