"""``eenet_rt``: inputs, budgets, profiles, statistics."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eenet_rt
from conftest import TrainedBundle
from support.bundles import edit_manifest


@pytest.fixture
def runtime(tiny: TrainedBundle) -> eenet_rt.Runtime:
    return eenet_rt.load(str(tiny.path))


@pytest.fixture
def x(tiny: TrainedBundle) -> np.ndarray:
    return tiny.inputs[0]


# --- description ---


def test_description(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    manifest = json.loads((tiny.path / "manifest.json").read_text())
    assert runtime.id == manifest["id"]
    assert (runtime.model, runtime.task, runtime.num_exits, runtime.num_classes) == ("tiny", "classification", 3, 10)
    assert list(runtime.class_names) == list(tiny.checkpoint.class_names)
    assert runtime.inputs == {"image": ("float32", (3, 32, 32))}
    assert runtime.preprocessing == manifest["preprocessing"]
    assert list(runtime.parameters) == tiny.checkpoint.network.parameters_to_exit()
    assert list(runtime.costs) == manifest["profiles"][0]["costs"]
    assert runtime.static_cost == manifest["profiles"][0]["static"]
    assert [s.budget for s in runtime.schedules] == sorted(s.budget for s in runtime.schedules)
    assert "tiny" in repr(runtime)


# --- inputs ---


@pytest.mark.parametrize("path", ["a\0b", "\ud800", b"a\0b"])
def test_paths_that_no_file_can_have(path: str | bytes) -> None:
    for read in (eenet_rt.load, eenet_rt.read_schedules):
        with pytest.raises(eenet_rt.InputError, match=r"path: .* came, a name that a file can have expected"):
            read(path)


def test_dictionary_of_inputs(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    assert np.array_equal(runtime.infer({"image": x}).probabilities, runtime.infer(x).probabilities)


def test_subclasses_are_arrays(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    class Named(np.ndarray):
        pass

    for same in (x.view(Named), x.view(np.memmap)):
        assert runtime.infer(same).label == runtime.infer(x).label


def test_read_only_input(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    frozen = x.copy()
    frozen.flags.writeable = False
    assert runtime.infer(frozen).label == runtime.infer(x).label


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[None], ("image", "(1, 3, 32, 32)", "(3, 32, 32)")),
        (lambda x: x[:, :31].copy(), ("image", "(3, 31, 32)", "(3, 32, 32)")),
        (lambda x: x.astype(np.float64), ("image", "float64", "float32")),
        (lambda x: (x * 255).astype(np.uint8), ("image", "uint8", "float32")),
        (lambda x: np.asfortranarray(x), ("image", "contiguous")),
        (lambda x: np.repeat(x, 2, axis=2)[:, :, ::2], ("image", "contiguous")),
        (lambda x: x[:, ::-1], ("image", "contiguous")),
        (lambda x: x.transpose(1, 2, 0), ("image", "shape (32, 32, 3) came, (3, 32, 32) expected")),
        (lambda x: x.astype(">f4"), ("image", ">f4", "float32")),
        (lambda x: x.astype(object), ("image", "object", "float32")),
        (lambda x: x.ravel()[0], ("image", "float32 came, a numpy array expected")),
        (lambda x: np.array(1, np.float32), ("image", "shape ()", "(3, 32, 32)")),
        (lambda x: np.ma.masked_array(x, mask=True), ("image", "MaskedArray", "plain array", "filled")),
        (lambda x: np.ma.masked_array(x), ("image", "MaskedArray", "plain array", "filled")),
        (lambda x: x.tolist(), ("list",)),
        (lambda x: None, ("None",)),
        (lambda x: {"picture": x}, ("image", "missing")),
        (lambda x: {}, ("image",)),
        (lambda x: {"image": x, "mask": x}, ("2 arrays came, 1 expected",)),
    ],
)
def test_wrong_input(
    runtime: eenet_rt.Runtime, x: np.ndarray, change: Callable[[np.ndarray], Any], words: tuple[str, ...]
) -> None:
    with pytest.raises((eenet_rt.InputError, TypeError)) as caught:
        runtime.infer(change(x))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (2, 31, 31), (1, 7, 13)])
def test_input_that_is_not_finite(
    runtime: eenet_rt.Runtime, x: np.ndarray, value: float, place: tuple[int, ...]
) -> None:
    bad = x.copy()
    bad[place] = value
    with pytest.raises(eenet_rt.InputError, match="image"):
        runtime.infer(bad)
    assert runtime.infer(x).label in range(10)


def test_finite_input_whose_logits_are_not(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    with pytest.raises(eenet_rt.NonFiniteError, match="exit"):
        runtime.infer(np.full_like(x, 3e38))


def test_forced_exit_out_of_range(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    for k in (-1, 3):
        with pytest.raises(eenet_rt.InputError, match="forced_exit"):
            runtime.infer(x, forced_exit=k)


def test_policy_of_another_network(runtime: eenet_rt.Runtime, x: np.ndarray) -> None:
    scorer = (np.zeros((1, 7 + 4), np.float32), np.zeros(1, np.float32))
    with pytest.raises(eenet_rt.InputError, match="2 exits of 11 features came, one for 3 exits of 14 features"):
        runtime.infer(x, policy=eenet_rt.ExitPolicy([11, 11], [scorer], np.zeros(2)))


# --- budgets ---


def test_set_budget_takes_the_largest_below(runtime: eenet_rt.Runtime) -> None:
    budgets = [s.budget for s in runtime.schedules]
    for i, budget in enumerate(budgets):
        assert runtime.set_budget(budget).budget == budget
        assert runtime.schedule is not None
        assert runtime.schedule.budget == budget
        if i + 1 < len(budgets):
            assert runtime.set_budget((budget + budgets[i + 1]) / 2).budget == budget


def test_budget_out_of_range(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    before = runtime.schedule.budget
    for budget in (runtime.costs[0] / 2, 0.0, -1.0, float("nan")):
        with pytest.raises(eenet_rt.BudgetError, match="budget"):
            runtime.set_budget(budget)
    assert runtime.schedule.budget == before
    with pytest.raises(eenet_rt.BudgetError):
        eenet_rt.load(str(tiny.path), budget=runtime.costs[0] / 2)


def test_shares_of_full_cost(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    for schedule in runtime.schedules:
        share = f"{100 * schedule.budget / runtime.costs[-1]!r}%"
        assert runtime.set_budget(share).budget == schedule.budget
        assert eenet_rt.load(tiny.path, budget=share).schedule.budget == schedule.budget
        assert runtime.set_budget(share, window=10).budget == schedule.budget
        assert runtime.schedule.share == pytest.approx(schedule.budget / runtime.costs[-1])
        assert f"share={runtime.schedule.share:.3g}"[:-1] in repr(runtime.schedule)
    for take in (runtime.set_budget, lambda budget: eenet_rt.load(tiny.path, budget=budget)):
        with pytest.raises(eenet_rt.BudgetError, match=r"budget: 200% came, a share of full cost of at most 100% exp"):
            take("200%")
    assert runtime.set_budget("100 %") is not None
    with pytest.raises(eenet_rt.BudgetError, match=r"budget: 1% came, .* \(.*% to 100%\) expected"):
        runtime.set_budget("1%")


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("x%", "budget: 'x%' came, a number above 0 or a share of full cost, as '65%', expected"),
        ("-5%", "budget: '-5%' came, a number above 0 or a share"),
        ([2.5], "budget: list came, a number above 0 or a share of full cost, as '65%', expected"),
        (True, "budget: bool came, a number above 0 or a share"),
        (2j, "budget: complex came, a number above 0 or a share"),
    ],
)
def test_budgets_that_are_none(runtime: eenet_rt.Runtime, tiny: TrainedBundle, budget: Any, words: str) -> None:
    for take in (runtime.set_budget, lambda budget: eenet_rt.load(tiny.path, budget=budget)):
        with pytest.raises(eenet_rt.InputError) as caught:
            take(budget)
        assert words in str(caught.value)


def test_numbers_of_any_kind_are_budgets(runtime: eenet_rt.Runtime) -> None:
    budget = runtime.budgets[-1]
    for same in (np.float64(budget), repr(budget)):
        assert runtime.set_budget(same).budget == budget


def test_budget_above_full_cost_runs_full_depth_and_says_so(
    runtime: eenet_rt.Runtime, tiny: TrainedBundle, x: np.ndarray
) -> None:
    wanted = 10 * runtime.costs[-1]
    words = rf"budget: {wanted:g} ms is above the full cost of {runtime.costs[-1]:g} ms: full depth runs, .*'65%'"
    with pytest.warns(eenet_rt.BudgetWarning, match=words):
        runtime.set_budget(wanted)
    assert runtime.schedule is None
    assert runtime.infer(x).exit == 2
    with pytest.warns(eenet_rt.BudgetWarning, match="full depth runs"):
        eenet_rt.load(tiny.path, budget=wanted)


def test_budget_is_kept_on_report_data(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    for schedule in runtime.schedules:
        exits = eenet_rt.replay(tiny.report.logits, schedule.exit_policy).exits
        spent = np.array(schedule.costs)[exits]
        # 2,000 images: three standard errors above the budget would be a bug, not chance.
        assert spent.mean() <= schedule.budget + 3 * spent.std() / np.sqrt(len(spent))


def test_costs_hold_for_the_precision_of_the_bundle(tiny: TrainedBundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny.path, tmp_path / "copy.eenet"))
    assert eenet_rt.load(copy).profile is not None
    edit_manifest(copy, lambda manifest: manifest.update(precision="float16"))
    with pytest.warns(eenet_rt.ProfileWarning):
        assert eenet_rt.load(copy).profile is None
    edit_manifest(copy, lambda manifest: manifest["profiles"][0].update(precision="float16"))
    assert eenet_rt.load(copy).profile["precision"] == "float16"


def test_another_device_gets_no_ms_budget_until_it_has_costs(tiny: TrainedBundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny.path, tmp_path / "copy.eenet"))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["profiles"][0]["device"] = "some other device"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(eenet_rt.ProfileWarning):
        runtime = eenet_rt.load(str(copy))
    assert runtime.profile is None
    assert runtime.costs is None
    assert runtime.infer(tiny.inputs[0]).label in range(10)
    with pytest.raises(eenet_rt.BudgetError, match="profile"):
        runtime.set_budget(1.0)
    # Shares go by the costs that the schedules were fitted for.
    for schedule in runtime.schedules:
        share = f"{100 * schedule.budget / schedule.costs[-1]!r}%"
        assert runtime.set_budget(share).budget == schedule.budget
    # Everything is ten times slower there: ten times the budget takes the same schedules.
    slow = [10 * c for c in manifest["profiles"][0]["costs"]]
    runtime = eenet_rt.load(str(copy), cost_profile=slow)
    for schedule in runtime.schedules:
        assert runtime.set_budget(10 * schedule.budget + 1e-9).thresholds.tolist() == schedule.thresholds.tolist()


@pytest.mark.parametrize("costs", [[1, 2], [3, 2, 1], [0, 1, 2], [1, 2, float("nan")], [1, 2, float("inf")]])
def test_cost_profile_is_checked(tiny: TrainedBundle, costs: list[float]) -> None:
    with pytest.raises(eenet_rt.EenetError, match="cost_profile"):
        eenet_rt.load(str(tiny.path), cost_profile=costs)


# --- statistics ---


def test_statistics(runtime: eenet_rt.Runtime, tiny: TrainedBundle) -> None:
    runtime.reset_stats()
    results = [runtime.infer(x) for x in tiny.inputs[:200]]
    stats = runtime.stats()
    exits = np.bincount([r.exit for r in results], minlength=3)
    assert stats.count == 200
    assert list(stats.exits) == exits.tolist()
    assert stats.mean_cost == pytest.approx(float(exits @ np.array(runtime.costs)) / 200)
    latency = np.array([r.latency_ms for r in results])
    assert stats.mean_latency_ms == pytest.approx(latency.mean(), rel=0.01)
    for percentile, value in ((50, stats.p50_ms), (90, stats.p90_ms), (99, stats.p99_ms)):
        low, high = np.percentile(latency, [percentile - 1, min(100, percentile + 1)])
        assert 0.9 * low <= value <= 1.1 * high
    runtime.reset_stats()
    assert runtime.stats().count == 0
