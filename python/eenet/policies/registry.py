"""Policy names, as commands take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from eenet.errors import ArgumentError, UserError
from eenet.policies.base import Scheduler
from eenet.policies.correction import CorrectionScheduler, PatienceScheduler, ShareScheduler
from eenet.policies.eenet import EENetScheduler
from eenet.policies.entropy import EntropyScheduler
from eenet.policies.learned_stopping import LearnedStoppingScheduler
from eenet.policies.maximum import MaximumScheduler
from eenet.policies.vote import VoteScheduler
from eenet.predictions import Combiner, Predictions

Settings = Mapping[str, float]

POLICIES: dict[str, Callable[..., Scheduler]] = {
    "eenet": EENetScheduler,
    "eenet-stick-breaking": partial(EENetScheduler, head="stick-breaking"),
    "eenet-fixed-scores": partial(EENetScheduler, learn_scores=False),
    "eenet-fixed-shares": partial(EENetScheduler, learn_shares=False),
    "correction": CorrectionScheduler,
    "correction-share": ShareScheduler,
    "entropy": EntropyScheduler,
    "entropy-tuned": partial(EntropyScheduler, tune_shares=True),
    "learned-stopping": LearnedStoppingScheduler,
    "learned-stopping-hidden": partial(LearnedStoppingScheduler, knots=4),
    "maximum": MaximumScheduler,
    "maximum-tuned": partial(MaximumScheduler, tune_shares=True),
    "patience": PatienceScheduler,
    "vote": VoteScheduler,
    "vote-tuned": partial(VoteScheduler, tune_shares=True),
}


def create_scheduler(
    policy: str, seed: int = 0, combiner: Combiner | None = None, settings: Settings | None = None
) -> Scheduler:
    """An unfitted scheduler.

    Args:
        policy: one of `POLICIES`; ``-tuned`` searches the exit shares on the fit set in place of geometric ones,
            ``-hidden`` has scorers with a hidden layer, the variants of ``eenet`` are its other head and the paper's
            two ablations.
        seed: of what is random in it.
        combiner: from `fit_combiner`, or None.
        settings: arguments of its constructor that are to be others than their defaults.

    Raises:
        UserError: no policy has that name, or it has no such setting.
    """
    if policy not in POLICIES:
        raise UserError(f"policy {policy!r} is not known; known are {', '.join(POLICIES)}")
    scheduler = POLICIES[policy](combiner=combiner)
    if "seed" in scheduler.get_params():
        scheduler.set_params(seed=seed)
    return scheduler.set_params(**(settings or {}))


def settings_of(policies: Iterable[str], settings: Settings) -> dict[str, Settings]:
    """Which of the settings each of several policies has.

    Raises:
        UserError: one that none of them has, or that nothing can be fitted with; an unknown policy.
    """
    schedulers = {policy: create_scheduler(policy) for policy in policies}
    own: dict[str, Settings] = {
        policy: {name: value for name, value in settings.items() if name in scheduler.get_params()}
        for policy, scheduler in schedulers.items()
    }
    for name in settings:
        if not any(name in taken for taken in own.values()):
            raise ArgumentError(name, f"is no setting of {', '.join(schedulers)}")
    for policy, scheduler in schedulers.items():
        scheduler.set_params(**own[policy]).check_settings()
    return own


def policies_for(predictions: Predictions) -> list[str]:
    """Names of the policies that read what exits of these predictions have."""
    return [name for name in POLICIES if create_scheduler(name).suits(predictions)]


def check_policy(policy: str, predictions: Predictions) -> None:
    """Refuses a policy that reads what exits of these predictions do not have.

    Raises:
        UserError: it does, or no policy has that name.
    """
    if not create_scheduler(policy).suits(predictions):
        known = ", ".join(policies_for(predictions))
        raise UserError(f"policy {policy!r} is none for {predictions.task}, expected one of {known}")
