"""What the sections of all tasks need of each: its words, its simple policy, and when its answers are worth nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal

import numpy as np
from numpy.typing import NDArray

from eenet.predictions import P, Predictions
from eenet.tasks.classification import ClassPredictions, right_answers
from eenet.tasks.classification_checks import highest_by_luck
from eenet.tasks.regression import ValuePredictions
from eenet.text import number


@dataclass(frozen=True)
class Terms(Generic[P]):
    """Of one task.

    Attributes:
        sample: what a sample is called.
        quality: what the mean quality of answers is called.
        outputs: what exits put out, of several tensors the first, as `Predictions.arrays` calls it.
        answered: of a set; takes ``quality`` and ``samples``.
        answered_by: of a policy; takes ``quality``.
        answers: of full depth; takes ``quality``.
        no_worse: than something else.
        as_good: as full depth.
        oracle_knows: what the best of all policies knows.
        simple: the best policy that learns nothing, by its name as an option.
        simple_name: the same in words.
        simple_weights: of the measures of confidence in its score.
        legend: where curves of quality against cost leave room for it, as Matplotlib takes it.
        ablation: policies of the ablation of EENet, ``simple`` among them.
        definition: takes a set; says what quality is, where the word does not, as sentences.
        doubt: takes a set and answers to it, of several policies; says why they are worth nothing, or None.
    """

    sample: str
    quality: str
    outputs: str
    answered: str
    answered_by: str
    answers: str
    no_worse: str
    as_good: str
    oracle_knows: str
    simple: str
    simple_name: str
    simple_weights: tuple[float, ...]
    legend: Literal["best", "lower right"]
    ablation: tuple[str, ...]
    definition: Callable[[P], str]
    doubt: Callable[[P, Sequence[NDArray[Any]]], str | None]


def terms_of(predictions: Predictions) -> Terms[Any]:
    """Those of the task that predictions are of."""
    return _TERMS[predictions.task]


def _no_better_than_chance(report: ClassPredictions, answers: Sequence[NDArray[np.int64]]) -> str | None:
    chance = "accuracy is no better than chance."
    if (report.labels == report.labels[0]).all():
        return f"{chance} All of them are of one class, expected images of each."
    for given in answers:
        accuracy = float(right_answers(given, report.labels).mean())
        if accuracy <= highest_by_luck(given, report.labels, report.num_classes)[1] < 1:
            return f"{chance} Is the network trained, and are labels and images of the same samples?"
    return None


def _no_better_than_the_mean(report: ValuePredictions, answers: Sequence[NDArray[np.float32]]) -> str | None:
    variance = report.targets.var(axis=0, dtype=np.float64)
    if not variance.any():
        return "all of them have the same targets, expected samples of different ones."
    for given in answers:
        if (((given.astype(np.float64) - report.targets) ** 2).mean(axis=0) >= variance).all():
            return (
                "errors are no smaller than those of the mean of the targets. Is the network trained, and are values "
                "and targets of the same samples?"
            )
    return None


def _value_definition(report: ValuePredictions) -> str:
    scale = number(report.error_scale, 4)
    return (
        f"The quality of an answer is 1 - min(1, error / {scale}), where the error is its distance from the target and "
        f"{scale} the error scale, which full depth exceeds for one of twenty validation samples. "
    )


CLASS_TERMS: Terms[ClassPredictions] = Terms(
    sample="image",
    quality="accuracy",
    outputs="logits",
    answered="{quality} of {samples} right",
    answered_by="would have been right on {quality}",
    answers="is right {quality} of the time",
    no_worse="at least as accurate as",
    as_good="is right as often as full depth",
    oracle_knows="which exits are right",
    simple="maximum",  # with geometric shares: MSDNet's policy
    simple_name="maximum score, geometric shares",
    simple_weights=(1.0, 0.0, 0.0, 0.0),
    legend="lower right",
    ablation=("eenet", "eenet-fixed-scores", "eenet-fixed-shares", "maximum", "learned-stopping"),
    definition=lambda report: "",
    doubt=_no_better_than_chance,
)
VALUE_TERMS: Terms[ValuePredictions] = Terms(
    sample="sample",
    quality="mean quality",
    outputs="values",
    answered="Mean quality {quality} over {samples}",
    answered_by="would have had a mean quality of {quality}",
    answers="has a mean quality of {quality}",
    no_worse="at least as good as",
    as_good="answers as well as full depth",
    oracle_knows="how good the answer of each exit is",
    simple="correction",
    simple_name="smallest correction, geometric shares",
    simple_weights=(-1.0, 0.0),
    legend="best",  # the oracle is far above curves that are nearly flat
    ablation=("eenet", "eenet-fixed-shares", "correction", "learned-stopping"),
    definition=_value_definition,
    doubt=_no_better_than_the_mean,
)
_TERMS: dict[str, Terms[Any]] = {"classification": CLASS_TERMS, "regression": VALUE_TERMS}
