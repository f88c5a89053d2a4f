"""The verdict of a report, by hand: what is said, and what is red."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eenet.costs import CostProfile
from eenet.report.difference import Difference
from eenet.report.terms import CLASS_TERMS
from eenet.report.verdict import Verdict, verdict_section
from eenet.report.wall_time import WallTime
from eenet.tasks.classification import ClassPredictions
from eenet.workflows.evaluate import evaluate_exits
from eenet.workflows.profile import MachineLoad

WALL = WallTime(np.array([0.9, 1.9, 3.0]), 1.4, 100, 0, 0, "a device", 1, MachineLoad(0.0, 2), 0.05)


def verdict_of(wall: WallTime | str = WALL, **changes: object) -> Verdict:
    """Of 1,000 samples, 800 right at exits that cost 1, 2 and 3 ms; full depth has 810 of them right."""
    labels = np.arange(1000) % 2
    logits = np.zeros((1000, 3, 2), np.float32)
    logits[np.arange(1000), 2, labels ^ (np.arange(1000) >= 810)] = 1
    exits = np.repeat([0, 1, 2], [700, 200, 100])
    answers = labels ^ (np.arange(1000) >= changes.pop("right", 800))
    schedule = SimpleNamespace(policy="learned-stopping", budget=1.5, unit="ms", share=0.5)
    profile = CostProfile(
        "ms", (1.0, 2.0, 3.0), device="a device", provider=changes.pop("provider", "cpu"),
        threads=getattr(wall, "threads", 1), spread=changes.pop("spread", 1.1),
    )  # fmt: skip
    bundle = SimpleNamespace(
        profile=lambda schedule: profile, files=SimpleNamespace(folder=Path("my bundle")),
        schedules=[SimpleNamespace(unit="ms", share=0.9), schedule, SimpleNamespace(unit="flops", share=0.7)],
    )  # fmt: skip
    inputs = SimpleNamespace(
        report=ClassPredictions(logits, labels, np.arange(1000), ("a", "b")), terms=CLASS_TERMS,
        costs=np.array([1.0, 2.0, 3.0]), unit="ms",
        schedule=schedule, chosen=1, static_cost=2.5, bundle=bundle,
        exit_accuracy=np.array([0.5, 0.6, 0.81]),
        outcome=evaluate_exits(exits, answers, answers == labels, np.array([1.0, 2, 3])),
    )  # fmt: skip
    simple = labels ^ (np.arange(1000) >= changes.pop("simple", 790))
    for name, value in changes.items():
        setattr(schedule if name == "budget" else inputs, name, value)
    return Verdict(inputs, evaluate_exits(exits, simple, simple == labels, inputs.costs), wall)


def said(verdict: Verdict) -> str:
    return " ".join(clause.text for clause in verdict.clauses)


def test_verdict_by_hand() -> None:
    good = verdict_of()
    assert (
        good.headline.text == "Exiting early saves 44 % of the cost, but loses 1.00 ± 0.67 points of accuracy (95 %)."
    )
    assert said(good) == (
        "80.00 % of 1,000 samples right, 1.00 points less than full depth and the network without exits have "
        "(81.00 %). A sample takes 1.40 ms by the cost table, 53 % less than full depth (3.00 ms) and 44 % less than "
        "the network without exits (2.50 ms). The budget of 1.50 ms is kept by the table, and holds on the clock of "
        "this machine: 1.40 ms. The best simple policy (maximum score, geometric shares) would have been right on "
        "79.00 % at the same cost: learned stopping gives 1.00 points more."
    )
    assert good.worse == ["accuracy"]
    # Ten samples lost and none won, of 1,000, and one more each way, of two more.
    assert good.to_full_depth.half_width == pytest.approx(100 * 1.959964 * np.sqrt((12 - 100 / 1002) / 1002**2))


@pytest.mark.parametrize(
    ("changes", "worse", "headline", "text"),
    [
        (
            {"budget": 1.3}, {"budget", "clock"}, "does not keep its budget",
            "1.30 ms is overspent by 7.7 % by the table, and does not hold on the clock",
        ),
        (
            {"wall": replace(WALL, mean_ms=9.51, exits_ms=np.array([5.0, 9, 14]))}, {"clock"},
            "does not keep its budget",
            "kept by the table, but does not hold on the clock of this machine: 9.51 ms, for its exits take 5.00, "
            "4.50, 4.67 times what the table says",
        ),
        ({"static_cost": 1.2}, {"static"}, "saves nothing here", "and 17 % more than the network without exits"),
        (
            {"wall": replace(WALL, mean_ms=1.6, machine=MachineLoad(1.5, 2))}, set(), "but loses 1.00 ± 0.67 points",
            "kept by the table, but the clock of this machine cannot be trusted for that: load average 1.5 on 2 "
            "core(s). Its 1.60 ms are other work's as well; go by the table, 1.40 ms, or report again"
        ),
        (
            {"wall": replace(WALL, mean_ms=1.6, spread=0.6)}, set(), "but loses 1.00 ± 0.67 points",
            "cannot be trusted for that: the middle half of the times of an exit spreads over 60 % of their median. Its"
        ),
        (
            # What holds beside other work holds.
            {"wall": replace(WALL, machine=MachineLoad(1.5, 2))}, set(), "but loses 1.00 ± 0.67 points",
            "is kept by the table, and holds on the clock of this machine: 1.40 ms."
        ),
        (
            {"budget": 1.3, "wall": replace(WALL, spread=0.6)}, {"budget"}, "does not keep its budget",
            "1.30 ms is overspent by 7.7 % by the table, but the clock of this machine cannot be trusted",
        ),
        ({"static_cost": 1.4}, {"static"}, "saves nothing here", "and as much as the network without exits (1.40 ms)"),
        ({"simple": 830}, {"simple_policy"}, "a simple policy does it better", "gives 3.00 points less."),
        ({"simple": 801}, set(), "but loses 1.00 ± 0.67 points", "gives 0.10 points less, which may be chance."),
        ({"wall": "no library"}, set(), "but loses 1.00 ± 0.67 points", "is kept by the table. The best simple"),
        ({"unit": "flops", "static_cost": None}, set(), "saves 53 %", "1.00 points less than full depth has (81.00 %)"),
    ],
)  # fmt: skip
def test_what_is_worse_is_red(changes: dict[str, Any], worse: set[str], headline: str, text: str) -> None:
    verdict = verdict_of(**changes)
    assert set(verdict.worse) - {"accuracy"} == worse
    assert headline in verdict.headline.text
    assert verdict.headline.bad
    assert verdict.result == "does not pay"
    assert text in said(verdict)
    red = [number.label for number in verdict_section(verdict).numbers if number.bad]
    assert len(red) == 1 + len(worse)


@pytest.mark.parametrize(
    ("right", "result", "headline", "to_tell"),
    [
        (810, "pays", "Exiting early pays: 44 % of the cost saved, loss 0.00 ± 0.28 points of accuracy (95 %)", None),
        (805, "cannot be told", "cannot be told with 1,000 images: loss 0.50 ± 0.52 points (95 %); about 1,100 ", 1100),
        (800, "does not pay", "but loses 1.00 ± 0.67 points", None),
    ],
)
def test_three_results(right: int, result: str, headline: str, to_tell: int | None) -> None:
    verdict = verdict_of(right=right)
    assert (verdict.result, verdict.samples_to_tell) == (result, to_tell)
    assert headline in verdict.headline.text
    assert (verdict.headline.bad, verdict.headline.unsure) == (result == "does not pay", result == "cannot be told")


def test_a_loss_beyond_chance_is_always_in_the_headline() -> None:
    for changes in ({"static_cost": 1.2}, {"budget": 1.3}, {"simple": 830}):
        assert verdict_of(**changes).headline.text.endswith("; loss 1.00 ± 0.67 points of accuracy (95 %).")
        lost_by_chance = verdict_of(right=805, **changes)
        assert lost_by_chance.headline.bad
        assert "points" not in lost_by_chance.headline.text


@pytest.mark.parametrize(
    ("right", "full", "headline"),
    [
        (820, 810, "pays: 44 % of the cost saved, gain 1.00 ± 0.67 points of accuracy (95 %)."),
        (63, 62, "cannot be told with 100 images: gain 1.00 ± 3.32 points (95 %)"),
    ],
)
def test_a_gain_is_no_loss(right: int, full: int, headline: str) -> None:
    samples = 1000 if right > 100 else 100
    labels = np.arange(samples) % 2
    logits = np.zeros((samples, 3, 2), np.float32)
    logits[np.arange(samples), 2, labels ^ (np.arange(samples) >= full)] = 1
    verdict = verdict_of(report=ClassPredictions(logits, labels, np.arange(samples), ("a", "b")))
    exits = np.repeat([0, 1, 2], [7 * samples // 10, 2 * samples // 10, samples // 10])
    answers = labels ^ (np.arange(samples) >= right)
    verdict.inputs.outcome = evaluate_exits(exits, answers, answers == labels, verdict.inputs.costs)
    verdict = replace(verdict, simple=verdict.inputs.outcome)
    assert headline in verdict.headline.text


CHEAPER = replace(WALL, mean_ms=0.45, exits_ms=np.array([0.3, 0.6, 1.0]))
DEARER = replace(WALL, mean_ms=9.51, exits_ms=np.array([5.0, 9, 14]))


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (
            CHEAPER,
            "holds on the clock of this machine: 0.450 ms. The costs of the bundle are not those of this machine as it "
            "is now, where a sample takes 0.450 ms and full depth 1.00 ms: `eenet-schedule refit 'my bundle' --measure "
            "--budget 50% 90%`.",
        ),
        (DEARER, "where a sample takes 9.51 ms and full depth 14.0 ms: `eenet-schedule refit 'my bundle' --measure"),
        # Full depth alone is another one: shares of it are saved.
        (replace(WALL, exits_ms=np.array([0.9, 1.9, 4.6])), "a sample takes 1.40 ms and full depth 4.60 ms: `eenet-"),
        (replace(CHEAPER, threads=2), "--budget 50% 90% --threads 2`."),
        (replace(CHEAPER, spread=0.6), "`eenet-schedule refit"),  # other work makes nothing faster
    ],
)
def test_costs_of_another_machine_are_told(wall: WallTime, text: str) -> None:
    verdict = verdict_of(right=810, wall=wall)
    assert text in said(verdict)
    (clause,) = (clause for clause in verdict.clauses if clause.name == "costs")
    assert clause.unsure
    assert "costs" not in verdict.worse
    assert verdict.result == ("does not pay" if wall is DEARER else "pays")


@pytest.mark.parametrize(
    "changes",
    [
        {"wall": replace(WALL, mean_ms=1.6, exits_ms=WALL.exits_ms * 1.45)},
        {"wall": replace(WALL, mean_ms=1.0, exits_ms=WALL.exits_ms / 1.45)},
        {"wall": replace(DEARER, spread=0.6)},  # which may be other work's
        {"wall": CHEAPER, "provider": "cuda"},  # which the clock has not asked
        {"wall": CHEAPER, "unit": "flops"},
    ],
)
def test_costs_of_this_machine_are_not_told(changes: dict[str, Any]) -> None:
    assert "refit" not in said(verdict_of(**changes))


def test_one_image_is_in_the_singular() -> None:
    verdict = verdict_of(
        report=ClassPredictions(np.zeros((1, 3, 2), np.float32), np.zeros(1, int), np.zeros(1, int), ("a", "b"))
    )
    verdict.inputs.outcome = evaluate_exits(*np.zeros((2, 1), np.int64), np.ones(1, bool), verdict.inputs.costs)
    verdict = replace(verdict, simple=verdict.inputs.outcome)
    assert "cannot be told with 1 image: " in verdict.headline.text
    assert "100.00 % of 1 sample right" in said(verdict)


def test_what_to_do_about_a_better_simple_policy() -> None:
    remedy = "gives 3.00 points less. For such images export again with `--policy maximum`."
    worse = verdict_of(simple=830)
    assert remedy in said(worse)
    worse.inputs.schedule.policy = "maximum"
    assert "`" not in said(worse)
    assert "`" not in said(verdict_of(simple=801))


def test_costs_that_differ_are_both_named() -> None:
    verdict = verdict_of()
    cheaper = replace(verdict.simple, mean_cost=1.37)
    assert "79.00 % at 1.37 ms: learned stopping at 1.40 ms gives 1.00 points more." in said(
        replace(verdict, simple=cheaper)
    )
    assert "at the same cost: learned stopping gives" in said(
        replace(verdict, simple=replace(cheaper, mean_cost=1.3996))
    )


def test_few_images_are_no_proof() -> None:
    right = np.ones(12, np.bool_)
    same = Difference.of(right, right)
    assert same.points == 0
    assert not same.within_bound
    # Four of 61 lost: neither a loss beyond chance nor one within the bound.
    few = Difference.of(np.arange(61) >= 4, np.ones(61, np.bool_))
    assert not few.within_bound
    assert not few.worse


def told(difference: Difference) -> bool:
    return difference.worse or difference.within_bound


@pytest.mark.parametrize("changed", [0.015, 0.08])
@pytest.mark.parametrize("lost_share", [0.5, 0.7])
@pytest.mark.parametrize("samples", [100, 480])
def test_the_number_asked_for_suffices(samples: int, lost_share: float, changed: float) -> None:
    random = np.random.default_rng(0)

    def draw(count: int) -> Difference:
        right = np.ones(count, np.bool_)
        change = random.random(count) < changed
        lost = random.random(count) < lost_share
        return Difference.of(right & ~(change & lost), right & ~(change & ~lost))

    undecided = [difference for difference in (draw(samples) for _ in range(200)) if not told(difference)]
    assert len(undecided) > 20
    asked = [difference.samples_to_tell(samples) for difference in undecided]
    assert np.mean([told(draw(count)) for count in asked]) > 0.9


def test_the_loss_that_was_seen_does_not_count() -> None:
    # As many answers changed, all lost or half of them: the intervals are nearly the same, and so is what is asked for.
    right = np.ones(480, np.bool_)
    lost = Difference.of(np.arange(480) >= 4, right)
    even = Difference.of(np.arange(480) >= 2, (np.arange(480) < 2) | (np.arange(480) >= 4))
    assert (lost.points, even.points) == (pytest.approx(-100 * 4 / 480), 0)
    assert (lost.samples_to_tell(480), even.samples_to_tell(480)) == (1900, 2000)


@pytest.mark.parametrize(("samples", "to_tell"), [(99, None), (100, 3000)])
def test_few_images_do_not_say_how_many_would_tell(samples: int, to_tell: int | None) -> None:
    verdict = verdict_of()
    labels = np.arange(samples) % 2
    logits = np.zeros((samples, 3, 2), np.float32)
    logits[np.arange(samples), 2, labels] = 1
    verdict.inputs.report = ClassPredictions(logits, labels, np.arange(samples), ("a", "b"))
    outcome = evaluate_exits(np.zeros(samples, np.int64), labels, np.ones(samples, bool), verdict.inputs.costs)
    verdict.inputs.outcome = outcome
    verdict = replace(verdict, simple=outcome)
    assert verdict.samples_to_tell == to_tell
    words = "some thousands would tell" if to_tell is None else f"about {to_tell:,} would tell"
    assert words in verdict.headline.text


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (
            np.random.default_rng(0).integers(0, 2, 1000),
            "chance. Is the network trained, and are labels and images of the same samples?",
        ),
        (np.zeros(1000, np.int64), "chance. All of them are of one class, expected images of each."),
    ],
)
def test_chance_never_pays(labels: np.ndarray, reason: str) -> None:
    answers = np.zeros(1000, np.int64)
    verdict = verdict_of(right=810)
    logits = np.zeros((1000, 3, 2), np.float32)
    report = ClassPredictions(logits, labels, np.arange(1000), ("a", "b"))
    outcome = evaluate_exits(np.repeat([0, 1, 2], [700, 200, 100]), answers, answers == labels, verdict.inputs.costs)
    verdict.inputs.report, verdict.inputs.outcome = report, outcome
    verdict = replace(verdict, simple=outcome)
    assert verdict.to_full_depth.within_bound
    assert (verdict.result, verdict.samples_to_tell) == ("cannot be told", None)
    assert f"no better than {reason}" in verdict.headline.text


def test_costs_of_a_busy_machine_are_said_to_be_that() -> None:
    verdict = verdict_of(spread=9.1)
    (clause,) = [clause for clause in verdict.clauses if clause.name == "costs"]
    assert (clause.bad, clause.unsure) == (False, True)
    assert clause.text == (
        "The costs of the bundle were measured while other work ran, medians up to 9.1 times the fastest tenth of the "
        "same runs, and so is what is saved of them: on a quiet machine, `eenet-schedule refit 'my bundle' --measure "
        "--budget 50% 90%`."
    )
    assert "costs" not in {clause.name for clause in verdict_of(spread=1.3).clauses}


def test_nothing_is_read_off_a_clock_that_is_not_trusted() -> None:
    disturbed = replace(WALL, mean_ms=1.6, machine=MachineLoad(9.0, 2))
    verdict = verdict_of(disturbed)
    assert verdict.keeps_budget_on_the_clock is None
    assert "go by the table, 1.40 ms, or report again on a quiet machine." in said(verdict)
    (number,) = [n for n in verdict_section(verdict).numbers if n.label == "on the clock of this machine"]
    assert number.note == "full depth 3.00 ms; not to be trusted, for other work ran beside"
