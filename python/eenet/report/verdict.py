"""The verdict: whether exiting early pays here, does not, or cannot be told, in a few sentences and numbers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eenet.report.difference import FEW_SAMPLES, MOST_LOSS, TELLING_HALF_WIDTH, Difference
from eenet.report.inputs import Inputs
from eenet.report.page import Clause, Number, Section
from eenet.report.style import policy_name
from eenet.report.wall_time import CLOCK_PROVIDER, WallTime
from eenet.text import number, of_many
from eenet.workflows.evaluate import Evaluation
from eenet.workflows.profile import MOST_APART

_CLOCK_NOISE = 0.02  # of a budget, which a clock may be off


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a schedule.

    Attributes:
        inputs: what it was found on.
        simple: what the best simple policy does at the same cost, or as little below it as its thresholds allow.
        wall: what the clock says, or why it says nothing.
    """

    inputs: Inputs
    simple: Evaluation
    wall: WallTime | str

    @property
    def rule(self) -> str:
        """When the headline would be another."""
        terms = self.inputs.terms
        return (
            f"It pays where the upper end of the 95 % interval of the loss of {terms.quality} is at most "
            f"{MOST_LOSS:.0f} point, cost is saved, the budget is kept and the best simple policy is not better; near "
            f"these bounds other {terms.sample}s of the same kind can bring another verdict."
        )

    @property
    def to_full_depth(self) -> Difference:
        """Mean quality against full depth, which is that of the same network without exits as well."""
        return Difference.of(self.inputs.outcome.qualities, self.inputs.report.qualities()[:, -1])

    @property
    def to_simple(self) -> Difference:
        """Mean quality against the simple policy."""
        return Difference.of(self.inputs.outcome.qualities, self.simple.qualities)

    @property
    def loses_quality(self) -> bool:
        """Whether quality is lost, beyond chance and maybe beyond the bound."""
        return self.to_full_depth.worse and not self.to_full_depth.within_bound

    @property
    def doubt(self) -> str | None:
        """Why answers of the schedule or of full depth are worth nothing, as far as these samples tell."""
        report = self.inputs.report
        return self.inputs.terms.doubt(report, (self.inputs.outcome.answers, report.answers()[:, -1]))

    @property
    def at_chance(self) -> bool:
        """Whether they are."""
        return self.doubt is not None

    @property
    def result(self) -> Literal["pays", "does not pay", "cannot be told"]:
        """What it comes to."""
        if self.worse:
            return "does not pay"
        return "pays" if self.to_full_depth.within_bound and not self.at_chance else "cannot be told"

    @property
    def samples_to_tell(self) -> int | None:
        """About how many samples would tell; None where these do, are too few to say, or more would not tell either."""
        if self.result != "cannot be told" or self.at_chance or len(self.inputs.report) < FEW_SAMPLES:
            return None
        return self.to_full_depth.samples_to_tell(len(self.inputs.report))

    @property
    def keeps_budget(self) -> bool:
        """By the cost table."""
        return self.inputs.outcome.mean_cost <= self.inputs.schedule.budget

    @property
    def keeps_budget_on_the_clock(self) -> bool | None:
        """None where budgets are no times, nothing was measured, or what was measured may be other work."""
        if self.inputs.unit != "ms" or not isinstance(self.wall, WallTime):
            return None
        if self.wall.mean_ms <= (1 + _CLOCK_NOISE) * self.inputs.schedule.budget:
            return True
        return None if self.wall.disturbed else False

    @property
    def saved(self) -> float:
        """Share of full cost that is saved."""
        return float(1 - self.inputs.outcome.mean_cost / self.inputs.costs[-1])

    @property
    def saved_of_static(self) -> float | None:
        """Share saved of the cost of the network without exits; below 0 where exiting costs more than it saves."""
        static = self.inputs.static_cost
        return None if static is None else float(1 - self.inputs.outcome.mean_cost / static)

    @property
    def headline(self) -> Clause:
        """The whole in a sentence."""
        terms, doubt = self.inputs.terms, self.doubt
        worse, saved = self.worse, self.saved if self.saved_of_static is None else self.saved_of_static
        full, samples = self.to_full_depth, of_many(len(self.inputs.report), terms.sample)
        change = f"{'gain' if full.points > 0 else 'loss'} {abs(full.points):.2f} ± {full.half_width:.2f} points"
        lost = f"; {change} of {terms.quality} (95 %)" if full.worse else ""
        if "cost" in worse or "static" in worse:
            text = f"Exiting early saves nothing here{lost}."
        elif "budget" in worse or "clock" in worse:
            text = f"Exiting early saves {100 * saved:.0f} % of the cost, but does not keep its budget{lost}."
        elif "simple_policy" in worse:
            text = f"Exiting early saves {100 * saved:.0f} % of the cost, but a simple policy does it better{lost}."
        elif self.loses_quality:
            text = (
                f"Exiting early saves {100 * saved:.0f} % of the cost, but loses {-full.points:.2f} ± "
                f"{full.half_width:.2f} points of {terms.quality} (95 %)."
            )
        elif doubt is not None:
            text = f"Whether exiting early pays cannot be told with {samples}: {doubt}"
        elif not full.within_bound:
            enough = "some thousands" if self.samples_to_tell is None else f"about {self.samples_to_tell:,}"
            text = (
                f"Whether exiting early pays cannot be told with {samples}: {change} (95 %); {enough} would tell, "
                f"whose interval is no wider than ± {TELLING_HALF_WIDTH:g} points."
            )
        else:
            text = f"Exiting early pays: {100 * saved:.0f} % of the cost saved, {change} of {terms.quality} (95 %)."
        return Clause("headline", text, bad=bool(worse), unsure=self.result == "cannot be told")

    @property
    def clauses(self) -> list[Clause]:
        """What the headline rests on."""
        of_time = [self._budget(), *self._clock(), *self._other_costs()]
        return [self._quality(), self._cost(), *self._static(), *of_time, self._against_simple()]

    @property
    def worse(self) -> list[str]:
        """What is bad about it, by name."""
        return [clause.name for clause in self.clauses if clause.bad]

    def to_json(self) -> dict[str, Any]:
        """What is said, with its figures, of types that JSON has."""
        return {
            "headline": self.headline.text,
            "result": self.result,
            "samples_to_tell": self.samples_to_tell,
            "at_chance": self.at_chance,
            "points_over_full_depth": vars(self.to_full_depth),
            "points_over_simple_policy": vars(self.to_simple),
            "saved_of_full_depth": self.saved,
            "saved_of_static": self.saved_of_static,
            "keeps_budget": self.keeps_budget,
            "keeps_budget_on_the_clock": self.keeps_budget_on_the_clock,
            "worse": self.worse,
        }

    def _quality(self) -> Clause:
        outcome, full = self.inputs.outcome, float(self.inputs.exit_accuracy[-1])
        answered = self.inputs.terms.answered.format(
            quality=f"{100 * outcome.accuracy:.2f} %", samples=of_many(len(self.inputs.report), "sample")
        )
        than = "full depth and the network without exits have" if self.inputs.static_cost else "full depth has"
        compared = f"{self.to_full_depth} {'as' if str(self.to_full_depth) == 'as much' else 'than'}"
        text = f"{answered}, {compared} {than} ({100 * full:.2f} %)."
        return Clause(self.inputs.report.quality_name, text, self.loses_quality)

    def _cost(self) -> Clause:
        text = (
            f"A sample takes {number(self.inputs.outcome.mean_cost)} {self.inputs.unit} by the cost table, "
            f"{_compared(self.saved)} full depth ({number(self.inputs.costs[-1])} {self.inputs.unit})"
        )
        return Clause("cost", text + ("" if self.inputs.static_cost else "."), self.saved <= 0)

    def _static(self) -> list[Clause]:
        saved, static = self.saved_of_static, self.inputs.static_cost
        if saved is None or static is None:
            return []
        text = f"and {_compared(saved)} the network without exits ({number(static)} {self.inputs.unit})."
        return [Clause("static", text, saved <= 0)]

    def _budget(self) -> Clause:
        schedule, spent = self.inputs.schedule, self.inputs.outcome.mean_cost / self.inputs.schedule.budget
        kept = "is kept" if self.keeps_budget else f"is overspent by {100 * (spent - 1):.1f} %"
        end = "," if self._clock() else "."
        text = f"The budget of {number(schedule.budget)} {schedule.unit} {kept} by the table{end}"
        return Clause("budget", text, not self.keeps_budget)

    def _clock(self) -> list[Clause]:
        kept, wall = self.keeps_budget_on_the_clock, self.wall
        if self.inputs.unit != "ms" or not isinstance(wall, WallTime):
            return []
        if kept is None:
            text = (
                f"but the clock of this machine cannot be trusted for that: {wall.disturbed}. Its "
                f"{number(wall.mean_ms)} ms are other work's as well; go by the table, "
                f"{number(self.inputs.outcome.mean_cost)} ms, or report again on a quiet machine."
            )
            return [Clause("clock", text, bad=False)]
        link = "and" if kept == self.keeps_budget else "but"
        holds = "holds" if kept else "does not hold"
        times = ", ".join(f"{ratio:.2f}" for ratio in wall.exits_ms / self.inputs.costs)
        why = "" if kept else f", for its exits take {times} times what the table says"
        text = f"{link} {holds} on the clock of this machine: {number(wall.mean_ms)} ms{why}."
        return [Clause("clock", text, not kept)]

    def _other_costs(self) -> list[Clause]:
        profile, wall = self.inputs.bundle.profile(self.inputs.schedule), self.wall
        if profile.unsteady:
            text = (
                f"The costs of the bundle were measured while other work ran, medians up to {profile.spread:.2g} times "
                f"the fastest tenth of the same runs, and so is what is saved of them: on a quiet machine, "
                f"{self._refit}."
            )
            return [Clause("costs", text, bad=False, unsure=True)]
        if self.inputs.unit != "ms" or not isinstance(wall, WallTime):
            return []
        if profile.provider not in (None, CLOCK_PROVIDER):
            return []
        ratios = (wall.mean_ms / self.inputs.outcome.mean_cost, wall.full_ms / float(self.inputs.costs[-1]))
        if min(ratios) >= 1 / MOST_APART and (max(ratios) <= MOST_APART or wall.disturbed):
            return []
        text = (
            f"The costs of the bundle are not those of this machine as it is now, where a sample takes "
            f"{number(wall.mean_ms)} ms and full depth {number(wall.full_ms)} ms: {self._refit}."
        )
        return [Clause("costs", text, bad=False, unsure=True)]

    @property
    def _refit(self) -> str:
        """The command that measures the costs of the bundle's schedules anew."""
        inputs = self.inputs
        others = [s for i, s in enumerate(inputs.bundle.schedules) if i != inputs.chosen and s.unit == "ms"]
        budgets = " ".join(f"{100 * schedule.share:.4g}%" for schedule in [inputs.schedule, *others])
        count = inputs.bundle.profile(inputs.schedule).threads or 1
        threads = "" if count == 1 else f" --threads {count}"
        folder = shlex.quote(str(inputs.bundle.files.folder))
        return f"`eenet-schedule refit {folder} --measure --budget {budgets}{threads}`"

    def _against_simple(self) -> Clause:
        ours, theirs = (f"{number(o.mean_cost)} {self.inputs.unit}" for o in (self.inputs.outcome, self.simple))
        cost, here = ("the same cost", "") if ours == theirs else (theirs, f" at {ours}")
        terms = self.inputs.terms
        answered = terms.answered_by.format(quality=f"{100 * self.simple.accuracy:.2f} %")
        ours_named = f"{policy_name(self.inputs.schedule.policy)}{here}"
        text = f"The best simple policy ({terms.simple_name}) {answered} at {cost}: {ours_named} gives {self.to_simple}"
        points, half_width = self.to_simple.points, self.to_simple.half_width
        chance = ", which may be chance" if 0 < abs(points) <= half_width else ""
        remedy = ""
        if self.to_simple.worse and self.inputs.schedule.policy != terms.simple:
            remedy = f" For such {terms.sample}s export again with `--policy {terms.simple}`."
        return Clause("simple_policy", f"{text}{chance}.{remedy}", self.to_simple.worse)


