"""Schedulers: estimators that turn predictions, costs and a budget into an exit policy."""

from eenet.scheduling.base import Scheduler
from eenet.scheduling.combining import Combiner, fit_combiner, fit_temperatures
from eenet.scheduling.eenet import EENetScheduler
from eenet.scheduling.entropy import EntropyScheduler
from eenet.scheduling.learned_stopping import LearnedStoppingScheduler
from eenet.scheduling.maximum import MaximumScheduler
from eenet.scheduling.registry import POLICIES, create_scheduler
from eenet.scheduling.schedule_file import Schedule, runtime_schedules, save_schedules
from eenet.scheduling.vote import VoteScheduler

__all__ = [
    "POLICIES",
    "Combiner",
    "EENetScheduler",
    "EntropyScheduler",
    "LearnedStoppingScheduler",
    "MaximumScheduler",
    "Schedule",
    "Scheduler",
    "VoteScheduler",
    "create_scheduler",
    "fit_combiner",
    "fit_temperatures",
    "runtime_schedules",
    "save_schedules",
]
