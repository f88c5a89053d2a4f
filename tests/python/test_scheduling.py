"""Schedulers: thresholds by hand, budgets on data never seen, seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import eenet_rt
from eenet.errors import UserError
from eenet.policies import (
    Combiner,
    EENetScheduler,
    LearnedStoppingScheduler,
    MaximumScheduler,
    Scheduler,
    create_scheduler,
    fit_combiner,
)
from eenet.policies.calibration import budget_margin, calibrate
from eenet.policies.combining import fit_temperatures
from eenet.policies.confidence import confidence_policy
from eenet.policies.shares import PolicyQuota, Quota, SharePlan, search_shares, threshold, tuned_shares
from eenet.spending import spending
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.evaluate import evaluate
from eenet.zoo import list_zoo, zoo_folder
from support.policies import CLASS_POLICIES

COSTS = {"densenet121": [1.13, 2.00, 2.78, 3.03], "resnet56": [0.83, 1.69, 2.46]}


@pytest.fixture(scope="module", params=list_zoo())
def zoo(request: pytest.FixtureRequest) -> tuple[str, ClassPredictions]:
    return request.param, load_predictions(zoo_folder(request.param) / "validation.npz")


def quick(policy: str) -> Scheduler:
    """A scheduler that does not take long to fit."""
    scheduler = create_scheduler(policy)
    if isinstance(scheduler, EENetScheduler):
        scheduler.set_params(restarts=1, steps=40)
    return scheduler


def test_threshold_by_hand() -> None:
    scores = np.array([0.9, 0.1, 0.5, 0.7], np.float32)
    found, leaves = threshold(scores, 2)
    assert found == pytest.approx(0.6)
    assert leaves.tolist() == [True, False, False, True]
    assert threshold(scores, 0)[0] == math.inf
    found, leaves = threshold(scores, 4)
    assert found == -math.inf
    assert leaves.all()


def test_tied_scores_leave_together_or_stay_together() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1], np.float32)
    for quota in (1, 2, 3):
        found, leaves = threshold(scores, quota)
        assert leaves.tolist() == [True, False, False, False, False]
        assert 0.5 < found < 0.9
    assert threshold(scores, 4)[1].tolist() == [True, True, True, True, False]
    found, leaves = threshold(np.full(3, 0.5, np.float32), 2)
    assert found == math.inf
    assert not leaves.any()


def test_margin_by_hand() -> None:
    # Half leave at cost 1, half at cost 3: the deviation is 1.
    half = spending(np.repeat([0, 1], 100), np.array([1.0, 3.0]))
    assert budget_margin(half.deviation, 200, 200) == pytest.approx(1.6448536 * math.sqrt(2 / 200), rel=1e-6)
    assert spending(np.zeros(200, np.int64), np.array([1.0, 3.0])).deviation == 0


def logits_with_maxima(maxima: list[list[float]]) -> np.ndarray:
    """Two classes; class 0 has probability ``maxima[n][k]``."""
    p = np.array(maxima)
    return np.stack([np.log(p), np.log(1 - p)], axis=2).astype(np.float32)


def said(logits: np.ndarray) -> ClassPredictions:
    samples = len(logits)
    return ClassPredictions(logits, np.zeros(samples, np.int64), np.arange(samples), ("a", "b"))


def maximum_policy(num_exits: int, num_classes: int) -> eenet_rt.ExitPolicy:
    return confidence_policy([num_classes + 4] * num_exits, (1, 0, 0, 0))


def test_calibration_samples_follow_the_plan() -> None:
    logits = logits_with_maxima([[0.9, 0.6, 0.5], [0.8, 0.9, 0.5], [0.7, 0.8, 0.5], [0.6, 0.7, 0.5]])
    quota = PolicyQuota(said(logits), maximum_policy(3, 2))
    thresholds, exits = quota.fill(np.array([0.25, 0.5, 0.25]))
    assert exits.tolist() == [0, 1, 1, 2]
    assert thresholds[0] == pytest.approx(0.85, abs=1e-6)
    assert thresholds[1] == pytest.approx(0.75, abs=1e-6)
    thresholds, exits = quota.fill(np.array([0.0, 0.5, 0.5]))
    assert thresholds[0] == math.inf
    assert exits.tolist() == [2, 1, 1, 2]


def test_a_disabled_exit_counts_as_zero_in_later_scores() -> None:
    # Exit 1 scores by q_0 alone: with exit 0 disabled nobody is better than another, so nobody leaves there.
    weight = np.zeros((1, 2 + 4 + 1), np.float32)
    weight[0, -1] = 1
    first = maximum_policy(3, 2).scorers[0]
    policy = eenet_rt.ExitPolicy([6] * 3, [first, (weight, np.zeros(1, np.float32))], np.zeros(3))
    logits = logits_with_maxima([[0.9, 0.6, 0.5], [0.8, 0.9, 0.5], [0.7, 0.8, 0.5], [0.6, 0.7, 0.5]])
    thresholds, exits = PolicyQuota(said(logits), policy).fill(np.array([0.0, 0.5, 0.5]))
    assert thresholds[:2].tolist() == [math.inf, math.inf]
    assert exits.tolist() == [2, 2, 2, 2]
    assert PolicyQuota(said(logits), policy).fill(np.array([0.25, 0.5, 0.25]))[1].tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize("share", [0.4, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("policy", CLASS_POLICIES)
def test_budget_on_the_calibration_set(zoo: tuple[str, ClassPredictions], policy: str, share: float) -> None:
    name, validation = zoo
    fit_set, calibration_set = validation.split(0.5, seed=0)
    costs = COSTS[name]
    budget = share * costs[-1]
    scheduler = quick(policy).fit(fit_set, calibration_set, costs, budget)
    result = evaluate(calibration_set, scheduler.exit_policy_, costs)
    assert result.exit_shares == pytest.approx(scheduler.shares_)
    assert result.mean_cost == pytest.approx(scheduler.mean_cost_)
    assert result.mean_cost + scheduler.margin_ <= budget
    # Nothing is wasted either: one calibration sample more would not fit, or one group of samples whose scores are tied
    # where EENet clamps them.
    scores = eenet_rt.scores(calibration_set.logits, scheduler.exit_policy_)[:, :-1]
    tied = max(float((scores == end).mean(axis=0).max()) for end in (0, 1)) if "eenet" in policy else 0.0
    # A hidden layer, trained anew for every price, changes in jumps.
    jump = 0.01 if policy == "learned-stopping-hidden" else 0.005
    assert result.mean_cost + scheduler.margin_ >= budget - (jump + tied) * costs[-1]


@pytest.mark.parametrize("policy", CLASS_POLICIES)
def test_ends_of_the_range(zoo: tuple[str, ClassPredictions], policy: str) -> None:
    name, validation = zoo
    fit_set, calibration_set = validation.split(0.5, seed=0)
    costs = COSTS[name]
    cheapest = quick(policy).fit(fit_set, calibration_set, costs, costs[0])
    assert evaluate(calibration_set, cheapest.exit_policy_, costs).exit_shares[0] == 1
    full = quick(policy).fit(fit_set, calibration_set, costs, 2 * costs[-1])
    assert evaluate(calibration_set, full.exit_policy_, costs).exit_shares[-1] == 1
    with pytest.raises(UserError, match=r"budget 0\.1 cannot be met: feasible are .* \(exit 0\) to"):
        quick(policy).fit(fit_set, calibration_set, costs, 0.1)


def test_geometric_shares() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3, 5)).astype(np.float32)
    data = ClassPredictions(logits, random.integers(0, 5, 4000), np.arange(4000), tuple("abcde"))
    fit_set, calibration_set = data.split(0.5, seed=0)
    scheduler = MaximumScheduler().fit(fit_set, calibration_set, [1, 2, 3], 1.8)
    first, second, third = scheduler.shares_
    assert second / first == pytest.approx(third / second, rel=0.02)


def test_eenet_learns_which_exit_is_right() -> None:
    """Class 0 is right at exit 0, class 1 only at the last one, and confidence says nothing of it."""
    random = np.random.default_rng(0)
    samples = 4000
    labels = random.integers(0, 2, samples)
    logits = np.zeros((samples, 2, 4), np.float32)
    said = np.where(labels == 0, 0, 2)
    logits[np.arange(samples), 0, said] = 3
    logits[np.arange(samples), 1, labels] = 3
    data = ClassPredictions(
        logits + random.normal(0, 0.3, logits.shape).astype(np.float32), labels, np.arange(samples), tuple("abcd")
    )
    fit_set, rest = data.split(0.4, seed=0)
    calibration_set, report = rest.split(0.5, seed=1)
    costs = [1.0, 3.0]
    learned = EENetScheduler().fit(fit_set, calibration_set, costs, 2.2)
    maximum = MaximumScheduler().fit(fit_set, calibration_set, costs, 2.2)
    assert evaluate(report, learned.exit_policy_, costs).accuracy > 0.93
    assert evaluate(report, maximum.exit_policy_, costs).accuracy < 0.85


def test_eenet_learns_on_real_predictions(zoo: tuple[str, ClassPredictions]) -> None:
    """Its scores have to leave the maximum, where they start, on a network that is sure of itself too."""
    name, validation = zoo
    fit_set, calibration_set = validation.split(0.5, seed=0)
    scheduler = EENetScheduler().fit(fit_set, calibration_set, COSTS[name], 0.6 * COSTS[name][-1])
    start = maximum_policy(validation.num_exits, validation.num_classes)
    for (weight, _), (maximum, _) in zip(scheduler.exit_policy_.scorers, start.scorers, strict=True):
        assert np.abs(weight - maximum).max() > 0.01


def test_eenet_is_seeded(zoo: tuple[str, ClassPredictions]) -> None:
    name, validation = zoo
    fit_set, calibration_set = validation.split(0.5, seed=0)
    budget = 0.6 * COSTS[name][-1]

    def fit(seed: int) -> EENetScheduler:
        scheduler = EENetScheduler(seed=seed, restarts=1, steps=40)
        scheduler.fit(fit_set, calibration_set, COSTS[name], budget)
        return scheduler

    first, again, other = fit(0), fit(0), fit(1)
    assert np.array_equal(first.thresholds_, again.thresholds_)
    assert first.planned_shares_ is not None
    assert np.array_equal(first.planned_shares_, again.planned_shares_)
    assert not np.array_equal(first.planned_shares_, other.planned_shares_)


def test_eenet_takes_the_start_of_h_that_is_most_accurate(zoo: tuple[str, ClassPredictions]) -> None:
    name, validation = zoo
    fit_set, calibration_set = validation.split(0.5, seed=0)
    budget = 0.5 * COSTS[name][-1]

    def accuracy(seed: int, restarts: int) -> float:
        scheduler = EENetScheduler(learn_scores=False, seed=seed, restarts=restarts, steps=20)
        scheduler.fit(fit_set, calibration_set, COSTS[name], budget)
        assert scheduler.planned_shares_ is not None
        quota = Quota(fit_set.confidence())
        return search_shares(quota, fit_set.qualities(), np.array(COSTS[name]), budget, scheduler.planned_shares_)[1]

    alone = [accuracy(seed, 1) for seed in range(4)]
    assert len(set(alone)) > 1
    assert accuracy(0, 4) == max(alone)


def test_eenet_of_many_budgets_is_that_of_each(zoo: tuple[str, ClassPredictions]) -> None:
    name, validation = zoo
    sets = validation.split(0.5, seed=0)
    budgets = [share * COSTS[name][-1] for share in (0.5, 0.7, 0.6)]
    together = [s.thresholds_ for s in EENetScheduler(restarts=1, steps=20).fit_each(*sets, COSTS[name], budgets)]
    for budget, thresholds in zip(budgets, together, strict=True):
        alone = EENetScheduler(restarts=1, steps=20).fit(*sets, COSTS[name], budget)
        assert np.array_equal(alone.thresholds_, thresholds)


def test_sets_must_not_share_samples(zoo: tuple[str, ClassPredictions]) -> None:
    name, validation = zoo
    with pytest.raises(UserError, match="share 10 samples, sample"):
        MaximumScheduler().fit(validation[:100], validation[90:200], COSTS[name], COSTS[name][-1])


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ([1.0, 2.0], "costs: got 2 numbers, expected 3"),
        ([1.0, 3.0, 2.0], "expected positive numbers that rise"),
        ([0.0, 1.0, 2.0], "expected positive numbers that rise"),
        ([1e300, 1e301, 1e308], r"from 1e-12 to 1e\+18; choose another unit"),
        ([1e-320, 1.0, 2.0], r"from 1e-12 to 1e\+18; choose another unit"),
        ([1.0, 1.0, 1.0], "expected positive numbers that rise"),
        ([1.0, math.nan, 2.0], "expected positive numbers that rise"),
    ],
)
def test_costs_are_checked(tiny_predictions: ClassPredictions, costs: list[float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MaximumScheduler().fit(tiny_predictions[:10], tiny_predictions[10:], costs, 1.5)


def test_calibration_bends_the_plan_as_little_as_needed(tiny_predictions: ClassPredictions) -> None:
    plan = np.array([0.5, 0.3, 0.2])
    costs = np.array([1.0, 2.0, 3.0])
    samples = len(tiny_predictions)
    deviation = math.sqrt(plan @ (costs - plan @ costs) ** 2)
    asked = plan @ costs + budget_margin(deviation, samples, samples)
    family = SharePlan(tiny_predictions, maximum_policy(3, 4), plan, costs)
    result = calibrate(family, tiny_predictions, costs, float(asked) + 1e-3)
    assert result.shares == pytest.approx(plan, abs=2 / samples)


def test_tuned_shares_skip_an_exit_that_is_no_good(zoo: tuple[str, ClassPredictions]) -> None:
    name, validation = zoo
    costs = np.array(COSTS[name])
    logits = validation.logits.copy()
    logits[:, 1] = np.random.default_rng(0).normal(size=logits[:, 1].shape)  # exit 1 knows nothing
    broken = ClassPredictions(logits, validation.labels, validation.index, validation.class_names)
    policy = maximum_policy(len(costs), validation.num_classes)
    shares = tuned_shares(broken, policy, costs, 0.7 * costs[-1])
    assert shares @ costs == pytest.approx(0.7 * costs[-1], rel=1e-3)
    assert shares[1] < 0.05
    assert shares[0] > 0.2


def test_combining_does_no_harm(zoo: tuple[str, ClassPredictions]) -> None:
    """On samples not fitted on, over all exits, even with few samples a class."""
    _, validation = zoo
    fit_set, report = validation.split(0.5, seed=0)

    def accuracy(combiner: Combiner | None) -> float:
        return float((eenet_rt.answers(report.logits, combiner) == report.labels[:, None]).mean())

    assert accuracy(fit_combiner(fit_set)) > accuracy(None) - 0.005
    assert accuracy(fit_combiner(fit_set[:500])) > accuracy(None) - 0.005


def test_combiner_finds_the_exits_that_know(tiny_predictions: ClassPredictions) -> None:
    """Exit 0 knows the answer, the last one nothing: the combined last exit listens to exit 0."""
    labels = tiny_predictions.labels
    logits = tiny_predictions.logits.copy()
    logits[np.arange(len(labels)), 0, labels] += 3
    data = ClassPredictions(logits, labels, tiny_predictions.index, tiny_predictions.class_names)
    weight, _ = fit_combiner(data)
    assert np.array_equal(weight, np.tril(weight))
    assert weight[2, 0] > 5 * abs(weight[2, 2])
    assert (eenet_rt.answers(logits, None)[:, 2] == labels).mean() < 0.5
    assert (eenet_rt.answers(logits, fit_combiner(data))[:, 2] == labels).mean() > 0.9


def test_learned_stopping_lets_hopeless_samples_go() -> None:
    """Samples that say class 0 are wrong at every exit, and unsure: maximum score sends them on, in vain."""
    random = np.random.default_rng(0)
    samples = 6000
    kind = random.integers(0, 3, samples)
    labels = np.where(kind == 0, 3, kind)
    logits = random.normal(0, 0.3, (samples, 2, 4)).astype(np.float32)
    rows = np.arange(samples)
    logits[rows, :, kind] += np.where(kind == 0, 1.0, 2.0)[:, None]
    unsure = kind == 2  # the first exit mistakes them for class 1 half of the time
    mistaken = unsure & (random.random(samples) < 0.5)
    logits[mistaken, 0, 1] += 2.2
    data = ClassPredictions(logits, labels, rows, tuple("abcd"))
    fit_set, rest = data.split(0.4, seed=0)
    calibration_set, report = rest.split(0.5, seed=1)
    costs = [1.0, 2.0]
    learned = LearnedStoppingScheduler().fit(fit_set, calibration_set, costs, 1.2)
    maximum = MaximumScheduler().fit(fit_set, calibration_set, costs, 1.2)
    hopeless = report.labels == 3
    assert evaluate(report, learned.exit_policy_, costs).exits[hopeless].mean() < 0.1
    assert evaluate(report, maximum.exit_policy_, costs).exits[hopeless].mean() > 0.3
    better = evaluate(report, learned.exit_policy_, costs).accuracy
    assert better > evaluate(report, maximum.exit_policy_, costs).accuracy + 0.05


@pytest.mark.parametrize("policy", ["learned-stopping", "learned-stopping-hidden"])
def test_learned_stopping_counts_as_the_runtime_does(zoo: tuple[str, ClassPredictions], policy: str) -> None:
    name, validation = zoo
    fit_set, calibration_set = validation.split(0.5, seed=0)
    scheduler = create_scheduler(policy, 0, fit_combiner(fit_set))
    for share in (0.6, 0.8):
        scheduler.fit(fit_set, calibration_set, COSTS[name], share * COSTS[name][-1])
        left = eenet_rt.replay(calibration_set.logits, scheduler.exit_policy_).exits
        assert np.array_equal(np.bincount(left, minlength=len(COSTS[name])) / len(left), scheduler.shares_)


def test_hidden_scorers_follow_a_bend() -> None:
    """Going on helps in two bands of confidence, which no line through the confidence measures tells apart."""
    random = np.random.default_rng(0)
    samples = 8000
    height = random.uniform(0.5, 5, samples)
    labels = (((height > 0.8) & (height < 1.2)) | ((height > 2.2) & (height < 3.2))).astype(np.int64)
    logits = random.normal(0, 0.01, (samples, 2, 2)).astype(np.float32)
    rows = np.arange(samples)
    logits[rows, 0, 0] += height
    logits[rows, 1, labels] += 6
    data = ClassPredictions(logits, labels, rows, ("a", "b"))
    fit_set, rest = data.split(0.4, seed=0)
    calibration_set, report = rest.split(0.5, seed=1)
    costs, accuracy = [1.0, 2.0], []
    for knots in (0, 4):
        scheduler = LearnedStoppingScheduler(knots=knots).fit(fit_set, calibration_set, costs, 1.5)
        accuracy.append(evaluate(report, scheduler.exit_policy_, costs).accuracy)
    assert accuracy[1] > accuracy[0] + 0.05


def test_fixed_scores_are_the_maximum(zoo: tuple[str, ClassPredictions]) -> None:
    name, validation = zoo
    fit_set, calibration_set = validation.split(0.5, seed=0)
    budget = 0.6 * COSTS[name][-1]
    scheduler = EENetScheduler(learn_scores=False, steps=30).fit(fit_set, calibration_set, COSTS[name], budget)
    expected = maximum_policy(validation.num_exits, validation.num_classes).scorers
    for (weight, bias), (maximum, zero) in zip(scheduler.exit_policy_.scorers, expected, strict=True):
        assert np.array_equal(weight, maximum)
        assert np.array_equal(bias, zero)


def test_unknown_names() -> None:
    with pytest.raises(UserError, match="policy 'best' is not known; known are eenet, "):
        create_scheduler("best")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head": "hard"}, "head: got 'hard', expected one of softmax, stick-breaking"),
        ({"beta_h": 0}, "beta_h: got 0, expected a number above 0"),
        ({"alpha_cost": math.nan}, "alpha_cost: got nan, expected a number above 0"),
        ({"hidden_ratio": -1}, "hidden_ratio: got -1, expected a number above 0"),
        ({"restarts": 0}, "restarts: got 0, expected at least 1"),
    ],
)
def test_settings_are_checked_by_fit(
    tiny_predictions: ClassPredictions, settings: dict[str, Any], message: str
) -> None:
    scheduler = EENetScheduler(**settings)
    with pytest.raises(UserError, match=message):
        scheduler.fit(tiny_predictions[:10], tiny_predictions[10:], [1, 2, 3], 1.5)


@pytest.mark.parametrize("policy", CLASS_POLICIES)
def test_schedulers_are_estimators(policy: str) -> None:
    """A twin made of its settings, as scikit-learn's clone makes it, is the same policy."""
    scheduler = create_scheduler(policy, seed=3)
    twin = type(scheduler)(**scheduler.get_params())
    assert (twin.policy, twin.get_params()) == (policy, scheduler.get_params())
    with pytest.raises(UserError, match=f"colour: is no setting of {policy}, which has .*combiner"):
        scheduler.set_params(colour=1)


