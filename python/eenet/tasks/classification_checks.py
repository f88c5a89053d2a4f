"""Whether predictions of classes can be what they are taken for."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import eenet_rt
from eenet.errors import UserError
from eenet.tasks.classification import ClassPredictions, right_answers
from eenet.tasks.figures import paired_difference
from eenet.tasks.task import Checks, Parts

# Deviations beyond which a difference is none of chance: some dozen tests a command, no false alarm in thousands.
_SIGNIFICANT = 4.0
_ABOVE_CHANCE = 2.0  # deviations up to which an accuracy is taken for one by chance
_LEAST_OF_A_CLASS = 2
_MOST_IMBALANCE = 5.0
_RENUMBERED = 0.08  # gain in accuracy when answers are renamed
_LISTED = 5
_OF_WHOLE = 0.1  # by which sums of probabilities that were clipped differ from 1
_PERMUTATIONS = 999
_MOST_CONFIDENCE_APART = 0.15  # between mean probabilities of answers
_ROUNDED_SUM = 0.05  # of log-probabilities, stored in float16 or clipped, the logarithm of the sum at most

_log = logging.getLogger(__name__)


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


def prior_shift(prior: Sequence[float], labels: NDArray[np.int64]) -> tuple[float, float]:
    """How far the class shares of a set, labels int64 ``(N,)``, are from given ones; as `label_shift`."""
    shares, samples = np.array(prior), len(labels)
    possible = shares > 0
    counts = np.bincount(labels, minlength=len(shares))
    apart = float(np.abs(counts / samples - shares).sum() / 2)
    if counts[~possible].any():
        return apart, 0.0
    expected = samples * shares[possible]
    drawn = np.random.default_rng(0).multinomial(samples, shares[possible], _PERMUTATIONS)
    statistic = ((drawn - expected) ** 2 / expected).sum(axis=1)
    beyond = int((statistic >= ((counts[possible] - expected) ** 2 / expected).sum()).sum())
    return apart, (1 + beyond) / (_PERMUTATIONS + 1)


def _check_plausible(predictions: ClassPredictions, name: str) -> None:
    """Refuses probabilities, and labels that do not number the classes as the logits do; warns of exits at chance."""
    _check_logits(predictions, name)
    _check_classes(predictions, name)
    right = predictions.qualities()
    if not _check_numbering(predictions, right, name):
        _check_chance(predictions, right, name)


def _check_fit(predictions: ClassPredictions, parts: Parts[ClassPredictions], name: str) -> None:
    """Refuses a set of one class; warns of classes that a part has not, and of shares that differ much."""
    present = np.unique(predictions.labels)
    if len(present) == 1:
        raise UserError(
            f"{name}: all {len(predictions)} samples are of class {predictions.class_names[present[0]]!r}: policies "
            f"fitted on them would answer nothing else, expected samples of all {predictions.num_classes} classes"
        )
    enough = np.bincount(predictions.labels, minlength=predictions.num_classes) >= _LEAST_OF_A_CLASS
    for part, samples in parts:
        _check_classes(samples, f"{name}: {part} set", among=enough)
    if predictions.class_prior is None:
        _check_balance(predictions, name)


def _check_apart(report: ClassPredictions, fitted: ClassPredictions, name: str, fitted_name: str) -> None:
    """Warns of other shares of the classes."""
    if fitted.class_prior is None:
        shift, p_value = label_shift(fitted.labels, report.labels)
    else:
        shift, p_value = prior_shift(fitted.class_prior, report.labels)
    if p_value <= 1 / (_PERMUTATIONS + 1):
        _log.warning(
            "%s: its classes have other shares than those of %s: %.0f %% of the samples would have to be of another "
            "class (p = %.3f); accuracies and budgets hold for the shares that were fitted on",
            name, fitted_name, 100 * shift, p_value,
        )  # fmt: skip


def _comparable(
    report: ClassPredictions, fitted: ClassPredictions
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Logits, or log-probabilities, which are logits with another zero, where one of the two sets has such.

    Else the zero is part of what tells samples apart.
    """
    logits, known = report.logits, fitted.logits
    if _are_log_probabilities(logits) != _are_log_probabilities(known):
        logits, known = _log_probabilities(logits), _log_probabilities(known)
    free = logits.shape[1] * (logits.shape[2] - 1)
    return logits.reshape(len(logits), -1), known.reshape(len(known), -1), free


