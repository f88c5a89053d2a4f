"""Whether predictions can be what they are taken for, before anything is fitted on, measured with or said of them.

What can only lead to wrong results is an error; what may be meant is a warning, with the figure.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.predictions import Predictions, of_another_network

# Deviations beyond which a difference is none of chance: some dozen tests a command, no false alarm in thousands.
_SIGNIFICANT = 4.0
_ABOVE_CHANCE = 2.0  # deviations up to which an accuracy is taken for one by chance
_LEAST_OF_A_CLASS = 2
_MOST_IMBALANCE = 5.0
_MOST_FALL = 0.01  # of accuracy from an exit to the next
_MOST_REPEATED = 0.01  # data sets hold some images twice
_MOST_SHARED = 0.05  # of a set among samples that policies were fitted on: no accident any more
_MOST_CONFIDENCE_APART = 0.15  # between mean probabilities of answers
_RENUMBERED = 0.08  # gain in accuracy when answers are renamed
_PERMUTATIONS = 999
_LISTED = 5
_LARGE_HALF_WIDTH = 0.04  # of the 95 % interval of an accuracy
# Logits of the same sample, as a share of their deviation: float16 keeps 11 bits.
_SAME_LOGITS, _SAME_FEW_LOGITS, _LEAST_FREE = 4e-3, 1e-5, 24
_PROJECTIONS = 8
LEAST_VALIDATION = 20  # one half fits, and below ten the other says nothing of what a sample costs

_log = logging.getLogger(__name__)


def check_predictions(predictions: Predictions, name: str) -> None:
    """Warns of what makes figures of a set less than they seem.

    Args:
        predictions: any set.
        name: of its file, before each message.

    Raises:
        UserError: the logits are probabilities, or the classes of labels are not those of the logits.
    """
    _check_logits(predictions, name)
    _check_classes(predictions, name)
    _check_repeats(predictions, name)
    right = eenet_rt.answers(predictions.logits) == predictions.labels[:, None]
    if not _check_numbering(predictions, right, name):
        _check_chance(predictions, right, name)
    _check_fall(right, name)


def check_report(predictions: Predictions, name: str) -> None:
    """As `check_predictions`, for a set that accuracies are reported on.

    Args:
        predictions: the set.
        name: of its file.

    Raises:
        UserError: as `check_predictions`.
    """
    check_predictions(predictions, name)
    accuracy = float((predictions.logits[:, -1].argmax(axis=1) == predictions.labels).mean())
    # Agresti and Coull's interval: no share of few samples is certain, not even all of them.
    samples = len(predictions) + 4
    middle = (accuracy * len(predictions) + 2) / samples
    half_width = 1.96 * float(np.sqrt(middle * (1 - middle) / samples))
    if half_width > _LARGE_HALF_WIDTH:
        _log.warning(
            "%s: %d samples are few: the accuracy of full depth, %.1f %%, is known to ± %.1f points (95 %%)",
            name, len(predictions), 100 * accuracy, 100 * half_width,
        )  # fmt: skip


def check_size(predictions: Predictions, name: str) -> None:
    """To be asked before a set is split, for policies to be fitted on one part.

    Raises:
        UserError: there are too few samples.
    """
    least = max(LEAST_VALIDATION, 2 * predictions.num_classes)
    if len(predictions) < least:
        raise UserError(
            f"{name}: {len(predictions)} samples of {predictions.num_classes} classes, expected at least {least}, and "
            "better some hundreds: one half fits policies, the other sets their thresholds"
        )


def check_validation(predictions: Predictions, parts: Sequence[tuple[str, Predictions]], name: str) -> None:
    """As `check_predictions`, for a set that policies are about to be fitted on.

    Args:
        predictions: the set.
        parts: what it is split into, with names.
        name: of its file.

    Raises:
        UserError: as `check_predictions`, too few samples, or all of one class.
    """
    check_size(predictions, name)
    present = np.unique(predictions.labels)
    if len(present) == 1:
        raise UserError(
            f"{name}: all {len(predictions)} samples are of class {predictions.class_names[present[0]]!r}: policies "
            f"fitted on them would answer nothing else, expected samples of all {predictions.num_classes} classes"
        )
    check_predictions(predictions, name)
    enough = np.bincount(predictions.labels, minlength=predictions.num_classes) >= _LEAST_OF_A_CLASS
    for part, samples in parts:
        _check_classes(samples, f"{name}: {part} set", among=enough)
    _check_balance(predictions, name)


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
    """Rows that are among the known ones, up to what another engine or storage in float16 does to logits."""
    rows, others = logits.reshape(len(logits), -1), known.reshape(len(known), -1)
    scale = float(others.std()) or 1.0
    tolerance = scale * _SAME_LOGITS
    if logits.shape[1] * (logits.shape[2] - 1) < _LEAST_FREE:
        # With next to no logits other samples come close by chance: twins of another engine are not told from them.
        tolerance = scale * _SAME_FEW_LOGITS
        if _were_float16(rows) or _were_float16(others):
            rows, others = _as_float16(rows), _as_float16(others)
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


def _as_float16(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return logits.astype(np.float16).astype(np.float32)


def _were_float16(logits: NDArray[np.float32]) -> bool:
    return np.array_equal(_as_float16(logits), logits)


def _check_logits(predictions: Predictions, name: str) -> None:
    if (predictions.logits == predictions.logits[0]).all():
        return  # whatever they are, that they are all the same shows elsewhere
    for k in range(predictions.num_exits):
        logits = predictions.logits[:, k].astype(np.float64)
        sums = logits.sum(axis=1)
        if logits.min() < 0 or sums.min() <= 0 or np.ptp(sums) > 0.02 * sums.max():
            continue
        raise UserError(
            f"{name}: logits of exit {k} are probabilities (none is negative and every row adds up to "
            f"{sums.mean():.3g}), expected logits or log-probabilities; np.log of them will do"
        )
    low, high = float(predictions.logits.min()), float(predictions.logits.max())
    if low >= 0 and high <= 1:
        _log.warning(
            "%s: all logits lie between %.3g and %.3g, as the outputs of a sigmoid do; expected what goes into it",
            name, low, high,
        )  # fmt: skip


def _check_classes(predictions: Predictions, name: str, *, among: NDArray[np.bool_] | bool = True) -> None:
    counts = np.bincount(predictions.labels, minlength=predictions.num_classes)
    few = np.flatnonzero((counts < _LEAST_OF_A_CLASS) & among)
    if len(few):
        _log.warning(
            "%s: fewer than %d of %d samples for %d of %d classes: %s",
            name, _LEAST_OF_A_CLASS, len(predictions), len(few), predictions.num_classes,
            _listed([f"{predictions.class_names[c]!r} ({counts[c]})" for c in few]),
        )  # fmt: skip


def _check_balance(predictions: Predictions, name: str) -> None:
    counts = np.bincount(predictions.labels, minlength=predictions.num_classes)
    present = np.flatnonzero(counts)
    low, high = present[counts[present].argmin()], present[counts[present].argmax()]
    ratio = counts[high] / counts[low]
    mean = counts[present].mean()
    # Few samples a class differ by chance alone: chi squared over its degrees of freedom, in deviations.
    freedom = len(present) - 1
    excess = (float(((counts[present] - mean) ** 2).sum() / mean) - freedom) / np.sqrt(2 * freedom)
    if ratio > _MOST_IMBALANCE and excess > _SIGNIFICANT:
        _log.warning(
            "%s: classes come from %d times (%r) to %d times (%r), %.3g : 1; policies that learn take these shares for "
            "those they will meet, and where classes come evenly the default one may overspend its budget",
            name, counts[low], predictions.class_names[low], counts[high], predictions.class_names[high], ratio,
        )  # fmt: skip


def _check_repeats(predictions: Predictions, name: str) -> None:
    by_logits = len({row.tobytes() for row in predictions.logits})
    distinct = min(by_logits, len(np.unique(predictions.index)))
    repeats = len(predictions) - distinct
    if repeats > _MOST_REPEATED * len(predictions):
        what = "logits" if distinct == by_logits else "index"
        _log.warning(
            "%s: %d of %d samples repeat others (equal %s); what is fitted on one and checked on the other seems "
            "better than it is", name, repeats, len(predictions), what,
        )  # fmt: skip


def _check_numbering(predictions: Predictions, right: NDArray[np.bool_], name: str) -> bool:
    """Whether answers were right if they were only called otherwise; the renaming is found on one half each."""
    answers, labels = predictions.logits[:, -1].argmax(axis=1), predictions.labels
    lowest = predictions.logits[:, -1].argmin(axis=1) == labels
    if lowest.mean() > 0.5 and _paired(lowest, right[:, -1])[1] > _SIGNIFICANT:
        raise UserError(
            f"{name}: the lowest logit of the last exit is that of the label in {100 * lowest.mean():.1f} % of "
            f"{len(labels)} samples, the highest in {100 * right[:, -1].mean():.1f} %: expected logits or "
            "log-probabilities, which are not negated"
        )
    own = np.arange(predictions.num_classes)
    labelled = np.isin(own, labels)  # answers of no sample's class stay: there is nothing to rename them by
    halves = np.random.default_rng(0).permutation(len(labels)) % 2
    renamed = np.empty_like(labels)
    for half in (0, 1):
        table = np.zeros((predictions.num_classes, predictions.num_classes), np.int64)
        np.add.at(table, (answers[halves != half], labels[halves != half]), 1)
        name_of = np.where(table.any(axis=1) & labelled, table.argmax(axis=1), own)
        renamed[halves == half] = name_of[answers[halves == half]]
    gain, deviations = _paired(renamed == labels, right[:, -1])
    if gain < _RENUMBERED or deviations < _SIGNIFICANT:
        return False
    moved = (labels - answers) % predictions.num_classes
    step = int(np.bincount(moved).argmax())
    how = (
        f"label = answer + {step}" if step and (moved == step).mean() > 0.5 * (renamed == labels).mean() else "renamed"
    )
    accuracy, possible = right[:, -1].mean(), (renamed == labels).mean()
    message = (
        f"{name}: full depth is right on {100 * accuracy:.1f} % of {len(labels)} samples, but on "
        f"{100 * possible:.1f} % once its answers are renumbered ({how}): labels and logits do not number the classes "
        "alike"
    )
    if accuracy < possible / 2:
        raise UserError(message)
    _log.warning("%s", message)
    return True


def _check_chance(predictions: Predictions, right: NDArray[np.bool_], name: str) -> None:
    """Against labels that have nothing to do with the answers, in the same shares."""
    samples, classes = len(predictions), predictions.num_classes
    labels = np.bincount(predictions.labels, minlength=classes) / samples
    if labels.max() == 1:
        return  # every answer is right or wrong as a whole
    answers = eenet_rt.answers(predictions.logits)
    at_chance = []
    for k in range(predictions.num_exits):
        chance = float(labels @ (np.bincount(answers[:, k], minlength=classes) / samples))
        most = chance + _ABOVE_CHANCE * float(np.sqrt(chance * (1 - chance) / samples))
        if right[:, k].mean() < most:
            at_chance.append(
                f"exit {k} is right on {100 * right[:, k].mean():.1f} % (chance {100 * chance:.1f} %, by luck up to "
                f"{100 * most:.1f} %)"
            )
    if at_chance:
        _log.warning(
            "%s: accuracy at chance, as far as %d samples tell: %s; are labels and logits of the same samples, and is "
            "the network trained?", name, samples, "; ".join(at_chance[:_LISTED]),
        )  # fmt: skip


def _check_fall(right: NDArray[np.bool_], name: str) -> None:
    for k in range(right.shape[1] - 1):
        fall, deviations = _paired(right[:, k], right[:, k + 1])
        if fall > _MOST_FALL and deviations > _SIGNIFICANT:
            before, after = 100 * right[:, k].mean(), 100 * right[:, k + 1].mean()
            _log.warning(
                "%s: accuracy falls from %.1f %% at exit %d to %.1f %% at exit %d: are the exits in order?",
                name, before, k, after, k + 1,
            )  # fmt: skip


def _check_same_network(report: Predictions, fitted: Predictions, name: str, fitted_name: str) -> None:
    """Accuracies that differ too far between sets are of other networks, or of images that were trained on."""
    here, there = ((p.logits[:, -1].argmax(axis=1) == p.labels).mean() for p in (report, fitted))
    both = (here * len(report) + there * len(fitted)) / (len(report) + len(fitted))
    noise = np.sqrt(both * (1 - both) * (1 / len(report) + 1 / len(fitted)))
    if abs(here - there) > max(_SIGNIFICANT * noise, 0.05):
        _log.warning(
            "%s: full depth is right on %.1f %% of it and on %.1f %% of %s: are both of the same network, and neither "
            "of images that it was trained on?", name, 100 * here, 100 * there, fitted_name,
        )  # fmt: skip


def _paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[float, float]:
    """By how much the first is right more often on the same samples, and in deviations (McNemar)."""
    gained, lost = int((first & ~second).sum()), int((~first & second).sum())
    return (gained - lost) / len(first), (gained - lost) / max(1.0, np.sqrt(gained + lost))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
