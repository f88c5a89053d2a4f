"""Whether two sets of predictions have in common what they should, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.predictions import Predictions, of_another_network

_SIGNIFICANT = 4.0  # deviations beyond which a difference is none of chance
_PERMUTATIONS = 999
_MOST_SHARED = 0.05  # of a set among samples that policies were fitted on: no accident any more
_MOST_CONFIDENCE_APART = 0.15  # between mean probabilities of answers
# Logits of the same sample, as a share of their deviation: float16 keeps 11 bits.
_SAME_LOGITS, _SAME_FEW_LOGITS, _LEAST_FREE = 4e-3, 1e-5, 24
_PROJECTIONS = 8
_ROUNDED_SUM = 0.05  # of log-probabilities, stored in float16 or clipped, the logarithm of the sum at most

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
        How many samples of ``report`` are among those fitted on, by their logits.

    Raises:
        UserError: more than a twentieth, or the sets differ in exits or classes, or are of different networks.
    """
    shapes = [predictions.logits.shape[1:] for predictions in (report, *fitted)]
    if len(set(shapes)) > 1:
        raise UserError(f"{name}: has (exits, classes) = {shapes[0]}, {fitted_name} {shapes[1]}")
    for predictions in fitted:
        check_network(report, [predictions.network], name, f"those of {fitted_name}")
    repeated = _count_twins(report.logits, np.concatenate([predictions.logits for predictions in fitted]))
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
    shift, p_value = label_shift(fitted[0].labels, report.labels)
    if p_value <= 1 / (_PERMUTATIONS + 1):
        _log.warning(
            "%s: its classes have other shares than those of %s: %.0f %% of the samples would have to be of another "
            "class (p = %.3f); accuracies and budgets hold for the shares that were fitted on",
            name, fitted_name, 100 * shift, p_value,
        )  # fmt: skip
    _check_same_network(report, fitted[0], name, fitted_name)
    return repeated


def check_source(predictions: Predictions, logits: NDArray[np.float32], name: str, source: str) -> None:
    """Warns where logits that a network gives here are not like those that are said to be its own.

    Args:
        predictions: logged ones.
        logits: float32 ``(M, K, C)``, of other samples.
        name: of the predictions.
        source: what ``logits`` are of.
    """
    logged, here = (
        np.stack([x[:, predictions.num_classes] for x in eenet_rt.features(each)]).astype(np.float64)
        for each in (predictions.logits, logits)
    )
    apart = np.abs(logged.mean(axis=1) - here.mean(axis=1))
    noise = np.sqrt(logged.var(axis=1) / logged.shape[1] + here.var(axis=1) / here.shape[1])
    k = int(np.argmax(apart))
    if apart[k] > max(_MOST_CONFIDENCE_APART, _SIGNIFICANT * noise[k]):
        _log.warning(
            "%s: answers of exit %d claim a probability of %.2f on average, those of the network on %s claim %.2f: are "
            "they of this network and of such images?", name, k, logged[k].mean(), source, here[k].mean(),
        )  # fmt: skip


def label_shift(first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[float, float]:
    """How far the class shares of two sets differ.

    Args:
        first: int64 ``(N,)``, labels of a set.
        second: int64 ``(M,)``, labels of the other.

    Returns:
        The share of samples that would have to be of another class, and the p-value of a permutation test of the
        hypothesis that both are drawn from the same classes.
    """
    classes = int(max(first.max(), second.max())) + 1
    a, b = (np.bincount(labels, minlength=classes) for labels in (first, second))
    present = (a + b) > 0
    a, both = a[present], (a + b)[present]

    def apart(of_first: NDArray[np.int64]) -> NDArray[np.float64]:
        shares: NDArray[np.float64] = of_first / len(first) - (both - of_first) / len(second)
        return shares

    def chi_squared(of_first: NDArray[np.int64]) -> NDArray[np.float64]:
        statistic: NDArray[np.float64] = (apart(of_first) ** 2 / both).sum(axis=-1)
        return statistic

    drawn = np.random.default_rng(0).multivariate_hypergeometric(
        both, len(first), size=_PERMUTATIONS, method="marginals"
    )
    beyond = int((chi_squared(drawn) >= float(chi_squared(a)) * (1 - 1e-9)).sum())
    return float(np.abs(apart(a)).sum() / 2), (1 + beyond) / (_PERMUTATIONS + 1)


def _count_twins(logits: NDArray[np.float32], known: NDArray[np.float32]) -> int:
    """Rows that are among the known ones, up to what another engine or storage in float16 does to logits.

    Where one of the two has log-probabilities, which are logits with another zero, so has the other. Else the zero is
    part of what tells samples apart.
    """
    if _are_log_probabilities(logits) != _are_log_probabilities(known):
        logits, known = _log_probabilities(logits), _log_probabilities(known)
    few = logits.shape[1] * (logits.shape[2] - 1) < _LEAST_FREE
    if few and (_were_float16(logits) or _were_float16(known)):
        logits, known = _as_float16(logits), _as_float16(known)
    rows, others = logits.reshape(len(logits), -1), known.reshape(len(known), -1)
    # With next to no logits other samples come close by chance: twins of another engine are not told from them.
    tolerance = (float(others.std()) or 1.0) * (_SAME_FEW_LOGITS if few else _SAME_LOGITS)
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


def _log_sums(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithm of the sum of exponentials, ``(N, K, 1)``: 0 where they are log-probabilities."""
    largest = logits.max(axis=2, keepdims=True).astype(np.float64)
    sums: NDArray[np.float64] = largest + np.log(np.exp(logits - largest).sum(axis=2, keepdims=True))
    return sums


def _are_log_probabilities(logits: NDArray[np.float32]) -> bool:
    return float(np.abs(_log_sums(logits)).max()) < _ROUNDED_SUM


def _log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return (logits - _log_sums(logits)).astype(np.float32)


def _as_float16(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return logits.astype(np.float16).astype(np.float32)


def _were_float16(logits: NDArray[np.float32]) -> bool:
    return np.array_equal(_as_float16(logits), logits)


def _check_same_network(report: Predictions, fitted: Predictions, name: str, fitted_name: str) -> None:
    """Accuracies that differ too far between sets are of other networks, or of images that were trained on."""
    here, there = (p.qualities()[:, -1].mean() for p in (report, fitted))
    both = (here * len(report) + there * len(fitted)) / (len(report) + len(fitted))
    noise = np.sqrt(both * (1 - both) * (1 / len(report) + 1 / len(fitted)))
    if abs(here - there) > max(_SIGNIFICANT * noise, 0.05):
        _log.warning(
            "%s: full depth is right on %.1f %% of it and on %.1f %% of %s: are both of the same network, and neither "
            "of images that it was trained on?", name, 100 * here, 100 * there, fitted_name,
        )  # fmt: skip