def _check_source(predictions: ClassPredictions, outputs: NDArray[np.float32], name: str, source: str) -> None:
    """Warns where the network is more or less sure of its answers here than in the predictions."""
    logged, here = (
        np.stack([x[:, predictions.num_classes] for x in eenet_rt.features(each)]).astype(np.float64)
        for each in (predictions.logits, outputs)
    )
    apart = np.abs(logged.mean(axis=1) - here.mean(axis=1))
    noise = np.sqrt(logged.var(axis=1) / logged.shape[1] + here.var(axis=1) / here.shape[1])
    k = int(np.argmax(apart))
    if apart[k] > max(_MOST_CONFIDENCE_APART, _SIGNIFICANT * noise[k]):
        _log.warning(
            "%s: answers of exit %d claim a probability of %.2f on average, those of the network on %s claim %.2f: are "
            "they of this network and of such images?", name, k, logged[k].mean(), source, here[k].mean(),
        )  # fmt: skip


def _check_logits(predictions: ClassPredictions, name: str) -> None:
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


def _check_classes(predictions: ClassPredictions, name: str, *, among: NDArray[np.bool_] | bool = True) -> None:
    counts = np.bincount(predictions.labels, minlength=predictions.num_classes)
    few = np.flatnonzero((counts < _LEAST_OF_A_CLASS) & among)
    if len(few):
        _log.warning(
            "%s: fewer than %d of %d samples for %d of %d classes: %s",
            name, _LEAST_OF_A_CLASS, len(predictions), len(few), predictions.num_classes,
            _listed([f"{predictions.class_names[c]!r} ({counts[c]})" for c in few]),
        )  # fmt: skip


def _check_balance(predictions: ClassPredictions, name: str) -> None:
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
            "those they will meet, and where classes come evenly the default one may overspend its budget; a class "
            "prior weights samples to the shares that are to be met",
            name, counts[low], predictions.class_names[low], counts[high], predictions.class_names[high], ratio,
        )  # fmt: skip


def _check_numbering(predictions: ClassPredictions, right: NDArray[np.bool_], name: str) -> bool:
    """Whether answers were right if they were only called otherwise; the renaming is found on one half each."""
    answers, labels = predictions.logits[:, -1].argmax(axis=1), predictions.labels
    lowest = right_answers(predictions.logits[:, -1].argmin(axis=1), labels)
    own = np.arange(predictions.num_classes)
    labelled = np.isin(own, labels)  # answers of no sample's class stay: there is nothing to rename them by
    halves = np.random.default_rng(0).permutation(len(labels)) % 2
    renamed = np.empty_like(labels)
    for half in (0, 1):
        table = np.zeros((predictions.num_classes, predictions.num_classes), np.int64)
        np.add.at(table, (answers[halves != half], labels[halves != half]), 1)
        name_of = np.where(table.any(axis=1) & labelled, table.argmax(axis=1), own)
        renamed[halves == half] = name_of[answers[halves == half]]
    once_renamed = right_answers(renamed, labels)
    possible = float(once_renamed.mean())
    # Where a class is mostly the lowest of another one's samples, renaming explains more than negation does.
    if lowest.mean() > max(0.5, possible) and paired_difference(lowest, right[:, -1])[1] > _SIGNIFICANT:
        raise UserError(
            f"{name}: the lowest logit of the last exit is that of the label in {100 * lowest.mean():.1f} % of "
            f"{len(labels)} samples, the highest in {100 * right[:, -1].mean():.1f} %: expected logits or "
            "log-probabilities, which are not negated"
        )
    gain, deviations = paired_difference(once_renamed, right[:, -1])
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


def _check_chance(predictions: ClassPredictions, right: NDArray[np.bool_], name: str) -> None:
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


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _log_sums(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithm of the sum of exponentials, ``(N, K, 1)``: 0 where they are log-probabilities."""
    largest = logits.max(axis=2, keepdims=True).astype(np.float64)
    sums: NDArray[np.float64] = largest + np.log(np.exp(logits - largest).sum(axis=2, keepdims=True))
    return sums


def _are_log_probabilities(logits: NDArray[np.float32]) -> bool:
    return float(np.abs(_log_sums(logits)).max()) < _ROUNDED_SUM


def _log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return (logits - _log_sums(logits)).astype(np.float32)


CLASS_CHECKS = Checks(
    plausible=_check_plausible, fit=_check_fit, apart=_check_apart, comparable=_comparable, source=_check_source
)
