"""What predictions are refused or warned of, on those of the shipped networks and on ways to get them wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eenet.errors import UserError
from eenet.policies.grid import fit_schedules
from eenet.prediction_checks import (
    check_apart,
    check_predictions,
    check_report,
    check_source,
    check_validation,
)
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.classification_checks import highest_by_luck, label_shift
from eenet.tasks.registry import load_predictions
from eenet.workflows.summary import warn_of_accuracy, warn_of_margins
from eenet.zoo import zoo_folder
from support.schedule_command import run

COSTS = "0.83,1.69,2.46"
Change = Callable[[ClassPredictions], ClassPredictions]


@pytest.fixture(scope="module")
def good() -> ClassPredictions:
    return load_predictions(zoo_folder("resnet56") / "validation.npz")[:3000]


def probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (powers / powers.sum(axis=2, keepdims=True)).astype(np.float32)


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=2, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))


def with_logits(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda p: replace(p, logits=np.ascontiguousarray(change(p.logits)))


def with_labels(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda p: replace(p, labels=change(p.labels))


def swapped(labels: np.ndarray) -> np.ndarray:
    names = np.arange(10)
    names[[3, 5]] = 5, 3
    return names[labels]


def three_rotated(predictions: ClassPredictions) -> ClassPredictions:
    """Of three classes, whose labels are one further; the one that is called right is mostly the least likely."""
    some = predictions[np.isin(predictions.labels, [0, 3, 8])]
    order = np.array([0, 3, 8])
    logits = np.ascontiguousarray(some.logits[:, :, order])
    labels = (np.searchsorted(order, some.labels) + 1) % 3
    return ClassPredictions(logits, labels, some.index, ("airplane", "cat", "ship"), None)


def two_swapped(predictions: ClassPredictions) -> ClassPredictions:
    some = predictions[np.isin(predictions.labels, [0, 3])]
    logits = np.ascontiguousarray(some.logits[:, :, [0, 3]])
    return ClassPredictions(logits, (some.labels == 0).astype(np.int64), some.index, ("airplane", "cat"), None)


def long_tail(predictions: ClassPredictions) -> ClassPredictions:
    rows = [np.flatnonzero(predictions.labels == c)[: 4 + int(250 * 0.6**c)] for c in range(10)]
    return predictions[np.concatenate(rows)]


@pytest.mark.parametrize("model", ["resnet56", "densenet121"])
def test_what_ships_is_good(model: str, caplog: pytest.LogCaptureFixture) -> None:
    predictions = load_predictions(zoo_folder(model) / "validation.npz")
    fit, calibration = predictions.split(0.5, seed=0)
    check_validation(predictions, [("fit", fit), ("calibration", calibration)], model)
    assert check_apart(calibration, [fit], "c", "f") == 0
    check_source(fit, calibration.logits[:64], "f", "c")
    for seed in range(5):  # few samples differ by chance, which is no reason to say anything but that they are few
        check_validation(predictions[np.random.default_rng(seed).permutation(len(predictions))[:200]], (), model)
    # An early exit in place of the last one: the weakest answers that a network has.
    check_predictions(replace(predictions, logits=predictions.logits[:, [0, 0]].copy()), model)
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if "fewer than 2" not in line] == []


def test_logarithms_of_probabilities_are_logits(good: ClassPredictions, caplog: pytest.LogCaptureFixture) -> None:
    check_predictions(with_logits(lambda x: np.log(probabilities(x) + 1e-12))(good), "p")
    assert caplog.records == []


@pytest.mark.parametrize("offset", [10.0, 100.0, 1e3, 1e4, 1e5])
@pytest.mark.parametrize("centred", [False, True])
def test_logits_far_above_zero_are_no_probabilities(
    offset: float, centred: bool, good: ClassPredictions, caplog: pytest.LogCaptureFixture
) -> None:
    def change(logits: np.ndarray) -> np.ndarray:
        centre = logits.mean(axis=2, keepdims=True) if centred else 0
        return np.maximum(logits - centre + np.float32(offset), 0)

    check_predictions(with_logits(change)(good), "p")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_logits(probabilities), r"v: logits of exit 0 are probabilities \(none is negative .* adds up to 1\)"),
        (with_logits(lambda x: 100 * probabilities(x)), "exit 0 are probabilities .* adds up to 100"),
        (with_logits(lambda x: np.clip(probabilities(x), 1e-3, 1 - 1e-3)), "exit 0 are probabilities .* adds up to 1"),
        (with_logits(lambda x: np.round(100 * probabilities(x), 1)), "exit 0 are probabilities .* adds up to 100"),
        (with_logits(lambda x: np.concatenate([x[:, :2], probabilities(x)[:, 2:]], 1)), "exit 2 are probabilities"),
        (with_logits(lambda x: -x), "lowest logit of the last exit is that of the label in 9.* which are not negated"),
        (with_labels(lambda y: (y + 1) % 10), r"right on 0\.\d %.* on 9.* renumbered \(label = answer \+ 1\)"),
        (three_rotated, r"renumbered \(label = answer \+ 1\): labels and logits do not number the classes alike$"),
        (two_swapped, "do not number the classes alike, or the logits are negated$"),
        (lambda p: p[p.labels == 8], "v: all .* samples are of class 'ship': policies fitted on them would answer"),
        (lambda p: p[:19], "v: 19 samples of 10 classes, expected at least 20"),
    ],
)
def test_refused(good: ClassPredictions, change: Change, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_validation(change(good), (), "v")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_logits(lambda x: 1 / (1 + np.exp(-x))), "all logits lie between .* as the outputs of a sigmoid do"),
        (
            with_labels(np.random.default_rng(0).permutation),
            r"accuracy at chance, as far as 3000 samples tell: exit 0 is right on \d+\.\d % \(chance 10\.\d %, by luck "
            r"up to 1[01]\.\d %\); exit 1",
        ),
        (with_labels(swapped), r"right on 7\d\.\d % of 3000 samples, but on 9\d\.\d % once its answers are renumbered"),
        (with_logits(lambda x: x[:, ::-1]), r"falls from 9\d\.\d % at exit 1 to 7\d\.\d % at exit 2: are the exits in"),
        (lambda p: p[p.labels != 7], r"v: fewer than 2 of \d+ samples for 1 of 10 classes: 'horse' \(0\)$"),
        (long_tail, r"from \d times \('truck'\) to 254 times \('airplane'\), .* : 1; .* may overspend its budget"),
        (
            lambda p: replace(p[np.arange(4000) % 3000], index=np.arange(4000)),
            r"1000 of 4000 samples repeat others \(equal outputs\)",
        ),
        (lambda p: replace(p, index=p.index // 2), r"1500 of 3000 samples repeat others \(equal index\)"),
    ],
)
def test_warned_of(good: ClassPredictions, change: Change, message: str, caplog: pytest.LogCaptureFixture) -> None:
    check_validation(change(good), (), "v")
    (record,) = caplog.records
    assert re.search(message, record.getMessage()), record.getMessage()


@pytest.mark.parametrize(
    ("exits", "meaning"),
    [
        ([0], r"\); its head does not help, for the last exit is right on 9\d\.\d %$"),
        ([0, 1], r"exit 1 is .*\); their heads do not help, for the last exit is right on 9\d\.\d %$"),
        ([2], r"tell: exit 2 is .*\); is the network trained, long enough"),
    ],
)
def test_which_exits_are_at_chance(
    good: ClassPredictions, exits: list[int], meaning: str, caplog: pytest.LogCaptureFixture
) -> None:
    logits = good.logits.copy()
    for k in exits:
        logits[:, k] = np.random.default_rng(k).permutation(logits[:, k])
    check_validation(replace(good, logits=logits), (), "v")
    (message,) = (record.getMessage() for record in caplog.records if "at chance" in record.getMessage())
    assert message.count(" is right on ") == len(exits) + (2 not in exits)
    assert re.search(meaning, message), message


def test_parts_lack_what_the_whole_has(good: ClassPredictions, caplog: pytest.LogCaptureFixture) -> None:
    order = np.argsort(good.labels, kind="stable")
    check_validation(good, [("fit", good[order[:2500]]), ("calibration", good[order[2500:]])], "v")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("v: fit set: fewer than 2 of 2500 samples for 1 of 10 classes: 'truck' (")
    assert second.startswith("v: calibration set: fewer than 2 of 500 samples for 8 of 10 classes: 'airplane' (0)")


def test_between_sets(good: ClassPredictions, caplog: pytest.LogCaptureFixture) -> None:
    fitted, report = good[:1500], good[1500:]
    with pytest.raises(UserError, match=r"r: 90 of 1590 samples are among those that policies were fitted on \(f\)"):
        check_apart(good[1410:], [fitted], "r", "f")
    assert check_apart(good[1490:], [fitted], "r", "f") == 10
    assert "r: 10 of 1510 samples are among those that" in caplog.records.pop().getMessage()
    noise = np.random.default_rng(0).normal(0, 1e-5, good.logits.shape).astype(np.float32)
    assert check_apart(replace(good, logits=good.logits + noise)[1490:], [fitted], "r", "f") == 10
    caplog.records.pop()
    assert check_apart(with_logits(log_probabilities)(good)[1490:], [fitted], "r", "f") == 10
    caplog.records.pop()
    check_apart(report[report.labels < 8], [fitted], "r", "f")
    assert "r: its classes have other shares than those of f: 2" in caplog.records.pop().getMessage()
    worse = report.logits + np.random.default_rng(0).normal(0, 9, report.logits.shape).astype(np.float32)
    check_apart(replace(report, logits=worse), [fitted], "r", "f")
    assert "are both of the same network" in caplog.records.pop().getMessage()
    with pytest.raises(UserError, match="r: has 2 exits, 10 classes, f 3 exits, 10 classes"):
        check_apart(replace(report, logits=report.logits[:, 1:]), [fitted], "r", "f")
    check_source(fitted, report.logits[:64] / 20, "f", "64 images")
    assert "answers of exit" in caplog.records.pop().getMessage()
    assert caplog.records == []


@pytest.mark.parametrize(("wrong", "told"), [(0, False), (18, False), (45, True)])
def test_accuracies_may_differ_as_far_as_chance_goes(
    good: ClassPredictions, wrong: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 150 samples each, 80 % right in one: four deviations are 18.5 points where the other has 80 %, 21 at 50 %."""
    right = np.flatnonzero(good.logits[:, -1].argmax(axis=1) == good.labels)
    fitted, report = good[right[:150]], good[right[150:300]]

    def spoilt(predictions: ClassPredictions, count: int) -> ClassPredictions:
        logits = predictions.logits.copy()
        logits[np.arange(count), :, predictions.labels[:count]] -= 99
        return replace(predictions, logits=logits)

    check_apart(spoilt(report, 30 + wrong), [spoilt(fitted, 30)], "r", "f")
    assert any("of the same network" in record.getMessage() for record in caplog.records) == told


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("stored", ["none", "report", "fitted", "both"])
def test_twins_of_few_logits(good: ClassPredictions, classes: int, stored: str) -> None:
    """Of two exits: those of float16 are found, and no others."""
    few = good[good.labels < classes]
    few = replace(few, logits=few.logits[:, :2, :classes].copy(), class_names=few.class_names[:classes])
    half = replace(few, logits=few.logits.astype(np.float16).astype(np.float32))
    report, fitted = half if stored in ("report", "both") else few, half if stored in ("fitted", "both") else few
    assert check_apart(report[290:], [fitted[:300]], "r", "f") == 10
    assert check_apart(report[300:], [fitted[:300]], "r", "f") == 0
    if stored == "none":
        assert check_apart(with_logits(log_probabilities)(report)[290:], [fitted[:300]], "r", "f") == 10


