"""Whether a set of predictions can be what it is taken for."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from eenet.errors import UserError, counted
from eenet.predictions import Predictions, Qualities
from eenet.tasks.figures import half_width, paired_difference
from eenet.tasks.registry import task_of

_SIGNIFICANT = 4.0  # deviations beyond which a difference is none of chance: no false alarm in thousands of tests
_MOST_FALL = 0.01  # of quality from an exit to the next
_MOST_REPEATED = 0.01  # data sets hold some images twice
_LARGE_HALF_WIDTH = 0.04  # of the 95 % interval of a mean quality
LEAST_VALIDATION = 20  # one half fits, and below ten the other says nothing of what a sample costs

_log = logging.getLogger(__name__)


def check_predictions(predictions: Predictions, name: str) -> None:
    """Warns of what makes figures of a set less than they seem.

    Args:
        predictions: any set.
        name: of its file, before each message.

    Raises:
        UserError: they cannot be what they should, see the checks of the task.
    """
    task_of(predictions).checks.plausible(predictions, name)
    _check_repeats(predictions, name)
    _check_fall(predictions.qualities(), predictions.quality_name, name)


def check_report(predictions: Predictions, name: str) -> None:
    """As `check_predictions`, for a set that figures are reported on.

    Args:
        predictions: the set.
        name: of its file.

    Raises:
        UserError: as `check_predictions`.
    """
    check_predictions(predictions, name)
    qualities = predictions.qualities()[:, -1]
    uncertain = half_width(qualities)
    if uncertain > _LARGE_HALF_WIDTH:
        _log.warning(
            "%s: %d samples are few: the %s of full depth, %.1f %%, is known to ± %.1f points (95 %%)",
            name, len(predictions), predictions.quality_name, 100 * float(qualities.mean()), 100 * uncertain,
        )  # fmt: skip


def check_size(predictions: Predictions, name: str) -> None:
    """To be asked before a set is split, for policies to be fitted on one part.

    Raises:
        UserError: there are too few samples.
    """
    least = max(LEAST_VALIDATION, 2 * predictions.least_samples)
    if len(predictions) < least:
        raise UserError(
            f"{name}: {counted(len(predictions), 'sample')} of {predictions.names_text}, expected at least "
            f"{least}, and better some hundreds: one half fits policies, the other sets their thresholds"
        )


def check_validation(predictions: Predictions, parts: Sequence[tuple[str, Predictions]], name: str) -> None:
    """As `check_predictions`, for a set that policies are about to be fitted on.

    Args:
        predictions: the set.
        parts: what it is split into, with names.
        name: of its file.

    Raises:
        UserError: as `check_predictions`, too few samples, or ones that nothing can be fitted on.
    """
    check_size(predictions, name)
    check_predictions(predictions, name)
    task_of(predictions).checks.fit(predictions, parts, name)


def _check_repeats(predictions: Predictions, name: str) -> None:
    by_rows = len({row.tobytes() for row in predictions.rows()})
    distinct = min(by_rows, len(np.unique(predictions.index)))
    repeats = len(predictions) - distinct
    if repeats > _MOST_REPEATED * len(predictions):
        what = "outputs" if distinct == by_rows else "index"
        _log.warning(
            "%s: %d of %d samples repeat others (equal %s); what is fitted on one and checked on the other seems "
            "better than it is", name, repeats, len(predictions), what,
        )  # fmt: skip


def _check_fall(qualities: Qualities, what: str, name: str) -> None:
    for k in range(qualities.shape[1] - 1):
        fall, deviations = paired_difference(qualities[:, k], qualities[:, k + 1])
        if fall > _MOST_FALL and deviations > _SIGNIFICANT:
            before, after = 100 * qualities[:, k].mean(), 100 * qualities[:, k + 1].mean()
            _log.warning(
                "%s: %s falls from %.1f %% at exit %d to %.1f %% at exit %d: are the exits in order?",
                name, what, before, k, after, k + 1,
            )  # fmt: skip
