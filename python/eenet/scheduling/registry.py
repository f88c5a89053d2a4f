"""Policy names, as commands take them."""

from __future__ import annotations

from collections.abc import Callable

from eenet.errors import UserError
from eenet.scheduling.base import Scheduler
from eenet.scheduling.eenet import EENetScheduler
from eenet.scheduling.maximum import MaximumScheduler

POLICIES: dict[str, Callable[[int], Scheduler]] = {
    "eenet": lambda seed: EENetScheduler(seed=seed),
    "maximum": lambda seed: MaximumScheduler(),
}


def create_scheduler(policy: str, seed: int = 0) -> Scheduler:
    """An unfitted scheduler with its default settings.

    Raises:
        UserError: no policy has that name.
    """
    if policy not in POLICIES:
        raise UserError(f"policy {policy!r} is not known; known are {', '.join(POLICIES)}")
    return POLICIES[policy](seed)
