"""replay_stream: schedules switched online to keep a budget."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import eenet_rt
from eenet.policies.grid import fit_schedules
from eenet.tasks.classification import ClassPredictions
from eenet.tasks.registry import load_predictions
from eenet.workflows.compare import default_budgets
from eenet.zoo import list_zoo, zoo_folder

COSTS = {"densenet121": [1.13, 2.00, 2.78, 3.03], "resnet56": [0.83, 1.69, 2.46]}
TARGET = 4  # of nine budgets


class Case(NamedTuple):
    """Schedules for nine budgets, and samples that they were not fitted on."""

    costs: list[float]
    schedules: list[eenet_rt.Schedule]
    stream: ClassPredictions

    @property
    def budget(self) -> float:
        return self.schedules[TARGET].budget


@pytest.fixture(scope="module", params=list_zoo())
def case(request: pytest.FixtureRequest) -> Case:
    validation = load_predictions(zoo_folder(request.param) / "validation.npz")
    fit_on, stream = validation.split(0.6, seed=0)
    costs = COSTS[request.param]
    fitted = list(fit_schedules("learned-stopping", fit_on, costs, default_budgets(costs), unit="ms"))
    return Case(costs, fitted, stream)


def easy_to_hard(stream: ClassPredictions) -> ClassPredictions:
    logits = stream.logits.astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    loss = -log_p[np.arange(len(stream)), :, stream.labels].mean(axis=1)
    return stream[np.argsort(loss)]


def excess(
    case: Case,
    stream: ClassPredictions,
    chosen: np.ndarray,
    neighbours: int | None,
    horizon: int | None = None,
    window: int | None = None,
) -> np.ndarray:
    """By how much more than the closest usable budget each chosen one is off what its sample may cost.

    Follows the choices that were made: where two budgets are as close, either is right to the last bit of rounding.
    """
    exits = np.stack([eenet_rt.replay(stream.logits, s.exit_policy).exits for s in case.schedules], axis=1)
    budgets = np.array([s.budget for s in case.schedules])
    usable = np.arange(len(budgets))
    if neighbours is not None:
        usable = usable[abs(usable - TARGET) <= neighbours]
    assert np.isin(chosen, usable).all()
    spent, found = 0.0, []
    for i, schedule in enumerate(chosen):
        end = len(stream) if horizon is None else (i // horizon + 1) * horizon
        if horizon is None or (window is not None and window < end - i):
            assert window is not None
            allowed = case.budget + (case.budget * i - spent) / window
        else:
            allowed = (end * case.budget - spent) / (end - i)
        found.append(abs(budgets[schedule] - allowed) - abs(budgets[usable] - allowed).min())
        spent += case.costs[exits[i, schedule]]
    return np.array(found)


def test_a_single_schedule_is_replayed(case: Case) -> None:
    for schedule in case.schedules[::4]:
        expected = eenet_rt.replay(case.stream.logits, schedule.exit_policy)
        alone = eenet_rt.replay_stream(case.stream.logits, [schedule], schedule.budget, horizon=100)
        assert np.array_equal(alone.exits, expected.exits)
        assert np.array_equal(alone.labels, expected.labels)
        assert np.array_equal(alone.schedules, np.zeros(len(case.stream)))
        assert alone.mean_cost == pytest.approx(np.take(case.costs, expected.exits).mean(), rel=1e-12)


@pytest.mark.parametrize("neighbours", [0, 1, 2, None])
@pytest.mark.parametrize("span", [{"horizon": 2000}, {"horizon": 150}, {"window": 100}, {"horizon": 150, "window": 37}])
def test_schedules_are_those_of_the_definition(case: Case, span: dict[str, int], neighbours: int | None) -> None:
    for stream in (case.stream, easy_to_hard(case.stream)):
        seen = eenet_rt.replay_stream(stream.logits, case.schedules, case.budget, neighbours=neighbours, **span)
        # The runtime rounds costs to 2^-30 of full cost, and 2,000 of them add up.
        assert excess(case, stream, seen.schedules, neighbours, **span).max() < 1e-5
        for j, schedule in enumerate(case.schedules):
            alone = eenet_rt.replay(stream.logits, schedule.exit_policy)
            assert np.array_equal(seen.exits[seen.schedules == j], alone.exits[seen.schedules == j])
            assert np.array_equal(seen.labels[seen.schedules == j], alone.labels[seen.schedules == j])
        assert seen.mean_cost == pytest.approx(np.take(case.costs, seen.exits).mean(), rel=1e-12)


def test_switching_comes_nearer_to_the_budget(case: Case) -> None:
    """The first half of a stream from easy to hard costs too little, the second one too much."""
    stream = easy_to_hard(case.stream)
    for half in (stream[: len(stream) // 2], stream[len(stream) // 2 :]):
        off = {}
        for neighbours in (0, 1, None):
            seen = eenet_rt.replay_stream(
                half.logits, case.schedules, case.budget, horizon=len(half), neighbours=neighbours
            )
            off[neighbours] = abs(seen.mean_cost / case.budget - 1)
        assert off[None] <= off[1] < off[0]


@pytest.mark.parametrize("span", [{"horizon": 2000}, {"window": 50}, {"horizon": 500, "window": 50}])
def test_the_budget_is_realised(case: Case, span: dict[str, int]) -> None:
    """Without switching the margin alone is left over."""
    seen = eenet_rt.replay_stream(case.stream.logits, case.schedules, case.budget, **span)
    assert seen.mean_cost == pytest.approx(case.budget, rel=0.005)


def test_other_costs_give_other_budgets(case: Case) -> None:
    """Twice the costs are twice the budgets, and the same choices."""
    budget = 2 * case.budget
    doubled = [2 * c for c in case.costs]
    seen = eenet_rt.replay_stream(case.stream.logits, case.schedules, budget, costs=doubled, horizon=len(case.stream))
    assert seen.mean_cost == pytest.approx(budget, rel=0.005)
    with pytest.raises(eenet_rt.BudgetError, match="budget: "):
        eenet_rt.replay_stream(case.stream.logits, case.schedules, budget, horizon=len(case.stream))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "horizon and window: neither came, at least one of them expected"),
        ({"horizon": 0}, "horizon: 0 came, at least 1 expected"),
        ({"window": -3}, "window: -3 came, at least 1 expected"),
        ({"window": 5, "neighbours": -1}, "neighbours: -1 came, at least 0 expected"),
        ({"window": 5, "costs": [1.0]}, "costs: 1 costs came, one for each of the"),
        ({"window": 5, "costs": [3.0, 2.0, 1.0, 1.0]}, "costs: "),
    ],
)
def test_bad_options(case: Case, options: dict[str, object], message: str) -> None:
    with pytest.raises(eenet_rt.InputError, match=message):
        eenet_rt.replay_stream(case.stream.logits, case.schedules, case.budget, **options)


def test_bad_input(case: Case) -> None:
    logits, schedules, costs = case.stream.logits, case.schedules, case.costs

    def refused(
        error: type[Exception], message: str, *, logits: np.ndarray = logits,
        schedules: list[eenet_rt.Schedule] = schedules, budget: float = case.budget,
    ) -> None:  # fmt: skip
        with pytest.raises(error, match=message):
            eenet_rt.replay_stream(logits, schedules, budget, horizon=10)

    refused(eenet_rt.InputError, "outputs: no samples came", logits=logits[:0])
    refused(eenet_rt.InputError, "float64 came, float32 expected", logits=logits.astype(np.float64))
    refused(eenet_rt.InputError, "schedule 0: policy: one for", logits=np.ascontiguousarray(logits[:, :2]))
    refused(eenet_rt.InputError, "schedules: none came", schedules=[])
    refused(eenet_rt.InputError, r"schedules\[1\]: None came", schedules=[schedules[0], None])
    for budget in (0.5 * costs[0], float("nan"), -1.0):
        refused(eenet_rt.BudgetError, r"budget: .* expected", budget=budget)
    refused(eenet_rt.BudgetError, "at most .* expected, the cost of full depth", budget=2 * costs[-1])
    broken = logits.copy()
    broken[7, 0, 0] = np.nan
    refused(eenet_rt.NonFiniteError, "sample 7", logits=broken)
    other_unit = [schedules[1].replace(unit="flops")]
    refused(eenet_rt.InputError, r"unit .flops. came, .ms. expected", schedules=schedules[:1] + other_unit)
    other_costs = [schedules[1].replace(costs=[2 * c for c in costs])]
    refused(eenet_rt.InputError, r"schedules\[1\]: fitted for costs", schedules=schedules[:1] + other_costs)


def test_samples_may_have_costs_of_their_own(case: Case) -> None:
    logits, schedules = case.stream.logits[:400], case.schedules
    costs = np.tile(np.array(case.costs, np.float64), (len(logits), 1))
    options = {"horizon": len(logits)}
    plain = eenet_rt.replay_stream(logits, schedules, case.budget, **options)
    same = eenet_rt.replay_stream(logits, schedules, case.budget, sample_costs=costs, **options)
    assert np.array_equal(same.schedules, plain.schedules)
    assert same.mean_cost == pytest.approx(plain.mean_cost, rel=1e-12)
    costs[:200] *= 1.1
    costs[200:] *= 0.9
    seen = eenet_rt.replay_stream(logits, schedules, case.budget, sample_costs=costs, **options)
    assert not np.array_equal(seen.schedules, plain.schedules)
    assert seen.mean_cost == pytest.approx(costs[np.arange(400), seen.exits].mean())
    for wrong, message in (
        (costs[:-1], r"sample_costs: .* numbers came, \d expected of each of 400 samples"),
        (costs[:, ::-1].copy(), "sample_costs of sample 0: .* non-decreasing"),
        (costs.astype(np.float32), "sample_costs: .*float64"),
        (costs * 1e9, "sample_costs of sample 0: .* times full cost"),
    ):
        with pytest.raises(eenet_rt.InputError, match=message):
            eenet_rt.replay_stream(logits, schedules, case.budget, sample_costs=wrong, **options)
