"""What the sections of a report say, section by section, without a page."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from eenet.policies import EENetScheduler, LearnedStoppingScheduler, fit_combiner, save_schedules
from eenet.report.assignments import assignment_section, sample_groups
from eenet.report.costs import cost_section, scheduler_parameters
from eenet.report.described import read_bundle
from eenet.report.fits import SimplePolicy
from eenet.report.images import image_section
from eenet.report.inputs import Inputs
from eenet.report.provenance import provenance_section
from eenet.report.quality import quality_section
from eenet.report.scores import score_section, scorer_weights, shown_classes
from eenet.report.style import DARK, LIGHT, render
from eenet.tasks.registry import load_predictions
from eenet.text import number
from eenet.workflows.evaluate import evaluate_exit_quality, evaluate_exits
from eenet.zoo import zoo_folder
from support.bundles import list_files

SOURCES = {"predictions": "test.npz", "validation": "val.npz"}


def test_simple_policy_at_the_same_cost(tiny: TrainedBundle, tmp_path: Path) -> None:
    inputs = reporting_on(tiny, read_bundle(tiny.path).schedules[0].exit_policy, tmp_path)
    simple = SimplePolicy(inputs)
    for cost in (*inputs.costs, 0.5 * (inputs.costs[0] + inputs.costs[-1])):
        outcome = simple.at_cost(cost)
        assert cost * 0.97 < outcome.mean_cost <= cost * (1 + 1e-12)
    assert simple.at_cost(inputs.costs[-1]).accuracy == inputs.exit_accuracy[-1]


def test_costs_that_differ_are_both_named(tiny: TrainedBundle, tmp_path: Path) -> None:
    inputs = reporting_on(tiny, read_bundle(tiny.path).schedules[0].exit_policy, tmp_path)
    ours, cost = inputs.outcome, number(inputs.outcome.mean_cost)
    lower = 0.98 * ours.mean_cost
    assert f"at the same mean cost of {cost} ms." in assignment_section(inputs, ours, []).lead
    assert (
        f"at a mean cost of {number(lower)} ms, here {cost} ms."
        in assignment_section(inputs, replace(ours, mean_cost=lower), []).lead
    )


def test_numbers() -> None:
    assert [number(x) for x in (1.4, 0.0123, 23.456, 999.9, 1234567)] == [
        "1.40",
        "0.0123",
        "23.5",
        "1,000",
        "1,234,567",
    ]
    assert number(4.73, 4) == "4.730"
    assert number(0) == "0"


def test_groups_by_hand() -> None:
    costs, labels = np.array([1.0, 2.0, 4.0]), np.zeros(10, np.int64)
    #                       A  B  C  D  E  later  later, wrong  not later  lost earlier  lost
    ours = np.array([1, 0, 2, 0, 1, 2, 2, 1, 0, 1]), np.array([0, 0, 0, 1, 1, 0, 1, 0, 1, 1])
    rival = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0, 1, 1, 0, 0])
    ours_right, rival_right = ours[1] == labels, rival[1] == labels
    groups = sample_groups(evaluate_exits(*ours, ours_right, costs), evaluate_exits(*rival, rival_right, costs))
    assert [group.letter for group in groups] == ["A", "B", "C", "D", "E", "", "", "", "", ""]
    assert [group.rows.tolist() for group in groups] == [[i] for i in range(10)]


def reporting_on(bundle: TrainedBundle, policy: eenet_rt.ExitPolicy, folder: Path) -> Inputs:
    """Inputs with a schedule of this policy in place of the bundle's."""
    path = Path(shutil.copytree(bundle.path, folder / "other.eenet"))
    file = eenet_rt.read_schedules(path / "scheduler.safetensors")
    (kept,) = file.schedules[:1]
    schedule = kept.replace(exit_policy=policy, score_edges=None, score_shares=None, agreement=None)
    save_schedules(path / "scheduler.safetensors", [schedule], network=file.network, active=0)
    list_files(path, "scheduler.safetensors")
    return Inputs(read_bundle(path), 0, bundle.report, bundle.validation, None, {}, 0, 0)


def draw(inputs: Inputs) -> None:
    for section in (score_section(inputs), quality_section(inputs), cost_section(inputs)):
        for picture in section.pictures:
            for scheme in (LIGHT, DARK):
                assert render(picture.draw, scheme).startswith(b"\x89PNG")