def test_label_shift() -> None:
    labels = np.arange(1000) % 10
    assert label_shift(labels, labels) == (0, 1)
    shift, p_value = label_shift(labels, labels[labels != 3])
    assert shift == pytest.approx(0.1)
    assert p_value == 0.001
    random = np.random.default_rng(0)
    # Under the hypothesis the p-value is below 5 % in 5 % of cases, however few samples.
    p_values = [label_shift(random.integers(0, 100, 150), random.integers(0, 100, 80))[1] for _ in range(200)]
    assert 0.01 < np.mean(np.array(p_values) <= 0.05) < 0.1


def test_accuracy_of_few_samples(good: ClassPredictions, caplog: pytest.LogCaptureFixture) -> None:
    check_report(good[:1000], "r")
    assert caplog.records == []
    right = good[good.logits[:, -1].argmax(axis=1) == good.labels]
    few = np.concatenate([np.flatnonzero(right.labels == label)[:2] for label in range(10)])
    check_report(right[few], "r")
    (record,) = caplog.records
    # 22 of 24: the share is 91.7 %, its deviation 5.64 points.
    assert record.getMessage() == (
        "r: 20 samples are few: the accuracy of full depth, 100.0 %, is known to ± 11.1 points (95 %)"
    )


@pytest.mark.parametrize("budget", [1.3, 1.8])
def test_schedules_that_an_exit_alone_does_better_than(
    good: ClassPredictions, caplog: pytest.LogCaptureFixture, budget: float
) -> None:
    calibration_set = good.split(0.5, 0)[1]
    for combine in ("none", "exits"):
        fitted = fit_schedules("maximum", good, [0.83, 1.69, 2.46], [budget], unit="ms", combine=combine)
        warn_of_accuracy([*fitted], calibration_set)
    assert caplog.records == []
    none = replace(good, logits=good.logits * np.float32(1e-20))
    schedules = [*fit_schedules("maximum", none, [0.83, 1.69, 2.46], [budget], unit="ms")]
    warn_of_accuracy(schedules, none.split(0.5, 0)[1])
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == (budget > 1.69)  # all leave at exit 0: what else could they do for less?
    assert all("exit 1 alone, within the same budget, " in message for message in messages)


