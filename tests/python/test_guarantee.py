"""The bound on lost accuracy: the test behind it, and what it promises on populations that are known."""

from __future__ import annotations

import numpy as np
import pytest

import eenet_rt
from eenet.errors import UserError
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.guarantee import drop_p_value, fit_within_accuracy_drop, least_samples
from eenet.zoo import zoo_folder

COSTS = [0.83, 1.69, 2.46]


@pytest.fixture(scope="module")
def population() -> ClassPredictions:
    return load_predictions(zoo_folder("resnet56") / "validation.npz")


def draw(population: ClassPredictions, size: int, seed: int) -> ClassPredictions:
    rows = np.random.default_rng(seed).integers(0, len(population), size)
    return ClassPredictions(population.logits[rows], population.labels[rows], np.arange(size), population.class_names)


def drops_of_mean(mean: float, size: int, random: np.random.Generator) -> np.ndarray:
    """Drops as networks have them: most are 0, one sample in ten loses or wins."""
    return random.choice([1.0, -1.0, 0.0], size, p=[0.05 + mean / 2, 0.05 - mean / 2, 0.9])


def test_p_value_by_hand() -> None:
    # One sample that wins: a gain of 1 where 0.495 is expected. The bet is the largest allowed, 0.75 / 0.495.
    assert drop_p_value(np.array([-1.0]), 0.01, 0.05) == pytest.approx(1 / (1 + 0.75 / 0.495 * (1 - 0.495)))
    assert drop_p_value(np.array([1.0]), 0.01, 0.05) == 1


@pytest.mark.parametrize("delta", [0.05, 0.2])
def test_p_value_holds_its_level(delta: float) -> None:
    """The mean is the very bound, which must be passed in at most delta of the cases."""
    random = np.random.default_rng(0)
    passed = [drop_p_value(drops_of_mean(0.02, 1000, random), 0.02, delta) <= delta for _ in range(1000)]
    assert np.mean(passed) <= delta + 2 * np.sqrt(delta * (1 - delta) / 1000)


@pytest.mark.parametrize(
    ("size", "drop", "delta"), [(1000, 0.02, 0.1), (1000, 0.01, 0.2), (200, 0.1, 0.05), (100, 0.2, 0.1)]
)
def test_false_certification_at_the_boundary(size: int, drop: float, delta: float) -> None:
    """Rare losses and nothing else: where a loss is seen before it is bet on, every one of these fails."""
    random = np.random.default_rng(0)
    streams = (random.random((2000, size)) < drop).astype(np.float64)
    certified = [drop_p_value(stream, drop, delta) <= delta for stream in streams]
    assert 0.3 * delta < np.mean(certified) <= delta


def test_capital_is_a_fair_game() -> None:
    """What a sample does to the capital is linear in it, and nothing at the bound: the bet was placed before."""
    random = np.random.default_rng(1)
    for size in (50, 100, 300):  # large enough for bets below the largest one
        before = random.choice([-1.0, 0.0], size - 1)
        last = np.array([0.02, 0.0, -0.3, -1.0])
        capital = [1 / drop_p_value(np.append(before, drop), 0.02, 0.05) for drop in last]
        # Seen as a line through the first and the last of them; the first is the capital that was there.
        line = capital[0] + (capital[3] - capital[0]) * (0.02 - last) / 1.02
        assert capital == pytest.approx(line, rel=1e-9)
        assert capital[3] > capital[0]


def test_p_value_sees_a_smaller_drop() -> None:
    random = np.random.default_rng(0)
    passed = [drop_p_value(drops_of_mean(0, 2500, random), 0.02, 0.05) <= 0.05 for _ in range(100)]
    assert np.mean(passed) > 0.8


@pytest.mark.parametrize("policy", ["maximum", "learned-stopping"])
def test_guarantee_on_draws_from_a_population(population: ClassPredictions, policy: str) -> None:
    full = eenet_rt.replay(population.logits, None).labels == population.labels
    drops, costs = [], []
    for seed in range(25):
        found = fit_within_accuracy_drop(policy, draw(population, 1500, seed), COSTS, 0.02, 0.1, unit="ms", seed=seed)
        left = eenet_rt.replay(population.logits, found.schedule.exit_policy)
        drops.append(full.mean() - (left.labels == population.labels).mean())
        costs.append(found.schedule.budget)
    assert np.mean(np.array(drops) > 0.02) <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 25)
    assert np.mean(costs) < 0.8 * COSTS[-1]  # a bound that is kept by never leaving early is none


def test_more_drop_costs_less(population: ClassPredictions) -> None:
    found = [
        fit_within_accuracy_drop("learned-stopping", population, COSTS, drop, 0.05, unit="ms", combine="exits")
        for drop in (0.005, 0.02)
    ]
    assert found[1].schedule.budget < found[0].schedule.budget < COSTS[-1]


def test_full_depth_where_nothing_can_be_promised(population: ClassPredictions) -> None:
    found = fit_within_accuracy_drop("maximum", population[:60], COSTS, 0.005, 0.05, unit="ms", combine="exits")
    assert found.schedule.policy == "full-depth"
    assert found.schedule.budget == COSTS[-1]
    left = eenet_rt.replay(population.logits, found.schedule.exit_policy)
    assert np.array_equal(left.labels, eenet_rt.replay(population.logits, None).labels)


@pytest.mark.parametrize("drop", [0.5, 0.1, 0.02, 0.005, 0.0007])
@pytest.mark.parametrize("delta", [0.5, 0.05, 1e-6])
def test_least_samples_is_the_first_number_that_passes(drop: float, delta: float) -> None:
    least = least_samples(drop, delta)
    assert drop_p_value(np.zeros(int(least)), drop, delta) <= delta
    assert drop_p_value(np.zeros(int(least) - 1), drop, delta) > delta


def test_least_samples_of_any_bound_takes_no_time() -> None:
    # The same sum over places of a sequence, as for numbers that can be counted.
    assert least_samples(1e-9, 0.05) == pytest.approx(1000 * least_samples(1e-6, 0.05), rel=1e-3)
    assert least_samples(2e-5, 0.05) == pytest.approx(5 * least_samples(1e-4, 0.05), rel=1e-3)
    assert 0 < least_samples(5e-324, 0.05) < np.inf


@pytest.mark.parametrize(("drop", "delta", "message"), [
    (0.0, 0.05, "max_accuracy_drop: got 0 points, expected above 0, below 100"),
    (2.0, 0.05, "max_accuracy_drop: got 200 points, expected above 0, below 100"),
    (0.01, 1.0, "delta: got 1, expected at least 1e-06 and below 1"),
    (0.01, 9e-7, "delta: got 9e-07, expected at least 1e-06 and below 1"),
    (float("nan"), 0.05, "max_accuracy_drop: got nan"),
])  # fmt: skip
def test_bad_bounds(population: ClassPredictions, drop: float, delta: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        fit_within_accuracy_drop("maximum", population, COSTS, drop, delta, unit="ms")
