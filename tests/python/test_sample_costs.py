"""Costs of each sample: what leaving at an exit costs depends on the sample, as on the length of a text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eenet_rt
from eenet.errors import UserError
from eenet.policies import create_scheduler
from eenet.policies.calibration import budget_margin, budget_range, check_schedule
from eenet.policies.grid import fit_schedules
from eenet.policies.registry import policies_for
from eenet.spending import mean_costs, spending
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.compare import BEST_EXIT, ORACLE, compare_policies
from eenet.workflows.evaluate import check_spending, evaluate, evaluate_oracle, evaluate_schedule
from eenet.workflows.guarantee import fit_within_accuracy_drop
from eenet.zoo import zoo_folder
from support.schedule_command import run
from support.values import made_up

COSTS = [0.83, 1.69, 2.46]
RESNET = load_predictions(zoo_folder("resnet56") / "validation.npz")
QUICK = {"restarts": 1, "steps": 20}


def settings_of(policy: str) -> dict[str, float]:
    return QUICK if policy.startswith("eenet") and policy != "eenet-fixed-shares" else {}


@pytest.fixture(scope="module")
def alike() -> ClassPredictions:
    """1,200 samples that all cost the same, and say so one by one."""
    some = RESNET.split(1200 / len(RESNET), seed=0)[0]
    return some.with_costs(np.tile(COSTS, (len(some), 1)))


@pytest.fixture(scope="module")
def texts() -> tuple[ClassPredictions, ClassPredictions]:
    """Halves of samples whose length is the greater the harder they are, from a twentieth of the longest."""
    maximum = RESNET.confidence()[:, 0]
    random = np.random.default_rng(0)
    lengths = np.clip(1.2 - maximum + 0.1 * random.normal(size=len(maximum)), 0.05, 1)
    return RESNET.with_costs(lengths[:, None] / lengths.mean() * np.array(COSTS)).split(0.5, seed=1)


def description(schedule: eenet_rt.Schedule) -> tuple[object, ...]:
    """All that is fitted, to the bit."""
    policy = schedule.exit_policy
    scorers = [tensor.tobytes() for scorer in policy.scorers for tensor in scorer]
    numbers = schedule.budget, list(schedule.costs), schedule.margin, schedule.calibration_samples
    return (schedule.policy, *numbers, list(schedule.calibration_shares), list(policy.thresholds), scorers)


# --- what they cost ---


def test_spending_by_hand() -> None:
    costs = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 8.0]])
    assert mean_costs(costs).tolist() == pytest.approx([2, 14 / 3])
    assert mean_costs(costs, np.array([2.0, 1.0, 0.0])).tolist() == pytest.approx([4 / 3, 8 / 3])
    spent = spending(np.array([1, 0, 1]), costs)
    assert spent.shares.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert (spent.mean, spent.variance) == pytest.approx((4, (4 + 4 + 16) / 3))
    weighted = spending(np.array([1, 0, 1]), costs, np.array([1.5, 1.5, 0.0]))
    assert (weighted.mean, weighted.variance) == pytest.approx((2, 0))


def test_means_of_rows_that_are_alike_are_those_rows() -> None:
    for samples in (3, 7, 1000):
        rows = np.tile([0.1, 1 / 3, 0.7], (samples, 1))
        for weights in (None, np.random.default_rng(0).random(samples)):
            assert mean_costs(rows, weights).tolist() == [0.1, 1 / 3, 0.7]


def test_means_rise_whatever_is_rounded() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        first = random.random(9)
        rows = np.stack([first, first, np.nextafter(first, 2), first + 1], axis=1)
        assert (np.diff(mean_costs(rows, random.random(9))) >= 0).all()


# --- rows that are alike are the vector ---


@pytest.mark.parametrize("prior", [None, "uniform"])
@pytest.mark.parametrize("policy", policies_for(RESNET))
def test_rows_that_are_alike_fit_what_the_vector_fits(alike: ClassPredictions, policy: str, prior: str | None) -> None:
    samples = alike[(alike.labels > 1) | (np.arange(len(alike)) % 2 == 0)].with_class_prior(prior)
    budgets = [0.83, 1.3, 2.1, 2.46]
    vector, rows = (
        list(fit_schedules(policy, samples, costs, budgets, unit="ms", settings=settings_of(policy)))
        for costs in (COSTS, None)
    )
    assert [description(schedule) for schedule in vector] == [description(schedule) for schedule in rows]
    for schedule in rows:
        by_rows, by_vector = (evaluate(samples, schedule.exit_policy, costs) for costs in (None, COSTS))
        assert (by_rows.mean_cost, by_rows.cost_variance) == (by_vector.mean_cost, by_vector.cost_variance)
        check_schedule(schedule, samples.split(0.5, 0)[1])


def test_rows_that_are_alike_do_all_that_the_vector_does(alike: ClassPredictions) -> None:
    validation, report = alike.split(0.5, seed=2)
    found = [
        compare_policies(
            validation, report, costs, [1.2, 1.9], [("vote", "none"), (ORACLE, "none"), (BEST_EXIT, "none")],
            repeats=2, say=lambda one: None,
        )
        for costs in (COSTS, None)
    ]  # fmt: skip
    for vector, rows in zip(*found, strict=True):
        assert np.array_equal(vector.mean_cost, rows.mean_cost)
        assert np.array_equal(vector.accuracy, rows.accuracy)
    guaranteed = [fit_within_accuracy_drop("maximum", alike, c, 0.05, 0.1, unit="ms") for c in (COSTS, None)]
    assert guaranteed[0].tested == guaranteed[1].tested > 2
    assert description(guaranteed[0].schedule) == description(guaranteed[1].schedule)


def test_costs_that_are_given_take_the_place_of_those_of_samples(alike: ClassPredictions) -> None:
    lengths = np.random.default_rng(0).uniform(0.1, 3, len(alike))
    others = alike.with_costs(lengths[:, None] * np.array(COSTS))
    for policy in ("maximum", "learned-stopping"):
        table, given = (
            next(fit_schedules(policy, samples, COSTS, [1.5], unit="ms"))
            for samples in (alike.with_costs(None), others)
        )
        assert description(table) == description(given)
        assert evaluate(others, given.exit_policy, COSTS).mean_cost < 1.6


# --- budgets ---


@pytest.mark.parametrize("policy", ["maximum", "vote-tuned", "learned-stopping", "learned-stopping-hidden", "eenet"])
def test_budgets_are_kept_where_hard_samples_are_long(
    texts: tuple[ClassPredictions, ClassPredictions], policy: str
) -> None:
    validation, report = texts
    calibration_set = validation.split(0.5, 0)[1]
    assert calibration_set.costs is not None
    means = mean_costs(calibration_set.costs).tolist()
    for share in (0.6, 0.7):
        budget = share * means[-1]
        by_means, by_rows = (
            next(fit_schedules(policy, validation, costs, [budget], unit="ms", settings=settings_of(policy)))
            for costs in (means, None)
        )
        assert by_rows.costs == means
        assert evaluate(report, by_means.exit_policy, None).mean_cost > 1.03 * budget
        spent = evaluate(report, by_rows.exit_policy, None).mean_cost
        assert 0.91 * budget < spent <= budget


def test_learned_stopping_saves_where_samples_are_dear() -> None:
    """Classes 5 to 9 cost nine times as much, which probabilities of the classes tell."""
    dear = RESNET.labels >= 5
    priced = RESNET.with_costs(np.where(dear, 1.8, 0.2)[:, None] * np.array(COSTS))
    validation, report = priced.split(0.5, seed=1)
    long, sooner = report.labels >= 5, []
    for samples, costs in ((validation.with_costs(None), COSTS), (validation, None)):
        (schedule,) = fit_schedules("learned-stopping", samples, costs, [1.2], unit="ms")
        first = report.replay(schedule.exit_policy).exits == 0
        sooner.append(float(first[long].mean() - first[~long].mean()))
    by_table, by_rows = sooner
    assert by_rows > by_table + 0.08


@pytest.mark.parametrize("prior", [None, "uniform"])
def test_what_a_schedule_says_is_of_the_costs_of_each_sample(
    texts: tuple[ClassPredictions, ClassPredictions], prior: str | None
) -> None:
    validation = texts[0][np.flatnonzero((texts[0].labels > 4) | (texts[0].index % 3 == 0))].with_class_prior(prior)
    fit_set, calibration_set = validation.split(0.5, seed=0)
    scheduler = create_scheduler("learned-stopping").fit(fit_set, calibration_set, None, 1.6)
    exits = calibration_set.replay(scheduler.exit_policy_).exits
    assert calibration_set.costs is not None
    own = calibration_set.costs[np.arange(len(exits)), exits]
    weights = np.ones(len(own)) if prior is None else calibration_set.weights
    mean = np.average(own, weights=weights)
    deviation = math.sqrt(np.average((own - mean) ** 2, weights=weights))
    margin = budget_margin(deviation, len(own), calibration_set.effective_size)
    assert (scheduler.mean_cost_, scheduler.margin_) == pytest.approx((mean, margin))
    assert 1.58 < mean + margin <= 1.6
    schedule = scheduler.schedule("ms")
    assert schedule.costs == pytest.approx(np.average(calibration_set.costs, axis=0, weights=weights))
    check_schedule(schedule, calibration_set)
    assert evaluate_schedule(calibration_set, schedule).mean_cost == pytest.approx(mean)
    with pytest.raises(UserError, match="overspends on the calibration set"):
        check_schedule(schedule.replace(budget=float(mean)), calibration_set)


def test_the_least_budget_has_a_margin(texts: tuple[ClassPredictions, ClassPredictions]) -> None:
    fit_set, calibration_set = texts[0].split(0.5, seed=0)
    assert calibration_set.costs is not None
    least, full = budget_range(calibration_set.costs, calibration_set)
    first = calibration_set.costs[:, 0]
    assert full == pytest.approx(calibration_set.costs[:, -1].mean())
    assert least == pytest.approx(first.mean() + 1.6448536 * first.std() * math.sqrt(2 / len(first)))
    scheduler = create_scheduler("maximum")
    scheduler.fit(fit_set, calibration_set, None, least)
    assert scheduler.shares_.tolist() == [1, 0, 0]
    with pytest.raises(UserError, match=rf"budget .* cannot be met: feasible are {least:.6g} \(exit 0\) to {full:.6g}"):
        scheduler.fit(fit_set, calibration_set, None, float(first.mean()))
    assert scheduler.fit(fit_set, calibration_set, None, full).mean_cost_ == full


def test_guarantee_is_priced_by_the_costs_of_each_sample(texts: tuple[ClassPredictions, ClassPredictions]) -> None:
    schedule = fit_within_accuracy_drop("learned-stopping", texts[0], None, 0.05, 0.1, unit="ms").schedule
    calibration_set = texts[0].split(0.5, 0)[1]
    assert schedule.budget - schedule.margin == pytest.approx(evaluate_schedule(calibration_set, schedule).mean_cost)
    assert calibration_set.costs is not None
    assert schedule.costs == mean_costs(calibration_set.costs).tolist()
    assert evaluate(texts[1], schedule.exit_policy, None).mean_cost <= schedule.budget < 0.9 * schedule.costs[-1]
    none = fit_within_accuracy_drop("maximum", texts[0][:300], None, 1e-4, 0.1, unit="ms").schedule
    assert (none.budget, none.margin) == (none.costs[-1], 0)


def test_oracle_buys_the_cheapest_right_answers() -> None:
    logits = np.eye(2, dtype=np.float32)[np.array([[1, 0], [1, 0], [0, 0]])]
    three = ClassPredictions(logits, np.zeros(3, np.int64), np.arange(3), ("a", "b"))
    priced = three.with_costs([[1, 9], [1, 2], [4, 5]])
    assert evaluate_oracle(priced, None, 7 / 3).exits.tolist() == [0, 1, 0]
    assert evaluate_oracle(priced, None, 16 / 3).exits.tolist() == [1, 1, 0]
    assert evaluate_oracle(priced, None, 7 / 3).mean_cost == pytest.approx(7 / 3)


def test_oracle_of_values_keeps_the_budget() -> None:
    values = made_up(400)
    lengths = np.random.default_rng(0).uniform(0.1, 2, 400)
    priced = values.with_costs(lengths[:, None] * np.array(COSTS))
    best = evaluate_oracle(priced, None, 1.7)
    assert 1.5 < best.mean_cost <= 1.7


def test_overspending_that_is_no_chance_is_told_from_costs_that_are(
    texts: tuple[ClassPredictions, ClassPredictions], caplog: pytest.LogCaptureFixture
) -> None:
    validation, report = texts
    (schedule,) = fit_schedules("maximum", validation, None, [1.6], unit="ms")
    assert report.costs is not None
    # All but the mean cost of the calibration set is an overspent budget then: by chance.
    tight = schedule.replace(budget=schedule.budget - 1.5 * schedule.margin, margin=0.0)
    check_spending(tight, evaluate_schedule(report, tight), report, "report")
    longer = report.with_costs(1.3 * report.costs)
    check_spending(schedule, evaluate_schedule(longer, schedule), longer, "longer")
    first, second = caplog.messages
    assert first.startswith("report: budget")
    assert "that is no chance" not in first
    assert "that is no chance" in second


# --- what is refused ---


def test_costs_of_each_sample_are_no_argument(alike: ClassPredictions) -> None:
    fit_set, calibration_set = alike.split(0.5, 0)
    scheduler = create_scheduler("maximum").fit(fit_set, calibration_set, None, 1.5)
    message = r"costs: got shape \(\d+, 3\), expected 3 numbers, one an exit; .*predictions\.with_costs\(costs\)"
    assert fit_set.costs is not None
    with pytest.raises(UserError, match=message):
        scheduler.fit(fit_set, calibration_set, fit_set.costs, 1.5)
    with pytest.raises(UserError, match=message):
        evaluate(fit_set, scheduler.exit_policy_, fit_set.costs)
    for without, name in ((0, "fit set"), (1, "calibration set")):
        sets = [each.with_costs(None) if i == without else each for i, each in enumerate((fit_set, calibration_set))]
        with pytest.raises(UserError, match=rf"{name}: no costs of each sample came, nor costs; expected 3 costs"):
            scheduler.fit(*sets, None, 1.5)
    with pytest.raises(UserError, match="report set: no costs of each sample came"):
        compare_policies(
            fit_set, calibration_set.with_costs(None), None, [1.5], [("vote", "none")], repeats=1, say=lambda one: None
        )


# --- commands ---


@pytest.fixture
def files(texts: tuple[ClassPredictions, ClassPredictions], tmp_path: Path) -> Callable[[str], Path]:
    for name, samples in zip(("val", "report"), texts, strict=True):
        samples.save(tmp_path / f"{name}.npz")
        samples.with_costs(None).save(tmp_path / f"{name}-without.npz")
    return lambda name: tmp_path / f"{name}.npz"


def test_commands_take_the_costs_of_the_file(
    files: Callable[[str], Path],
    texts: tuple[ClassPredictions, ClassPredictions],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "s.safetensors"
    arguments = "--budget", "65%", "--policy", "maximum", "--combine", "none", "--out", out
    status, text, error = run(capsys, "fit", "--predictions", files("val"), *arguments, "--json")
    assert status == 0, error
    calibration_set = texts[0].split(0.5, 0)[1]
    assert calibration_set.costs is not None
    means = mean_costs(calibration_set.costs)
    (schedule,) = eenet_rt.read_schedules(out).schedules
    assert (schedule.costs, schedule.budget) == (means.tolist(), 0.65 * means[-1])
    row = json.loads(text)["schedules"][0]
    assert row["mean_cost"] == evaluate(calibration_set, schedule.exit_policy, None).mean_cost
    for name, costs in (("report", None), ("report-without", schedule.costs)):
        status, text, error = run(capsys, "evaluate", "--predictions", files(name), "--schedule", out, "--json")
        assert status == 0, error
        spent = json.loads(text)["schedules"][0]["mean_cost"]
        assert spent == evaluate(texts[1], schedule.exit_policy, costs).mean_cost
    status, text, error = run(
        capsys, "compare", "--val", files("val"), "--report", files("report"), "--policies", "maximum", "best-exit",
        "--combine", "none", "--repeats", 2, "--out", tmp_path, "--json",
    )  # fmt: skip
    assert status == 0, error
    result = json.loads(text)
    assert result["budgets"][-1] == pytest.approx(0.9 * mean_costs(texts[0].costs)[-1])  # type: ignore[arg-type]
    assert result["policies"][0]["overspent"] <= 2
    bound = "--max-accuracy-drop", 5, "--out", out, "--json"
    status, text, error = run(capsys, "fit", "--predictions", files("val"), *bound)
    assert status == 0, error
    assert json.loads(text)["schedules"][0]["mean_cost"] < means[-1]


def test_costs_of_the_command_line_count_for_all_samples(
    files: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for name in ("val", "val-without"):
        status, text, error = run(
            capsys, "fit", "--predictions", files(name), "--costs", "0.83,1.69,2.46", "--budget", 1.6, "--policy",
            "maximum", "--out", tmp_path / "s", "--json",
        )  # fmt: skip
        assert status == 0, error
        rows.append(json.loads(text)["schedules"])
    assert rows[0] == rows[1]


def test_refusals_of_commands(files: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = dict(np.load(files("val")))
    np.savez(tmp_path / "short.npz", **{**arrays, "costs": arrays["costs"][:-1]})

    def fit(name: str, budget: str = "65%") -> tuple[object, ...]:
        return "fit", "--predictions", files(name), "--budget", budget, "--out", tmp_path / "s"

    compare = "compare", "--val", files("val"), "--report", files("report-without"), "--out", tmp_path
    none = "-without.npz: no costs of each sample came, nor --costs; expected 3 costs, one an exit, or an array costs"
    for arguments, message in (
        (fit("val-without"), f"val{none} (2500, 3) beside the outputs"),
        (compare, f"report{none} (2500, 3) beside the outputs"),
        (fit("short"), "short.npz: costs: got float64 of shape (2499, 3), expected float64 (2500, 3), a row for each"),
        (fit("val", "5%"), "budget 5% cannot be met: feasible are"),
    ):
        status, _, error = run(capsys, *arguments)
        assert status == 2
        assert error.splitlines()[-1].startswith("eenet-schedule: error: ")
        assert message in error
    assert not (tmp_path / "s").exists()
