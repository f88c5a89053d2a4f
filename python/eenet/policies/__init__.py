"""Schedulers: estimators that turn predictions, costs and a budget into an exit policy."""

from eenet.bundles.schedules import save_schedules
from eenet.policies.base import Scheduler
from eenet.policies.combining import fit_combiner, fit_temperatures
from eenet.policies.eenet import EENetScheduler
from eenet.policies.entropy import EntropyScheduler
from eenet.policies.learned_stopping import LearnedStoppingScheduler
from eenet.policies.maximum import MaximumScheduler
from eenet.policies.registry import POLICIES, create_scheduler
from eenet.policies.vote import VoteScheduler
from eenet.predictions import Combiner

__all__ = [
    "POLICIES",
    "Combiner",
    "EENetScheduler",
    "EntropyScheduler",
    "LearnedStoppingScheduler",
    "MaximumScheduler",
    "Scheduler",
    "VoteScheduler",
    "create_scheduler",
    "fit_combiner",
    "fit_temperatures",
    "save_schedules",
]
