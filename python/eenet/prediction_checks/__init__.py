"""Whether predictions can be what they are taken for, before anything is fitted on, measured with or said of them.

What can only lead to wrong results is an error; what may be meant is a warning, with the figure.
"""

from eenet.prediction_checks.marks import check_unmarked, sample_marks
from eenet.prediction_checks.one_set import (
    LEAST_VALIDATION,
    check_predictions,
    check_report,
    check_size,
    check_validation,
)
from eenet.prediction_checks.two_sets import check_alike, check_apart, check_network, check_source

__all__ = [
    "LEAST_VALIDATION",
    "check_alike",
    "check_apart",
    "check_network",
    "check_predictions",
    "check_report",
    "check_size",
    "check_source",
    "check_unmarked",
    "check_validation",
    "sample_marks",
]
