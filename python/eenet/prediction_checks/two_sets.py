"""Whether two sets of predictions have in common what they should, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError
from eenet.predictions import Predictions, of_another_network
from eenet.tasks.registry import task_of

_SIGNIFICANT = 4.0  # deviations beyond which a difference is none of chance
_MOST_SHARED = 0.05  # of a set among samples that policies were fitted on: no accident any more
# Outputs of the same sample, as a share of their deviation: float16 keeps 11 bits.
_SAME, _SAME_FEW, _LEAST_FREE = 4e-3, 1e-5, 24
_PROJECTIONS = 8

_log = logging.getLogger(__name__)


def check_network(predictions: Predictions, known: Sequence[str | None], name: str, expected: str) -> None:
    """Refuses predictions that say that they are of another network.

    Args:
        predictions: with its id, or without: those are taken at their word.
        known: ids that it may have.
        name: of their file.
        expected: what the known ids are of.

    Raises:
        UserError: they are of another one.
    """
    if of_another_network(predictions.network, known):
        raise UserError(f"{name}: holds predictions of another network than {expected}, by the ids of the two")


def check_apart(report: Predictions, fitted: Sequence[Predictions], name: str, fitted_name: str) -> int:
    """Warns of what two sets should not have in common, and of what they should.

    Args:
        report: that nothing was fitted on.
        fitted: what was; the first of them is compared with.
        name: of the file of ``report``.
        fitted_name: of that of ``fitted``.

    Returns:
        How many samples of ``report`` are among those fitted on, by what the exits said.

    Raises:
        UserError: more than a twentieth, or the sets differ in exits or answers, or are of different networks.
    """
    for predictions in fitted:
        check_alike(report, predictions, name, fitted_name)
        check_network(report, [predictions.network], name, f"those of {fitted_name}")
    checks = task_of(report).checks
    repeated = _count_twins(*checks.comparable(report, reduce(type(report).joined, fitted)))
    if repeated > _MOST_SHARED * len(report):
        raise UserError(
            f"{name}: {repeated} of {len(report)} samples are among those that policies were fitted on "
            f"({fitted_name}), expected other ones"
        )
    if repeated:
        _log.warning(
            "%s: %d of %d samples are among those that policies were fitted on (%s)",
            name, repeated, len(report), fitted_name,
        )  # fmt: skip
    checks.apart(report, fitted[0], name, fitted_name)
    _check_same_network(report, fitted[0], name, fitted_name)
    return repeated


def check_alike(first: Predictions, second: Predictions, name: str, other_name: str) -> None:
    """Refuses sets of networks that differ in what they answer or put out.

    Raises:
        UserError: they do.
    """
    shapes = [(each.task, each.num_features, len(each.names)) for each in (first, second)]
    if shapes[0] != shapes[1]:
        same = first.shape_text == second.shape_text
        texts = [f"{p.shape_text}, {p.num_features} features" if same else p.shape_text for p in (first, second)]
        raise UserError(f"{name}: has {texts[0]}, {other_name} {texts[1]}")


def check_source(predictions: Predictions, outputs: Any, name: str, source: str) -> None:
    """Warns where what a network puts out here is not like what is said to be its own.

    Args:
        predictions: logged ones.
        outputs: of other samples, as `eenet_rt` takes them.
        name: of the predictions.
        source: what ``outputs`` are of.
    """
    task_of(predictions).checks.source(predictions, outputs, name, source)


def _count_twins(rows: NDArray[np.float32], others: NDArray[np.float32], free: int) -> int:
    """Rows that are among the others, up to what another engine or storage in float16 does to outputs.

    Args:
        rows: ``(N, P)``.
        others: ``(M, P)``, of the same scale.
        free: how many numbers of a row tell something.
    """
    few = free < _LEAST_FREE
    if few and (_were_float16(rows) or _were_float16(others)):
        rows, others = _as_float16(rows), _as_float16(others)
    # With next to no numbers other samples come close by chance: twins of another engine are not told from them.
    tolerance = (float(others.std()) or 1.0) * (_SAME_FEW if few else _SAME)
    directions = np.random.default_rng(0).normal(size=(rows.shape[1], _PROJECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    keys, other_keys = rows @ directions, others @ directions
    order = np.argsort(other_keys[:, 0])
    others, other_keys = others[order], other_keys[order]
    # Errors of rounding hardly add up along a random direction.
    window = 4 * tolerance
    first = np.searchsorted(other_keys[:, 0], keys[:, 0] - window)
    end = np.searchsorted(other_keys[:, 0], keys[:, 0] + window)
    count = 0
    for row, key, a, b in zip(rows, keys, first, end, strict=True):
        near = a + np.flatnonzero((np.abs(other_keys[a:b] - key) <= window).all(axis=1))
        count += bool((np.abs(others[near] - row) <= tolerance).all(axis=1).any())
    return count


def _as_float16(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return outputs.astype(np.float16).astype(np.float32)


def _were_float16(outputs: NDArray[np.float32]) -> bool:
    return np.array_equal(_as_float16(outputs), outputs)


def _check_same_network(report: Predictions, fitted: Predictions, name: str, fitted_name: str) -> None:
    """Qualities that differ too far between sets are of other networks, or of samples that were trained on."""
    here, there = (p.qualities()[:, -1].mean() for p in (report, fitted))
    both = (here * len(report) + there * len(fitted)) / (len(report) + len(fitted))
    # What lies in [0, 1] varies at most as if it were 0 or 1.
    noise = np.sqrt(both * (1 - both) * (1 / len(report) + 1 / len(fitted)))
    if abs(here - there) > max(_SIGNIFICANT * noise, 0.05):
        _log.warning(
            "%s: full depth has %s %.1f %% on it and %.1f %% on %s: are both of the same network, and neither "
            "of samples that it was trained on?", name, report.quality_name, 100 * here, 100 * there, fitted_name,
        )  # fmt: skip
