"""Runtime of EENet: runs a network with early exits, segment by segment, until an exit is good enough.

The work is done in C++; this package needs numpy and, to load a bundle, ONNX Runtime.
"""

import logging

from eenet_rt._core import (
    Alarm,
    BackendError,
    BatchResult,
    BudgetError,
    BudgetWarning,
    BundleError,
    ConfigurationError,
    EenetError,
    ExitExplanation,
    ExitPolicy,
    Health,
    InputError,
    LatencySummary,
    NonFiniteError,
    ProfileWarning,
    Replay,
    Result,
    Runtime,
    Schedule,
    ScheduleError,
    ScheduleFile,
    Stats,
    StreamReplay,
    __version__,
    answers,
    device_name,
    features,
    load,
    read_schedules,
    replay,
    replay_stream,
    scores,
)

# Alarms are told to whoever asks for them.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "Alarm",
    "BackendError",
    "BatchResult",
    "BudgetError",
    "BudgetWarning",
    "BundleError",
    "ConfigurationError",
    "EenetError",
    "ExitExplanation",
    "ExitPolicy",
    "Health",
    "InputError",
    "LatencySummary",
    "NonFiniteError",
    "ProfileWarning",
    "Replay",
    "Result",
    "Runtime",
    "Schedule",
    "ScheduleError",
    "ScheduleFile",
    "Stats",
    "StreamReplay",
    "__version__",
    "answers",
    "device_name",
    "features",
    "load",
    "read_schedules",
    "replay",
    "replay_stream",
    "scores",
]
