"""Quality against cost: ablation (the paper's Fig. 6), all schedules of the bundle, and the weight of the budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eenet.errors import counted
from eenet.report.fits import Ablation, Curve, SimplePolicy
from eenet.report.inputs import Inputs
from eenet.report.page import Picture, Section, Table
from eenet.report.style import Scheme, light_grid, new_figure, policy_line, policy_name
from eenet.text import number
from eenet.workflows.evaluate import evaluate, evaluate_oracle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ORACLE_POINTS = 24
_LONG_TICKS = 0.03  # costs below which numbers at the axis have so many digits that few have room
ABLATION_OF_EENET = ("eenet", "eenet-fixed-scores", "eenet-fixed-shares", "eenet-stick-breaking")


def curve_section(inputs: Inputs, simple: SimplePolicy) -> Section:
    """What a budget buys."""
    return Section(
        "trade-off",
        "What a budget buys",
        f"Costs are realised means over the report set by the cost table, in {inputs.unit} a sample.",
        pictures=[_trade_off(inputs, simple)],
        tables=[_schedule_table(inputs)],
    )


def ablation_section(inputs: Inputs, ablation: Ablation) -> Section:
    """What the parts of EENet do on this network, whether or not the bundle uses it."""
    alone = " They answer with each exit as it is." if inputs.policy.combiner is not None else ""
    uses = "" if inputs.schedule.policy in ABLATION_OF_EENET else " The bundle does not use EENet."
    return Section(
        "ablation",
        "Ablation of EENet",
        f"Policies fitted for this report on the validation predictions.{uses}{alone}",
        pictures=[_ablation(inputs, ablation), _sweep(inputs, ablation)],
        tables=[_ablation_table(inputs, ablation)],
    )


def _cost_label(inputs: Inputs) -> str:
    return f"mean {'latency' if inputs.unit == 'ms' else 'cost'} ({inputs.unit} a sample)"


def _trade_off(inputs: Inputs, simple: SimplePolicy) -> Picture:
    outcomes = [evaluate(inputs.report, s.exit_policy, s.costs) for s in inputs.bundle.schedules]
    low, full = float(inputs.costs[0]), float(inputs.costs[-1])
    oracle = [
        evaluate_oracle(inputs.report, list(inputs.costs), budget, inputs.policy.combiner)
        for budget in np.linspace(low, full, _ORACLE_POINTS)
    ]
    name, best, terms = inputs.schedule.policy, oracle[-1], inputs.terms
    simples = [simple.at_cost(o.mean_cost) for o in outcomes]
    ahead = sum(o.accuracy >= s.accuracy for o, s in zip(outcomes, simples, strict=True))
    kept = sum(o.mean_cost <= s.budget for o, s in zip(outcomes, inputs.bundle.schedules, strict=True))
    caption = (
        f"{kept} of {counted(len(outcomes), 'schedule')} within budget, {ahead} {terms.no_worse} the simple "
        f"policy ({terms.simple_name}) at the same cost. An oracle that knows {terms.oracle_knows} would "
        f"reach {100 * best.accuracy:.1f} % for {number(best.mean_cost)} {inputs.unit}; no policy can do better. "
        "Leaving always at the same exit gives the crosses."
    )
    points = "; ".join(f"{100 * o.accuracy:.1f} % at {number(o.mean_cost)} {inputs.unit}" for o in outcomes)
    alt = f"{terms.quality.capitalize()} against mean cost of the bundle's schedules: {points}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(3.6)
        ax = figure.add_subplot(xlabel=_cost_label(inputs), ylabel=f"{terms.quality} (%)")
        ax.plot(
            [o.mean_cost for o in oracle], [100 * o.accuracy for o in oracle], label="oracle",
            **policy_line(scheme, "oracle"),
        )  # fmt: skip
        ax.plot(
            [s.mean_cost for s in simples], [100 * s.accuracy for s in simples],
            label=terms.simple_name, **policy_line(scheme, terms.simple),
        )  # fmt: skip
        line = policy_line(scheme, name)
        ax.plot([o.mean_cost for o in outcomes], [100 * o.accuracy for o in outcomes], label=policy_name(name), **line)
        ours = inputs.outcome
        ax.plot(
            ours.mean_cost, 100 * ours.accuracy, "o", markersize=12, fillstyle="none", color=line["color"],
            label="this report's schedule",
        )  # fmt: skip
        _exit_points(ax, inputs, scheme)
        light_grid(ax, "y")
        if float(inputs.costs[-1]) < _LONG_TICKS:
            ax.locator_params(axis="x", nbins=4)
        ax.legend(loc=terms.legend)
        return figure

    return Picture("trade_off", f"{terms.quality.capitalize()} against cost", alt, caption, draw)


def _exit_points(axes: Axes, inputs: Inputs, scheme: Scheme) -> None:
    axes.plot(inputs.costs, 100 * inputs.exit_accuracy, "X", color=scheme.ink, markersize=7, label="one exit for all")
    if inputs.static_cost is not None:
        axes.plot(
            inputs.static_cost, 100 * inputs.exit_accuracy[-1], "P", color=scheme.ink, markersize=8,
            label="network without exits",
        )  # fmt: skip


def _schedule_table(inputs: Inputs) -> Table:
    rows = []
    for i, schedule in enumerate(inputs.bundle.schedules):
        o = evaluate(inputs.report, schedule.exit_policy, schedule.costs)
        shares = " · ".join(f"{100 * share:.0f}" for share in o.exit_shares)
        rows.append(
            (f"{i}{' (reported)' if i == inputs.chosen else ''}", schedule.policy, number(schedule.budget, 4),
             number(o.mean_cost, 4), f"{100 * o.mean_cost / schedule.budget:.1f} %", f"{100 * o.accuracy:.2f} %",
             *(number(value, 4) for value in o.figures.values()), shares)
        )  # fmt: skip
    best = max(inputs.bundle.schedules, key=lambda s: s.budget)
    return Table(
        "Schedules of the bundle",
        (
            "schedule",
            "policy",
            f"budget ({inputs.unit})",
            "spent",
            "of budget",
            inputs.terms.quality,
            *(name.upper() for name in inputs.outcome.figures),
            "exit shares (%)",
        ),
        rows,
        f"Thresholds were set on {best.calibration_samples:,} calibration samples, with a margin; full depth costs "
        f"{number(inputs.costs[-1], 4)} {inputs.unit} and "
        f"{inputs.terms.answers.format(quality=f'{100 * inputs.exit_accuracy[-1]:.2f} %')}.",
        text=frozenset({0, 1}),
    )


def _at(curve: Curve, cost: float) -> float:
    """Mean quality of a curve at a cost, between its points."""
    order = np.argsort(curve.mean_cost)
    return float(np.interp(cost, curve.mean_cost[order], curve.accuracy[order]))


def _ablation(inputs: Inputs, ablation: Ablation) -> Picture:
    middle = float(ablation.budgets[len(ablation.budgets) // 2 - 1])
    at_middle = {curve.policy: 100 * _at(curve, middle) for curve in ablation.curves}
    best, terms = max(at_middle, key=lambda policy: at_middle[policy]), inputs.terms
    points = at_middle[best] - at_middle[terms.simple]
    lead = "" if best == terms.simple else f", {points:.1f} points over {terms.simple_name}"
    without = " and ".join(
        f"{at_middle[policy]:.1f} % without learned {what}"
        for policy, what in (("eenet-fixed-scores", "scores"), ("eenet-fixed-shares", "shares"))
        if policy in at_middle
    )
    caption = (
        f"At a mean of {number(middle)} {inputs.unit}, between the points, {policy_name(best)} is best with "
        f"{at_middle[best]:.1f} %{lead}; EENet has {at_middle['eenet']:.1f} %, {without}."
    )
    alt = (
        f"{terms.quality.capitalize()} against mean cost of {len(ablation.curves)} policies at "
        f"{len(ablation.budgets)} budgets. {caption}"
    )

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(5.4)
        axes: Sequence[Axes] = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        reference = next(curve for curve in ablation.curves if curve.policy == terms.simple)
        for curve in ablation.curves:
            style = policy_line(scheme, curve.policy)
            axes[0].plot(
                curve.mean_cost, 100 * curve.accuracy, label=policy_name(curve.policy), markersize=5, **style
            )  # fmt: skip
            lead = [100 * (a - _at(reference, c)) for a, c in zip(curve.accuracy, curve.mean_cost, strict=True)]
            axes[1].plot(curve.mean_cost, lead, markersize=5, **style)
        axes[0].set_ylabel(f"{terms.quality} (%)")
        axes[1].set(xlabel=_cost_label(inputs), ylabel=f"points over\n{terms.simple}")
        for ax in axes:
            light_grid(ax, "y")
        axes[0].legend(loc=terms.legend)
        return figure

    return Picture("ablation", "Which part of EENet does what", alt, caption, draw)


def _ablation_table(inputs: Inputs, ablation: Ablation) -> Table:
    rows = [
        (policy_name(curve.policy), *(f"{100 * a:.1f}" for a in curve.accuracy),
         f"{100 * (curve.mean_cost / ablation.budgets).mean():.1f} %")
        for curve in ablation.curves
    ]  # fmt: skip
    over = sum(int((curve.mean_cost > ablation.budgets).sum()) for curve in ablation.curves)
    return Table(
        f"{inputs.terms.quality.capitalize()} (%) by budget ({inputs.unit})",
        ("policy", *(number(budget) for budget in ablation.budgets), "of budget"),
        rows,
        f"{over} of {len(ablation.curves) * len(ablation.budgets)} fits overspend on the report set. The last column "
        "is realised cost over budget, on average.",
    )


def _sweep(inputs: Inputs, ablation: Ablation) -> Picture:
    weights = [point.cost_weight for point in ablation.sweep]
    accuracy = [100 * point.accuracy for point in ablation.sweep]
    off = max(ablation.sweep, key=lambda point: abs(point.planned - 1))
    caption = (
        f"alpha_cost weighs the budget while EENet learns. From {weights[0]:g} to {weights[-1]:g} the "
        f"{inputs.terms.quality} at {number(inputs.schedule.budget)} {inputs.unit} moves between {min(accuracy):.2f} "
        f"and {max(accuracy):.2f} %. The learned plan is off its budget by at most {100 * abs(off.planned - 1):.2f} % "
        f"(at {off.cost_weight:g}); after calibration, which holds a margin back, {100 * off.realised:.1f} % of it is "
        "spent on the report set."
    )
    points = "; ".join(f"{p.cost_weight:g}: {100 * p.accuracy:.2f} %" for p in ablation.sweep)
    alt = f"EENet by alpha_cost. {inputs.terms.quality.capitalize()}: {points}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(4.2)
        axes: Sequence[Axes] = figure.subplots(2, 1, sharex=True)
        color = scheme.policy("eenet")
        axes[0].plot(weights, accuracy, "o-", color=color)
        middle = (max(accuracy) + min(accuracy)) / 2
        reach = max(1.0, max(accuracy) - middle + 0.3)  # differences of a few samples should not fill the picture
        axes[0].set(ylabel=f"{inputs.terms.quality} (%)", xscale="log", ylim=(middle - reach, middle + reach))
        axes[1].plot(weights, [100 * p.planned for p in ablation.sweep], "s--", color=color, label="planned")
        axes[1].plot(weights, [100 * p.realised for p in ablation.sweep], "o-", color=color, label="realised")
        axes[1].axhline(100, color=scheme.ink, linewidth=0.8)
        axes[1].set(xlabel="alpha_cost", ylabel="cost (% of budget)")
        axes[1].set_xticks(weights, [f"{w:g}" for w in weights])
        axes[1].minorticks_off()
        axes[1].legend(loc="best")
        for ax in axes:
            light_grid(ax, "y")
        return figure

    return Picture("alpha_cost", "How much the budget weighs in learning", alt, caption, draw)
