"""Marks of samples, by which a file of schedules knows some of those that it was fitted on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

import numpy as np

from eenet.errors import UserError
from eenet.predictions import Predictions

_KEPT = 64  # marks: enough to see a twentieth
_MOST_SHARED = 0.05  # of a set among samples that policies were fitted on: no accident any more
_FEWEST = 3  # shared marks that a share is known by

_log = logging.getLogger(__name__)


def sample_marks(predictions: Predictions) -> list[str]:
    """Hashes of what the exits said of the samples, ascending: the 64 smallest, which are as good as drawn at random.

    Which samples of another set have one of the smallest marks says how many the two sets share (bottom-k sketch;
    Cohen and Kaplan, 2007).
    """
    return _all_marks(predictions)[:_KEPT]


def check_unmarked(report: Predictions, marks: Sequence[str], name: str, fitted_name: str) -> None:
    """Warns of samples that schedules were fitted on; where the predictions are those of the same run, to the bit.

    Args:
        report: that nothing was fitted on.
        marks: of `sample_marks`, of what was.
        name: of the file of ``report``.
        fitted_name: of the file of schedules.

    Raises:
        UserError: more than a twentieth of the samples, as far as the marks tell.
    """
    if not marks:
        return
    # All marks that are smaller than the largest kept one are kept: of those alone it is known.
    comparable = [mark for mark in _all_marks(report) if len(marks) < _KEPT or mark <= max(marks)]
    shared = len(set(comparable) & set(marks))
    if shared == 0:
        return
    share = shared / len(comparable)
    about = f"about {100 * share:.0f} %" if share < 1 else "all"
    if shared >= min(_FEWEST, len(marks)) and share > _MOST_SHARED:
        raise UserError(
            f"{name}: {about} of its samples are among those that policies were fitted on ({fitted_name}), expected "
            f"other ones"
        )
    _log.warning("%s: some of its samples are among those that policies were fitted on (%s)", name, fitted_name)


def _all_marks(predictions: Predictions) -> list[str]:
    rows = np.ascontiguousarray(predictions.rows(), "<f4")
    return sorted({hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest() for row in rows})