def verdict_section(verdict: Verdict) -> Section:
    """Numbers by the cost table, and those measured while the report was made."""
    return Section("verdict", "Verdict", _lead(verdict), _numbers(verdict))


def _numbers(verdict: Verdict) -> Sequence[Number]:
    inputs, outcome, unit = verdict.inputs, verdict.inputs.outcome, verdict.inputs.unit
    full, simple = verdict.to_full_depth, verdict.to_simple
    spent, terms = outcome.mean_cost / inputs.schedule.budget, inputs.terms
    at_full_depth = inputs.report.figures(inputs.report.answers()[:, -1])
    numbers = [
        Number(
            f"{100 * outcome.accuracy:.2f} %", terms.quality,
            f"full depth {100 * float(inputs.exit_accuracy[-1]):.2f} %: {full.points:+.2f} ± {full.half_width:.2f} "
            "points (95 %)", verdict.loses_quality,
        ),
        *(
            Number(number(value, 4), name.upper(), f"full depth {number(at_full_depth[name], 4)}")
            for name, value in outcome.figures.items()
        ),
        Number(
            f"{number(outcome.mean_cost)} {unit}", f"mean {'latency' if unit == 'ms' else 'cost'} by the cost table",
            f"{100 * spent:.1f} % of the budget of {number(inputs.schedule.budget)} {unit}: "
            f"{'kept' if spent <= 1 else 'overspent'}", not verdict.keeps_budget,
        ),
        Number(
            f"{100 * verdict.saved:+.0f} %", "saved against full depth",
            f"which costs {number(inputs.costs[-1])} {unit} by the table", verdict.saved <= 0,
        ),
    ]  # fmt: skip
    if verdict.saved_of_static is not None and inputs.static_cost is not None:
        numbers.append(
            Number(
                f"{100 * verdict.saved_of_static:+.0f} %", "saved against the network without exits",
                f"which costs {number(inputs.static_cost)} {unit} and {terms.as_good}",
                verdict.saved_of_static <= 0,
            )
        )  # fmt: skip
    if isinstance(verdict.wall, WallTime):
        numbers.append(_clock_number(verdict, verdict.wall))
    numbers.append(
        Number(
            f"{simple.points:+.2f}", "points over the best simple policy",
            f"± {simple.half_width:.2f} (95 %): {terms.simple_name}, {100 * verdict.simple.accuracy:.2f} % at "
            f"{number(verdict.simple.mean_cost)} {unit}", simple.worse,
        )
    )  # fmt: skip
    return numbers