def test_margins_of_small_sets(good: ClassPredictions, caplog: pytest.LogCaptureFixture) -> None:
    costs = [0.83, 1.69, 2.46]
    few, many = ([*fit_schedules("maximum", good[:n], costs, [1.6], unit="ms")] for n in (100, 2000))
    warn_of_margins(many)
    assert caplog.records == []
    warn_of_margins(few)
    (record,) = caplog.records
    share = 100 * few[0].margin / 1.6
    assert record.getMessage().startswith("50 calibration samples are few: of a budget of 1.6 ms, ")
    assert f"{share:.1f} % is held back" in record.getMessage()
    # As many samples as it says would do.
    enough = int(record.getMessage().split("some ")[1].split(" ")[0])
    (schedule,) = fit_schedules("maximum", good[:enough], costs, [1.6], unit="ms")
    assert schedule.margin / 1.6 < 0.055


def test_a_margin_that_reads_as_what_is_offered_is_not_warned_of(
    good: ClassPredictions, caplog: pytest.LogCaptureFixture
) -> None:
    (fitted,) = fit_schedules("maximum", good[:400], [0.83, 1.69, 2.46], [1.6], unit="ms")
    for share, warned in ((0.0504, False), (0.0506, True)):
        caplog.clear()
        warn_of_margins([fitted.replace(margin=share * fitted.budget)])
        assert bool(caplog.records) == warned
    assert "5.1 % is held back" in caplog.text


