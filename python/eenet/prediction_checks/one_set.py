"""Whether a set of predictions can be what it is taken for."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eenet.errors import UserError, counted
from eenet.predictions import Predictions
from eenet.tasks.classification import answer_qualities

# Deviations beyond which a difference is none of chance: some dozen tests a command, no false alarm in thousands.
_SIGNIFICANT = 4.0
_ABOVE_CHANCE = 2.0  # deviations up to which an accuracy is taken for one by chance
_LEAST_OF_A_CLASS = 2
_MOST_IMBALANCE = 5.0
_MOST_FALL = 0.01  # of accuracy from an exit to the next
_MOST_REPEATED = 0.01  # data sets hold some images twice
_RENUMBERED = 0.08  # gain in accuracy when answers are renamed
_LISTED = 5
_OF_WHOLE = 0.1  # by which sums of probabilities that were clipped differ from 1
_LARGE_HALF_WIDTH = 0.04  # of the 95 % interval of an accuracy
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
    right = predictions.qualities()
    if not _check_numbering(predictions, right, name):
        _check_chance(predictions, right, name)
    _check_fall(right, name)


def highest_by_luck(answers: NDArray[np.int64], labels: NDArray[np.int64], num_classes: int) -> tuple[float, float]:
    """Accuracy of answers that have nothing to do with the labels, in the same shares.

    Args:
        answers: shape ``[N]``.
        labels: shape ``[N]``.
        num_classes: of both.

    Returns:
        Shares: to be expected, and up to which luck may raise it; 1 where so few samples tell nothing.
    """
    shares = np.bincount(labels, minlength=num_classes) / len(labels)
    chance = min(1.0, float(shares @ (np.bincount(answers, minlength=num_classes) / len(answers))))
    return chance, min(1.0, chance + _ABOVE_CHANCE * float(np.sqrt(chance * (1 - chance) / len(labels))))


def check_report(predictions: Predictions, name: str) -> None:
    """As `check_predictions`, for a set that accuracies are reported on.

    Args:
        predictions: the set.
        name: of its file.

    Raises:
        UserError: as `check_predictions`.
    """
    check_predictions(predictions, name)
    accuracy = float(predictions.qualities()[:, -1].mean())
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
            f"{name}: {counted(len(predictions), 'sample')} of {predictions.num_classes} classes, expected at least "
            f"{least}, and better some hundreds: one half fits policies, the other sets their thresholds"
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


def _check_logits(predictions: Predictions, name: str) -> None:
    if (predictions.logits == predictions.logits[0]).all():
        return  # whatever they are, that they are all the same shows elsewhere
    for k in range(predictions.num_exits):
        logits = predictions.logits[:, k].astype(np.float64)
        sums = logits.sum(axis=1)
        if logits.min() < 0 or np.ptp(sums) > 0.02 * sums.max() or not _is_whole(float(sums.mean()), logits.max()):
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


def _is_whole(total: float, largest: float) -> bool:
    """Whether rows with that sum are probabilities or percents, and not logits far above zero."""
    # Logits of ten classes around 10 add up to 100, too, but none of them comes near it.
    return abs(total - 1) <= _OF_WHOLE or (abs(total / 100 - 1) <= _OF_WHOLE and largest > 75)


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
    lowest = answer_qualities(predictions.logits[:, -1].argmin(axis=1), labels)
    own = np.arange(predictions.num_classes)
    labelled = np.isin(own, labels)  # answers of no sample's class stay: there is nothing to rename them by
    halves = np.random.default_rng(0).permutation(len(labels)) % 2
    renamed = np.empty_like(labels)
    for half in (0, 1):
        table = np.zeros((predictions.num_classes, predictions.num_classes), np.int64)
        np.add.at(table, (answers[halves != half], labels[halves != half]), 1)
        name_of = np.where(table.any(axis=1) & labelled, table.argmax(axis=1), own)
        renamed[halves == half] = name_of[answers[halves == half]]
    once_renamed = answer_qualities(renamed, labels)
    possible = float(once_renamed.mean())
    # Where a class is mostly the lowest of another one's samples, renaming explains more than negation does.
    if lowest.mean() > max(0.5, possible) and _paired(lowest, right[:, -1])[1] > _SIGNIFICANT:
        raise UserError(
            f"{name}: the lowest logit of the last exit is that of the label in {100 * lowest.mean():.1f} % of "
            f"{len(labels)} samples, the highest in {100 * right[:, -1].mean():.1f} %: expected logits or "
            "log-probabilities, which are not negated"
        )
    gain, deviations = _paired(once_renamed, right[:, -1])
    if gain < _RENUMBERED or deviations < _SIGNIFICANT:
        return False
    moved = (labels - answers) % predictions.num_classes
    step = int(np.bincount(moved).argmax())
    how = f"label = answer + {step}" if step and (moved == step).mean() > 0.5 * possible else "renamed"
    accuracy = right[:, -1].mean()
    message = (
        f"{name}: full depth is right on {100 * accuracy:.1f} % of {len(labels)} samples, but on "
        f"{100 * possible:.1f} % once its answers are renumbered ({how}): labels and logits do not number the classes "
        f"alike{', or the logits are negated' if predictions.num_classes == 2 else ''}"
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
    answers = predictions.answers()
    exits, at_chance = [], []
    for k in range(predictions.num_exits):
        chance, most = highest_by_luck(answers[:, k], predictions.labels, classes)
        if right[:, k].mean() < most < 1:
            exits.append(k)
            at_chance.append(
                f"exit {k} is right on {100 * right[:, k].mean():.1f} % (chance {100 * chance:.1f} %, by luck up to "
                f"{100 * most:.1f} %)"
            )
    if not exits:
        return
    meaning = (
        "is the network trained, long enough and at a learning rate that suits it, and are labels and logits of the "
        "same samples?"
    )
    if exits[-1] < predictions.num_exits - 1:
        heads = "its head does not help" if len(exits) == 1 else "their heads do not help"
        meaning = f"{heads}, for the last exit is right on {100 * right[:, -1].mean():.1f} %"
    _log.warning(
        "%s: accuracy at chance, as far as %d samples tell: %s; %s",
        name, samples, "; ".join(at_chance[:_LISTED]), meaning,
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


def _paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[float, float]:
    """By how much the first is right more often on the same samples, and in deviations (McNemar)."""
    gained, lost = int((first & ~second).sum()), int((~first & second).sum())
    return (gained - lost) / len(first), (gained - lost) / max(1.0, np.sqrt(gained + lost))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