def _clock_number(verdict: Verdict, wall: WallTime) -> Number:
    kept = verdict.keeps_budget_on_the_clock
    judged = "" if kept is None else "; the budget is kept" if kept else "; the budget is overspent"
    saved = f", so {100 * (1 - wall.mean_ms / wall.full_ms):.0f} % saved{judged}"
    if wall.disturbed:
        saved = f"{judged}; not to be trusted, for other work ran beside"
    return Number(
        f"{number(wall.mean_ms)} ms", "on the clock of this machine", f"full depth {number(wall.full_ms)} ms{saved}",
        kept is False,
    )  # fmt: skip


def _compared(saved: float) -> str:
    if abs(saved) < 0.005:
        return "as much as"
    return f"{100 * abs(saved):.0f} % {'less' if saved > 0 else 'more'} than"


def _lead(verdict: Verdict) -> str:
    inputs, wall = verdict.inputs, verdict.wall
    device = inputs.bundle.profile(inputs.schedule).device
    measured = f" The table was measured on {device} when the bundle was made." if device else ""
    terms = inputs.terms
    sample = terms.sample
    halves = (
        f"{terms.definition(inputs.report)}Nothing was fitted on the report samples: of the validation samples one "
        "half taught the policy its scores, and the other, the calibration half, set its thresholds. Only calibration "
        f"{sample}s are looked for among the "
        f"report samples: {sample}s that the network was trained on are not told from new ones, and are yours to keep "
        "apart."
    )
    lead = f"{halves} By the cost table, every report sample counts what its exit costs.{measured}"
    if not isinstance(wall, WallTime):
        return f"{lead} The clock was not asked: {wall}."
    what = f"{sample}s of the report" if wall.reported else "samples of noise, which take as long"
    elsewhere = "" if device in (None, wall.device) else " That is another machine than the table's."
    busy = f"Before it, {wall.machine}."
    if wall.disturbed:
        busy = f"Times may be too long, for other work ran beside: {wall.disturbed}."
    same = ""
    if wall.reported:
        same = f" {wall.same_exits} of {wall.reported} {sample}s left where the logged {terms.outputs} say."
    return (
        f"{lead} The clock: {wall.samples} {what} ran to every exit while this report was made, on {wall.device} with "
        f"{wall.threads} thread(s), weighted by the exit shares of the whole set.{elsewhere} {busy}{same}"
    )
