"""Validation files whose classes come in other shares than those that are to be met."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eenet.bundles.calibration import parse_calibration, save_calibration
from eenet.bundles.reference import reference_of
from eenet.errors import UserError
from eenet.policies import Combiner, create_scheduler, fit_combiner, fit_temperatures
from eenet.policies.calibration import budget_margin, check_schedule
from eenet.policies.grid import combiner_of, fit_schedules
from eenet.policies.shares import threshold, weighted_threshold
from eenet.prediction_checks import check_apart, check_validation
from eenet.spending import spending
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions, task_named
from eenet.weighting import effective_size
from eenet.workflows.evaluate import evaluate
from eenet.workflows.guarantee import fit_within_accuracy_drop
from eenet.zoo import zoo_folder
from support.policies import CLASS_POLICIES
from support.schedule_command import run

CLASSIFICATION = task_named("classification")
COSTS = [0.83, 1.69, 2.46]


@pytest.fixture(scope="module")
def halves() -> tuple[ClassPredictions, ClassPredictions]:
    """ClassPredictions of resnet56 to make a long tail of, and others, all classes alike."""
    return load_predictions(zoo_folder("resnet56") / "validation.npz").split(0.5, seed=0)


@pytest.fixture(scope="module")
def tail(halves: tuple[ClassPredictions, ClassPredictions]) -> ClassPredictions:
    """The hardest classes are the rarest: 250, 150, ... 2 samples."""
    balanced, _ = halves
    right = balanced.qualities()[:, 0]
    order = np.argsort([-right[balanced.labels == c].mean() for c in range(10)])
    sizes = np.round(240 * 100.0 ** -(np.arange(10) / 9)).astype(int)
    rows = [np.flatnonzero(balanced.labels == c)[: max(4, n)] for c, n in zip(order, sizes, strict=True)]
    return balanced[np.sort(np.concatenate(rows))]


def test_weights_by_hand() -> None:
    logits = np.zeros((4, 2, 2), np.float32)
    two = ClassPredictions(logits, np.array([0, 0, 0, 1]), np.arange(4), ("a", "b"))
    assert two.weights is None
    weighted = two.with_class_prior("uniform")
    assert weighted.weights == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert weighted.effective_size == pytest.approx(16 / (3 * 4 / 9 + 4))
    assert two.with_class_prior([0.25, 0.75]).weights == pytest.approx([1 / 3, 1 / 3, 1 / 3, 3])
    # A part has weights of its own: its classes come in other shares.
    assert weighted[np.array([0, 3])].weights == pytest.approx([1, 1])
    assert weighted.with_class_prior(None).weights is None


def test_effective_size_of_equal_weights_is_the_number() -> None:
    assert effective_size(None, 7) == 7
    assert effective_size(np.full(7, 0.3), 7) == pytest.approx(7)


def test_margin_by_hand() -> None:
    assert budget_margin(1.0, 200, 50) == pytest.approx(1.6448536 * math.sqrt(1 / 200 + 1 / 50), rel=1e-6)


def test_weighted_threshold_by_hand() -> None:
    scores = np.array([0.9, 0.1, 0.5, 0.7], np.float32)
    weights = np.array([2.0, 1.0, 0.5, 0.5])
    found, leaves = weighted_threshold(scores, 2.5, weights)
    assert found == pytest.approx(0.6)
    assert leaves.tolist() == [True, False, False, True]
    assert weighted_threshold(scores, 1.9, weights)[0] == math.inf
    assert weighted_threshold(scores, 4.0, weights)[0] == -math.inf
    tied = np.array([0.9, 0.5, 0.5], np.float32)
    for _, leaves in (weighted_threshold(tied, 2.0, np.ones(3)), threshold(tied, 2)):
        assert leaves.tolist() == [True, False, False]


@pytest.mark.parametrize("policy", CLASS_POLICIES)
def test_a_prior_of_the_files_own_shares_changes_next_to_nothing(
    halves: tuple[ClassPredictions, ClassPredictions], policy: str
) -> None:
    fit_set, calibration_set = (half[:600] for half in halves)
    plain, weighted = (
        create_scheduler(policy).set_params(**({"restarts": 1, "steps": 20} if "eenet" in policy else {}))
        for _ in range(2)
    )
    plain.fit(fit_set, calibration_set, COSTS, 1.6)
    own = [half.with_class_prior(np.bincount(half.labels) / len(half)) for half in (fit_set, calibration_set)]
    weighted.fit(*own, COSTS, 1.6)
    # The samples that h is trained on are drawn otherwise.
    tolerance = 0.1 if policy in ("eenet", "eenet-stick-breaking", "eenet-fixed-scores") else 0.005
    assert weighted.shares_ == pytest.approx(plain.shares_, abs=tolerance)
    assert weighted.margin_ == pytest.approx(plain.margin_, rel=0.05)


@pytest.mark.parametrize("fit", [fit_combiner, fit_temperatures])
def test_combiners_weigh_samples_as_if_they_came_more_often(
    halves: tuple[ClassPredictions, ClassPredictions], fit: Callable[[ClassPredictions], Combiner]
) -> None:
    some = halves[0]
    rows = np.repeat(np.arange(len(some)), np.where(some.labels == 3, 4, 1))
    prior = np.bincount(some.labels[rows], minlength=10) / len(rows)
    plain, weighted, repeated = (fit(p)[0] for p in (some, some.with_class_prior(prior), some[rows]))
    assert np.abs(weighted - repeated).max() < 0.5 * np.abs(plain - repeated).max()


@pytest.mark.parametrize(("policy", "combine"), [("maximum", "none"), ("learned-stopping", "exits"), ("eenet", "none")])
def test_budgets_are_kept_for_the_prior(
    halves: tuple[ClassPredictions, ClassPredictions], tail: ClassPredictions, policy: str, combine: str
) -> None:
    _, report = halves

    def spent(validation: ClassPredictions) -> float:
        settings = {"restarts": 1, "steps": 40} if policy == "eenet" else {}
        (schedule,) = fit_schedules(policy, validation, COSTS, [1.6], unit="ms", combine=combine, settings=settings)
        return evaluate(report, schedule.exit_policy, COSTS).mean_cost

    assert spent(tail) > 1.6
    assert spent(tail.with_class_prior("uniform")) <= 1.6


def test_schedules_say_what_the_weighted_samples_do(tail: ClassPredictions) -> None:
    weighted = tail.with_class_prior("uniform")
    _, calibration_set = weighted.split(0.5, seed=0)
    (schedule,) = fit_schedules("learned-stopping", weighted, COSTS, [1.6], unit="ms")
    weights = calibration_set.weights
    assert weights is not None
    replayed = calibration_set.replay(schedule.exit_policy)
    by_hand = [float(weights[replayed.exits == k].sum() / weights.sum()) for k in range(3)]
    assert schedule.calibration_shares == pytest.approx(by_hand)
    assert schedule.calibration_samples == round(calibration_set.effective_size) < len(calibration_set) / 3
    deviation = spending(replayed.exits, np.array(COSTS), weights).deviation
    assert schedule.margin == budget_margin(deviation, len(calibration_set), calibration_set.effective_size)
    done = evaluate(calibration_set, schedule.exit_policy, COSTS)
    assert done.accuracy == pytest.approx(float(weights @ replayed.qualities / weights.sum()))
    assert done.exit_shares == pytest.approx(by_hand)
    check_schedule(schedule, calibration_set)
    with pytest.raises(UserError, match="leaves the calibration set in shares"):
        check_schedule(schedule, calibration_set.with_class_prior(None))


def test_reference_weighs_samples_as_if_they_came_more_often(halves: tuple[ClassPredictions, ClassPredictions]) -> None:
    fit_set, calibration_set = (half[:300] for half in halves)
    policy = create_scheduler("maximum").fit(fit_set, calibration_set, COSTS, 1.6).exit_policy_
    twice = calibration_set.labels < 5
    rows = np.repeat(np.arange(300), np.where(twice, 2, 1))
    prior = np.bincount(calibration_set.labels[rows], minlength=10) / len(rows)
    weighted = reference_of(policy, calibration_set.with_class_prior(prior))
    repeated = reference_of(policy, calibration_set[rows])
    assert weighted.agreement == pytest.approx(repeated.agreement)
    bins = reference_of(policy, calibration_set)
    assert np.array_equal(weighted.score_edges, bins.score_edges)
    assert not np.allclose(weighted.score_shares, bins.score_shares)


def test_guarantee_is_of_the_prior(tail: ClassPredictions) -> None:
    """Rare samples weigh much, so that far less can be shown of them: nothing is promised by their number alone."""
    certain, uncertain = (
        fit_within_accuracy_drop("maximum", predictions, COSTS, 0.05, 0.1, unit="ms")
        for predictions in (tail, tail.with_class_prior("uniform"))
    )
    assert certain.schedule.budget < uncertain.schedule.budget == COSTS[-1]


def test_calibration_file_keeps_the_prior(tail: ClassPredictions, tmp_path: Path) -> None:
    weighted = tail.with_class_prior("uniform")
    mask = weighted.split_mask(0.5, 0)
    save_calibration(tmp_path / "c", weighted, mask)
    for part, expected in zip(
        parse_calibration((tmp_path / "c").read_bytes(), CLASSIFICATION, tail.class_names, {}),
        (mask, ~mask),
        strict=True,
    ):
        assert part.weights == pytest.approx(weighted[expected].weights)
    save_calibration(tmp_path / "c", tail, mask)
    assert parse_calibration((tmp_path / "c").read_bytes(), CLASSIFICATION, tail.class_names, {})[0].class_prior is None


def test_warnings_know_the_prior(
    halves: tuple[ClassPredictions, ClassPredictions], tail: ClassPredictions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    _, report = halves
    check_validation(tail, (), "tail")
    check_apart(report, [tail], "report", "tail")
    assert any("a class prior weights samples to the shares that are to be met" in text for text in caplog.messages)
    assert any("its classes have other shares than those of tail" in text for text in caplog.messages)
    caplog.clear()
    weighted = tail.with_class_prior("uniform")
    check_validation(weighted, (), "tail")
    check_apart(report, [weighted], "report", "tail")
    assert not any("class" in text and "shares" in text for text in caplog.messages)
    check_apart(report[report.labels != 3], [weighted], "report", "tail")
    assert any("its classes have other shares than those of tail: 10 %" in text for text in caplog.messages)


def test_combiner_of_a_weighted_file_of_few_samples(tail: ClassPredictions) -> None:
    combiner = combiner_of("exits", tail[:60].with_class_prior(np.bincount(tail[:60].labels, minlength=10) / 60))
    assert combiner is not None
    assert np.isfinite(combiner[0]).all()


def test_command(
    halves: tuple[ClassPredictions, ClassPredictions],
    tail: ClassPredictions,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tail.save(tmp_path / "tail.npz")
    halves[1].save(tmp_path / "report.npz")
    arguments = ["--costs", "0.83,1.69,2.46", "--budget", 1.6, "--json"]
    by_name = dict.fromkeys(tail.class_names, 0.1)
    (tmp_path / "prior.json").write_text(json.dumps(by_name))
    samples = []
    for prior in ((), ("--class-prior", "uniform"), ("--class-prior", tmp_path / "prior.json")):
        status, text, _ = run(
            capsys, "fit", "--predictions", tmp_path / "tail.npz", "--out", tmp_path / "s", *arguments, *prior
        )
        assert status == 0
        samples.append(json.loads(text)["schedules"][0]["calibration_samples"])
    assert samples[1] == samples[2] < samples[0] / 3
    status, text, _ = run(
        capsys, "compare", "--val", tmp_path / "tail.npz", "--report", tmp_path / "report.npz", *arguments, "--out",
        tmp_path, "--policies", "learned-stopping", "--combine", "none", "--repeats", 2, "--class-prior", "uniform",
    )  # fmt: skip
    assert status == 0
    assert json.loads(text)["policies"][0]["overspent"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory; expected uniform or a file"),
        ("{", "is no JSON"),
        ("[0.5, 0.5]", 'expected a share for each class name, as {"cat": 0.3, ...}'),
        ('{"a": true, "b": 0}', "expected a share for each class name"),
        ('{"a": 1}', "expected a share for each of 2 classes, has none for 'b'"),
        ('{"a": 0.5, "b": 0.4, "c": 0.1}', "expected a share for each of 2 classes, has one for an unknown class 'c'"),
        ('{"a": 0.5, "b": 0.6}', "got shares of sum 1.1, expected 1, and none below 0"),
        ('{"a": 1.5, "b": -0.5}', "got shares of sum 1, expected 1, and none below 0"),
        ('{"a": NaN, "b": 0.5}', "got shares of sum nan, expected 1, and none below 0"),
    ],
)
def test_wrong_files(content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(40, 2, 2)).astype(np.float32)
    ClassPredictions(logits, np.arange(40) % 2, np.arange(40), ("a", "b")).save(tmp_path / "val.npz")
    if content is not None:
        (tmp_path / "prior.json").write_text(content)
    status, _, error = run(
        capsys, "fit", "--predictions", tmp_path / "val.npz", "--costs", "1,2", "--budget", 1.5,
        "--out", tmp_path / "s", "--class-prior", tmp_path / "prior.json",
    )  # fmt: skip
    assert status == 2
    assert "--class-prior: " in error
    assert message in error


def test_wrong_priors(tiny_predictions: ClassPredictions) -> None:
    with pytest.raises(UserError, match="class_prior: got 'even', expected 'uniform' or 4 shares"):
        tiny_predictions.with_class_prior("even")
    with pytest.raises(UserError, match=r"class_prior: got numbers of shape \(2,\), expected 4, one a class"):
        tiny_predictions.with_class_prior([0.5, 0.5])
    without = tiny_predictions[tiny_predictions.labels != 2]
    with pytest.raises(UserError, match=r"class '.' has a share of 0\.25 and no sample, expected one, or a share of 0"):
        without.with_class_prior("uniform")
    assert without.with_class_prior([0.5, 0.5, 0, 0]).weights is not None
