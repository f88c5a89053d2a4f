"""Whether predictions of values can be what they are taken for."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.tasks.regression import Floats, ValuePredictions
from eenet.tasks.task import Checks, Parts

_SIGNIFICANT = 4.0  # deviations beyond which a difference is none of chance
_MOST_APART = 0.1  # between mean targets of two sets, in their deviation
_MOST_VALUES_APART = 0.5  # between mean values of two sets, in their deviation

_log = logging.getLogger(__name__)


def _check_plausible(predictions: ValuePredictions, name: str) -> None:
    """Warns of exits that are no better than the mean of the targets."""
    targets = predictions.targets.astype(np.float64)
    variance = targets.var(axis=0)
    errors = ((predictions.values - targets[:, None]) ** 2).mean(axis=0)
    poor = np.flatnonzero((errors >= variance).all(axis=1))
    if len(poor) and variance.any():
        _log.warning(
            "%s: exits %s are no better than the mean of the targets: is the network trained, and are values and "
            "targets of the same samples and in the same unit?", name, ", ".join(map(str, poor)),
        )  # fmt: skip


def _check_fit(predictions: ValuePredictions, parts: Parts[ValuePredictions], name: str) -> None:
    """Refuses targets that are all the same."""
    if not np.ptp(predictions.targets, axis=0).any():
        raise UserError(f"{name}: all {len(predictions)} targets are the same, expected different ones")


def _check_apart(report: ValuePredictions, fitted: ValuePredictions, name: str, fitted_name: str) -> None:
    """Warns of other targets, and of qualities that are measured otherwise."""
    apart = _deviations_apart(report.targets, fitted.targets)
    worst = int(np.argmax(apart[0]))
    if apart[0][worst] > _MOST_APART and apart[1][worst] > _SIGNIFICANT:
        _log.warning(
            "%s: its mean %s is %.2f deviations from that of %s; qualities and budgets hold for samples like those "
            "that were fitted on", name, report.target_names[worst], apart[0][worst], fitted_name,
        )  # fmt: skip


def _comparable(
    report: ValuePredictions, fitted: ValuePredictions
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Values and hidden features, each in its own deviation."""
    rows, known = report.rows(), fitted.rows()
    scale = known.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1
    return (rows / scale).astype(np.float32), (known / scale).astype(np.float32), int(rows.shape[1])


def _check_source(predictions: ValuePredictions, outputs: eenet_rt.RegressionOutputs, name: str, source: str) -> None:
    """Warns where the network answers other values here than in the predictions."""
    here = eenet_rt.answers(outputs)[:, -1]
    apart, deviations = _deviations_apart(here, predictions.values[:, -1])
    worst = int(np.argmax(apart))
    if apart[worst] > _MOST_VALUES_APART and deviations[worst] > _SIGNIFICANT:
        _log.warning(
            "%s: the mean %s of full depth is %.2f deviations from that of the network on %s: are they of this network "
            "and of such samples?", name, predictions.target_names[worst], apart[worst], source,
        )  # fmt: skip


def _deviations_apart(first: NDArray[Any], second: NDArray[Any]) -> tuple[Floats, Floats]:
    """How far the means of two sets ``(N, D)`` are apart, in deviations of the second, and of the difference."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    apart = np.abs(first.mean(axis=0) - second.mean(axis=0))
    scale = np.maximum(second.std(axis=0), 1e-30)
    noise = np.sqrt(first.var(axis=0) / len(first) + second.var(axis=0) / len(second))
    return apart / scale, apart / np.maximum(noise, 1e-30)


VALUE_CHECKS = Checks(
    plausible=_check_plausible, fit=_check_fit, apart=_check_apart, comparable=_comparable, source=_check_source
)
