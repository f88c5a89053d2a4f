"""Schedulers: estimators that turn predictions, costs and a budget into an exit policy."""

from eenet.scheduling.base import Scheduler
from eenet.scheduling.eenet import EENetScheduler
from eenet.scheduling.maximum import MaximumScheduler
from eenet.scheduling.registry import POLICIES, create_scheduler
from eenet.scheduling.schedule_file import Schedule, save_schedules

__all__ = [
    "POLICIES",
    "EENetScheduler",
    "MaximumScheduler",
    "Schedule",
    "Scheduler",
    "create_scheduler",
    "save_schedules",
]
