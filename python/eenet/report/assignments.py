"""Where samples leave, beside the maximum score with geometric shares (the paper's Fig. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eenet.report.inputs import Inputs
from eenet.report.page import Picture, Section, Table
from eenet.report.style import Scheme, new_figure, policy_name
from eenet.report.terms import CLASS_TERMS
from eenet.text import number, of_many, signed
from eenet.workflows.evaluate import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Group:
    """Report samples that two policies treat alike.

    Attributes:
        letter: A to E as in the paper, or empty for what it has no letter for.
        meaning: in words.
        rows: of the report set.
    """

    letter: str
    meaning: str
    rows: NDArray[np.int64]


def sample_groups(ours: Evaluation, rival: Evaluation) -> list[Group]:
    """Every sample in one group, by who is right and who leaves earlier."""
    right, rival_right = ours.qualities, rival.qualities
    earlier, later = ours.exits < rival.exits, ours.exits > rival.exits
    same = ~earlier & ~later
    both, neither = right & rival_right, ~right & ~rival_right
    gained, lost = right & ~rival_right, ~right & rival_right
    parts = (
        ("A", "both right, at the same exit", both & same),
        ("B", "both right, earlier here", both & earlier),
        ("C", "right here by leaving later", gained & later),
        ("D", "both wrong, earlier here", neither & earlier),
        ("E", "both wrong, at the same exit", neither & same),
        ("", "both right, later here", both & later),
        ("", "both wrong, later here", neither & later),
        ("", "right here, not later", gained & ~later),
        ("", "wrong here by leaving earlier", lost & earlier),
        ("", "wrong here, not earlier", lost & ~earlier),
    )
    return [Group(letter, meaning, np.flatnonzero(mask)) for letter, meaning, mask in parts]


def assignment_section(inputs: Inputs, rival: Evaluation, groups: Sequence[Group]) -> Section:
    """Samples by exit and groups A to E."""
    ours, theirs = (f"{number(o.mean_cost)} {inputs.unit}" for o in (inputs.outcome, rival))
    cost = f"the same mean cost of {ours}" if ours == theirs else f"a mean cost of {theirs}, here {ours}"
    return Section(
        "exits",
        "Where samples leave",
        f"The bundle's {policy_name(inputs.schedule.policy)} beside the maximum score with geometric exit shares "
        f"(MSDNet's policy) at {cost}.",
        pictures=[_picture(inputs, rival)],
        tables=[_group_table(inputs, rival, groups)],
    )


def _picture(inputs: Inputs, rival: Evaluation) -> Picture:
    ours, name = inputs.outcome, policy_name(inputs.schedule.policy)
    exits = range(len(inputs.costs))
    shares = "; ".join(
        f"exit {k}: {100 * ours.exit_shares[k]:.1f} % against {100 * rival.exit_shares[k]:.1f} %" for k in exits
    )
    best = int(np.argmax(ours.exit_shares))
    caption = (
        f"{name[0].upper()}{name[1:]} lets most samples leave at exit {best}, "
        f"{100 * ours.exit_accuracy[best]:.1f} % of them with the right answer. All in all {name} is "
        f"right {100 * ours.accuracy:.2f} % of the time for {number(ours.mean_cost)} {inputs.unit}, "
        f"{CLASS_TERMS.simple_name} {100 * rival.accuracy:.2f} % for {number(rival.mean_cost)} {inputs.unit}."
    )
    alt = f"Bars of the samples that leave at each exit, {name} against {CLASS_TERMS.simple_name}: {shares}."

    def draw(scheme: Scheme) -> Figure:
        figure = new_figure(0.85 + 0.6 * len(exits))
        axes: Sequence[Axes] = figure.subplots(1, 2, sharex=True, sharey=True)
        titles = (f"{name}\n(this bundle)", "maximum score\n(geometric shares)")
        most = max(ours.exit_shares.max(), rival.exit_shares.max()) * len(inputs.report)
        for ax, outcome, title in zip(axes, (ours, rival), titles, strict=True):
            _bars(ax, outcome, inputs, scheme, most)
            ax.set_title(title, loc="left")
        axes[0].set_yticks(list(exits), [f"exit {k}" for k in exits])
        bars = [axes[0].patches[0], axes[0].patches[len(exits)]]
        figure.legend(bars, ["right", "wrong"], loc="outside lower center", ncols=2)
        return figure

    return Picture("samples_by_exit", "Samples by exit", alt, caption, draw)


def _bars(axes: Axes, outcome: Evaluation, inputs: Inputs, scheme: Scheme, most: float) -> None:
    exits = len(inputs.costs)
    taken = np.bincount(outcome.exits, minlength=exits)
    right = np.bincount(outcome.exits[outcome.qualities], minlength=exits)
    axes.barh(range(exits), right, 0.5, color=scheme.right)
    axes.barh(range(exits), taken - right, 0.5, left=right, color=scheme.wrong, hatch="////", edgecolor=scheme.paper)
    for k in range(exits):
        axes.annotate(f"{right[k]:,} right of {taken[k]:,}", (0, k - 0.29), va="bottom", fontsize=9)
    axes.set_xlim(0, 1.08 * most)
    axes.set_ylim(exits - 0.65, -0.75)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines.bottom.set_visible(False)


def _group_table(inputs: Inputs, rival: Evaluation, groups: Sequence[Group]) -> Table:
    total = len(inputs.report)
    rows = []
    for group in groups:
        saved = float((inputs.costs[rival.exits[group.rows]] - inputs.costs[inputs.outcome.exits[group.rows]]).sum())
        rows.append(
            (f"{group.letter}: {group.meaning}" if group.letter else group.meaning, f"{len(group.rows):,}",
             f"{100 * len(group.rows) / total:.1f} %", signed(saved / total, inputs.costs[-1]))
        )  # fmt: skip
    gained = sum(len(g.rows) for g in groups if g.meaning.startswith("right here"))
    lost = sum(len(g.rows) for g in groups if g.meaning.startswith("wrong here"))
    net = inputs.costs[rival.exits].mean() - inputs.costs[inputs.outcome.exits].mean()
    return Table(
        f"Groups against {CLASS_TERMS.simple_name}",
        ("group", "samples", "share", f"saved ({inputs.unit})"),
        rows,
        f"Groups A to E are the paper's. {of_many(gained, 'sample')} {'is' if gained == 1 else 'are'} right here and "
        f"wrong with the {CLASS_TERMS.simple_name}, {lost:,} the other way round. What a group saves is spread over "
        f"all samples: {signed(net, inputs.costs[-1])} {inputs.unit} in all.",
    )