def test_hidden_layer_and_disabled_exit(tiny: TrainedBundle, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    scorers = []
    for k in range(2):
        # All units are active, so that the slope is the product of the two layers.
        weight = random.random((6, 14 + k), np.float32)
        scorers.append((weight, np.ones(6, np.float32), random.random((1, 6), np.float32), np.zeros(1, np.float32)))
    policy = eenet_rt.ExitPolicy([14] * 3, scorers, [np.inf, 5.0, 0.0], clamp=True)
    inputs = reporting_on(tiny, policy, tmp_path)
    weights = scorer_weights(inputs)
    for scorer, (weight, _, out, _) in zip(weights, scorers, strict=True):
        assert not scorer.linear
        assert scorer.weights == pytest.approx((out @ weight)[0], rel=1e-5)
    assert scheduler_parameters(inputs) == [6 * 14 + 13, 6 * 29 + 26, 6 * 29 + 26]
    assert "hidden layer" in score_section(inputs).pictures[1].caption
    (table,) = quality_section(inputs).tables
    assert [row[-1] == "-" for row in table.rows] == [True, False, True]
    draw(inputs)


@pytest.fixture(scope="module")
def combined(tiny: TrainedBundle, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Of a policy that combines exits."""
    fit_set, calibration_set = tiny.validation.split(0.5, seed=0)
    costs = read_bundle(tiny.path).schedules[0].costs
    scheduler = LearnedStoppingScheduler(combiner=fit_combiner(fit_set))
    scheduler.fit(fit_set, calibration_set, costs, 0.7 * costs[-1])
    return reporting_on(tiny, scheduler.exit_policy_, tmp_path_factory.mktemp("combined"))


def test_combined_exits_and_unclamped_scores(combined: Inputs) -> None:
    inputs = combined
    assert all(scorer.linear for scorer in scorer_weights(inputs))
    assert scheduler_parameters(inputs) == [15 + 11, 15 + 11 + 16 + 12, 15 + 11 + 16 + 12 + 13]
    draw(inputs)


def test_the_last_exit_is_one_thing_in_the_frames(combined: Inputs, tiny: TrainedBundle) -> None:
    outcome = combined.outcome
    last = outcome.exits == combined.report.num_exits - 1
    alone = combined.report.logits[:, -1].argmax(axis=1) == combined.report.labels
    # Or nothing would tell the two last exits apart.
    assert (alone & (outcome.answers != combined.report.labels) & last).any()
    section = image_section(combined, tiny.report_images, outcome, sample_groups(outcome, outcome))
    assert "combined with the exits before it" in section.lead
    (_, *by_class) = section.pictures
    assert by_class
    for picture in by_class:
        assert re.search(r"exit 2: \d+ right, 0 right at the last exit, \d+ wrong at both", picture.alt), picture.alt


def test_both_accuracies_of_the_last_exit(combined: Inputs) -> None:
    (table,) = quality_section(combined).tables
    assert [row[0] for row in table.rows] == [
        "exit 0, its logits weighted as in the schedule", "exit 1, combined with the exit before it",
        "exit 2, combined with the exits before it",
        "full depth alone",
    ]  # fmt: skip
    answers = eenet_rt.answers(combined.report.logits, combined.policy.combiner)[:, -1]
    accuracies = [100 * float((answers == combined.report.labels).mean()), 100 * float(combined.exit_accuracy[-1])]
    assert [row[1] for row in table.rows[-2:]] == [f"{accuracy:.2f} %" for accuracy in accuracies]
    policy = combined.policy
    alone = evaluate_exit_quality(
        combined.report, eenet_rt.ExitPolicy(policy.num_features, policy.scorers, policy.thresholds, clamp=policy.clamp)
    )
    assert table.rows[-1][2] == f"{100 * alone.calibration_error[-1]:.2f} %"


def test_a_hundred_classes(densenet121: TrainedBundle, tmp_path: Path) -> None:
    (schedule, *_) = read_bundle(densenet121.path).schedules
    inputs = reporting_on(densenet121, schedule.exit_policy, tmp_path)
    shown = shown_classes(inputs)
    assert len(shown) == 10
    right = inputs.report.logits[:, -1].argmax(axis=1) == inputs.report.labels
    accuracy = [right[inputs.report.labels == label].mean() for label in shown]
    assert accuracy == sorted(accuracy)
    assert accuracy[4] < right.mean() < accuracy[5]
    draw(inputs)


def test_one_sample_is_in_the_singular(tiny: TrainedBundle, tmp_path: Path) -> None:
    whole = reporting_on(tiny, read_bundle(tiny.path).schedules[0].exit_policy, tmp_path)
    right = np.flatnonzero(whole.outcome.answers == whole.report.labels)[:1]
    assert "samples of " in str(provenance_section(replace(whole, sources=SOURCES), None).facts)
    one = replace(whole, report=whole.report[right], sources=SOURCES, repeated=1)
    assert "1 sample of test.npz. Nothing on this page was fitted on them; 1 is, by its logits, among" in str(
        provenance_section(one, None).facts
    )
    assert "right answers (1) in the least known class: " in score_section(one).pictures[0].caption
    assert "in the 3 least known classes: " in score_section(whole).pictures[0].caption
    answers = one.outcome.answers
    wrong = replace(one.outcome, answers=1 - answers, qualities=~one.outcome.qualities)
    groups = sample_groups(one.outcome, wrong)
    (table,) = assignment_section(one, wrong, groups).tables
    assert " 1 sample is right here and wrong with the " in table.caption
    assert " 0 samples are right here" in assignment_section(one, one.outcome, []).tables[0].caption


def test_planned_shares() -> None:
    fit_set, calibration_set = load_predictions(zoo_folder("resnet56") / "validation.npz").split(0.5, seed=0)
    costs = [0.83, 1.69, 2.46]
    scheduler = EENetScheduler().fit(fit_set, calibration_set, costs, 1.5)
    assert scheduler.planned_shares_.sum() == pytest.approx(1)
    assert scheduler.planned_shares_ @ costs == pytest.approx(1.5, rel=0.05)
    fixed = EENetScheduler(learn_shares=False)
    fixed.fit(fit_set, calibration_set, costs, 1.5)
    assert fixed.planned_shares_ is None