@pytest.mark.parametrize("fit", [fit_combiner, fit_temperatures])
@pytest.mark.parametrize("factor", [1e-4, 1e-20])
def test_combining_does_not_depend_on_the_scale_of_logits(
    zoo: tuple[str, ClassPredictions], fit: Callable[[ClassPredictions], Combiner], factor: float
) -> None:
    _, validation = zoo
    fit_set, others = validation.split(0.5, seed=0)
    normal = eenet_rt.answers(others.logits, fit(fit_set))
    small = eenet_rt.answers(others.logits * np.float32(factor), fit(_scaled(fit_set, factor)))
    right = others.labels[:, None]
    assert float((small == right).mean()) == pytest.approx(float((normal == right).mean()), abs=0.005)


@pytest.mark.parametrize("fit", [fit_combiner, fit_temperatures])
def test_combining_of_hardly_any_logits(
    zoo: tuple[str, ClassPredictions], fit: Callable[[ClassPredictions], Combiner]
) -> None:
    assert all(np.isfinite(array).all() for array in fit(_scaled(zoo[1], 1e-40)))


def _scaled(predictions: ClassPredictions, factor: float) -> ClassPredictions:
    logits = predictions.logits * np.float32(factor)
    return ClassPredictions(logits, predictions.labels, predictions.index, predictions.class_names)