def test_commands_say_it_on_standard_error_and_in_json(
    good: ClassPredictions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good[:200].save(tmp_path / "few.npz")
    fit = ("fit", "--predictions", tmp_path / "few.npz", "--costs", COSTS, "--policy", "maximum", "--combine", "none")
    status, text, error = run(capsys, *fit, "--budget", 1.6, "--out", tmp_path / "s")
    assert status == 0
    assert error.startswith("eenet-schedule: warning: 100 calibration samples are few")
    assert "accuracy of the exits, each on all 100 calibration samples: " in text
    status, text, error = run(capsys, *fit, "--max-accuracy-drop", 1, "--out", tmp_path / "g", "--json")
    result = json.loads(text)
    (warning,) = result["warnings"]
    assert error == f"eenet-schedule: warning: {warning}\n"
    assert "so the schedule is full depth; were not one answer lost, it would take some 410 of them" in warning
    assert result["full_depth_accuracy"] == result["exit_accuracy"][-1] == result["schedules"][0]["accuracy"]
    # Every sample is a hard one: no other samples are like that by chance.
    others = good[200:]
    confidence = np.sort(probabilities(others.logits)[:, 0], axis=1)[:, -1]
    others[np.argsort(confidence)[:1000]].save(tmp_path / "hard.npz")
    status, text, _ = run(
        capsys, "evaluate", "--predictions", tmp_path / "hard.npz", "--schedule", tmp_path / "s", "--json"
    )
    assert status == 0
    (warning,) = [line for line in json.loads(text)["warnings"] if "overspent" in line]
    assert "that is no chance" in warning


def test_floats_of_every_kind(good: ClassPredictions, tmp_path: Path) -> None:
    for kind in (np.float16, np.float32, np.float64):
        np.savez(tmp_path / "p.npz", logits=np.asfortranarray(good.logits.astype(kind)), labels=good.labels)
        assert np.array_equal(load_predictions(tmp_path / "p.npz").logits, good.logits.astype(kind).astype(np.float32))
    np.savez(tmp_path / "p.npz", logits=good.logits * np.float64(1e300), labels=good.labels)
    with pytest.raises(UserError, match=r"p\.npz: logits: row 0 is not finite"):
        load_predictions(tmp_path / "p.npz")


def test_few_samples_say_nothing_of_chance(good: ClassPredictions, caplog: pytest.LogCaptureFixture) -> None:
    two = good[np.array([int(np.flatnonzero(good.labels == label)[0]) for label in (0, 1)])]
    logits = two.logits.copy()
    logits[[0, 1], :, two.labels] = 99  # so that both are right at every exit
    check_report(replace(two, logits=logits), "r")
    assert "2 samples are few" in caplog.text
    assert "chance" not in caplog.text
    assert highest_by_luck(two.labels, two.labels, 10)[1] == 1
